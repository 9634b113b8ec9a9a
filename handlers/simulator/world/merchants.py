"""A merchant of one platform: their keys, and what happened under their number."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from schema.channels.language import Protocols

if TYPE_CHECKING:
    from handlers.simulator.world.refunds import Refund
    from handlers.simulator.world.shares import Share
    from handlers.simulator.world.trades import Trade
    from handlers.simulator.world.transfers import Transfer, TransferReturn

MerchantKey = tuple[Protocols, str]


class Told(Struct, kw_only=True, gc=False):
    """What merchants are told of by notices. No cycles can start in its kinds, so the collector
    need not visit a million of them."""

    merchant: MerchantKey
    notified_count: int = 0
    acknowledged_at: datetime | None = None


class Merchant:
    """Everything that is theirs, findable by all that they may know of it."""

    __slots__ = ("days", "key", "keys", "payments", "refunds", "shares", "trades", "transfers")

    def __init__(self, key: MerchantKey, keys: Any) -> None:
        self.key = key
        self.keys = keys
        """Their account as their front uses it."""
        self.trades: dict[str, Trade] = {}
        """By the merchant's number."""
        self.payments: dict[str, Trade] = {}
        """Paid ones, by the platform's number."""
        self.refunds: dict[str, Refund] = {}
        """By their terms' key."""
        self.transfers: dict[str, Transfer] = {}
        self.shares: dict[str, Share] = {}
        self.days: dict[date, list[Trade | Refund | Transfer | TransferReturn]] = {}
        """What moved money, in the order in which it happened."""

    @property
    def protocol(self) -> Protocols:
        """Which platform they are with."""
        return self.key[0]

    @property
    def number(self) -> str:
        """The platform's number for them: mchid, app_id, merId."""
        return self.key[1]
