"""What merchants are told, where, and what they themselves ask to be told.

A book holds all that one batch speaks of: notifications, endpoints, and merchants' profiles.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec.structs import replace

from actors.notification import endpoint as ends
from actors.notification.endpoint import Endpoint, EndpointState
from actors.notification.events import Told, told
from actors.notification.notification import (
    Notification,
    NotificationState,
    deliver,
    merchant_of,
    try_now,
)
from bus.books import Book
from bus.decider import Decision
from bus.effects import Effect, Publish, Reply
from schema.messages.contract import Message
from schema.messages.doors import (
    RemoveWebhookEndpoint,
    ResendNotifications,
    RotateWebhookSecret,
    SaveWebhookEndpoint,
    SendNotification,
)
from schema.messages.notification import NotificationAnswered, WebhookEndpointAnswered
from schema.payments import Refusal
from schema.profiles import MerchantProfile
from schema.webhooks import Acceptance, is_wanted

Row = Notification | Endpoint

IN_LANE_MAX = 1_000
"""What a lane is told of at most, retries aside: ten seconds' worth of a fast lane. The rest
waits in PostgreSQL, where a hundred thousand rows are in nobody's way."""

OUR_NUMBER = re.compile(r"[0-9a-z_]{1,48}")
"""What may stand in a webhook-id as it is."""

UNKNOWN_MERCHANT = Refusal(code="unknown_merchant", reason="no such merchant", param="merchant_no")
NO_ADDRESS = Refusal(code="no_address", reason="the merchant has no address that hears this")
NOT_FOUND = Refusal(code="notification_not_found", reason="the merchant has no such notification")
DISABLED = Refusal(code="endpoint_disabled", reason="its endpoint is disabled; enable it first")
TAKEN = Refusal(code="event_id_taken", reason="it names another merchant's event", param="event_id")
NO_JSON = Refusal(code="invalid_json", reason="data is not a JSON document", param="data")


class Outbox(Book[str, Row]):
    """The rows that a batch speaks of, by id, with the merchants' profiles."""

    def __init__(
        self,
        rows: Iterable[Row] = (),
        merchants: Mapping[str, MerchantProfile] = {},
        room: Mapping[str, int] = {},
    ) -> None:
        super().__init__(rows, key=row_id)
        self.merchants = merchants
        self._room = dict(room)

    def crowded(self) -> set[str]:
        """The merchants who have a lane without room."""
        return {merchant_of(lane) for lane, room in self._room.items() if room <= 0}

    def room_in(self, lane: str) -> int:
        """How many more messages a lane may have."""
        return self._room.get(lane, IN_LANE_MAX)

    def put(self, row: Row) -> None:
        """What is to be told takes its place in its lane; after the first that finds none,
        everything waits behind it."""
        super().put(row)
        if isinstance(row, Notification) and row.is_open:
            left = 0 if row.is_kept_back else self.room_in(row.lane) - 1
            self._room[row.lane] = max(left, 0)

    def endpoints_of(self, merchant_no: str) -> Iterator[Endpoint]:
        """The merchant's endpoints that there are, disabled ones too."""
        for row in self:
            if isinstance(row, Endpoint) and _is_there(row, merchant_no):
                yield row

    def endpoint(self, merchant_no: str, endpoint_id: str) -> Endpoint | None:
        """One of the merchant's endpoints."""
        found = self.get(endpoint_id)
        return found if isinstance(found, Endpoint) and _is_there(found, merchant_no) else None

    def notification(self, merchant_no: str, notification_id: str) -> Notification | None:
        """One of the merchant's notifications."""
        found = self.get(notification_id)
        if isinstance(found, Notification) and found.merchant_no == merchant_no:
            return found
        return None


def _is_there(endpoint: Endpoint, merchant_no: str) -> bool:
    return endpoint.merchant_no == merchant_no and endpoint.state is not EndpointState.REMOVED


def row_id(row: Row) -> str:
    """Ids of notifications begin with `evt_`, those of endpoints with `we_`."""
    return row.endpoint_id if isinstance(row, Endpoint) else row.notification_id


# Facts.


def decide(outbox: Outbox, message: Message, now: datetime) -> Decision:
    """Writes a notification for each address that is to be told this fact, and has it delivered."""
    said = told(message)
    written = list(_addressed(outbox, said, event_id(said.about or said.subject, said.type), now))
    if not written and said.unheard is not None:
        return Decision(effects=(Publish(said.unheard, subject=said.subject),))
    return _decision(_with_room(outbox, written))


