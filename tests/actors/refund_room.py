"""The room that has a channel give money back, beat by beat, and the channel beside it."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec

from actors.channels import store
from actors.channels.actor import notices
from actors.channels.refunds.calls import (
    RefundAnswer,
    RefundTicket,
    ask_refund,
    open_refunds,
    record_refunds,
)
from actors.channels.refunds.repayment import Repayment, RepaymentState
from actors.channels.talk.accounts import Accounts
from bus.caller import Recorded
from bus.database import Pool
from bus.directory import Directory
from bus.effects import Publish
from bus.jobs import now_utc
from bus.vault import Vault
from handlers.simulator.wechat.words import refund_of
from handlers.simulator.world import Refund, RefundState
from schema import ids
from schema.channels.language import Protocols
from schema.channels.wechat.platform import sealed_notice
from schema.messages.channels import (
    QueryRepayment,
)
from schema.messages.contract import Message
from schema.messages.doors import ChannelNotified, RepeatRepayment
from schema.messages.ordering import Repay
from schema.refunds import RefundTerms
from tests.actors.attempts import new_payment_id
from tests.actors.profiles import new_channel_no, register
from tests.actors.test_channels_money import USUAL, a_paid_order
from tests.channels import Corner, a_corner
from tests.examples import MERCHANT_NO, NOW, a_channel
from tests.waiting import at_last

OPENED, PENDING, SUCCEEDED, FAILED = (
    RepaymentState.OPENED, RepaymentState.PENDING, RepaymentState.SUCCEEDED, RepaymentState.FAILED,
)  # fmt: skip


@dataclass
class Room:
    """The room that has one channel give back one refund, beat by beat."""

    pool: Pool
    corner: Corner
    accounts: Accounts
    terms: RefundTerms

    @property
    def repay(self) -> Repay:
        return Repay(terms=self.terms)

    @property
    def repeat(self) -> RepeatRepayment:
        return RepeatRepayment(refund_id=self.terms.refund_id)

    @property
    def query(self) -> QueryRepayment:
        return QueryRepayment(refund_id=self.terms.refund_id, channel_no=self.terms.channel_no)

    async def open(self, message: Message) -> RefundTicket | None:
        async with self.pool.acquire() as connection, connection.transaction():
            (ticket,) = await open_refunds(connection, [message], self.accounts, now_utc())
            return ticket

    async def opened(self, message: Message) -> RefundTicket:
        ticket = await self.open(message)
        assert ticket is not None
        return ticket

    async def ask(self, ticket: RefundTicket) -> RefundAnswer:
        return await ask_refund(self.corner.keyring, ticket)

    async def record(self, ticket: RefundTicket, answer: RefundAnswer) -> Recorded[RefundTicket]:
        async with self.pool.acquire() as connection, connection.transaction():
            (recorded,) = await record_refunds(connection, [(ticket, answer)], now_utc())
            return recorded

    async def go_on(self, ticket: RefundTicket | None) -> list[Message]:
        """Calls and records until nothing is left; returns what was said, but for calls."""
        while ticket is not None:
            recorded = await self.record(ticket, await self.ask(ticket))
            ticket = recorded.again
            if ticket is None:
                return said(recorded)
        return []

    async def hear(self, message: Message) -> list[Message]:
        """All three beats of a message, undisturbed."""
        return await self.go_on(await self.open(message))

    async def read(self, *arrived: ChannelNotified) -> list[Message]:
        """What a batch of notices makes the room say."""
        decider, told = notices(self.accounts), list[Message]()
        assert decider.save is not None
        async with self.pool.acquire() as connection, connection.transaction():
            book = await decider.load(connection, arrived)
            for notice in arrived:
                decision = decider.decide(book, notice, now_utc())
                for change in decision.changes:
                    book.put(change)
                told += [e.message for e in decision.effects if isinstance(e, Publish)]
            await decider.save(connection, book)
        return told

    async def repayment(self) -> Repayment:
        async with self.pool.acquire() as connection, connection.transaction():
            (repayment,) = await store.lock_repayments(connection, [self.terms.refund_id])
            return repayment

    async def stands(self) -> tuple[RepaymentState, int, bool]:
        """State, how many numbers, and whether the last one is spent."""
        now = await self.repayment()
        return now.state, now.numbers, now.number_is_spent

    async def is_refused(self) -> None:
        """The channel takes the refund and closes it; we hear of that."""
        self.corner.trouble("refund", "ends_closed")
        await self.hear(self.repay)
        await self.ended(1)
        await self.hear(self.query)
        assert await self.stands() == (FAILED, 1, True)

    async def ended(self, ordinal: int) -> None:
        """The channel has ended the refund of that number."""

        async def has_ended() -> bool:
            return self.there[ordinal].refunded_at is not None

        assert await at_last(has_ended)

    @property
    def there(self) -> dict[int, Refund]:
        """What the channel has of the refund, by its numbers there."""
        world, key = self.corner.simulator.world, (self.corner.protocol, self.corner.account_no)
        known = world.merchants[key].refunds.values()
        of_ours = {ids.refund_of(each.number): each for each in known}
        return {n: each for (refund, n), each in of_ours.items() if refund == self.terms.refund_id}

    @property
    def refunded_fen(self) -> int:
        return self.corner.refunded_fen(self.terms.attempt_id)

    def notice(self, ordinal: int, state: RefundState) -> ChannelNotified:
        """What the channel would write of that number in that state."""
        about, number = self.there[ordinal], os.urandom(16).hex()
        about.state, was = state, about.state
        word = {RefundState.REFUNDED: "SUCCESS", RefundState.CLOSED: "CLOSED"}[state]
        keys = self.corner.simulator.world.merchants["wechat", self.corner.account_no].keys
        body = sealed_notice(
            keys, refund_of(about, is_notice=True), notice_id=number, created_at=now_utc(),
            seal_nonce=os.urandom(6).hex(), event=f"REFUND.{word}",
        )  # fmt: skip
        about.state = was
        channel_no = self.terms.channel_no
        return ChannelNotified(channel_no=channel_no, notice_id=number, body=body.decode())


def said(recorded: Recorded[RefundTicket]) -> list[Message]:
    told = [effect.message for effect in recorded.effects if isinstance(effect, Publish)]
    return [message for message in told if not hasattr(message, "operation")]


@asynccontextmanager
async def a_room(
    pool: Pool, directory: Directory, vault: Vault, protocol: Protocols
) -> AsyncGenerator[Room]:
    """Ten yuan that were paid late, of which all is to go back by itself."""
    accounts, channel_no = Accounts(directory, vault), new_channel_no()
    async with a_corner(accounts, protocol) as corner:
        corner.simulator.world.clock.hurry(1_000)
        sealed = vault.seal(msgspec.json.encode(corner.ours), f"channel:{channel_no}")
        channel = a_channel(protocol=protocol, channel_no=channel_no, account=sealed)
        await register(pool, channel)
        order_number, paid = await a_paid_order(corner)
        payment_id = new_payment_id()
        terms = RefundTerms(
            refund_id=f"ref_{payment_id.removeprefix('pay_')}",
            kind="late",
            payment_id=payment_id,
            attempt_id=order_number,
            merchant_no=MERCHANT_NO,
            channel_no=channel_no,
            channel_trade_no=paid.channel_payment_id,
            funds_flow="platform",
            pay_type=USUAL[protocol],
            refund_fen=1_000,
            paid_fen=1_000,
            currency="CNY",
            opened_at=NOW,
            paid_at=NOW,
        )
        yield Room(pool, corner, accounts, terms)
