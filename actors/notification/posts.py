"""The three beats of a try: claim it, post it, record what came of it.

A try is claimed by a compare-and-set on (notification, number), so that two owners of a lane, or a
message that comes twice, make it once. Whoever finds it claimed waits: if the owner has died, its
claim runs out and the try is made again, under the same id and number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.notification import store
from actors.notification.endpoint import Endpoint
from actors.notification.notification import (
    Answer,
    Notification,
    Outcome,
    Overtaken,
    PutOff,
    deliver,
)
from actors.notification.pacing import Pacing
from actors.notification.sender import Post, WebhookSender
from actors.notification.store import Thing
from actors.notification.tries import (
    NOTHING,
    Opening,
    after,
    claim_end,
    concerns_endpoint,
    deadline_ms,
    endpoint_after,
    is_due_next,
    opening,
    released,
    verdict,
)
from bus.caller import Recorded
from bus.database import Connection, Pool
from bus.directory import Directory
from bus.effects import Effect, Reply
from bus.jobs import now_utc
from bus.vault import Vault
from schema.messages.contract import Message
from schema.messages.notification import (
    DeliverNotification,
    NotificationAnswered,
    TryNotification,
)
from schema.profiles import MerchantProfile

LOOKS_EVERY_S = 0.5

_headers = msgspec.json.Decoder(dict[str, str])


class Ticket(Struct, frozen=True, kw_only=True):
    """One try that is to be made, once it is ours."""

    post: Post
    is_ours: bool = True
    is_answered: bool = False
    """Somebody waits for what comes of it: it is made beside the lane."""

    @property
    def lane(self) -> str:
        return self.post.row.lane


@dataclass(frozen=True, slots=True)
class Posts:
    """What the three beats need."""

    pool: Pool
    directory: Directory
    vault: Vault
    sender: WebhookSender
    pacing: Pacing

    async def open(
        self, connection: Connection, messages: Sequence[Message], now: datetime
    ) -> list[Ticket | None]:
        """Claims the tries that may be made now."""
        wishes = [m for m in messages if isinstance(m, DeliverNotification | TryNotification)]
        rows = await store.lock_notifications(connection, (m.notification_id for m in wishes))
        ids = {row.endpoint_id for row in rows.values() if row.endpoint_id}
        endpoints = await store.find_endpoints(connection, ids)
        siblings = await store.lock_siblings(connection, _ordered(rows.values(), endpoints))
        merchants = await self.directory.merchants.find({r.merchant_no for r in rows.values()})
        tickets: list[Ticket | None] = []
        changed: dict[str, Notification] = {}
        for wish in wishes:
            row = rows.get(wish.notification_id)
            endpoint = endpoints.get(row.endpoint_id or "") if row else None
            others = siblings.get(_thing(row), []) if row else []
            found = opening(row, wish.attempt, endpoint, others, now) if row else NOTHING
            if found.row is not None and found.row != row:
                rows[wish.notification_id] = changed[wish.notification_id] = found.row
            merchant = merchants.get(row.merchant_no) if row else None
            tickets.append(self._ticket(wish, found, endpoint, merchant, now))
        await store.change_notifications(connection, list(changed.values()))
        return tickets

    async def call(self, ticket: Ticket) -> Outcome:
        """Makes the try when its turn has come, and learns from it how the server fares."""
        lane = ticket.lane
        post = ticket.post if ticket.is_ours else await self._inherited(ticket.post)
        if post is None:
            return Overtaken()
        if ticket.is_answered and not self.pacing.takes_more_beside(lane):
            return PutOff()
        rate = post.endpoint.terms.requests_per_s_max if post.endpoint else None
        async with self.pacing.turn(lane, rate, beside=ticket.is_answered):
            if not await self._is_still_ours(post):
                return Overtaken()
            answer = await self.sender.post(post)
        self.pacing.learn(lane, verdict(answer), answer.tried.cost_ms)
        return answer

    def _ticket(
        self,
        wish: DeliverNotification | TryNotification,
        found: Opening,
        endpoint: Endpoint | None,
        merchant: MerchantProfile | None,
        now: datetime,
    ) -> Ticket | None:
        """The try that is to be made, if there is one."""
        if found.row is None or not (found.is_ours or found.waits):
            return None
        post = self._post(found.row, endpoint, merchant, now)
        is_answered = isinstance(wish, TryNotification)
        return Ticket(post=post, is_ours=found.is_ours, is_answered=is_answered)

    def _post(
        self,
        row: Notification,
        endpoint: Endpoint | None,
        merchant: MerchantProfile | None,
        now: datetime,
    ) -> Post:
        """Address, headers and secrets of this moment: a change applies to what is waiting."""
        return Post(
            row=row,
            number=row.attempts + 1,
            url=_url(row, endpoint, merchant),
            deadline_ms=deadline_ms(endpoint),
            endpoint=endpoint,
            secrets=self._secrets(row, endpoint, merchant, now),
            headers=self._headers(endpoint),
        )

    def _secrets(
        self,
        row: Notification,
        endpoint: Endpoint | None,
        merchant: MerchantProfile | None,
        now: datetime,
    ) -> tuple[str, ...]:
        if endpoint is not None:
            sealed = [each.sealed for each in endpoint.signing(now)]
            purpose = f"webhook:{endpoint.endpoint_id}"
        else:
            sealed = list(merchant.sealed_webhook_secrets(now)) if merchant else []
            purpose = f"webhook:{row.merchant_no}"
        return tuple(self.vault.open(each, purpose).decode() for each in sealed)

    def _headers(self, endpoint: Endpoint | None) -> dict[str, str]:
        if endpoint is None or endpoint.terms.sealed_headers is None:
            return {}
        purpose = f"webhook-headers:{endpoint.endpoint_id}"
        return _headers.decode(self.vault.open(endpoint.terms.sealed_headers, purpose))

    async def _inherited(self, post: Post) -> Post | None:
        """Waits for what the one who makes this try says of it; the post as ours if he never does,
        and None if he does."""
        while True:
            until = await store.claimed_until(self.pool, post.row)
            if until is None:
                return None
            wait_s = (until - now_utc()).total_seconds()
            if wait_s <= 0 and (claimed := await self._claimed(post, None)) is not None:
                return claimed
            await asyncio.sleep(min(max(wait_s, 0.05), LOOKS_EVERY_S))

    async def _is_still_ours(self, post: Post) -> bool:
        """A try that had to wait for its turn may have waited longer than its claim."""
        until = post.row.claimed_until
        ends_at = now_utc() + timedelta(milliseconds=post.deadline_ms)
        return (until is not None and until >= ends_at) or bool(await self._claimed(post, until))

    async def _claimed(self, post: Post, ours: datetime | None) -> Post | None:
        """The post with a new claim; None if the try is somebody else's, or done."""
        now = now_utc()
        until = claim_end(post.endpoint, now)
        if not await store.claim(self.pool, post.row, until, now, ours=ours):
            return None
        return replace(post, row=replace(post.row, claimed_until=until))


