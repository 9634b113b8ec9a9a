"""Which try is made, and what one try makes of its notification and of the endpoint.

Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from actors.notification import endpoint as ends
from actors.notification.endpoint import Endpoint
from actors.notification.health import Verdict
from actors.notification.notification import (
    Answer,
    Notification,
    NotificationState,
    Try,
    deliver,
    next_wish,
)
from actors.notification.retries import ladder_of, next_at
from bus.effects import Bury, Effect, Publish
from schema.messages.contract import Message
from schema.messages.notification import (
    NotificationExhausted,
    WebhookEndpointDisabled,
    WebhookEndpointFailing,
)
from schema.webhooks import Acknowledgement

CLAIM_MARGIN_S = 5
"""Beyond the deadline of a try: for waiting at our own limits, and for the commit."""

RETRIED_FROM = (NotificationState.WAITING, NotificationState.EXHAUSTED)
"""An exhausted one is tried once more when its dead letter is replayed, and only then: nobody else
has a wish with the next number."""


class Opening(Struct, frozen=True, kw_only=True):
    """What becomes of a wish: a changed row if any, and whether its try is ours to make.

    `waits` means that somebody else is making this very try: it is ours if he dies of it.
    """

    row: Notification | None = None
    is_ours: bool = False
    waits: bool = False


NOTHING = Opening()


def opening(
    row: Notification,
    attempt: int,
    endpoint: Endpoint | None,
    siblings: Iterable[Notification],
    now: datetime,
) -> Opening:
    """Whether the try with this number may be made now. `siblings` are the open notifications of
    the same thing for the same endpoint."""
    if not is_due_next(row, attempt):
        return NOTHING
    row = replace(row, is_kept_back=False)  # its lane has it, whatever became of who told it
    if row.endpoint_id is not None and (endpoint is None or not endpoint.is_enabled):
        return Opening(row=_ended(row, NotificationState.SKIPPED))
    if endpoint is not None and endpoint.terms.latest_only and _is_newer(siblings, row):
        return Opening(row=_ended(row, NotificationState.SUPERSEDED))
    if row.claimed_until is not None and row.claimed_until > now:
        return Opening(row=row, waits=True)
    if endpoint is not None and endpoint.terms.in_order and _is_older(siblings, row):
        return Opening(row=replace(row, due_at=None))
    return Opening(row=replace(row, claimed_until=claim_end(endpoint, now)), is_ours=True)


def is_due_next(row: Notification, number: int) -> bool:
    """Whether the try with this number is the next one: an older wish finds its number used."""
    return row.state in RETRIED_FROM and row.attempts + 1 == number


def claim_end(endpoint: Endpoint | None, now: datetime) -> datetime:
    """Until when nobody else makes the try that begins now."""
    return now + timedelta(milliseconds=deadline_ms(endpoint), seconds=CLAIM_MARGIN_S)


def deadline_ms(endpoint: Endpoint | None) -> int:
    """For the whole exchange, the answer's body included, so that a slow drip can't hold a lane."""
    return 10_000 if endpoint is None else endpoint.terms.deadline_ms


def is_acknowledged(
    mode: Acknowledgement, expected_body: str, status: int, body: str | None
) -> bool:
    """Whether an answer means that the merchant has it. A redirect is a failure."""
    if not 200 <= status < 300:
        return False
    said = (body or "").strip().casefold()
    return mode == "http_2xx" or said == expected_body.strip().casefold()


def verdict(answer: Answer) -> Verdict:
    """What a try says about the merchant's server."""
    if answer.is_acknowledged:
        return Verdict.ACKNOWLEDGED
    if answer.tried.status is None:
        return Verdict.SILENT
    return Verdict.OVERLOADED if answer.tried.status in (429, 503) else Verdict.REFUSED


