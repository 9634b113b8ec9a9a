"""The rules of accounting at a desk: accounts appear on first use, and each decision is kept."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any

from msgspec.structs import asdict

from actors.accounting.account import Account
from actors.accounting.chart import KINDS, AccountKey
from actors.accounting.decisions import decide
from actors.accounting.ledger import Ledger
from actors.accounting.needs import needs_of
from actors.accounting.postings import suspense_of
from actors.accounting.rates import Rate
from bus.effects import Effect, Publish, Reply
from schema.bookings import Booked, Refund, Trade, Withdrawal
from schema.ids import account_no
from schema.messages.accounting import AccountingAnswered, PostBooking
from schema.messages.contract import Message
from tests.examples import CHANNEL_NO, MERCHANT_NO, NOW, PAYMENT_ID

AGENT_NO = "agent_7"
SIGNED = {"operator": "lin", "reason": "asked for"}


class Desk:
    """One shard's books in memory."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.effects: list[Effect] = []
        self._next_id = count(1)

    def hear(self, message: Message, now: datetime = NOW) -> AccountingAnswered:
        """What is answered; an empty answer where nobody waits for one."""
        self._open(message)
        decision = decide(self.ledger, message, now)
        for change in decision.changes:
            self.ledger.put(change)
        self.effects = list(decision.effects)
        answers = [e.message for e in decision.effects if isinstance(e, Reply)]
        return answers[0] if answers else AccountingAnswered()  # type: ignore[return-value]

    def book(self, wish: Booked, now: datetime = NOW) -> AccountingAnswered:
        return self.hear(PostBooking(wish=wish), now)

    def refusal(self, message: Message | Booked, now: datetime = NOW) -> str:
        """The code with which it is refused; nothing at all has changed then."""
        before = self.picture()
        asked = message if isinstance(message, Message) else PostBooking(wish=message)
        answer = self.hear(asked, now)
        assert answer.refusal is not None and answer.booking is None
        assert self.picture() == before
        return answer.refusal.code

    def picture(self) -> tuple[Any, ...]:
        """Everything that a decision may change."""
        ledger = self.ledger
        books = (ledger.holds, ledger.payouts, ledger.trades, ledger.adjustments, ledger.changes)
        papers = tuple(tuple(book) for book in (*books, ledger.rates, ledger.alarms))
        moved = {a.account_id: a for a in ledger.accounts if a.serial or a.state != "available"}
        return moved, list(ledger.entries), papers

    def balances(self) -> dict[tuple[str, str], int]:
        """What is not zero, by account and owner."""
        return {
            (f"{a.role}.{a.kind}", a.owner): a.balance_fen
            for a in self.ledger.accounts
            if a.balance_fen
        }

    def account(self, kind: str = "payable", owner: str = MERCHANT_NO) -> Account:
        """An account of a merchant, or of whoever else has one of this kind."""
        (found,) = (a for a in self.ledger.accounts if (a.kind, a.owner) == (kind, owner))
        return found

    def keep(self, **changes: Any) -> None:
        """Keeps the merchant's payable account in another way from now on."""
        self._open(PostBooking(wish=a_trade()))
        fields = {name: getattr(self.account(), name) for name in Account.__struct_fields__}
        self.ledger.put(Account(**fields | changes))

    def price(self, rate: Rate) -> None:
        self.ledger.put(rate)

    def publishes(self) -> list[Message]:
        return [e.message for e in self.effects if isinstance(e, Publish)]

    def _open(self, message: Message) -> None:
        needs = needs_of([message])
        suspense = (suspense_of(key) for key in needs.facts)
        for key in {*needs.keys, *filter(None, suspense)} - self.ledger.ids.keys():
            account = an_account(next(self._next_id), key)
            self.ledger.lay_out([account], {account.account_id: 0})


def an_account(account_id: int, key: AccountKey, **differences: Any) -> Account:
    """A new account as the chart has it."""
    kind = KINDS[key.role, key.kind]
    usual: dict[str, Any] = {
        "account_id": account_id,
        "account_no": account_no(kind.code, NOW.date(), account_id, key.owner),
        "floor_fen": kind.floor_fen,
        "moved_at": NOW,
        **asdict(key),
    }
    return Account(**usual | differences)


def a_trade(no: str = PAYMENT_ID, **differences: Any) -> Trade:
    """Ten yuan, a fee of six fen, three of which the channel keeps."""
    usual: dict[str, Any] = {
        "merchant_no": MERCHANT_NO,
        "channel_no": CHANNEL_NO,
        "funds_flow": "platform",
        "amount_fen": 1_000,
        "fee_fen": 6,
        "rate_ppm": 6_000,
        "cost_fen": 3,
        "pay_type": "wechat_native",
    }
    return Trade(no=no, **usual | differences)


def a_refund(no: str = "r1", amount_fen: int = 400, **differences: Any) -> Refund:
    """Four yuan of that trade."""
    usual: dict[str, Any] = {
        "payment_id": PAYMENT_ID,
        "merchant_no": MERCHANT_NO,
        "channel_no": CHANNEL_NO,
        "funds_flow": "platform",
    }
    return Refund(no=no, amount_fen=amount_fen, **usual | differences)


def a_withdrawal(no: str = "w1", amount_fen: int = 500, **differences: Any) -> Withdrawal:
    """Five yuan, free of charge."""
    return Withdrawal(no=no, owner=MERCHANT_NO, amount_fen=amount_fen, **differences)
