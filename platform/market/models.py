"""Tables of market data. What they mean is said here; what fills and reads them is elsewhere."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class InstrumentKind(models.TextChoices):
    """What an instrument is."""

    EQUITY = "equity", "equity or fund"
    INDEX = "index", "index"
    FUTURE = "future", "future"
    CRYPTO = "crypto", "crypto pair"
    OPTION = "option", "option"
    RATE = "rate", "interest rate"


class Right(models.TextChoices):
    """Right of an option."""

    CALL = "C", "call"
    PUT = "P", "put"


class Instrument(models.Model):
    """Something that has a price. Options carry their OCC symbol without padding."""

    symbol = models.CharField(max_length=32, unique=True)
    kind = models.CharField(max_length=8, choices=InstrumentKind.choices)
    name = models.CharField(max_length=120, blank=True)
    root = models.CharField(max_length=6, blank=True, help_text="option root; root beats date")
    underlying = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="derivatives"
    )
    expiry = models.DateField(null=True, blank=True)
    settles_at = models.DateTimeField(null=True, blank=True, help_text="settlement instant, UTC")
    strike = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    right = models.CharField(max_length=1, choices=Right.choices, blank=True)
    exercise = models.CharField(
        max_length=8, blank=True, choices=[("american", "American"), ("european", "European")]
    )
    settlement = models.CharField(
        max_length=2, blank=True, choices=[("am", "at the open"), ("pm", "at the close")]
    )
    multiplier = models.DecimalField(max_digits=12, decimal_places=4, default=1)
    exchange = models.CharField(max_length=16, blank=True)
    currency = models.CharField(max_length=8, default="USD")
    tick = models.DecimalField(max_digits=12, decimal_places=8, default="0.01")
    simulated = models.BooleanField(default=False, help_text="made by the simulator")

    class Meta:
        ordering = ("symbol",)
        indexes = [models.Index(fields=("underlying", "expiry"), name="instrument_chain")]
        constraints = [
            models.CheckConstraint(
                name="option_is_complete",
                condition=~Q(kind="option")
                | Q(expiry__isnull=False, settles_at__isnull=False, strike__isnull=False)
                & ~Q(right=""),
            )
        ]

    def __str__(self) -> str:
        return self.symbol


class ChainLayout(models.Model):
    """Which contracts the positions of a snapshot's arrays are. Content-addressed, immutable."""

    underlying = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="layouts")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the payload")
    contracts = models.PositiveIntegerField()
    payload = models.BinaryField(help_text="packed by market.packing")

    def __str__(self) -> str:
        return f"{self.contracts} contracts, {self.digest[:8]}"


class FeedRun(models.Model):
    """One run of a feed: a simulation, a live day, or one replay of a stored day.

    A namespace of results.
    """

    class Source(models.TextChoices):
        """Where the snapshots come from."""

        SIMULATOR = "simulator", "simulator"
        REPLAY = "replay", "replay of recorded data"
        LIVE = "live", "live market"

    class State(models.TextChoices):
        """What the feed process says."""

        REQUESTED = "requested", "requested"
        STARTING = "starting", "starting"
        RUNNING = "running", "running"
        PAUSED = "paused", "paused"
        FINISHED = "finished", "finished"
        FAILED = "failed", "failed"
        STOPPED = "stopped", "stopped"

    class Desired(models.TextChoices):
        """What a person wants; the feed process follows."""

        RUNNING = "running", "running"
        PAUSED = "paused", "paused"
        STOPPED = "stopped", "stopped"

    symbol = models.CharField(max_length=32)
    underlying = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="runs")
    source = models.CharField(max_length=16, choices=Source.choices)
    params = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=State.choices, default=State.REQUESTED)
    desired = models.CharField(max_length=16, choices=Desired.choices, default=Desired.RUNNING)
    speed = models.FloatField(default=1.0, help_text="times real time; 0 is as fast as possible")
    session_date = models.DateField(null=True)
    position = models.DateTimeField(null=True, help_text="market time of the newest snapshot")
    snapshots = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    lag_ms = models.FloatField(null=True)
    error = models.TextField(blank=True)
    requested_by = models.BigIntegerField(null=True, help_text="id of the account that asked")
    simulated = models.BooleanField()
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        indexes = [models.Index(fields=("symbol", "-id"), name="feedrun_symbol")]
        constraints = [
            models.CheckConstraint(name="feedrun_speed", condition=Q(speed__gte=0)),
            models.UniqueConstraint(
                name="feedrun_live_once",
                fields=("symbol", "session_date"),
                condition=Q(source="live"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.symbol} #{self.pk}"


class Snapshot(models.Model):
    """One underlying's state at one instant. Recorded data has no run; a simulation has one.

    `known_at` is when it could first have been used: for a minute bar, the minute's end.
    """

    underlying = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="snapshots")
    source = models.CharField(max_length=16)
    run = models.ForeignKey(FeedRun, on_delete=models.CASCADE, null=True, related_name="stored")
    time = models.DateTimeField()
    known_at = models.DateTimeField()
    layout = models.ForeignKey(ChainLayout, on_delete=models.PROTECT, related_name="snapshots")
    bid = models.FloatField(null=True)
    ask = models.FloatField(null=True)
    last = models.FloatField(null=True)
    payload = models.BinaryField(help_text="packed by market.packing")
    rows = models.PositiveIntegerField(help_text="contracts with a quote on either side")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("underlying", "source", "run", "time"),
                name="snapshot_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="snapshot_known_after", condition=Q(known_at__gte=models.F("time"))
            ),
        ]
        indexes = [models.Index(fields=("underlying", "-time"), name="snapshot_newest")]

    def __str__(self) -> str:
        return f"{self.underlying_id} {self.source} {self.time:%Y-%m-%d %H:%M}"


