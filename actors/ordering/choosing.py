"""How the payer chooses how to pay 收银台, and chooses again 换钱包. Pure.

Before a round begins, the one before it is closed at its channel, so that nobody can pay both. A
channel that does not confirm in time holds nobody up: what is paid there all the same goes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from actors.ordering import rounds
from actors.ordering.closing import as_it_stands, confirmed
from actors.ordering.moving import happen
from actors.ordering.payment import Orders, Payment, Round
from actors.ordering.states import MOVES, Happening
from bus.decider import Decision
from bus.effects import Later, Reply
from schema.cashier import CHOICES
from schema.messages.doors import ChoosePayType
from schema.messages.ordering import BeginRound, PaymentAnswered
from schema.payments import PaymentState, Refusal
from schema.products import PRODUCTS
from schema.profiles import MerchantProfile

CLOSING_WAIT = timedelta(seconds=3)
"""A payer who has changed their mind waits no longer for a channel that does not answer."""

ROUNDS_MAX = 10
"""One digit of an attempt's number says which round it is."""

CHOOSABLE = (PaymentState.PLACED, PaymentState.PENDING, PaymentState.UNKNOWN)
"""Elsewhere a choice is under way, or there is nothing left to choose."""


def choose(orders: Orders, message: ChoosePayType, now: datetime) -> Decision:
    """A new round; or the order as it stands, where the choice changes nothing."""
    payment = orders.get(message.payment_id)
    if payment is None or payment.rounds is None:
        return _refuse(Refusal(code="payment_not_found", reason="No such payment."))
    if payment.state not in CHOOSABLE or now >= payment.expires_at:
        return Decision(effects=(as_it_stands(payment),))
    if payment.state is not PaymentState.PLACED and payment.pay_type == message.pay_type:
        return Decision(effects=(as_it_stands(payment),))
    merchant = orders.merchants.get(payment.merchant_no)
    refusal = refused(merchant, payment, message)
    if refusal is not None or merchant is None:
        return _refuse(refusal or Refusal(code="unknown_merchant", reason="No such merchant."))
    return _chosen(payment, message, merchant.rates_ppm[message.pay_type], now)


def refused(
    merchant: MerchantProfile | None, payment: Payment, message: ChoosePayType
) -> Refusal | None:
    """Why the payer can't have it so."""
    if merchant is None or merchant.status != "active":
        return Refusal(code="merchant_suspended", reason="The merchant is suspended.")
    if message.pay_type not in merchant.rates_ppm or message.pay_type not in CHOICES:
        reason = f"{message.pay_type} is not enabled for this merchant."
        return Refusal(code="pay_type_not_enabled", reason=reason, param="pay_type")
    has = {"payer_id": payment.payer_id, "client_ip": message.client_ip or payment.client_ip}
    for name in PRODUCTS[message.pay_type].needs:
        if has.get(name) is None:
            reason = f"{message.pay_type} needs {name}."
            return Refusal(code="missing_field", reason=reason, param=name)
    if len(payment.rounds or ()) >= ROUNDS_MAX:
        return Refusal(code="too_many_choices", reason=f"{ROUNDS_MAX} were made.")
    return None


def begin(orders: Orders, message: BeginRound, now: datetime) -> Decision:
    """The payer has waited; the earlier round is closed by its ladder, however long that takes."""
    payment = orders.get(message.payment_id)
    return Decision() if payment is None else _begin_if_waiting(payment, message.round_no, now)


def round_ended(
    payment: Payment, number: int, now: datetime, fields: Mapping[str, object]
) -> Decision:
    """A proof that nobody has paid this round and nobody can any more. The order goes on: its payer
    may choose again, unless somebody wants its end."""
    after = rounds.ended(payment, number)
    last = len(after.rounds or ()) - 1
    if payment.state is PaymentState.CLOSING and not rounds.is_payable(after):
        return confirmed(after, now)
    if number == last and MOVES[payment.state, Happening.RELEASED] is PaymentState.PLACED:
        shown_no_more = {"offer": None, "channel_no": None}
        return happen(after, Happening.RELEASED, now, shown_no_more | dict(fields))
    if not rounds.is_payable(after) and (begun := _begin_if_waiting(after, last, now)).changes:
        return begun
    return Decision(changes=(after,)) if after != payment else Decision()


def _chosen(payment: Payment, message: ChoosePayType, fee_rate_ppm: int, now: datetime) -> Decision:
    chosen = Round(
        pay_type=message.pay_type,
        fee_rate_ppm=fee_rate_ppm,
        client_ip=message.client_ip,
        return_url=message.return_url,
    )
    payment, wishes = rounds.ask_to_close(payment, "payer")
    moved = replace(
        payment,
        state=MOVES[payment.state, Happening.CHOSEN],
        pay_type=message.pay_type,
        fee_rate_ppm=fee_rate_ppm,
        offer=None,
        channel_no=None,
        failure=None,
        rounds=(*(payment.rounds or ()), chosen),
        updated_at=now,
    )
    number = len(payment.rounds or ())
    if not wishes:
        return rounds.begin(moved, number, now)
    last_wait = BeginRound(payment_id=payment.payment_id, round_no=number)
    later = Later(last_wait, now + CLOSING_WAIT, subject=payment.payment_id)
    return Decision(changes=(moved,), effects=(*wishes, later))


def _begin_if_waiting(payment: Payment, number: int, now: datetime) -> Decision:
    chosen = (payment.rounds or ())[number]
    is_wanted = payment.state is PaymentState.SCREENING and now < payment.expires_at
    if chosen.stage != "waiting" or not is_wanted:
        return Decision()
    return rounds.begin(payment, number, now)


def _refuse(refusal: Refusal) -> Decision:
    return Decision(effects=(Reply(PaymentAnswered(refusal=refusal)),))
