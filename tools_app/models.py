"""Tables of the tools: what fired and how far each run has been evaluated."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Side(models.IntegerChoices):
    """How a signal reads."""

    SHORT = -1, "short"
    NONE = 0, "volatility, no side"
    LONG = 1, "long"


class Signal(models.Model):
    """One firing of a tool in one run of a feed. Kept for good: it is the tools' record."""

    run = models.ForeignKey("market.FeedRun", on_delete=models.CASCADE, related_name="signals")
    row = models.ForeignKey(
        "market.FrameRow", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    tool_id = models.PositiveSmallIntegerField()
    tool_slug = models.SlugField()
    tool_tier = models.CharField(max_length=16)
    tool_version = models.CharField(max_length=16)
    params_digest = models.CharField(max_length=64)
    symbol = models.CharField(max_length=32)
    time = models.DateTimeField(help_text="market time of the frame row that fired")
    score = models.FloatField()
    threshold = models.FloatField()
    side = models.SmallIntegerField(choices=Side.choices)
    volatility = models.SmallIntegerField(
        default=0, help_text="without a side: 1 long volatility, -1 short, 0 a warning"
    )
    price = models.FloatField(null=True, help_text="underlying at that row")
    reasons = models.JSONField(help_text="conditions with their values, as shown")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # A repeated task finds the row that it made the first time.
            models.UniqueConstraint(fields=("run", "tool_id", "time"), name="signal_once"),
        ]
        indexes = [
            models.Index(fields=("symbol", "-time"), name="signal_symbol_time"),
            models.Index(fields=("tool_id", "-time"), name="signal_tool_time"),
        ]

    def __str__(self) -> str:
        return f"{self.tool_slug} {self.symbol} {self.time:%Y-%m-%d %H:%M}"


class Outcome(models.Model):
    """What a signal is measured against, and what became of it once that is known."""

    class Result(models.TextChoices):
        """What came first."""

        STOP = "stop", "stop"
        TARGET = "target", "target"
        HORIZON = "horizon", "horizon"
        UNKNOWN = "unknown", "not known"

    signal = models.OneToOneField(Signal, on_delete=models.CASCADE, primary_key=True)
    kind = models.CharField(max_length=16)
    session_date = models.DateField()
    horizon = models.PositiveIntegerField(help_text="rows")
    scale = models.FloatField(null=True, help_text="usual log move over the horizon, one sd")
    stop = models.FloatField(null=True)
    target = models.FloatField(null=True)
    done = models.BooleanField(default=False)
    result = models.CharField(max_length=8, choices=Result.choices, blank=True)
    rows = models.PositiveIntegerField(null=True, help_text="from the signal to the end")
    price = models.FloatField(null=True, help_text="underlying at the end")
    gain = models.FloatField(null=True, help_text="in the signal's direction; see Followed")
    best = models.FloatField(null=True)
    worst = models.FloatField(null=True)
    stop_row = models.PositiveIntegerField(null=True)
    target_row = models.PositiveIntegerField(null=True)
    quarters = ArrayField(
        models.FloatField(), default=list, help_text="gain so far by quarters of the horizon"
    )

    class Meta:
        indexes = [
            models.Index(
                fields=("kind", "session_date"), name="outcome_open", condition=models.Q(done=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.signal_id} {self.result or 'open'}"


class SharedRun(models.Model):
    """A question whose answer many workers compute together; see `tools_app.sharing`."""

    class State(models.TextChoices):
        """Where it stands."""

        RUNNING = "running", "running"
        CANCELLED = "cancelled", "cancelled"
        DONE = "done", "done"

    digest = models.CharField(
        max_length=64, unique=True, help_text="of all that decides its result: asked again, found"
    )
    owner = models.BigIntegerField(null=True, blank=True, help_text="user id; empty: an operator")
    job = models.BigIntegerField(null=True, help_text="the first job of it that was sent last")
    state = models.CharField(max_length=9, choices=State.choices, default=State.RUNNING)
    created = models.DateTimeField(auto_now_add=True)
    finished = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        ordering = ("-id",)


class SharedPart(models.Model):
    """Some of a run: claimed for a while by one worker, and kept once it is done."""

    number = models.PositiveIntegerField()
    leased_until = models.DateTimeField(null=True)
    done = models.BooleanField(default=False)
    seconds = models.FloatField(null=True, help_text="of one core")

    class Meta:
        abstract = True


class ValidationRun(SharedRun):
    """Tools on simulated paths: what was asked for, how far it is, and its table."""

    seed = models.BigIntegerField()
    effect = models.CharField(max_length=8)
    paths = models.PositiveIntegerField()
    tools = models.JSONField(help_text="ids")
    table = models.JSONField(default=dict, help_text="lines, the family's p, and the fan")

    def __str__(self) -> str:
        return f"{self.paths} paths, seed {self.seed}, effect {self.effect}"


class ValidationBlock(SharedPart):
    """Some paths of a validation."""

    run = models.ForeignKey(ValidationRun, on_delete=models.CASCADE, related_name="blocks")
    kind = models.CharField(max_length=16)
    tallies = models.BinaryField(null=True, help_text="what each tool did, packed")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("run", "kind", "number"), name="block_once"),
        ]
        indexes = [
            models.Index(fields=("run",), name="block_open", condition=models.Q(done=False)),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.kind} {self.number}"