class Bar(models.Model):
    """A price bar, in a table partitioned by year. A revision is a new row with its own known_at.

    `time` is the instant the bar ended; prices are raw, not adjusted for splits.
    """

    class Price(models.TextChoices):
        """Which price the bar is of."""

        TRADE = "trade", "trades"
        BID = "bid", "best bid"
        ASK = "ask", "best ask"

    pk = models.CompositePrimaryKey("instrument", "price", "interval", "time", "known_at")
    instrument = models.ForeignKey(
        Instrument, on_delete=models.DO_NOTHING, related_name="bars", db_index=False
    )
    price = models.CharField(max_length=5, choices=Price.choices, default=Price.TRADE)
    interval = models.IntegerField(help_text="seconds: 60, 300, 3600 or 86400")
    time = models.DateTimeField()
    known_at = models.DateTimeField()
    open = models.FloatField(null=True)
    high = models.FloatField(null=True)
    low = models.FloatField(null=True)
    close = models.FloatField()
    volume = models.FloatField(null=True, help_text="of a quote bar: size at the bar's end")
    source = models.CharField(max_length=16)

    class Meta:
        db_table = "market_bar"

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.interval}s {self.time:%Y-%m-%d %H:%M}"


class SimulatedDay(models.Model):
    """A session that the simulator has walked, so that a later start need not walk it again.

    A cache of what seed, configuration and the simulator's code determine; `market` is a digest
    of all three. Days of a market that no run of its symbol plays any more are dropped when the
    next one starts.
    """

    market = models.CharField(max_length=64, help_text="digest of configuration and code")
    symbol = models.CharField(max_length=32)
    index = models.PositiveIntegerField(help_text="sessions before it")
    payload = models.JSONField(help_text="close, daily bar and the state that it left")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("market", "index"), name="simulatedday_once")
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.market[:8]} day {self.index}"


class FrameSchema(models.Model):
    """The column names of stored frame rows, in order. Content-addressed, immutable."""

    digest = models.CharField(max_length=64, unique=True)
    names = ArrayField(models.CharField(max_length=64))

    def __str__(self) -> str:
        return f"{len(self.names)} columns, {self.digest[:8]}"


