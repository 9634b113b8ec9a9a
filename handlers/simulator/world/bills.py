"""Bills 对账单: the lines of a day, out of what happened on it and of the faults ordered for it.

A front asks for lines, in the world's words, and writes them in its platform's layout.
"""

from __future__ import annotations

import secrets
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from handlers.simulator.world.faults import Fault, Happening, Kind
from handlers.simulator.world.merchants import Merchant
from handlers.simulator.world.refunds import Refund
from handlers.simulator.world.trades import Trade
from handlers.simulator.world.transfers import Transfer, TransferReturn

if TYPE_CHECKING:
    from handlers.simulator.world.world import World

BillState = Literal["ready", "not_ready", "nothing"]
Moving = Trade | Refund | Transfer | TransferReturn
"""What moves a merchant's money."""
MoveKind = Literal["payment", "refund", "fee", "transfer", "transfer_back"]

FILES_MAX = 100
"""Written bills that can be fetched at once; the oldest make room."""
INVENTED_FEN = 777
_PPM = 1_000_000
_ROWS: tuple[Kind, ...] = ("missing_rows", "extra_rows", "wrong_amount", "wrong_fee")


class TradeEntry(Struct, frozen=True, kw_only=True):
    """A payment or refund of the day. Amounts are above zero; the fee of a refund is what is given
    back, below zero."""

    kind: Literal["payment", "refund"]
    trade: Trade
    refund: Refund | None = None
    amount_fen: int
    fee_fen: int
    fee_ppm: int
    happened_at: datetime


class Movement(Struct, frozen=True, kw_only=True):
    """Money on the merchant's account at the platform: above zero came in."""

    kind: MoveKind
    about: Moving
    number: str
    """The movement's own."""
    amount_fen: int
    balance_fen: int
    happened_at: datetime


