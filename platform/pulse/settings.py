"""Settings from the environment: safe for the demo, refusing to start unsafe in production."""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import django_stubs_ext
import environ
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from pulse import embedded

django_stubs_ext.monkeypatch()  # lets generic classes of Django carry their types at run time

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = environ.FileAwareEnv()
env.read_env(BASE_DIR / ".env", overwrite=False)

# --- mode -------------------------------------------------------------------------------------
MODES = ("demo", "test", "production")
MODE = env.str("PULSE_MODE", default="demo")
if MODE not in MODES:
    raise ImproperlyConfigured(f"PULSE_MODE is {MODE!r}; choose one of {', '.join(MODES)}")
PRODUCTION = MODE == "production"

VAR_DIR = Path(env.str("PULSE_VAR", default=str(BASE_DIR / "var")))
DEMO_SECRET_KEY = "demo-only-key-that-production-refuses-0123456789abcdef"  # noqa: S105
DEMO_KEYRING = "demo:cHVsc2UtZGVtby1rZXktbm90LWZvci1wcm9kdWN0aW8="
DEMO_DOMAIN = "pulse.example"

SECRET_KEY = env.str("SECRET_KEY", default="" if PRODUCTION else DEMO_SECRET_KEY)
KEYRING = env.str("PULSE_KEYRING", default="" if PRODUCTION else DEMO_KEYRING)
# API keys are stored as hashes under these; outside production they follow from SECRET_KEY.
_demo_pepper = b64encode(sha256(f"pulse.key-peppers {SECRET_KEY}".encode()).digest()).decode()
KEY_PEPPERS = env.str("PULSE_KEY_PEPPERS", default="" if PRODUCTION else f"demo:{_demo_pepper}")
DEBUG = env.bool("DEBUG", default=False)
DEMO_LOGINS = env.bool("PULSE_DEMO_LOGINS", default=not PRODUCTION)
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=[] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]", "testserver"]
)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# The address that people reach the site under, for links in messages; without it there are none.
SITE_ADDRESS = env.str("SITE_ADDRESS", default="").rstrip("/")


def _refuse_unsafe() -> None:
    faults = {
        "SECRET_KEY": not SECRET_KEY or SECRET_KEY == DEMO_SECRET_KEY,
        "PULSE_KEYRING": not KEYRING or KEYRING == DEMO_KEYRING,
        "PULSE_KEY_PEPPERS": not KEY_PEPPERS or KEY_PEPPERS == KEYRING,
        "DEBUG": DEBUG,
        "PULSE_DEMO_LOGINS": DEMO_LOGINS,
        "ALLOWED_HOSTS": not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS,
        "DATABASE_URL": not env.str("DATABASE_URL", default=""),
        "REDIS_URL": not env.str("REDIS_URL", default=""),
        "EMAIL_URL": not env.str("EMAIL_URL", default=""),
    }
    bad = [name for name, unsafe in faults.items() if unsafe]
    if bad:
        raise ImproperlyConfigured(
            "Refusing to start in production mode: set a safe value of " + ", ".join(bad)
        )


if PRODUCTION:
    _refuse_unsafe()

# --- servers ----------------------------------------------------------------------------------
if env.str("DATABASE_URL", default=""):
    DATABASES = {"default": env.db("DATABASE_URL")}
else:
    _postgres = embedded.Postgres(VAR_DIR)
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": embedded.DATABASE,
            "USER": "postgres",
            "HOST": str(_postgres.sockets),
        }
    }
# Threads of a WSGI server keep their connections (pulse.wsgi); those of ASGI come and go.
DATABASES["default"]["CONN_MAX_AGE"] = env.int("PULSE_CONNECTION_S", default=0)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {})["connect_timeout"] = 5
DATABASES["default"]["ATOMIC_REQUESTS"] = False

REDIS_URL = (
    env.str("REDIS_URL", default="") or f"unix://{quote(str(embedded.Redis(VAR_DIR).socket))}"
)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cache",
    }
}
RATE_PREFIX = "rate"  # of the Redis keys that hold callers' rates

# --- apps -------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "daphne",
    "accounts",
    "tools_app",
    "trading",
    "leaderboard",
    "market",
    "record",
    "pulse",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "channels",
    "csp",
    "django_htmx",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "pulse.logging.RequestIdMiddleware",
    "pulse.metrics.MetricsMiddleware",
    "accounts.keys.middleware.CallerMiddleware",
    "pulse.guard.NulMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "pulse.guard.PolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.EntitlementMiddleware",
]
ROOT_URLCONF = "pulse.urls"
ASGI_APPLICATION = "pulse.asgi.application"
WSGI_APPLICATION = "pulse.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "pulse.context.shell",
            ],
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people -----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/dashboard/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Pulse: "
ACCOUNT_CHANGE_EMAIL = True  # one address; a new one counts once it is confirmed
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXIES", default=0)
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Pulse"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION  # passkeys on http://localhost in the demo
MFA_ADAPTER = "accounts.adapters.MFAAdapter"
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
USERSESSIONS_TRACK_ACTIVITY = True

