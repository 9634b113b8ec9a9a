"""What a channel is asked about an attempt, and in which order: never a second charge."""

from __future__ import annotations

from datetime import datetime, timedelta

from actors.channels.attempts.attempt import Attempt
from actors.channels.ladders import is_at_the_till
from actors.channels.talk.talk import Talk
from bus.jobs import now_utc
from schema.channels import NotKnownThere, Order, Paid, Pending, SurelyNotPaid, Unknown, Verdict

TAKEN_BACK = "taken_back"
"""Our own code for what was paid at the till and went back."""


async def ask_payment(talk: Talk, attempt: Attempt, wait_s: int, *, queries_first: bool) -> Verdict:
    """Has the payer asked for money, or finds out how that stands.

    At the till nobody waits for ever: what was not paid within `wait_s` is taken back, and only the
    channel's word that it is taken back proves that it surely was not paid.
    """
    order, now = order_of(attempt), now_utc()
    at_till = is_at_the_till(attempt.terms.pay_type)
    if not queries_first:
        return await talk.create(order)
    stands = await ask_how_it_stands(talk, attempt)
    if isinstance(stands, (Paid, SurelyNotPaid)):
        return stands
    if at_till and now >= attempt.opened_at + timedelta(seconds=wait_s):
        return await talk.reverse(order)
    if _may_be_sent(attempt, stands, now, at_till=at_till):
        said = await talk.create(order)
        return _of_a_repeat(said) if at_till else said
    return stands


async def ask_how_it_stands(talk: Talk, attempt: Attempt) -> Verdict:
    """How an order stands. What was paid at the till may have gone back at our wish: then nobody's
    money is there, whether or not we have heard the answer to that wish."""
    stands = await talk.query(order_of(attempt))
    is_paid = isinstance(stands, Paid)
    if is_paid and stands.is_all_back and is_at_the_till(attempt.terms.pay_type):
        words = "paid, and all of it went back"
        return SurelyNotPaid(code=TAKEN_BACK, message=words, cause="payer")
    return stands


async def ask_to_close(talk: Talk, attempt: Attempt) -> Verdict:
    """Has the order closed there, unless it was paid: first how it stands, then the close. What a
    payer shows at the till can be paid while we speak, so there it is taken back instead."""
    order = order_of(attempt)
    stands = await ask_how_it_stands(talk, attempt)
    if isinstance(stands, (Paid, SurelyNotPaid)):
        return stands
    if is_at_the_till(attempt.terms.pay_type):
        return await talk.reverse(order)
    return await talk.close(order)


def _may_be_sent(attempt: Attempt, stands: Verdict, now: datetime, *, at_till: bool) -> bool:
    """What the channel does not have, or has and we do not know how it can be paid. At the till the
    code must be at hand, and a payment that waits for its payer is not made again."""
    if attempt.offer is not None or now >= attempt.terms.expires_at:
        return False
    if at_till:
        return isinstance(stands, NotKnownThere) and attempt.terms.auth_code is not None
    return isinstance(stands, (NotKnownThere, Pending))


def _of_a_repeat(said: Verdict) -> Verdict:
    """At the till a try that came before may be under way still, with the same payment code. So the
    refusal of a repeat proves nothing: it is asked about, and taken back in the end."""
    if not isinstance(said, SurelyNotPaid):
        return said
    return Unknown(why="ambiguous", code=said.code, message=said.message, cause=said.cause)


def order_of(attempt: Attempt) -> Order:
    """The attempt as every channel understands it."""
    terms = attempt.terms
    return Order(
        number=attempt.attempt_id,
        pay_type=terms.pay_type,
        subject=terms.subject,
        amount_fen=terms.amount_fen,
        currency=terms.currency,
        opened_at=attempt.opened_at,
        expires_at=terms.expires_at,
        client_ip=terms.client_ip or "",
        payer_id=terms.payer_id or "",
        auth_code=terms.auth_code or "",
        return_url=terms.return_url or "",
    )
