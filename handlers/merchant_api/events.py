"""`/v1/payments/{id}/events`: the time line of a payment, from what the rooms have stored.

It says when what happened and to whom it can be traced; no address, no secret, and none of the
channel's words that are not meant for merchants.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, get_args

import asyncpg
import msgspec
from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from bus.database import Pool, queries
from handlers.forms import has_form
from handlers.merchant_api.account_queries import Query
from handlers.merchant_api.answers import document
from handlers.merchant_api.authentication import Call
from handlers.merchant_api.parameters import read_query
from handlers.merchant_api.payments import no_payment
from handlers.merchant_api.problems import Problem
from handlers.merchant_api.views import known
from schema.events import Moment
from schema.payments import CloseReason, PaymentState, Refusal
from schema.text import PaymentId

SQL = queries(__file__)

EACH_MAX = 200
"""Of attempts, refunds, bookings and webhooks each: a payment that has more is a riddle, and its
parts are found by their own lists."""

EventKind = Literal[
    "placed",  # the order is stored
    "cleared",  # risk lets it through
    "refused",  # risk does not
    "routed",  # a channel was chosen
    "unroutable",  # there was none
    "channel_asked",
    "channel_answered",  # the payer can pay, or knows that he can't here
    "attempt_failed",  # surely not paid through this channel
    "attempt_closed",  # and nobody can any more
    "paid",
    "paid_late",  # after it had ended
    "failed",
    "closed",
    "refund_placed",
    "refund_succeeded",
    "refund_failed",
    "refund_abnormal",  # the money left and did not arrive
    "booked",  # on one of the merchant's accounts
    "webhook_waiting",  # made, and not delivered yet
    "webhook_delivered",
    "webhook_ended",  # without a delivery: exhausted, skipped or superseded
]

ORDER = {kind: place for place, kind in enumerate(get_args(EventKind))}
"""Of what happened at the same moment."""

PAID = ("paid", "paid_late")


class PaymentEvent(Struct, frozen=True, kw_only=True):
    """Something that happened to a payment."""

    at: Moment
    kind: EventKind
    attempt_id: str | UnsetType = UNSET
    channel_no: str | UnsetType = UNSET
    refund_id: str | UnsetType = UNSET
    notification_id: str | UnsetType = UNSET
    webhook_type: str | UnsetType = UNSET
    booking_key: str | UnsetType = UNSET
    amount_fen: int | UnsetType = UNSET
    """Of what was ordered, paid, refunded or booked; in fen, below zero where it went out."""
    close_reason: CloseReason | UnsetType = UNSET
    failure: Refusal | UnsetType = UNSET


class PaymentEvents(Struct, frozen=True, kw_only=True):
    """All that happened to a payment, oldest first."""

    payment_id: str
    state: PaymentState
    items: list[PaymentEvent]
    is_whole: bool
    """False: there is more than a time line shows."""


class Story(Struct, frozen=True, kw_only=True):
    """The rows that a time line is made of."""

    payment: asyncpg.Record
    attempts: Sequence[asyncpg.Record]
    refunds: Sequence[asyncpg.Record]
    bookings: Sequence[asyncpg.Record]
    webhooks: Sequence[asyncpg.Record]


class TimeLines:
    """Reads time lines; never another merchant's."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, merchant_no: str, payment_id: str) -> PaymentEvents | None:
        """What happened to the merchant's payment with our number."""
        payment = await self._pool.fetchrow(SQL.find_payment, merchant_no, payment_id)
        if payment is None:
            return None
        fetch, limit = self._pool.fetch, EACH_MAX + 1
        story = Story(
            payment=payment,
            attempts=await fetch(SQL.list_attempts, payment_id, limit),
            refunds=await fetch(SQL.list_payment_refunds, payment_id, limit),
            bookings=await fetch(SQL.list_bookings, payment_id, merchant_no, limit),
            webhooks=await fetch(SQL.list_webhooks, payment_id, merchant_no, limit),
        )
        parts = (story.attempts, story.refunds, story.bookings, story.webhooks)
        return PaymentEvents(
            payment_id=payment_id,
            state=PaymentState(payment["state"]),
            items=in_order(_happened(story)),
            is_whole=all(len(part) <= EACH_MAX for part in parts),
        )


class EventDoor:
    """The endpoint of time lines, for those whom the gate has let in."""

    def __init__(self, time_lines: TimeLines) -> None:
        self._time_lines = time_lines

    async def find(self, call: Call) -> web.Response | Problem:
        """What happened to one payment."""
        payment_id = call.request.match_info["payment_id"]
        if not has_form(payment_id, PaymentId):
            return no_payment(payment_id)
        query = read_query(call.request, Query)
        if isinstance(query, Problem):
            return query
        events = await self._time_lines.find(call.merchant.merchant_no, payment_id)
        return no_payment(payment_id) if events is None else document(events)