async def record(
    connection: Connection, pairs: Sequence[tuple[Ticket, Outcome]], now: datetime
) -> list[Recorded[Ticket]]:
    """Commits tries and what follows from them; a try that was overtaken changes nothing."""
    rows = await store.lock_notifications(
        connection, (ticket.post.row.notification_id for ticket, _ in pairs)
    )
    before, effects = dict(rows), [_recorded(rows, *pair) for pair in pairs]
    endpoints = await _record_endpoints(connection, pairs, rows, now)
    freed = await _freed(connection, pairs, rows, now)
    changed = [row for id, row in rows.items() if row != before.get(id)]
    tries = [outcome.tried for _, outcome in pairs if isinstance(outcome, Answer)]
    await store.add_tries(connection, tries)
    await store.change_notifications(connection, [*changed, *freed.values()])
    return [
        Recorded((*mine, *endpoints.pop(id, ()), *_delivered(freed.get(id))))
        for id, mine in zip(_ids(pairs), effects, strict=True)
    ]


def _recorded(
    rows: dict[str, Notification], ticket: Ticket, outcome: Outcome
) -> tuple[Effect, ...]:
    """What one outcome causes; its row in `rows` is changed accordingly."""
    id, effects = ticket.post.row.notification_id, tuple[Effect, ...]()
    row = rows[id]
    if isinstance(outcome, Answer) and is_due_next(row, outcome.tried.number):
        rows[id], effects = after(row, outcome, ticket.post.endpoint)
    elif isinstance(outcome, PutOff) and is_due_next(row, ticket.post.number):
        rows[id] = replace(row, claimed_until=None)
        effects = (deliver(rows[id]),)
    if not ticket.is_answered:
        return effects
    answer = NotificationAnswered(
        notification_ids=(id,), state=rows[id].state.value, attempts=rows[id].attempts
    )
    return (*effects, Reply(answer))


