"""Orders: what a merchant asks a payer for, how it stands, and which moves are allowed.

Nothing here waits or sends. A move that is not allowed gives the reason as a value.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from hashlib import blake2b
from math import inf
from typing import Any, Literal

import msgspec
from msgspec import Struct

from handlers.simulator.world.merchants import Merchant, Told
from handlers.simulator.world.refusals import No

CODE_BYTES = 8
CODE_LENGTH = 2 * CODE_BYTES
CODE_LIFE_S = 7_200
EXPIRY_MIN_S = 60
"""A time to pay that is nearer than this is moved to it, as the platforms do."""
PAYER_ID = "oTomatoSimulatorPayer0000001"

Wish = Literal["open", "ask", "pay", "fail", "close", "reverse", "pay_late"]


class TradeState(Enum):
    """How an order stands; each front has its platform's word for it."""

    WAITING = "waiting"
    CONFIRMING = "confirming"
    """A payment code was scanned, and the payer has to type the password."""
    PAID = "paid"
    FAILED = "failed"
    CLOSED = "closed"
    REVERSED = "reversed"
    """Taken back at the till, paid or not."""


_W, _U, _P, _F, _C, _R = TradeState
_PAID, _FAILED, _CLOSED, _REVERSED = (
    No.ALREADY_PAID, No.ALREADY_FAILED, No.ALREADY_CLOSED, No.ALREADY_REVERSED,
)  # fmt: skip

# Opening again what waits for its payer is a repeat, which is safe: it gets the same code.
# Only a fault makes anything `pay_late`: the money arrives although the end was confirmed.
MOVES: dict[tuple[TradeState, Wish], TradeState | No] = {
    (_W, "open"): _W,        (_W, "ask"): _U,        (_W, "pay"): _P,        (_W, "fail"): _F,
    (_U, "open"): _U,        (_U, "ask"): _U,        (_U, "pay"): _P,        (_U, "fail"): _F,
    (_P, "open"): _PAID,     (_P, "ask"): _PAID,     (_P, "pay"): _PAID,     (_P, "fail"): _PAID,
    (_F, "open"): _FAILED,   (_F, "ask"): _FAILED,   (_F, "pay"): _FAILED,   (_F, "fail"): _F,
    (_C, "open"): _CLOSED,   (_C, "ask"): _CLOSED,   (_C, "pay"): _CLOSED,   (_C, "fail"): _CLOSED,
    (_R, "open"): _REVERSED, (_R, "ask"): _REVERSED, (_R, "pay"): _REVERSED, (_R, "fail"): _R,
    (_W, "close"): _C,                 (_W, "reverse"): _R,       (_W, "pay_late"): _P,
    (_U, "close"): No.PAYER_IS_PAYING, (_U, "reverse"): _R,       (_U, "pay_late"): _P,
    (_P, "close"): _PAID,              (_P, "reverse"): _R,       (_P, "pay_late"): _PAID,
    (_F, "close"): _C,                 (_F, "reverse"): _R,       (_F, "pay_late"): _FAILED,
    (_C, "close"): _CLOSED,            (_C, "reverse"): _CLOSED,  (_C, "pay_late"): _P,
    (_R, "close"): _REVERSED,          (_R, "reverse"): _R,       (_R, "pay_late"): _P,
}  # fmt: skip


class TradeTerms(Struct, frozen=True, kw_only=True, gc=False):
    """What the merchant asked for, in the world's words, and in the platform's own (`document`)."""

    number: str
    amount_fen: int
    subject: str
    product: str
    """In the platform's own word: NATIVE, JSAPI, FACE_TO_FACE_PAYMENT."""
    currency: str = "CNY"
    notify_url: str = ""
    return_url: str = ""
    """Where the payer's browser goes afterwards."""
    expires_at: datetime | None = None
    """By the merchant's clock, which is the true time."""
    code_life_s: int = CODE_LIFE_S
    payer_id: str = ""
    """Whoever alone may pay; empty for anybody."""
    shares_profit: bool = False
    document: Any = None
    """Whatever the front wants to say again in answers and notices."""


