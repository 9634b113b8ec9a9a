"""The table of events: which facts merchants are told, and what of them.

A fact that shall be told needs one line here, and its type in `schema/webhooks.py`.

Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from schema.messages.accounting import (
    LedgerBroken,
    PayoutHasArrived,
    PayoutHasReturned,
    PayoutView,
)
from schema.messages.contract import Message, contract_of
from schema.messages.notification import AlarmUnheard
from schema.messages.ordering import (
    PaymentClosed,
    PaymentFailed,
    PaymentLatePaid,
    PaymentSucceeded,
    RefundAbnormal,
    RefundFailed,
    RefundSucceeded,
)

D = TypeVar("D")

NOBODY = ""
"""The number of no merchant: agents, channels and we ourselves have no webhooks."""


class AlarmTold(Struct, frozen=True, kw_only=True):
    """What an owner hears when a proof of his account fails."""

    alarm_no: str
    account_no: str
    payouts_are_stopped: bool = True


class WebhookBody(Struct, Generic[D], frozen=True, kw_only=True):
    """What a merchant receives (https://www.standardwebhooks.com, payload structure)."""

    type: str
    timestamp: datetime
    data: D


class Told(Struct, frozen=True, kw_only=True):
    """What a fact says to its merchant."""

    merchant_no: str
    subject: str
    """What it belongs to: an endpoint may want to hear in order what belongs together."""
    type: str
    data: Any
    about: str = ""
    """What it is about, where one subject may have several of its type: refunds of a payment."""
    notify_url: str | None = None
    """Where the order wants it told, beside the merchant's endpoints."""
    unheard: Message | None = None
    """What operators are told where there is nobody to tell it to."""

    def body(self, now: datetime) -> str:
        """The bytes that are signed and sent, in every try the same."""
        body = WebhookBody(type=self.type, timestamp=now, data=self.data)
        return msgspec.json.encode(body).decode()


def told(fact: Message) -> Told:
    """What this fact says to its merchant."""
    return TELLS[type(fact)](fact)


def _payment(fact: PaymentSucceeded | PaymentFailed | PaymentClosed) -> Told:
    return Told(
        merchant_no=fact.payment.merchant_no,
        subject=fact.payment.id,
        type=contract_of(fact).name,
        data=fact.payment,
        notify_url=fact.notify_url,
    )


def _refund(fact: RefundSucceeded | RefundFailed | RefundAbnormal) -> Told:
    return Told(
        merchant_no=fact.refund.merchant_no,
        subject=fact.refund.payment_id,
        about=fact.refund.id,
        type=contract_of(fact).name,
        data=fact.refund,
        notify_url=fact.notify_url,
    )


def _payout(fact: PayoutHasArrived | PayoutHasReturned) -> Told:
    """To a merchant a settlement that comes back has failed: the money is in his balance."""
    payout, is_back = fact.payout, isinstance(fact, PayoutHasReturned)
    if payout.kind == "settlement":
        type = "settlement.failed" if is_back else "settlement.completed"
    else:
        type = "payout.returned" if is_back else "payout.succeeded"
    return Told(merchant_no=_merchant(payout), subject=payout.payout_no, type=type, data=payout)


def _alarm(fact: LedgerBroken) -> Told:
    """What was found is for those who can mend it; the owner hears that his payouts are stopped."""
    data = AlarmTold(alarm_no=fact.alarm_no, account_no=fact.account_no)
    unheard = AlarmUnheard(
        alarm_no=fact.alarm_no,
        check_name=fact.check_name,
        role=fact.role,
        owner=fact.owner,
        account_no=fact.account_no,
    )
    return Told(
        merchant_no=_merchant(fact),
        subject=fact.alarm_no,
        type="account.alarmed",
        data=data,
        unheard=unheard,
    )


def _merchant(whose: PayoutView | LedgerBroken) -> str:
    """The merchant who owns it; nobody where it is an agent's, a channel's, or ours."""
    return whose.owner if whose.role == "merchant" else NOBODY


TELLS: dict[type[Message], Callable[[Any], Told]] = {
    PaymentSucceeded: _payment,
    PaymentLatePaid: _payment,
    PaymentFailed: _payment,
    PaymentClosed: _payment,
    RefundSucceeded: _refund,
    RefundFailed: _refund,
    RefundAbnormal: _refund,
    PayoutHasArrived: _payout,
    PayoutHasReturned: _payout,
    LedgerBroken: _alarm,
}
