"""The platform's books: every order of every merchant, in memory, and which moves are allowed.

Nothing here waits or sends. A move that is not allowed gives the platform's own refusal as a value.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from hashlib import blake2b
from typing import Literal

import msgspec
from msgspec import Struct

from schema.channels.wechat.documents import (
    NativeOrderDocument,
    Payer,
    Transaction,
    TransactionAmount,
    china_time,
)
from schema.channels.wechat.platform import CallRefused

CODE_URL = "weixin://wxpay/bizpayurl?pr="
CODE_LIFE = timedelta(hours=2)
TIME_EXPIRE_MIN = timedelta(minutes=1)
"""A `time_expire` nearer than this is moved to it (document of the create call)."""
PAYER_ID = "oTomatoSimulatorPayer0000001"

Wish = Literal["open", "pay", "close"]


class TradeState(Enum):
    """The platform's `trade_state`, with its description."""

    NOTPAY = "订单未支付"
    SUCCESS = "支付成功"
    CLOSED = "订单已关闭"


_N, _S, _C = TradeState.NOTPAY, TradeState.SUCCESS, TradeState.CLOSED
PAID = CallRefused(code="ORDERPAID", message="该订单已支付")
CLOSED = CallRefused(code="ORDER_CLOSED", message="该订单已关闭")

# Opening again what waits for its payer is a repeat, which is safe: it gets the same code.
MOVES: dict[tuple[TradeState, Wish], TradeState | CallRefused] = {
    (_N, "open"): _N,    (_N, "pay"): _S,      (_N, "close"): _C,
    (_S, "open"): PAID,  (_S, "pay"): PAID,    (_S, "close"): PAID,
    (_C, "open"): CLOSED, (_C, "pay"): CLOSED, (_C, "close"): CLOSED,
}  # fmt: skip


class Trade(Struct, kw_only=True, gc=False):
    """One order. No cycles can start here, so the collector need not visit a million of them."""

    order: NativeOrderDocument
    parameters: bytes
    """A digest of the whole create call, for telling a repeat from another order."""
    code: str
    code_until: datetime
    pay_until: datetime | None
    opened_at: datetime
    state: TradeState = TradeState.NOTPAY
    transaction_id: str = ""
    payer_id: str = ""
    paid_at: datetime | None = None
    notice_id: str = ""
    notified_count: int = 0
    acknowledged_at: datetime | None = None

    @property
    def code_url(self) -> str:
        """What the payer's app scans."""
        return CODE_URL + self.code


class TradeBook:
    """All trades, findable by everything that a merchant or a payer may know of them."""

    def __init__(self, trades_max: int) -> None:
        self._trades_max = trades_max
        self._in_order: list[Trade] = []
        self._by_number: dict[tuple[str, str], Trade] = {}
        self._by_code: dict[str, Trade] = {}
        self._by_transaction: dict[tuple[str, str], Trade] = {}

    def open(
        self, order: NativeOrderDocument, everything: object, now: datetime
    ) -> Trade | CallRefused:
        """A new trade, or the one that an identical earlier call made.

        `everything` is the whole parsed call: a repeat equals it in what we do not read, too.
        """
        parameters = _digest(everything)
        trade = self.find(order.mchid, order.out_trade_no)
        if trade is None:
            return self._opened(order, parameters, now)
        if trade.parameters != parameters:
            return CallRefused(code="OUT_TRADE_NO_USED", message="商户订单号重复")
        moved = MOVES[trade.state, "open"]
        if isinstance(moved, CallRefused):
            return moved
        if trade.code_until < now:
            self._give_code(trade, now)
        return trade

    def pay(self, trade: Trade, payer_id: str, now: datetime) -> Trade | CallRefused:
        """The payer pays, if they still may."""
        moved = MOVES[trade.state, "pay"]
        if isinstance(moved, CallRefused):
            return moved
        if trade.code_until < now or (trade.pay_until and trade.pay_until < now):
            return CallRefused(code="TRADE_ERROR", message="二维码已过期")
        trade.state, trade.paid_at, trade.payer_id = moved, now, payer_id
        # Random, not counted: a restart forgets everything, and numbers must not come again.
        trade.transaction_id = f"42000{now:%Y%m%d}{secrets.randbelow(10**15):015d}"
        trade.notice_id = secrets.token_hex(16)
        self._by_transaction[trade.order.mchid, trade.transaction_id] = trade
        return trade

    def close(self, trade: Trade) -> Trade | CallRefused:
        """The merchant ends an order that nobody has paid."""
        moved = MOVES[trade.state, "close"]
        if isinstance(moved, CallRefused):
            return moved
        trade.state = moved
        return trade

    def find(self, mchid: str, out_trade_no: str) -> Trade | None:
        """By the merchant's own number."""
        return self._by_number.get((mchid, out_trade_no))

    def find_code(self, code: str) -> Trade | None:
        """By what the payer scanned, with or without the address around it."""
        return self._by_code.get(code.removeprefix(CODE_URL))

    def find_transaction(self, mchid: str, transaction_id: str) -> Trade | None:
        """By the platform's number, which exists once it is paid."""
        return self._by_transaction.get((mchid, transaction_id))

    def page(self, after: int, limit: int) -> Sequence[Trade]:
        """Trades in the order in which they were opened, from position `after` on."""
        return self._in_order[after : after + limit]

    def _opened(
        self, order: NativeOrderDocument, parameters: bytes, now: datetime
    ) -> Trade | CallRefused:
        if len(self._in_order) >= self._trades_max:
            return CallRefused(code="FREQUENCY_LIMITED", message="simulator: no room for more")
        expire = order.time_expire
        trade = Trade(
            order=order,
            parameters=parameters,
            code="",
            code_until=now,
            pay_until=max(expire, now + TIME_EXPIRE_MIN) if expire else None,
            opened_at=now,
        )
        self._give_code(trade, now)
        self._in_order.append(trade)
        self._by_number[order.mchid, order.out_trade_no] = trade
        return trade

    def _give_code(self, trade: Trade, now: datetime) -> None:
        self._by_code.pop(trade.code, None)
        trade.code, trade.code_until = secrets.token_urlsafe(7), now + CODE_LIFE
        self._by_code[trade.code] = trade


def transaction_of(trade: Trade, *, extra_fen: int = 0) -> Transaction:
    """The trade as the query and the notice show it; `extra_fen` makes a wrong notice wrong."""
    order, is_paid = trade.order, trade.state is TradeState.SUCCESS
    total = order.amount.total + extra_fen
    return Transaction(
        appid=order.appid,
        mchid=order.mchid,
        out_trade_no=order.out_trade_no,
        trade_state=trade.state.name,
        trade_state_desc=trade.state.value,
        transaction_id=trade.transaction_id or None,
        trade_type="NATIVE" if is_paid else None,
        bank_type="OTHERS" if is_paid else None,
        attach=order.attach or None,
        success_time=china_time(trade.paid_at) if trade.paid_at else None,
        payer=Payer(openid=trade.payer_id) if is_paid else None,
        amount=TransactionAmount(total=total, payer_total=total if is_paid else None),
    )


def _digest(everything: object) -> bytes:
    """Equal for equal parameters, whatever their order or spacing was."""
    canonical = msgspec.json.encode(everything, order="sorted")
    return blake2b(canonical, digest_size=16).digest()