class Trade(Told, kw_only=True, gc=False):
    """One order."""

    terms: TradeTerms
    parameters: bytes
    """A digest of the whole create call, for telling a repeat from another order."""
    code: str
    """What is scanned or clicked ends with it: QR code, prepay id, H5 address."""
    code_until_s: float
    pay_until_s: float
    opened_at: datetime
    state: TradeState = TradeState.WAITING
    channel_number: str = ""
    """The platform's, once paid (or earlier where the front gives one)."""
    payer_id: str = ""
    paid_at: datetime | None = None
    ended_at: datetime | None = None
    """When it was closed, reversed or failed."""
    failure: No | None = None
    refunded_fen: int = 0
    returned_fee_fen: int = 0
    """Of the platform's fee, by refunds."""
    shared_fen: int = 0
    is_unfrozen: bool = False
    """Whether what is left can't be shared any more."""

    @property
    def number(self) -> str:
        """The merchant's."""
        return self.terms.number

    @property
    def amount_fen(self) -> int:
        """What was asked for."""
        return self.terms.amount_fen


class TradeBook:
    """All trades of all merchants, in the order of their opening, and by their codes."""

    def __init__(self, trades_max: int) -> None:
        self._trades_max = trades_max
        self._in_order: list[Trade] = []
        self._by_code: dict[str, Trade] = {}

    def open(
        self, merchant: Merchant, terms: TradeTerms, parameters: bytes, now: datetime, now_s: float
    ) -> Trade | No:
        """A new trade, or the one that an identical earlier call made."""
        trade = merchant.trades.get(terms.number)
        if trade is None:
            return self._opened(merchant, terms, parameters, now, now_s)
        if trade.parameters != parameters:
            return No.NUMBER_USED
        moved = MOVES[trade.state, "open"]
        if isinstance(moved, No):
            return moved
        if trade.code_until_s < now_s:
            self._give_code(trade, now_s)
        return trade

    def find_code(self, scanned: str) -> Trade | None:
        """By what the payer scanned or clicked, which ends with the code."""
        return self._by_code.get(scanned[-CODE_LENGTH:])

    def page(self, after: int, limit: int) -> Sequence[Trade]:
        """Trades in the order in which they were opened, from position `after` on."""
        return self._in_order[after : after + limit]

    def latest(self, before: int | None, limit: int) -> Sequence[Trade]:
        """The last ones first; `before` is a position in the order of opening."""
        end = len(self._in_order) if before is None else before
        return self._in_order[max(0, end - limit) : end][::-1]

    def __len__(self) -> int:
        return len(self._in_order)

    def _opened(
        self, merchant: Merchant, terms: TradeTerms, parameters: bytes, now: datetime, now_s: float
    ) -> Trade | No:
        if len(self._in_order) >= self._trades_max:
            return No.NO_ROOM
        pay_until_s = inf
        if terms.expires_at:
            pay_within_s = (
                terms.expires_at - datetime.now(terms.expires_at.tzinfo)
            ).total_seconds()
            pay_until_s = now_s + max(pay_within_s, EXPIRY_MIN_S)
        trade = Trade(
            merchant=merchant.key,
            terms=terms,
            parameters=parameters,
            code="",
            code_until_s=now_s,
            pay_until_s=pay_until_s,
            opened_at=now,
        )
        self._give_code(trade, now_s)
        self._in_order.append(trade)
        merchant.trades[terms.number] = trade
        return trade

    def _give_code(self, trade: Trade, now_s: float) -> None:
        self._by_code.pop(trade.code, None)
        trade.code = secrets.token_hex(CODE_BYTES)
        trade.code_until_s = now_s + trade.terms.code_life_s
        self._by_code[trade.code] = trade


def moved(trade: Trade, wish: Wish) -> TradeState | No:
    """Where the wish leads, without going there."""
    return MOVES[trade.state, wish]


def digest(everything: object) -> bytes:
    """Equal for equal parameters, whatever their order or spacing was."""
    canonical = msgspec.json.encode(everything, order="sorted")
    return blake2b(canonical, digest_size=16).digest()