def in_order(events: Iterable[PaymentEvent]) -> list[PaymentEvent]:
    """By their times; but channels name whole seconds, by their own clocks, and what a channel did
    was never before we asked for it."""
    told = list(events)
    asked = min((each.at for each in told if each.kind == "channel_asked"), default=None)
    since = {each.refund_id: each.at for each in told if each.kind == "refund_placed"}

    def place(event: PaymentEvent) -> tuple[Moment, int]:
        cause = since.get(event.refund_id) if event.refund_id else None
        if event.kind in PAID:
            cause = asked
        return max(event.at, cause or event.at), ORDER[event.kind]

    return sorted(told, key=place)


def _happened(story: Story) -> Iterator[PaymentEvent]:
    yield from _of_payment(story.payment)
    yield from _of_decisions(story)
    for row in story.attempts[:EACH_MAX]:
        yield from _of_attempt(row)
    for row in story.refunds[:EACH_MAX]:
        yield from _of_refund(row)
    for row in story.bookings[:EACH_MAX]:
        yield PaymentEvent(
            at=row["booked_at"], kind="booked", booking_key=row["booking_key"],
            amount_fen=row["amount_fen"],
        )  # fmt: skip
    for row in story.webhooks[:EACH_MAX]:
        yield _of_webhook(row)


def _of_payment(row: asyncpg.Record) -> Iterator[PaymentEvent]:
    amount_fen, channel_no = row["amount_fen"], known(row["channel_no"])
    yield PaymentEvent(at=row["created_at"], kind="placed", amount_fen=amount_fen)
    if row["paid_at"] is not None:
        kind: EventKind = "paid_late" if row["is_late"] else "paid"
        yield PaymentEvent(
            at=row["paid_at"], kind=kind, channel_no=channel_no, amount_fen=amount_fen
        )
    elif row["state"] == PaymentState.FAILED:
        failure = known(_refusal(row["failure"]))
        yield PaymentEvent(at=row["updated_at"], kind="failed", failure=failure)
    if row["closed_at"] is not None:
        reason = known(row["close_reason"])
        yield PaymentEvent(at=row["closed_at"], kind="closed", close_reason=reason)


def _of_decisions(story: Story) -> Iterator[PaymentEvent]:
    """What risk and routing decided; their records lie with the attempt, or with the payment."""
    holders = [*story.attempts[:1], story.payment]
    records = [msgspec.json.decode(row["decisions"] or "{}") for row in holders]
    risk = _first(records, "risk")
    if (at := _moment(risk)) is not None:
        yield PaymentEvent(at=at, kind="cleared" if risk["verdict"] == "pass" else "refused")
    routing = _first(records, "routing")
    if (at := _moment(routing)) is not None:
        yield PaymentEvent(at=at, kind="routed" if routing["ranked"] else "unroutable")


def _first(records: Sequence[dict[str, Any]], room: str) -> dict[str, Any]:
    return next((record[room] for record in records if record.get(room)), {})


def _moment(record: dict[str, Any]) -> Moment | None:
    at = record.get("decided_at")
    return None if at is None else msgspec.convert(at, Moment)


def _of_attempt(row: asyncpg.Record) -> Iterator[PaymentEvent]:
    number, channel_no = row["attempt_id"], row["channel_no"]
    moments: dict[EventKind, Any] = {
        "channel_asked": row["opened_at"],
        "channel_answered": row["answered_at"],
        "attempt_failed": row["updated_at"] if row["state"] == "failed" else None,
        "attempt_closed": row["updated_at"] if row["state"] == "closed" else None,
    }
    for kind, at in moments.items():
        if at is not None:
            yield PaymentEvent(at=at, kind=kind, attempt_id=number, channel_no=channel_no)


def _of_refund(row: asyncpg.Record) -> Iterator[PaymentEvent]:
    number, amount_fen, failure = row["refund_id"], -row["amount_fen"], _refusal(row["failure"])
    yield PaymentEvent(
        at=row["created_at"], kind="refund_placed", refund_id=number, amount_fen=amount_fen
    )
    ends: dict[str, tuple[EventKind, str]] = {
        "succeeded": ("refund_succeeded", "refunded_at"),
        "failed": ("refund_failed", "updated_at"),
        "abnormal": ("refund_abnormal", "updated_at"),
    }
    if (end := ends.get(row["state"])) is not None:
        kind, moment = end
        yield PaymentEvent(
            at=row[moment], kind=kind, refund_id=number, amount_fen=amount_fen,
            failure=known(failure),
        )  # fmt: skip


def _of_webhook(row: asyncpg.Record) -> PaymentEvent:
    kinds: dict[str, EventKind] = {
        "waiting": "webhook_waiting", "delivered": "webhook_delivered",
    }  # fmt: skip
    return PaymentEvent(
        at=row["delivered_at"] or row["created_at"],
        kind=kinds.get(row["state"], "webhook_ended"),
        notification_id=row["notification_id"],
        webhook_type=row["type"],
    )


def _refusal(text: str | None) -> Refusal | None:
    return msgspec.json.decode(text, type=Refusal) if text else None