EMAIL_CONFIG = env.email("EMAIL_URL", default="filemail://")
vars().update(EMAIL_CONFIG)
EMAIL_FILE_PATH = str(VAR_DIR / "mail")
EMAIL_TIMEOUT = 10
if MODE == "test":
    EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"Pulse <no-reply@{DEMO_DOMAIN}>")
if MODE == "test":
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# --- language, time, static -------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if MODE == "test" or DEBUG
        else "pulse.storage.ModuleManifestStorage"
    },
}
WHITENOISE_USE_FINDERS = MODE == "test"
# Each test client loads the middleware anew; it would look at every static file each time.
WHITENOISE_AUTOREFRESH = MODE == "test"
MEDIA_ROOT = VAR_DIR / "media"

# --- browser security -------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
if not PRODUCTION:
    # Two checkouts on one host differ only by port, which cookies ignore.
    _mark = sha256(str(BASE_DIR).encode()).hexdigest()[:6]
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"sessionid_{_mark}", f"csrftoken_{_mark}"
if PRODUCTION:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^health$"]
    if env.int("TRUSTED_PROXIES", default=0) > 0:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024

# --- REST -------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.keys.authentication.KeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.Entitled"],
    "DEFAULT_RENDERER_CLASSES": ["pulse.api.renderers.FiniteJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["pulse.api.parsers.HeldJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "pulse.api.pagination.NewestFirst",
    "DEFAULT_FILTER_BACKENDS": [],
    "EXCEPTION_HANDLER": "pulse.api.errors.problem_response",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "PAGE_SIZE": 50,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "ENUM_NAME_OVERRIDES": {
        "JobState": "record.models.Job.State",
        "ValidationState": "tools_app.models.ValidationRun.State",
    },
    "TITLE": "Pulse",
    "DESCRIPTION": "Live options exposures, signal tools and their records.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
}