def event_id(subject: str, type: str) -> str:
    """One event per thing and type: a repeated fact is the same event.

    No dots, since Standard Webhooks signs `id.timestamp.body`: numbers that others have given stand
    there as their digest.
    """
    name = subject.removeprefix("pay_").removeprefix("ref_")
    if not OUR_NUMBER.fullmatch(name):
        name = blake2b(name.encode(), digest_size=16).hexdigest()
    return f"evt_{name}_{type.replace('.', '_')}"


def _addressed(
    outbox: Outbox, said: Told, event: str, now: datetime, only: str | None = None
) -> Iterator[Notification]:
    """One notification per address that hears what is said; `only` names an endpoint, for a test,
    which hears it whatever its filters are."""
    body = said.body(now)
    if only is None:
        merchant = outbox.merchants.get(said.merchant_no)
        url = said.notify_url or (merchant.notify_url if merchant is not None else None)
        if url is not None:
            url_from = "order" if said.notify_url else "profile"
            yield _new(said, event, body, now, url=url, url_from=url_from)
    for each in outbox.endpoints_of(said.merchant_no):
        if only == each.endpoint_id or (
            only is None and is_wanted(each.terms.event_types, said.type)
        ):
            yield _new(said, event, body, now, url=each.terms.url, endpoint=each)


def _new(
    said: Told,
    event: str,
    body: str,
    now: datetime,
    *,
    url: str,
    url_from: str = "endpoint",
    endpoint: Endpoint | None = None,
) -> Notification:
    is_heard = endpoint is None or endpoint.is_enabled
    return Notification(
        notification_id=event if endpoint is None else f"{event}_{endpoint.endpoint_id}",
        event_id=event,
        merchant_no=said.merchant_no,
        subject=said.subject,
        type=said.type,
        endpoint_id=None if endpoint is None else endpoint.endpoint_id,
        url=url,
        url_from=url_from,
        body=body,
        state=NotificationState.WAITING if is_heard else NotificationState.SKIPPED,
        due_at=now if is_heard else None,
        created_at=now,
    )


def _with_room(outbox: Outbox, written: Iterable[Notification]) -> list[Notification]:
    """The same; those for which their lanes have no room are kept back."""
    taken: dict[str, int] = {}
    rows: list[Notification] = []
    for row in written:
        taken[row.lane] = taken.get(row.lane, 0) + row.is_open
        is_too_much = row.is_open and taken[row.lane] > outbox.room_in(row.lane)
        rows.append(replace(row, is_kept_back=True) if is_too_much else row)
    return rows


def _decision(written: list[Notification], *answers: Effect, now: bool = False) -> Decision:
    """A lane that has no room for a row is not told of it: that costs nobody anything."""
    open = (row for row in written if row.is_open and not row.is_kept_back)
    wishes = (try_now(row) if now else deliver(row) for row in open)
    return Decision(changes=tuple(written), effects=(*wishes, *answers))


# Wishes of merchants, operators and other systems.


def decide_wish(outbox: Outbox, message: Message, now: datetime) -> Decision:
    """Fulfils a wish, or answers why not."""
    return WISHES[type(message)](outbox, message, now)


def _send(outbox: Outbox, wish: SendNotification, now: datetime) -> Decision:
    data = _json(wish.data)
    if data is None:
        return _refused(NO_JSON)
    if wish.endpoint_id and not outbox.endpoint(wish.merchant_no, wish.endpoint_id):
        return _refused(ends.no_such(wish.endpoint_id))
    if wish.merchant_no not in outbox.merchants:
        return _refused(UNKNOWN_MERCHANT)
    said = Told(
        merchant_no=wish.merchant_no,
        subject=wish.subject,
        type=wish.type,
        data=data,
        notify_url=wish.notify_url,
    )
    written = list(_addressed(outbox, said, wish.event_id, now, wish.endpoint_id))
    known = [outbox.get(row.notification_id) for row in written]
    if not written:
        return _refused(NO_ADDRESS)
    if any(row is not None and row.merchant_no != wish.merchant_no for row in known):
        return _refused(TAKEN)
    if all(known):  # said twice: it is one event
        return Decision(effects=(_answer([row for row in known if row is not None]),))
    fresh = [row for row, old in zip(written, known, strict=True) if old is None]
    return _accepted(outbox, fresh, wish.acceptance)


def _json(text: str) -> msgspec.Raw | None:
    """The document as it stands, its keys in their order; None for what is no JSON."""
    try:
        return msgspec.json.decode(text, type=msgspec.Raw)
    except (ValueError, RecursionError):
        return None