async def _record_endpoints(
    connection: Connection,
    pairs: Sequence[tuple[Ticket, Outcome]],
    rows: dict[str, Notification],
    now: datetime,
) -> dict[str, tuple[Effect, ...]]:
    """Tries that end a row of failures, or continue one, concern the endpoint as well."""
    tries = [
        (ticket.post.endpoint, rows[outcome.tried.notification_id], outcome.tried)
        for ticket, outcome in pairs
        if isinstance(outcome, Answer) and ticket.post.endpoint is not None
    ]
    concerned = [each for each in tries if concerns_endpoint(*each)]
    locked = await store.lock_endpoints(connection, (each.endpoint_id for each, _, _ in concerned))
    effects: dict[str, tuple[Effect, ...]] = {}
    for seen, row, tried in concerned:
        after, said = endpoint_after(locked[seen.endpoint_id], row, tried, now)
        locked[seen.endpoint_id], effects[row.notification_id] = after, said
    await store.change_endpoints(connection, list(locked.values()))
    return effects


async def _freed(
    connection: Connection,
    pairs: Sequence[tuple[Ticket, Outcome]],
    rows: dict[str, Notification],
    now: datetime,
) -> dict[str, Notification]:
    """By the id of what is told now: what had to wait for it."""
    told = [
        rows[ticket.post.row.notification_id]
        for ticket, _ in pairs
        if ticket.post.endpoint is not None and ticket.post.endpoint.terms.in_order
    ]
    siblings = await store.lock_siblings(connection, map(_thing, told))
    freed = {row.notification_id: released(row, siblings, now) for row in told}
    return {id: row for id, row in freed.items() if row is not None}


def _ids(pairs: Iterable[tuple[Ticket, Outcome]]) -> list[str]:
    return [ticket.post.row.notification_id for ticket, _ in pairs]


def _delivered(row: Notification | None) -> tuple[Effect, ...]:
    return () if row is None else (deliver(row),)


def _ordered(rows: Iterable[Notification], endpoints: dict[str, Endpoint]) -> list[Thing]:
    """The things of which something else may have to be told first, or instead."""
    found = ((row, endpoints.get(row.endpoint_id or "")) for row in rows)
    return [
        _thing(row)
        for row, endpoint in found
        if endpoint is not None and (endpoint.terms.in_order or endpoint.terms.latest_only)
    ]


def _thing(row: Notification) -> Thing:
    return row.endpoint_id or "", row.subject


def _url(row: Notification, endpoint: Endpoint | None, merchant: MerchantProfile | None) -> str:
    if endpoint is not None:
        return endpoint.terms.url
    profiles = merchant.notify_url if merchant is not None else None
    return profiles if profiles and row.url_from == "profile" else row.url
