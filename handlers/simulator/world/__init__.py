"""What happened, whichever platform it happened at: orders, refunds, transfers, shares and bills.

Everything stays in memory and is bounded. Nothing here knows a protocol; fronts do.
"""

from handlers.simulator.world.bills import Movement, TradeEntry
from handlers.simulator.world.clock import CHINA, china_day, true_now
from handlers.simulator.world.faults import Api, Fault, FaultOrder, Kind
from handlers.simulator.world.front import Front
from handlers.simulator.world.manners import Manners
from handlers.simulator.world.merchants import Merchant, Told
from handlers.simulator.world.notices import About, Letter, Notice
from handlers.simulator.world.refunds import Refund, RefundState, RefundTerms
from handlers.simulator.world.refusals import No
from handlers.simulator.world.shares import Part, PartState, Share, ShareReturn, ShareTerms
from handlers.simulator.world.trades import Trade, TradeState, TradeTerms
from handlers.simulator.world.transfers import (
    Transfer,
    TransferReturn,
    TransferState,
    TransferTerms,
)
from handlers.simulator.world.world import WORLD, World

__all__ = [
    "CHINA",
    "WORLD",
    "About",
    "Api",
    "Fault",
    "FaultOrder",
    "Front",
    "Kind",
    "Letter",
    "Manners",
    "Merchant",
    "Movement",
    "No",
    "Notice",
    "Part",
    "PartState",
    "Refund",
    "RefundState",
    "RefundTerms",
    "Share",
    "ShareReturn",
    "ShareTerms",
    "Told",
    "Trade",
    "TradeEntry",
    "TradeState",
    "TradeTerms",
    "Transfer",
    "TransferReturn",
    "TransferState",
    "TransferTerms",
    "World",
    "china_day",
    "true_now",
]
