"""Notices of channels on a real database: stored first, believed after, and never about others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from actors.channels.actor import notices
from actors.channels.attempts.attempt import Attempt, AttemptState
from actors.channels.talk.accounts import Accounts
from bus.database import Pool
from bus.directory import Directory
from bus.effects import Publish
from bus.vault import Vault
from schema.channels.wechat import SimulatorAccount, SimulatorKeys, Transaction
from schema.channels.wechat.documents import Payer, TransactionAmount, china_time
from schema.channels.wechat.platform import sealed_notice
from schema.messages.channels import AttemptMispaid, AttemptSucceeded
from schema.messages.contract import Message
from schema.messages.doors import ChannelNotified
from tests.actors.attempts import a_sealed_channel, add, new_attempts, stored
from tests.actors.conftest import BothEnds
from tests.actors.profiles import register
from tests.examples import NOW, PASSED, TRADE_NO


class Letterbox:
    """Where notices of a channel arrive, and the room that reads them."""

    def __init__(self, pool: Pool, accounts: Accounts, account: SimulatorAccount) -> None:
        self.pool = pool
        self.decider = notices(accounts)
        self._account = account
        self.channel_no = ""

    async def read(self, *arrived: ChannelNotified) -> list[Message]:
        """What the room says after a batch of notices."""
        assert self.decider.save is not None
        said: list[Message] = []
        async with self.pool.acquire() as connection, connection.transaction():
            book = await self.decider.load(connection, arrived)
            for notice in arrived:
                decision = self.decider.decide(book, notice, NOW)
                for change in decision.changes:
                    book.put(change)
                said += [e.message for e in decision.effects if isinstance(e, Publish)]
            await self.decider.save(connection, book)
        return said

    def notice(self, attempt: Attempt, **differences: Any) -> ChannelNotified:
        """What the channel would write when this attempt is paid."""
        transaction = replace(a_transaction(self._account, attempt), **differences)
        notice_id = os.urandom(16).hex()
        body = sealed_notice(
            SimulatorKeys.of(self._account),
            transaction,
            notice_id=notice_id,
            created_at=NOW,
            seal_nonce=os.urandom(6).hex(),
        )
        return ChannelNotified(channel_no=self.channel_no, notice_id=notice_id, body=body.decode())

    async def attempt(self, **differences: Any) -> Attempt:
        """An attempt at this channel that waits for its payer."""
        usual = {"channel_no": self.channel_no, "state": AttemptState.PENDING}
        (attempt,) = new_attempts(1, **usual | differences)
        await add(self.pool, [attempt])
        return attempt

    async def state(self, attempt: Attempt) -> AttemptState:
        (now,) = await stored(self.pool, attempt.attempt_id)
        return now.state


def a_transaction(account: SimulatorAccount, attempt: Attempt) -> Transaction:
    return Transaction(
        appid=account.appid,
        mchid=account.mchid,
        out_trade_no=attempt.attempt_id,
        trade_state="SUCCESS",
        trade_state_desc="支付成功",
        transaction_id=TRADE_NO,
        trade_type="NATIVE",
        bank_type="OTHERS",
        success_time=china_time(NOW),
        payer=Payer(openid="oTomatoSimulatorPayer0000001"),
        amount=TransactionAmount(total=1_000, payer_total=1_000),
    )


@pytest.fixture
async def letterboxes(
    pool: Pool, directory: Directory, vault: Vault, both_ends: BothEnds
) -> Sequence[Letterbox]:
    """Two channels of the same merchant account."""
    accounts = Accounts(directory, vault)
    boxes = [Letterbox(pool, accounts, both_ends[1]) for _ in range(2)]
    for box in boxes:
        channel = a_sealed_channel(vault, both_ends[0])
        await register(pool, channel)
        box.channel_no = channel.channel_no
    return boxes


@pytest.fixture
def letterbox(letterboxes: Sequence[Letterbox]) -> Letterbox:
    return letterboxes[0]


async def test_a_notice_of_the_money_makes_the_attempt_succeed(letterbox: Letterbox) -> None:
    attempt = await letterbox.attempt()
    said = await letterbox.read(letterbox.notice(attempt))
    assert said == [
        AttemptSucceeded(
            payment_id=attempt.payment_id,
            attempt_id=attempt.attempt_id,
            channel_no=letterbox.channel_no,
            channel_trade_no=TRADE_NO,
            amount_fen=1_000,
            funds_flow="direct",
            paid_at=NOW,
            risk=PASSED,
        )
    ]
    assert await letterbox.state(attempt) is AttemptState.SUCCEEDED


async def test_a_notice_that_is_repeated_changes_nothing(letterbox: Letterbox) -> None:
    attempt = await letterbox.attempt()
    notice = letterbox.notice(attempt)
    said = await letterbox.read(notice, notice, letterbox.notice(attempt))
    assert len(said) == 1
    assert await letterbox.read(notice) == []


async def test_a_notice_of_a_wrong_amount_leaves_the_attempt_open(letterbox: Letterbox) -> None:
    attempt = await letterbox.attempt()
    wrong = TransactionAmount(total=999, payer_total=999)
    (told,) = await letterbox.read(letterbox.notice(attempt, amount=wrong))
    assert isinstance(told, AttemptMispaid) and (told.asked_fen, told.paid_fen) == (1_000, 999)
    assert await letterbox.state(attempt) is AttemptState.PENDING


async def test_a_notice_about_an_order_that_is_not_ours_changes_nothing(
    letterbox: Letterbox,
) -> None:
    attempt = await letterbox.attempt()
    assert await letterbox.read(letterbox.notice(attempt, out_trade_no="somebody0else01")) == []
    assert await letterbox.state(attempt) is AttemptState.PENDING


@pytest.mark.parametrize("other", [{"mchid": "1900000009"}, {"appid": "wx0000000000000009"}])
async def test_a_notice_about_another_merchant_or_app_changes_nothing(
    letterbox: Letterbox, other: dict[str, str]
) -> None:
    attempt = await letterbox.attempt()
    assert await letterbox.read(letterbox.notice(attempt, **other)) == []
    assert await letterbox.state(attempt) is AttemptState.PENDING


async def test_a_channel_has_no_say_about_another_channels_attempt(
    letterboxes: Sequence[Letterbox],
) -> None:
    mine, other = letterboxes
    attempt = await mine.attempt()
    assert await other.read(other.notice(attempt)) == []
    assert await mine.state(attempt) is AttemptState.PENDING


async def test_two_channels_that_use_the_same_id_are_both_heard(
    letterboxes: Sequence[Letterbox],
) -> None:
    boxes = list(letterboxes)
    attempts = [await box.attempt() for box in boxes]
    first, second = [box.notice(a) for box, a in zip(boxes, attempts, strict=True)]
    said = await boxes[0].read(first, replace(second, notice_id=first.notice_id))
    assert len(said) == 2
    assert [await boxes[0].state(attempt) for attempt in attempts] == [AttemptState.SUCCEEDED] * 2


@pytest.mark.parametrize("body", ["", "no json", '{"id":"1"}'])
async def test_what_nobody_can_read_is_kept_and_changes_nothing(
    letterbox: Letterbox, body: str
) -> None:
    notice_id = os.urandom(16).hex()
    notice = ChannelNotified(channel_no=letterbox.channel_no, notice_id=notice_id, body=body)
    assert await letterbox.read(notice) == []
    kept = "SELECT body FROM channels.notice WHERE notice_id = $1"
    assert await letterbox.pool.fetchval(kept, notice_id) == body


async def test_a_notice_for_a_channel_that_is_not_registered_is_kept(letterbox: Letterbox) -> None:
    attempt = await letterbox.attempt()
    stray = replace(letterbox.notice(attempt), channel_no="wechat_nobody")
    assert await letterbox.read(stray) == []
    assert await letterbox.state(attempt) is AttemptState.PENDING