class Cursor(models.Model):
    """How far a run's frame rows of one kind have been evaluated, and what was seen there."""

    run = models.ForeignKey("market.FeedRun", on_delete=models.CASCADE, related_name="cursors")
    kind = models.CharField(max_length=16)
    through = models.DateTimeField(null=True, help_text="time of the last row that was evaluated")
    rows = models.PositiveIntegerField(default=0)
    tallies = models.JSONField(
        default=dict,
        help_text="{tool id: {rows, scored, fired, missing {reason: rows}, faults {text: times}}}"
        " and, where there were any, last_fault, rests (times) and rests_until",
    )
    settled = models.BooleanField(
        default=False, help_text="the run has ended and all its sessions are in the scorecards"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=("run", "kind"), name="cursor_once")]
        indexes = [
            models.Index(
                fields=("run",), name="cursor_unsettled", condition=models.Q(settled=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.kind} through {self.through}"


class Watched(models.Model):
    """A session that a run watched to its end, and what its rows gained over one horizon.

    The base rate that signals are held against: see `tools_app.baserate.Base` for the sums.
    """

    run = models.ForeignKey("market.FeedRun", on_delete=models.CASCADE, related_name="watched")
    kind = models.CharField(max_length=16)
    session_date = models.DateField()
    horizon = models.PositiveIntegerField(help_text="rows")
    world = models.CharField(
        max_length=64, blank=True, help_text="digest of what was simulated; blank: the real market"
    )
    rows = models.PositiveIntegerField()
    up = models.PositiveIntegerField()
    down = models.PositiveIntegerField()
    moves = models.FloatField()
    above = models.PositiveIntegerField()
    below = models.PositiveIntegerField()
    excess = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("run", "kind", "session_date", "horizon"), name="watched_once"
            )
        ]
        indexes = [models.Index(fields=("kind", "horizon", "run"), name="watched_horizon")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.session_date} {self.horizon}"


class Scorecard(models.Model):
    """What a tool's finished signals of one source say. Replaced when they change."""

    class Source(models.TextChoices):
        """Where the prices came from. Never added up."""

        SIMULATED = "simulated", "simulated"
        REPLAYED = "replayed", "replayed real days"
        LIVE = "live", "live forward"

    tool_id = models.PositiveSmallIntegerField()
    source = models.CharField(max_length=16, choices=Source.choices)
    symbol = models.CharField(max_length=32, blank=True, help_text="blank: all symbols")
    as_of = models.DateField(null=True, help_text="market date of the newest session")
    figures = models.JSONField(help_text="as tools_app.figures writes them")
    badge = models.CharField(max_length=8, help_text="unproven, proven or retired")
    criterion = models.TextField(help_text="the badge's rule with its numbers")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the inputs")
    computed = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("tool_id", "source", "symbol"), name="scorecard_once")
        ]

    def __str__(self) -> str:
        return f"{self.tool_id} {self.source} {self.symbol or 'all'} {self.badge}"


class OptimizeRun(SharedRun):
    """A search for parameters: what was asked for and how far it is."""

    tools = models.JSONField(help_text="ids")
    symbols = models.JSONField()
    timeframes = models.JSONField()
    regimes = models.JSONField()
    trials = models.PositiveIntegerField(help_text="settings of each fold, the default among them")
    folds = models.PositiveSmallIntegerField()
    seed = models.BigIntegerField()
    until = models.DateTimeField(help_text="bars that ended by then are used")

    def __str__(self) -> str:
        return f"search {self.pk}, {self.trials} trials a fold, seed {self.seed}"