# --- Celery: wake-ups only, the record is in PostgreSQL ------------------------------------------
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_RESULT_BACKEND = CELERY_BROKER_URL
CELERY_RESULT_EXPIRES = 60
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = CELERY_RESULT_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = 50
CELERY_TASK_TIME_LIMIT = 60
_transport = {
    "visibility_timeout": 120,  # twice the hard time limit
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "health_check_interval": 10,
}
CELERY_BROKER_TRANSPORT_OPTIONS = _transport
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = _transport
CELERY_VISIBILITY_TIMEOUT = _transport["visibility_timeout"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_DEFAULT_QUEUE = "bulk"
CELERY_TASK_ROUTES = {
    "accounts.*": {"queue": "alerts"},
    "market.*": {"queue": "live"},
    "record.answer": {"queue": "live"},
    "tools_app.score": {"queue": "bulk"},
    "tools_app.*": {"queue": "live"},
    "leaderboard.rank": {"queue": "execution"},  # seconds count, and long work waits in bulk
    "leaderboard.*": {"queue": "bulk"},
    "trading.decide": {"queue": "live"},  # it asks the tools, which that worker has loaded
    "trading.seed_demo": {"queue": "live"},
    "trading.*": {"queue": "execution"},
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "run" / "beat")
CELERY_BEAT_SCHEDULE = {
    "sweep-outbox": {"task": "record.sweep_outbox", "schedule": 5.0},
    "sweep-jobs": {"task": "record.sweep_jobs", "schedule": 15.0},
    "prune-record": {"task": "record.prune", "schedule": 3600.0},
    "heartbeat": {"task": "record.heartbeat", "schedule": 15.0},
    "watch-risk": {"task": "trading.watch_risk", "schedule": 5.0},
    "warn-of-expiries": {"task": "trading.warn_of_expiries", "schedule": 20.0},
    "rank-bots": {"task": "leaderboard.rank", "schedule": 2.0},
    "publish-heads": {"task": "leaderboard.publish_heads", "schedule": 600.0},
    "find-likenesses": {
        "task": "leaderboard.find_likenesses",
        "schedule": crontab(hour=2, minute=41),
    },
    "follow-paper-markets": {"task": "trading.follow_markets", "schedule": 30.0},
    "score-tools": {"task": "tools_app.score", "schedule": 60.0},
    "send-due-alerts": {"task": "accounts.send_due_alerts", "schedule": 2.0},
    "prune-alerts": {"task": "accounts.prune_alerts", "schedule": 3600.0},
    "end-grants": {"task": "accounts.end_grants", "schedule": 60.0},
    "keep-slots": {"task": "record.keep_slots", "schedule": 10.0},
}
# Once for each slot, however many beats tick and whichever was dead at the hour (record.slots).
PULSE_SLOTS = {
    "note-places": {"task": "leaderboard.note_places"},  # at midnight, UTC
    "reconcile-stripe": {"task": "accounts.stripe_reconcile", "offset_s": 3 * 3600 + 17 * 60},
}
if DEMO_LOGINS and not PRODUCTION:
    CELERY_BEAT_SCHEDULE["seed-demo-strategy"] = {"task": "trading.seed_demo", "schedule": 60.0}

# --- execution: the latch of this host, which stops sending without a database ------------------
PULSE_LATCH = env.str("PULSE_LATCH", default=str(VAR_DIR / "latch.json"))

# --- tools of third parties ---------------------------------------------------------------------
TOOL_ANSWER_S = env.float("PULSE_TOOL_ANSWER_S", default=3.0)  # for one answer
TOOL_START_S = env.float("PULSE_TOOL_START_S", default=10.0)  # for its process to import it
TOOL_MEMORY_MB = env.int("PULSE_TOOL_MEMORY_MB", default=2048)  # address space of its process
TOOL_FAULTS = env.int("PULSE_TOOL_FAULTS", default=3)  # in a row, after which it rests
TOOL_PAUSE_S = env.float("PULSE_TOOL_PAUSE_S", default=30.0)  # its first rest, then doubled

# --- brokers: practice accounts and real money have other addresses (`manage.py sandbox NAME`) ---
ALPACA_PAPER_BASE = env.str("ALPACA_PAPER_BASE", default="https://paper-api.alpaca.markets")
ALPACA_LIVE_BASE = env.str("ALPACA_LIVE_BASE", default="https://api.alpaca.markets")
LIVE_SYMBOLS = env.list("PULSE_LIVE", default=[])  # which `manage.py up` records and plays
ALPACA_DATA_KEY = env.str("ALPACA_DATA_KEY", default="")  # of the house, for `manage.py record`
ALPACA_DATA_SECRET = env.str("ALPACA_DATA_SECRET", default="")
ALPACA_DATA_BASE = env.str("ALPACA_DATA_BASE", default="https://data.alpaca.markets")
ALPACA_DATA_STREAM = env.str("ALPACA_DATA_STREAM", default="wss://stream.data.alpaca.markets")
# Where the keys of ALPACA_DATA_KEY see contracts and their open interest.
ALPACA_CONTRACTS_BASE = env.str("ALPACA_CONTRACTS_BASE", default=ALPACA_PAPER_BASE)
ALPACA_STOCK_FEED = env.str("ALPACA_STOCK_FEED", default="iex")  # or sip
ALPACA_OPTION_FEED = env.str("ALPACA_OPTION_FEED", default="indicative")  # or opra
TRADIER_PAPER_BASE = env.str("TRADIER_PAPER_BASE", default="https://sandbox.tradier.com")
TRADIER_LIVE_BASE = env.str("TRADIER_LIVE_BASE", default="https://api.tradier.com")

# --- Stripe: whole or not at all (accounts.billing.config) --------------------------------------
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="")
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", default="")  # two, while one is replaced
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="").rstrip("/")  # of the stand-in
STRIPE_PAGES = env.list(
    "STRIPE_PAGES", default=["https://checkout.stripe.com", "https://billing.stripe.com"]
)
STRIPE_TAX = env.bool("STRIPE_TAX", default=False)  # Stripe computes and collects taxes
if not PRODUCTION and STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_")):
    raise ImproperlyConfigured(
        "STRIPE_SECRET_KEY is a live key: it belongs in production mode alone"
    )

# --- trading ------------------------------------------------------------------------------------
LIVE_TRADING = env.bool("PULSE_LIVE_TRADING", default=False)  # real money; off until turned on
LEGACY_PDT_BROKERS = env.list("PULSE_LEGACY_PDT_BROKERS", default=[])  # that count day trades still

# --- logging ----------------------------------------------------------------------------------
from pulse.logging import configure as _configure_logging  # noqa: E402

LOGGING = _configure_logging(level=env.str("PULSE_LOG_LEVEL", default="INFO"))
LOGGING_CONFIG = "logging.config.dictConfig"