def after(
    row: Notification, answer: Answer, endpoint: Endpoint | None
) -> tuple[Notification, tuple[Effect, ...]]:
    """What one try makes of a notification: delivered, tried again later, kept, or given up."""
    tried = answer.tried
    ended_at = tried.started_at + timedelta(milliseconds=tried.cost_ms)
    counted = replace(row, attempts=tried.number, claimed_until=None, due_at=None)
    if answer.is_acknowledged:
        return replace(counted, state=NotificationState.DELIVERED, delivered_at=ended_at), ()
    if endpoint is not None and tried.status == 410:
        return replace(counted, state=NotificationState.SKIPPED), ()
    if tried.status == 410:  # an order's or profile's address has no state of its own to disable
        return _given_up(counted, replace(tried, error=ends.GONE))
    terms = None if endpoint is None else endpoint.terms
    failed = tried.number - row.ladder_from
    due_at = next_at(ladder_of(terms), failed, row.notification_id, answer.retry_after, ended_at)
    if due_at is None:
        return _given_up(counted, tried)
    waiting = replace(counted, due_at=due_at)
    return waiting, (deliver(waiting, due_at),)


def endpoint_after(
    endpoint: Endpoint, row: Notification, tried: Try, now: datetime
) -> tuple[Endpoint, tuple[Effect, ...]]:
    """What one try makes of its endpoint; `row` is the notification after it."""
    after = _endpoint_after(endpoint, row, tried, now)
    told: list[Message] = []
    if after.warned_percent > endpoint.warned_percent and after.failing_since is not None:
        told.append(
            WebhookEndpointFailing(
                merchant_no=after.merchant_no,
                endpoint_id=after.endpoint_id,
                percent=after.warned_percent,
                failing_since=after.failing_since,
            )
        )
    if endpoint.is_enabled and not after.is_enabled:
        reason = after.reason or ends.UNHEARD
        told.append(
            WebhookEndpointDisabled(
                merchant_no=after.merchant_no, endpoint_id=after.endpoint_id, reason=reason
            )
        )
    return after, tuple(Publish(each, subject=after.endpoint_id) for each in told)


def concerns_endpoint(endpoint: Endpoint, row: Notification, tried: Try) -> bool:
    """Whether this try can change its endpoint: most can't, and need no lock on it. `row` is the
    notification after it, or after another one that was recorded first."""
    if row.attempts != tried.number:
        return False
    is_cleared = endpoint.failed_at is not None and row.state is NotificationState.DELIVERED
    return is_cleared or tried.status == 410 or row.state is NotificationState.EXHAUSTED


def released(
    row: Notification, siblings: Mapping[tuple[str, str], list[Notification]], now: datetime
) -> Notification | None:
    """The next one in order that has waited for this one to be told."""
    waiting = siblings.get((row.endpoint_id or "", row.subject), ())
    held = [each for each in waiting if each.due_at is None and each.serial > row.serial]
    if row.is_open or not held:
        return None
    return replace(min(held, key=lambda each: each.serial), due_at=now)


def _endpoint_after(endpoint: Endpoint, row: Notification, tried: Try, now: datetime) -> Endpoint:
    if not endpoint.is_enabled:
        return endpoint
    if tried.status == 410:
        return ends.disabled(endpoint, ends.GONE, now)
    if row.state is NotificationState.DELIVERED:
        return ends.after_success(endpoint)
    if row.state is NotificationState.EXHAUSTED:
        return ends.after_exhaustion(endpoint, now)
    return endpoint


def _ended(row: Notification, state: NotificationState) -> Notification:
    return replace(row, state=state, due_at=None, claimed_until=None)


def _is_newer(siblings: Iterable[Notification], row: Notification) -> bool:
    return any(each.serial > row.serial for each in siblings)


def _is_older(siblings: Iterable[Notification], row: Notification) -> bool:
    return any(each.serial < row.serial for each in siblings)


def _given_up(row: Notification, tried: Try) -> tuple[Notification, tuple[Effect, ...]]:
    exhausted = replace(row, state=NotificationState.EXHAUSTED)
    told = NotificationExhausted(
        notification_id=row.notification_id,
        merchant_no=row.merchant_no,
        attempts=row.attempts,
        last_error=tried.error or f"status {tried.status}",
        endpoint_id=row.endpoint_id,
    )
    reason = told.last_error
    letter = Bury(next_wish(row), reason=reason, subject=row.subject, lane=row.lane)
    return exhausted, (Publish(told, subject=row.subject), letter)
