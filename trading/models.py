"""Tables of trading, gathered from its rooms."""

from trading.brokers.models import BrokerConnection
from trading.brokers.paper.models import (
    Instruction,
    PaperAccount,
    PaperActivity,
    PaperFill,
    PaperOrder,
    ShareDividend,
)
from trading.execution.models import AccountState, Heartbeat
from trading.ledger.models import Account, Balance, JournalEntry, Position, Posting
from trading.orders.models import (
    ClientOrderId,
    Fill,
    GateDecision,
    Order,
    OrderEvent,
    OrderGroup,
    OrderLeg,
)
from trading.risk.models import AccountDay, Breaker, LimitSetting, RiskProfile
from trading.strategies.models import (
    Strategy,
    StrategyDecision,
    StrategyTrade,
    StrategyVersion,
)
from trading.switches.models import Switch, SwitchChange

__all__ = (
    "Account", "AccountDay", "AccountState", "Balance", "Breaker", "BrokerConnection",
    "ClientOrderId", "Fill", "GateDecision", "Heartbeat", "Instruction", "JournalEntry",
    "LimitSetting", "Order", "OrderEvent", "OrderGroup", "OrderLeg", "PaperAccount",
    "PaperActivity", "PaperFill", "PaperOrder", "Position", "Posting", "RiskProfile",
    "ShareDividend", "Strategy", "StrategyDecision", "StrategyTrade", "StrategyVersion", "Switch",
    "SwitchChange",
)  # fmt: skip
