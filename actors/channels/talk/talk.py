"""Talking to a channel about one thing: a payment, a refund, a transfer or a share.

Under its number each wish is safe to repeat; still, whoever does not know what became of it asks
first, and sends only what is not there yet. Each call is measured, so that channels can be watched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec import Struct

from actors.channels.talk.account import Account
from actors.channels.talk.keyring import Keyring
from actors.channels.talk.outcomes import REFUSALS, Called, Said
from actors.channels.talk.sender import Heard, new_stamp
from bus.jobs import now_utc
from schema.channels import (
    Language,
    NotKnownThere,
    Order,
    Question,
    Refund,
    RefundVerdict,
    Share,
    ShareVerdict,
    Stamp,
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

        async def send() -> RefundVerdict:
            return await self._ask("refund", refund, lambda language: language.refund)

        async def query() -> RefundVerdict:
            return await self.query_refund(refund)

        return await (unless_known(query, send) if queries_first else send())

    async def query_refund(self, refund: Refund) -> RefundVerdict:
        """Asks how a refund stands, and sends nothing."""
        return await self._ask("query_refund", refund, lambda language: language.query_refund)

    async def transfer(self, transfer: Transfer, *, queries_first: bool) -> TransferVerdict:
        """Sends money; queries first where it may have been asked for before."""

        async def send() -> TransferVerdict:
            return await self._ask("transfer", transfer, lambda language: language.transfer)

        async def query() -> TransferVerdict:
            return await self._ask("query_transfer", transfer, lambda each: each.query_transfer)

        return await (unless_known(query, send) if queries_first else send())

    async def share(self, share: Share, *, queries_first: bool) -> ShareVerdict:
        """Shares a paid order; queries first where it may have been asked for before."""

        async def send() -> ShareVerdict:
            return await self._ask("share", share, lambda language: language.share)

        async def query() -> ShareVerdict:
            return await self._ask("query_share", share, lambda each: each.query_share)

        return await (unless_known(query, send) if queries_first else send())

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


async def unless_known(query: Callable[[], Awaitable[V]], send: Callable[[], Awaitable[V]]) -> V:
    """Sends what is not known there. A refusal is believed only where it is not known afterwards
    either: what was sent before may have been carried out meanwhile, and be why this is refused."""
    stands = await query()
    if not isinstance(stands, NotKnownThere):
        return stands
    said = await send()
    if not isinstance(said, REFUSALS):
        return said
    stands = await query()
    return said if isinstance(stands, NotKnownThere) else stands