class OptimizeUnit(models.Model):
    """One tool on one symbol at one timeframe in one regime: searched and judged by itself."""

    class Verdict(models.TextChoices):
        """What came out."""

        OPEN = "", "not judged yet"
        DEPLOYED = "deployed", "set found is in use"
        DEFAULT = "default", "default stays"
        KEPT = "kept", "set in use stays"
        NO_DATA = "no data", "too little data"

    run = models.ForeignKey(OptimizeRun, on_delete=models.CASCADE, related_name="units")
    tool_id = models.PositiveSmallIntegerField()
    symbol = models.CharField(max_length=32)
    timeframe = models.CharField(max_length=4)
    regime = models.CharField(max_length=8)
    data = models.CharField(max_length=64, blank=True, help_text="digest of the rows")
    missing = models.CharField(max_length=200, blank=True, help_text="of the rows, in words")
    verdict = models.CharField(
        max_length=8, choices=Verdict.choices, default=Verdict.OPEN, blank=True
    )
    params = models.JSONField(null=True, help_text="set found; empty when there is none")
    reasons = models.JSONField(default=list)
    figures = models.JSONField(default=dict)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                fields=("run", "tool_id", "symbol", "timeframe", "regime"), name="unit_once"
            ),
        ]

    def __str__(self) -> str:
        return f"tool {self.tool_id} {self.symbol} {self.timeframe} {self.regime}"


class OptimizeFold(SharedPart):
    """One fold of a unit."""

    unit = models.ForeignKey(OptimizeUnit, on_delete=models.CASCADE, related_name="parts")
    params = models.JSONField(null=True, help_text="chosen on the training rows")
    found = models.JSONField(default=dict, help_text="signals out of sample, and any fault")
    gains = models.BinaryField(null=True, help_text="of the choice and the default, packed")

    class Meta:
        constraints = [models.UniqueConstraint(fields=("unit", "number"), name="fold_once")]
        indexes = [
            models.Index(fields=("unit",), name="fold_open", condition=models.Q(done=False)),
        ]

    def __str__(self) -> str:
        return f"{self.unit_id} fold {self.number}"


class Trial(models.Model):
    """A setting that was judged. The database refuses to change or remove one.

    It names its run and unit by value: removing those leaves what was tried on record.
    """

    family = models.CharField(max_length=60)
    tool_id = models.PositiveSmallIntegerField()
    tool_version = models.CharField(max_length=16)
    symbol = models.CharField(max_length=32)
    timeframe = models.CharField(max_length=4)
    regime = models.CharField(max_length=8)
    run = models.CharField(max_length=64, help_text="digest of what was asked for")
    fold = models.PositiveSmallIntegerField()
    number = models.PositiveIntegerField(help_text="0 is the default")
    params = models.JSONField()
    trained = models.FloatField(null=True, help_text="Sharpe ratio times root of rows, in training")
    tested = models.FloatField(null=True, help_text="the same in the test rows")
    training = models.PositiveIntegerField(help_text="signals in training")
    testing = models.PositiveIntegerField(help_text="signals in the test rows")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # A fold that is computed again tries the same settings: they count once.
            models.UniqueConstraint(
                fields=("run", "tool_id", "symbol", "timeframe", "regime", "fold", "number"),
                name="trial_once",
            ),
        ]
        indexes = [models.Index(fields=("family",), name="trial_family")]

    def __str__(self) -> str:
        return (
            f"{self.tool_id} {self.symbol} {self.timeframe} {self.regime} {self.fold}/{self.number}"
        )


class ParameterSet(models.Model):
    """The parameters in use at one place, and why: a set that was found, or the default."""

    tool_id = models.PositiveSmallIntegerField()
    symbol = models.CharField(max_length=32)
    timeframe = models.CharField(max_length=4)
    regime = models.CharField(max_length=8)
    unit = models.ForeignKey(OptimizeUnit, on_delete=models.SET_NULL, null=True, related_name="+")
    tool_version = models.CharField(max_length=16)
    deployed = models.BooleanField(help_text="false: the default stays")
    params = models.JSONField()
    reasons = models.JSONField(default=list)
    figures = models.JSONField(default=dict)
    until = models.DateTimeField(help_text="bars that ended by then decided: later rows use it")
    since = models.DateTimeField(auto_now_add=True)
    superseded = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("tool_id", "symbol", "timeframe", "regime"),
                condition=models.Q(superseded=None),
                name="parameters_in_use_once",
            ),
        ]

    def __str__(self) -> str:
        return f"tool {self.tool_id} {self.symbol} {self.timeframe} {self.regime}"
