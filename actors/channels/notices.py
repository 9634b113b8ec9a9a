"""Notices: kept as they came, opened, and heard like any other word of the channel."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from actors.channels import riddles, store
from actors.channels.attempts.attempt import Attempt, Attempts
from actors.channels.attempts.mispaid import doubts_success
from actors.channels.attempts.rules import hear_notice
from actors.channels.refunds.calls import heard
from actors.channels.refunds.repayment import Repayment, Repayments, refund_id_of
from actors.channels.talk.account import Account
from actors.channels.talk.accounts import Accounts
from bus.database import Connection
from bus.decider import Decision
from bus.logs import log
from schema import ids
from schema.channels import Notice, PaymentNotice, ProtocolError, RefundNotice
from schema.messages.contract import Message
from schema.messages.doors import ChannelNotified

NoticeKey = tuple[str, str]
"""Channel number and the channel's own id of the notice: another channel may use the same."""


class Unreadable(Struct, frozen=True, kw_only=True):
    """A notice that says nothing to us, and why."""

    reason: str


class Notices(Attempts):
    """The attempts and repayments that a batch of notices speaks of, with what each one says."""

    def __init__(
        self,
        attempts: Iterable[Attempt] = (),
        accounts: Mapping[str, Account] = {},
        opened: Mapping[NoticeKey, Notice | Unreadable] = {},
        repayments: Iterable[Repayment] = (),
    ) -> None:
        super().__init__(attempts, accounts)
        self.opened = opened
        self.repayments = Repayments(repayments)

    def put(self, row: Attempt | Repayment) -> None:
        if isinstance(row, Repayment):
            self.repayments.put(row)
        else:
            super().put(row)


async def load_notices(
    connection: Connection, messages: Sequence[Message], accounts: Accounts, now: datetime
) -> Notices:
    """Keeps the notices, opens them, and loads the attempts that they name."""
    notices = [message for message in messages if isinstance(message, ChannelNotified)]
    await store.keep_notices(connection, notices, now)
    known = await accounts.find({notice.channel_no for notice in notices})
    opened = {key_of(n): open_notice(known.get(n.channel_no), n) for n in notices}
    named = [said.number for said in opened.values() if isinstance(said, PaymentNotice)]
    refunds = [refund_id_of(s.number) for s in opened.values() if isinstance(s, RefundNotice)]
    attempts = await store.lock_attempts(connection, named) if named else []
    repayments = await store.lock_repayments(connection, refunds) if refunds else []
    return Notices(attempts, known, opened, repayments)


async def save_notices(connection: Connection, notices: Notices) -> None:
    """Writes what the notices have changed."""
    await store.save_attempts(connection, notices)
    await store.save_repayments(connection, notices.repayments)


def key_of(notice: ChannelNotified) -> NoticeKey:
    """What a notice is stored and looked up under."""
    return notice.channel_no, notice.notice_id


def open_notice(account: Account | None, notice: ChannelNotified) -> Notice | Unreadable:
    """What a notice says, or why it says nothing to us."""
    if account is None:
        return Unreadable(reason="the channel is not registered")
    try:
        return account.language.read_notice(body_of(notice))
    except (ProtocolError, ValueError) as error:
        return Unreadable(reason=str(error))


def body_of(notice: ChannelNotified) -> bytes:
    """Exactly the bytes that came."""
    if notice.encoding == "base64":
        return b64decode(notice.body, validate=True)
    return notice.body.encode()


def decide_notice(notices: Notices, message: Message, now: datetime) -> Decision:
    """What a notice makes of the attempt that it names. A notice of no use changes nothing."""
    assert isinstance(message, ChannelNotified)
    said = notices.opened[key_of(message)]
    if isinstance(said, Unreadable):
        log.warning("notice_refused", notice=message.notice_id, reason=said.reason)
        return Decision()
    match said:
        case PaymentNotice():
            return _of_payment(notices, message, said, now)
        case RefundNotice():
            return _of_refund(notices, message, said, now)
        case _:
            log.info("notice_not_awaited", notice=message.notice_id, kind=type(said).__name__)
            return Decision()


def _of_payment(
    notices: Notices, message: ChannelNotified, said: PaymentNotice, now: datetime
) -> Decision:
    attempt, account = notices.get(said.number), notices.accounts[message.channel_no]
    if attempt is None or attempt.channel_no != message.channel_no:
        log.error("notice_without_attempt", notice=message.notice_id, order=said.number)
        return Decision()
    if doubts_success(attempt, said.verdict):
        notice, number = message.notice_id, attempt.attempt_id
        riddles.note("notice_doubts_success", attempt.channel_no, notice=notice, number=number)
    return hear_notice(attempt, said.verdict, account.profile, now)


def _of_refund(
    notices: Notices, message: ChannelNotified, said: RefundNotice, now: datetime
) -> Decision:
    refund_id, ordinal = ids.refund_of(said.number)
    repayment = notices.repayments.get(refund_id)
    is_ours = repayment is not None and repayment.channel_no == message.channel_no
    if repayment is None or not is_ours or ordinal > repayment.numbers:
        log.error("notice_without_refund", notice=message.notice_id, refund=said.number)
        return Decision()
    return heard(repayment, ordinal, said.verdict, now)