def _resend(outbox: Outbox, wish: ResendNotifications, now: datetime) -> Decision:
    """The next try is due now: the one that waits for its time finds its number used.

    What had come to its end begins a new ladder.
    """
    found = [outbox.notification(wish.merchant_no, each) for each in wish.notification_ids]
    there = [row for row in found if row is not None]
    heard = [row for row in there if _is_heard(outbox, row)]
    if not heard:
        return _refused(DISABLED if there else NOT_FOUND)
    return _accepted(outbox, [_again(row, now) for row in heard], wish.acceptance)


def _is_heard(outbox: Outbox, row: Notification) -> bool:
    if row.endpoint_id is None:
        return True
    endpoint = outbox.endpoint(row.merchant_no, row.endpoint_id)
    return endpoint is not None and endpoint.is_enabled


def _again(row: Notification, now: datetime) -> Notification:
    return replace(
        row,
        state=NotificationState.WAITING,
        due_at=now,
        delivered_at=None,
        is_kept_back=False,
        ladder_from=row.ladder_from if row.is_open else row.attempts,
    )


def _accepted(outbox: Outbox, rows: list[Notification], acceptance: Acceptance) -> Decision:
    """One that is to be tried now is answered by the try; all others are answered here."""
    is_tried_now = acceptance == "sync" and len(rows) == 1 and rows[0].is_open
    if is_tried_now:
        return _decision(rows, now=True)
    return _decision(_with_room(outbox, rows), _answer(rows))


def _answer(rows: Sequence[Row]) -> Reply:
    ids = tuple(map(row_id, rows))
    one = rows[0] if len(rows) == 1 else None
    state = one.state.value if isinstance(one, Notification) else None
    return Reply(NotificationAnswered(notification_ids=ids, state=state))


def _refused(refusal: Refusal) -> Decision:
    return Decision(effects=(Reply(NotificationAnswered(refusal=refusal)),))


def _save(outbox: Outbox, wish: SaveWebhookEndpoint, now: datetime) -> Decision:
    known = outbox.endpoint(wish.merchant_no, wish.endpoint_id)
    if known is not None:
        if wish.version == 0:  # said twice
            return _endpoint(wish.endpoint_id, known)
        return _endpoint(wish.endpoint_id, ends.changed(known, wish, now), is_new=True)
    if wish.version or outbox.get(wish.endpoint_id) is not None:
        return _endpoint(wish.endpoint_id, ends.no_such(wish.endpoint_id))
    if wish.merchant_no not in outbox.merchants:
        return _endpoint(wish.endpoint_id, UNKNOWN_MERCHANT)
    count = sum(1 for _ in outbox.endpoints_of(wish.merchant_no))
    return _endpoint(wish.endpoint_id, ends.opened(wish, count, now), is_new=True)


def _rotate(outbox: Outbox, wish: RotateWebhookSecret, now: datetime) -> Decision:
    known = outbox.endpoint(wish.merchant_no, wish.endpoint_id)
    if known is None:
        return _endpoint(wish.endpoint_id, ends.no_such(wish.endpoint_id))
    if wish.secret in known.secrets:  # said twice
        return _endpoint(wish.endpoint_id, known)
    rotated = ends.rotated(known, wish.secret, wish.keep_old_s, now)
    return _endpoint(wish.endpoint_id, rotated, is_new=True)


def _remove(outbox: Outbox, wish: RemoveWebhookEndpoint, now: datetime) -> Decision:
    known = outbox.endpoint(wish.merchant_no, wish.endpoint_id)
    if known is None:
        return _endpoint(wish.endpoint_id, ends.no_such(wish.endpoint_id))
    return _endpoint(wish.endpoint_id, ends.removed(known, now), is_new=True)


def _endpoint(id: str, result: Endpoint | Refusal, *, is_new: bool = False) -> Decision:
    """The answer to a wish for an endpoint, with the change if there is one."""
    if isinstance(result, Refusal):
        return Decision(effects=(Reply(WebhookEndpointAnswered(endpoint_id=id, refusal=result)),))
    answer = Reply(WebhookEndpointAnswered(endpoint_id=id, version=result.version))
    return Decision(changes=(result,) if is_new else (), effects=(answer,))


WISHES: dict[type[Message], Callable[[Outbox, Any, datetime], Decision]] = {
    SendNotification: _send,
    ResendNotifications: _resend,
    SaveWebhookEndpoint: _save,
    RotateWebhookSecret: _rotate,
    RemoveWebhookEndpoint: _remove,
}
