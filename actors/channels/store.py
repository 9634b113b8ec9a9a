"""Channels' SQL: whole batches in, whole batches out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.channels.attempts.attempt import Attempt, Attempts, Decisions, Mispaid
from actors.channels.refunds.repayment import Repayment, Repayments
from bus.database import Connection, queries
from bus.rows import from_row, narrowed, to_rows
from schema.channels import Offer
from schema.messages.doors import ChannelNotified
from schema.payments import PaymentTerms
from schema.refunds import RefundTerms

SQL = queries(__file__)

NESTED = {
    "offer": msgspec.json.Decoder(Offer),
    "terms": msgspec.json.Decoder(PaymentTerms),
    "decisions": msgspec.json.Decoder(Decisions),
    "mispaid": msgspec.json.Decoder(Mispaid),
}


NESTED_IN_REPAYMENT = {"terms": msgspec.json.Decoder(RefundTerms)}


class AttemptChange(Struct, frozen=True, kw_only=True):
    """The key of an attempt and the columns that may change."""

    attempt_id: str
    state: str
    offer: Offer | None
    channel_trade_no: str | None
    paid_fen: int | None
    mispaid: Mispaid | None
    channel_code: str | None
    channel_message: str | None
    queries: int
    query_at: datetime | None
    answered_at: datetime | None
    paid_at: datetime | None
    updated_at: datetime


class RepaymentChange(Struct, frozen=True, kw_only=True):
    """The key of a repayment and the columns that may change."""

    refund_id: str
    state: str
    numbers: int
    number_is_spent: bool
    repaid_ordinal: int | None
    channel_refund_no: str | None
    channel_code: str | None
    channel_message: str | None
    queries: int
    query_at: datetime | None
    opened_at: datetime
    refunded_at: datetime | None
    updated_at: datetime


async def open_attempts(connection: Connection, attempts: Sequence[Attempt]) -> set[str]:
    """Stores new attempts; returns the ids of those that were not there before."""
    rows = await connection.fetch(SQL.open_attempts, _rows_of(attempts))
    return {row["attempt_id"] for row in rows}


async def last_attempts(connection: Connection, rounds: Mapping[str, str]) -> dict[str, Attempt]:
    """The newest attempt of each round; rounds are given with their payments."""
    rows = await connection.fetch(SQL.find_last_attempts, list(rounds), list(rounds.values()))
    return {row["round_no"]: from_row(row, Attempt, NESTED) for row in rows}


async def lock_attempts(connection: Connection, attempt_ids: Iterable[str]) -> list[Attempt]:
    """Attempts by id, locked in the order of their ids."""
    rows = await connection.fetch(SQL.lock_attempts, sorted(set(attempt_ids)))
    return [from_row(row, Attempt, NESTED) for row in rows]


async def save_attempts(connection: Connection, attempts: Attempts) -> None:
    """Writes what a batch has opened and changed."""
    if attempts.added:
        await connection.execute(SQL.open_attempts, _rows_of(attempts.added))
    if attempts.changed:
        changes = narrowed(attempts.changed, AttemptChange)
        await connection.execute(SQL.change_attempts, to_rows(changes))


async def open_repayments(connection: Connection, repayments: Sequence[Repayment]) -> set[str]:
    """Stores new repayments; returns the refund ids of those that were not there before."""
    rows = await connection.fetch(SQL.open_repayments, to_rows(repayments))
    return {row["refund_id"] for row in rows}


async def lock_repayments(connection: Connection, refund_ids: Iterable[str]) -> list[Repayment]:
    """Repayments by refund id, locked in the order of their ids."""
    rows = await connection.fetch(SQL.lock_repayments, sorted(set(refund_ids)))
    return [from_row(row, Repayment, NESTED_IN_REPAYMENT) for row in rows]


async def save_repayments(connection: Connection, repayments: Repayments) -> None:
    """Writes what a batch has changed."""
    if repayments.changed:
        changes = narrowed(repayments.changed, RepaymentChange)
        await connection.execute(SQL.change_repayments, to_rows(changes))


async def keep_notices(
    connection: Connection, notices: Sequence[ChannelNotified], now: datetime
) -> None:
    """Stores notices as they came, before anything in them is believed."""
    await connection.execute(
        SQL.keep_notices,
        [notice.channel_no for notice in notices],
        [notice.notice_id for notice in notices],
        [notice.body for notice in notices],
        [notice.encoding for notice in notices],
        [now] * len(notices),
    )


async def postpone_queries(
    connection: Connection, now: datetime, limit: int
) -> list[tuple[str, str, str]]:
    """Attempts that are due to be asked about: id, channel and payment. Nobody else gets them."""
    rows = await connection.fetch(SQL.postpone_queries, now, limit)
    return [(row["attempt_id"], row["channel_no"], row["payment_id"]) for row in rows]


async def postpone_refund_queries(
    connection: Connection, now: datetime, limit: int
) -> list[tuple[str, str, str]]:
    """Repayments that are due to be asked about: refund, channel and payment."""
    rows = await connection.fetch(SQL.postpone_refund_queries, now, limit)
    return [(row["refund_id"], row["channel_no"], row["payment_id"]) for row in rows]


def _rows_of(attempts: Sequence[Attempt]) -> str:
    """New attempts as rows. What a payer shows at the till is not stored: it is good for a minute,
    and whoever asks the channel in that minute has it from the message."""
    return to_rows([_without_code(attempt) for attempt in attempts])


def _without_code(attempt: Attempt) -> Attempt:
    if attempt.terms.auth_code is None:
        return attempt
    return replace(attempt, terms=replace(attempt.terms, auth_code=None))
