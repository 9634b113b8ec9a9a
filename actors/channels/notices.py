"""Notices: kept as they came, opened, and heard like any other word of the channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from actors.channels import store
from actors.channels.accounts import Accounts
from actors.channels.attempt import Account, Attempt, Attempts
from actors.channels.rules import hear
from bus.database import Connection
from bus.decider import Decision
from bus.logs import log
from schema.channels.wechat import (
    NoticeRefused,
    Transaction,
    decrypt_notice,
    read_notice,
    verdict_of,
)
from schema.messages.contract import Message
from schema.messages.doors import ChannelNotified

NoticeKey = tuple[str, str]
"""Channel number and the channel's own id of the notice: another channel may use the same."""


class Notices(Attempts):
    """The attempts that a batch of notices speaks of, with what each notice says."""

    def __init__(
        self,
        attempts: Iterable[Attempt] = (),
        accounts: Mapping[str, Account] = {},
        opened: Mapping[NoticeKey, Transaction | NoticeRefused] = {},
    ) -> None:
        super().__init__(attempts, accounts)
        self.opened = opened


async def load_notices(
    connection: Connection, messages: Sequence[Message], accounts: Accounts, now: datetime
) -> Notices:
    """Keeps the notices, opens them, and loads the attempts that they name."""
    notices = [message for message in messages if isinstance(message, ChannelNotified)]
    await store.keep_notices(connection, notices, now)
    known = await accounts.find({notice.channel_no for notice in notices})
    opened = {key_of(n): open_notice(known.get(n.channel_no), n) for n in notices}
    named = [said.out_trade_no for said in opened.values() if isinstance(said, Transaction)]
    return Notices(await store.lock_attempts(connection, named), known, opened)


def key_of(notice: ChannelNotified) -> NoticeKey:
    """What a notice is stored and looked up under."""
    return notice.channel_no, notice.notice_id


def open_notice(account: Account | None, notice: ChannelNotified) -> Transaction | NoticeRefused:
    """What a notice says, or why it says nothing to us."""
    if account is None:
        return NoticeRefused(reason="the channel is not registered")
    document = read_notice(notice.body.encode())
    if isinstance(document, NoticeRefused):
        return document
    return decrypt_notice(account.keys, document)


def decide_notice(notices: Notices, message: Message, now: datetime) -> Decision:
    """What a notice makes of the attempt that it names. A notice of no use changes nothing."""
    assert isinstance(message, ChannelNotified)
    said = notices.opened[key_of(message)]
    if isinstance(said, NoticeRefused):
        log.warning("notice_refused", notice=message.notice_id, reason=said.reason)
        return Decision()
    attempt, account = notices.get(said.out_trade_no), notices.accounts[message.channel_no]
    if attempt is None or attempt.channel_no != message.channel_no:
        log.error("notice_without_attempt", notice=message.notice_id, order=said.out_trade_no)
        return Decision()
    return hear(attempt, verdict_of(account.keys, said), account.profile, now)
