"""What is asked of a channel, and in which order: for attempts, refunds, transfers and shares.

Under its number each wish is safe to repeat; still, whoever does not know what became of it asks
first, and sends only what is not there yet. Each call is measured, so that channels can be watched.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec import Struct

from actors.channels.attempt import Account, Attempt
from actors.channels.keyring import Keyring
from actors.channels.ladders import is_at_the_till
from actors.channels.outcomes import Called, Said
from actors.channels.sender import Heard, new_stamp
from bus.jobs import now_utc
from schema.channels import (
    Language,
    NotKnownThere,
    Order,
    Paid,
    Pending,
    Question,
    Refund,
    RefundVerdict,
    Share,
    ShareVerdict,
    Stamp,
    SurelyNotPaid,
    Transfer,
    TransferVerdict,
    Unknown,
    Verdict,
)
from schema.messages.channels import CallOperation

W = TypeVar("W", bound=Struct)
V = TypeVar("V", bound=Said)

Say = Callable[[W, Stamp], Question[V] | V]
"""One of a language's methods."""


class Talk:
    """Speaks with one account about one thing, and keeps what each call was like."""

    def __init__(self, keyring: Keyring, account: Account) -> None:
        self._keyring = keyring
        self._account = account
        self.calls: list[Called] = []

    async def create(self, order: Order) -> Verdict:
        return await self._ask("create", order, lambda language: language.create)

    async def query(self, order: Order) -> Verdict:
        return await self._ask("query", order, lambda language: language.query)

    async def close(self, order: Order) -> Verdict:
        return await self._ask("close", order, lambda language: language.close)

    async def reverse(self, order: Order) -> Verdict:
        return await self._ask("reverse", order, lambda language: language.reverse)

    async def refund(self, refund: Refund, *, queries_first: bool) -> RefundVerdict:
        """Gives money back; queries first where it may have been asked for before."""
        if queries_first:
            stands = await self._ask("query_refund", refund, lambda each: each.query_refund)
            if not isinstance(stands, NotKnownThere):
                return stands
        return await self._ask("refund", refund, lambda language: language.refund)

    async def transfer(self, transfer: Transfer, *, queries_first: bool) -> TransferVerdict:
        """Sends money; queries first where it may have been asked for before."""
        if queries_first:
            stands = await self._ask("query_transfer", transfer, lambda each: each.query_transfer)
            if not isinstance(stands, NotKnownThere):
                return stands
        return await self._ask("transfer", transfer, lambda language: language.transfer)

    async def share(self, share: Share, *, queries_first: bool) -> ShareVerdict:
        """Shares a paid order; queries first where it may have been asked for before."""
        if queries_first:
            stands = await self._ask("query_share", share, lambda each: each.query_share)
            if not isinstance(stands, NotKnownThere):
                return stands
        return await self._ask("share", share, lambda language: language.share)

    async def _ask(
        self, operation: CallOperation, wish: W, method: Callable[[Language], Say[W, V]]
    ) -> V | Unknown:
        """One call; once more where its answer was signed with a key that is newly known by then.
        All that is asked here is safe to repeat."""
        language = await self._keyring.newest(self._account)
        verdict = await self._once(operation, language, wish, method)
        if isinstance(verdict, Unknown) and verdict.why == "bad_signature":
            renewed = await self._keyring.newer(self._account)
            if renewed is not None:
                return await self._once(operation, renewed, wish, method)
        return verdict

    async def _once(
        self,
        operation: CallOperation,
        language: Language,
        wish: W,
        method: Callable[[Language], Say[W, V]],
    ) -> V | Unknown:
        called_at, question = now_utc(), method(language)(wish, new_stamp())
        heard: Heard[V | Unknown] = await self._keyring.sender.ask(language.base_url, question)
        if heard.was_asked:
            self.calls.append(Called(operation, called_at, heard.cost_ms, heard.verdict))
        return heard.verdict


async def ask_payment(talk: Talk, attempt: Attempt, wait_s: int, *, queries_first: bool) -> Verdict:
    """Has the payer asked for money, or finds out how that stands.

    At the till nobody waits for ever: what was not paid within `wait_s` is taken back, and only the
    channel's word that it is taken back proves that it surely was not paid.
    """
    order, now = order_of(attempt), now_utc()
    at_till = is_at_the_till(attempt.terms.pay_type)
    if not queries_first:
        return await talk.create(order)
    stands = await talk.query(order)
    if isinstance(stands, (Paid, SurelyNotPaid)):
        return stands
    if at_till and now >= attempt.opened_at + timedelta(seconds=wait_s):
        return await talk.reverse(order)
    if _may_be_sent(attempt, stands, now, at_till=at_till):
        return await talk.create(order)
    return stands


async def ask_to_close(talk: Talk, attempt: Attempt) -> Verdict:
    """Has the order closed there, unless it was paid: first how it stands, then the close. What a
    payer shows at the till can be paid while we speak, so there it is taken back instead."""
    order = order_of(attempt)
    stands = await talk.query(order)
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