class FrameRow(models.Model):
    """One row of observations of one run: one minute, or one session."""

    class Kind(models.TextChoices):
        """Time axis of the frame that the row belongs to."""

        INTRADAY = "intraday", "one row a minute"
        DAILY = "daily", "one row a session"

    run = models.ForeignKey(FeedRun, on_delete=models.CASCADE, related_name="frame_rows")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    symbol = models.CharField(max_length=32)
    session_date = models.DateField()
    time = models.DateTimeField()
    known_at = models.DateTimeField()
    schema = models.ForeignKey(FrameSchema, on_delete=models.PROTECT, related_name="+")
    values = ArrayField(models.FloatField(), help_text="NaN where missing")
    reasons = models.JSONField(default=dict, help_text="{column: code} of what is missing")
    snapshot = models.ForeignKey(
        Snapshot, on_delete=models.SET_NULL, null=True, related_name="frame_rows"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("run", "kind", "time"), name="framerow_once"),
            models.CheckConstraint(
                name="framerow_known_after", condition=Q(known_at__gte=models.F("time"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.kind} {self.time:%Y-%m-%d %H:%M}"


class Event(models.Model):
    """A scheduled event and the instant from which its schedule was public knowledge."""

    class Kind(models.TextChoices):
        """What is scheduled."""

        FOMC = "fomc", "FOMC decision"
        CPI = "cpi", "consumer prices"
        PAYROLLS = "payrolls", "payrolls"
        EARNINGS = "earnings", "earnings"
        EXPIRY = "expiry", "option expiry"
        OTHER = "other", "other"

    class Source(models.TextChoices):
        """Who said so."""

        RULE = "rule", "made by rule"
        CSV = "csv", "imported"
        ADMIN = "admin", "entered by an operator"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    name = models.CharField(max_length=80)
    symbol = models.CharField(max_length=32, blank=True, help_text="blank: the whole market")
    scheduled_at = models.DateTimeField()
    known_at = models.DateTimeField()
    source = models.CharField(max_length=8, choices=Source.choices, default=Source.ADMIN)
    cancelled_at = models.DateTimeField(
        null=True, blank=True, help_text="when it became known that it will not take place"
    )

    class Meta:
        ordering = ("scheduled_at", "kind", "symbol")
        constraints = [
            models.UniqueConstraint(
                fields=("kind", "symbol", "name", "scheduled_at"), name="event_once"
            ),
            models.CheckConstraint(
                name="event_known_before", condition=Q(known_at__lte=models.F("scheduled_at"))
            ),
        ]
        indexes = [models.Index(fields=("scheduled_at", "kind"), name="event_when")]

    def __str__(self) -> str:
        return f"{self.name} {self.scheduled_at:%Y-%m-%d %H:%M}"


class ImportBatch(models.Model):
    """One file that was given to `import_market`, and what became of its rows."""

    class State(models.TextChoices):
        """How far the import of the file came."""

        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"

    format = models.CharField(max_length=16)
    name = models.CharField(max_length=160, help_text="folder and file, as the format needs them")
    sha256 = models.CharField(max_length=64)
    bytes = models.BigIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    accepted = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    report = models.JSONField(default=dict)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "import batches"
        indexes = [models.Index(fields=("format", "sha256"), name="importbatch_file")]

    def __str__(self) -> str:
        return f"{self.format} {self.name}"


class ImportReject(models.Model):
    """A row (line 0: a whole file or member) that was refused, and why."""

    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="rejects")
    file = models.CharField(max_length=240)
    line = models.BigIntegerField()
    field = models.CharField(max_length=64)
    reason = models.CharField(max_length=160)
    value = models.CharField(max_length=160, blank=True)

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.field}: {self.reason}"


class TradeRecord(models.Model):
    """A row of somebody's recorded trading: input for reconciliations, not this house's orders."""

    class Kind(models.TextChoices):
        """What the row states."""

        EXECUTION = "execution", "execution"
        ROUND_TRIP = "round_trip", "entry and exit"
        POSITION = "position", "value held at a day's end"
        RETURN = "return", "return of a day"
        LEVERAGE = "leverage", "gross leverage of a day"

    batch = models.ForeignKey(ImportBatch, on_delete=models.PROTECT, related_name="trades")
    book = models.CharField(max_length=80, help_text="file that the row came from")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    key = models.CharField(max_length=64, help_text="SHA-256 of the row and its repetition")
    time = models.DateTimeField()
    symbol = models.CharField(max_length=32, blank=True)
    quantity = models.DecimalField(max_digits=40, decimal_places=20, null=True)
    price = models.DecimalField(max_digits=40, decimal_places=20, null=True)
    amount = models.DecimalField(max_digits=40, decimal_places=20, null=True)
    closed_at = models.DateTimeField(null=True)
    close_price = models.DecimalField(max_digits=40, decimal_places=20, null=True)
    detail = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("book", "key"), name="traderecord_once")]
        indexes = [models.Index(fields=("book", "time"), name="traderecord_when")]

    def __str__(self) -> str:
        return f"{self.kind} {self.symbol} {self.time:%Y-%m-%d %H:%M}"