class Bills:
    """Everybody's bills."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._files: dict[str, tuple[float, bytes]] = {}

    def state(self, merchant: Merchant, day: date) -> BillState:
        """Whether a day's bill can be fetched; a fault may say that it is still written."""
        world = self._world
        if not world.clock.is_bill_time(day):
            return "not_ready"
        if world.faults.at(merchant, Happening("bill"), "not_ready"):
            return "not_ready"
        return "ready" if day in merchant.days else "nothing"

    def trades(self, merchant: Merchant, day: date) -> list[TradeEntry]:
        """All payments and refunds of the day, in the order in which they happened."""
        happened = merchant.days.get(day, [])
        entries = [self._entry(each) for each in happened if isinstance(each, Trade | Refund)]
        for fault in self._world.faults.all_at(merchant, Happening("bill"), *_ROWS):
            entries = _spoiled(entries, fault)
        return entries

    def funds(self, merchant: Merchant, day: date) -> list[Movement]:
        """How the merchant's money moved that day, fees on lines of their own. The balance runs
        from the first day on. These are always true: row faults are in the trades only."""
        movements, balance_fen = list[Movement](), self._balance_before(merchant, day)
        for each in merchant.days.get(day, []):
            for kind, amount_fen, at in self._moves(each):
                balance_fen += amount_fen
                movement = Movement(
                    kind=kind,
                    about=each,
                    number=f"{each.channel_number}{'2' if kind == 'fee' else '1'}",
                    amount_fen=amount_fen,
                    balance_fen=balance_fen,
                    happened_at=at,
                )
                movements.append(movement)
        return movements

    def keep(self, content: bytes, for_s: float) -> str:
        """Keeps a written bill for so long; whoever knows the returned word can fetch it."""
        now_s = self._world.clock.elapsed_s()
        self._files = {word: kept for word, kept in self._files.items() if kept[0] > now_s}
        while len(self._files) >= FILES_MAX:
            del self._files[next(iter(self._files))]
        word = secrets.token_hex(16)
        self._files[word] = (now_s + for_s, content)
        return word

    def kept(self, word: str) -> bytes | None:
        """The written bill, while it can be fetched."""
        until_s, content = self._files.get(word, (0.0, b""))
        return content if until_s > self._world.clock.elapsed_s() else None

    def fee_fen(self, amount_fen: int) -> int:
        """The fee of a payment, rounded half up."""
        return _fee_fen(amount_fen, self._world.manners.fee_ppm)

    def returned_fee_fen(self, trade: Trade, refund_fen: int) -> int:
        """What a refund brings back of the fee: its share, and all of the rest if it is last."""
        left_fen = self.fee_fen(trade.amount_fen) - trade.returned_fee_fen
        if trade.refunded_fen >= trade.amount_fen:
            return left_fen
        return min(self.fee_fen(refund_fen), left_fen)

    def _entry(self, each: Trade | Refund) -> TradeEntry:
        is_refund = isinstance(each, Refund)
        at = each.refunded_at if isinstance(each, Refund) else each.paid_at
        assert at is not None
        return TradeEntry(
            kind="refund" if is_refund else "payment",
            trade=each.trade if isinstance(each, Refund) else each,
            refund=each if isinstance(each, Refund) else None,
            amount_fen=each.amount_fen,
            fee_fen=-each.fee_fen if isinstance(each, Refund) else self.fee_fen(each.amount_fen),
            fee_ppm=self._world.manners.fee_ppm,
            happened_at=at,
        )

    def _balance_before(self, merchant: Merchant, day: date) -> int:
        days = (each for known, each in merchant.days.items() if known < day)
        return sum(fen for each in days for one in each for _, fen, _ in self._moves(one))

    def _moves(self, what: Moving) -> list[tuple[MoveKind, int, datetime]]:
        match what:
            case Trade(paid_at=datetime() as at):
                fee_fen = -self.fee_fen(what.amount_fen)
                return _with_fee(("payment", what.amount_fen, at), fee_fen)
            case Refund(refunded_at=datetime() as at):
                return _with_fee(("refund", -what.amount_fen, at), what.fee_fen)
            case Transfer(transferred_at=datetime() as at):
                return [("transfer", -what.amount_fen, at)]
            case TransferReturn():
                return [("transfer_back", what.transfer.amount_fen, what.returned_at)]
            case _:
                raise AssertionError("only what has happened is in a day")


def _with_fee(
    move: tuple[MoveKind, int, datetime], fee_fen: int
) -> list[tuple[MoveKind, int, datetime]]:
    return [move, ("fee", fee_fen, move[2])] if fee_fen else [move]


def _spoiled(entries: list[TradeEntry], fault: Fault) -> list[TradeEntry]:
    if fault.kind == "missing_rows":
        return entries[: max(0, len(entries) - fault.number)]
    if fault.kind == "extra_rows":
        return entries + [_invented(each) for each in entries[:1] * fault.number]
    if not entries:
        return entries
    first = entries[0]
    if fault.kind == "wrong_amount":
        spoiled = replace(first, amount_fen=first.amount_fen + fault.number)
    else:
        spoiled = replace(first, fee_fen=first.fee_fen + fault.number)
    return [spoiled, *entries[1:]]


def _invented(model: TradeEntry) -> TradeEntry:
    """A payment that nobody ever ordered, otherwise like another of the day."""
    trade = model.trade
    terms = replace(trade.terms, number=secrets.token_hex(13), amount_fen=INVENTED_FEN)
    number = f"{trade.channel_number[:-12]}{secrets.randbelow(10**12):012d}"
    trade = replace(trade, terms=terms, channel_number=number, refunded_fen=0)
    return replace(
        model,
        kind="payment",
        trade=trade,
        refund=None,
        amount_fen=INVENTED_FEN,
        fee_fen=_fee_fen(INVENTED_FEN, model.fee_ppm),
    )


def _fee_fen(amount_fen: int, fee_ppm: int) -> int:
    return (amount_fen * fee_ppm + _PPM // 2) // _PPM
