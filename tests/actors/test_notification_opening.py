"""Which tries are opened, on a real database: claims, order, and what is read at send time."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from actors.notification.notification import (
    Notification,
    NotificationState,
    try_now,
)
from actors.notification.pacing import Pacing
from actors.notification.posts import Posts, Ticket
from actors.notification.sender import WebhookSender
from bus.database import Connection, Pool
from bus.directory import Directory
from bus.effects import Publish
from bus.vault import Vault
from schema.messages.notification import (
    DeliverNotification,
    TryNotification,
)
from schema.profiles import OldSecret
from schema.reach import Reach
from schema.webhooks import SealedSecret
from tests.actors.profiles import new_merchant_no, register
from tests.actors.test_notification import (
    CLAIMED_UNTIL,
    LATER,
    add,
    new_endpoint,
    new_notifications,
    stored,
)
from tests.actors.two_at_once import against_each_other
from tests.examples import NOW, a_merchant
from tests.notifications import HOOK


@pytest.fixture
def posts(pool: Pool, directory: Directory, vault: Vault) -> Posts:
    return Posts(pool, directory, vault, WebhookSender(Reach()), Pacing())


@pytest.fixture
def opened(pool: Pool, posts: Posts) -> Callable[..., Any]:
    """Opens wishes to deliver, as the caller does."""

    async def open_wishes(
        *wishes: DeliverNotification | TryNotification, at: Any = NOW
    ) -> list[Ticket | None]:
        async with pool.acquire() as connection, connection.transaction():
            return await posts.open(connection, wishes, at)

    return open_wishes


def wish(row: Notification, attempt: int = 1) -> DeliverNotification:
    return DeliverNotification(notification_id=row.notification_id, lane="m1", attempt=attempt)


async def test_only_the_next_try_is_made(pool: Pool, opened: Any) -> None:
    tried, fresh, done = new_notifications(3)
    await add(pool, [replace(tried, attempts=1), fresh])
    await add(pool, [replace(done, attempts=1, state=NotificationState.DELIVERED)])
    tickets = await opened(
        wish(tried, 1), wish(tried, 2), wish(tried, 3), wish(fresh, 1), wish(done, 2),
        wish(replace(done, notification_id="evt_of_nobody"), 1),
    )  # fmt: skip
    made = [t and (t.post.row.notification_id, t.post.number) for t in tickets]
    second, first = (tried.notification_id, 2), (fresh.notification_id, 1)
    assert made == [None, second, None, first, None, None]


async def test_the_same_try_is_claimed_once_also_within_a_batch(pool: Pool, opened: Any) -> None:
    (row,) = new_notifications()
    await add(pool, [row])
    first, second = await opened(wish(row), wish(row))
    assert (first.is_ours, second.is_ours) == (True, False)
    (later,) = await opened(wish(row), at=NOW + timedelta(seconds=1))
    assert not later.is_ours
    (after_his_death,) = await opened(wish(row), at=CLAIMED_UNTIL)
    assert after_his_death.is_ours


async def test_two_owners_of_a_lane_claim_a_try_once(pool: Pool, posts: Posts) -> None:
    (row,) = new_notifications()
    await add(pool, [row])
    claims: list[bool] = []

    async def claim(connection: Connection) -> None:
        (ticket,) = await posts.open(connection, [wish(row)], NOW)
        claims.append(ticket is not None and ticket.is_ours)

    assert await against_each_other(pool, claim, claim) == []
    assert sorted(claims) == [False, True]


async def test_what_waits_for_a_disabled_endpoint_is_kept(pool: Pool, opened: Any) -> None:
    endpoint = new_endpoint(state="disabled")
    (row,) = new_notifications(endpoint_id=endpoint.endpoint_id)
    await add(pool, [endpoint, row])
    assert await opened(wish(row)) == [None]
    assert [each.state for each in await stored(pool, row)] == ["skipped"]


async def test_a_deleted_endpoint_leaves_nothing_that_goes_round_in_circles(
    pool: Pool, opened: Any
) -> None:
    (row,) = new_notifications(endpoint_id="we_of_nobody")
    await add(pool, [row])
    assert await opened(wish(row)) == [None]
    assert await opened(wish(row)) == [None]


async def test_later_news_of_one_thing_wait_or_supersede_as_the_endpoint_wishes(
    pool: Pool, opened: Any
) -> None:
    ordered, latest = new_endpoint(in_order=True), new_endpoint(latest_only=True)
    subject = os.urandom(8).hex()
    old, new = new_notifications(2, endpoint_id=ordered.endpoint_id, subject=subject)
    await add(pool, [ordered, latest, old])
    await add(pool, [new])
    assert [t and t.is_ours for t in await opened(wish(new), wish(old))] == [None, True]
    assert [row.due_at for row in await stored(pool, new)] == [None]
    old, new = new_notifications(2, endpoint_id=latest.endpoint_id, subject=subject)
    await add(pool, [old])
    await add(pool, [new])
    assert [t and t.is_ours for t in await opened(wish(new), wish(old))] == [True, None]
    assert [row.state for row in await stored(pool, old, new)] == ["superseded", "waiting"]


async def test_address_and_secrets_are_read_when_it_is_sent(
    pool: Pool, opened: Any, vault: Vault
) -> None:
    number = new_merchant_no()
    sealed = vault.seal(b"whsec_c2VjcmV0", f"webhook:{number}")
    moved = "https://moved.test/hooks"
    profile = a_merchant(merchant_no=number, webhook_secret=sealed, notify_url=moved)
    await register(pool, profile)
    named, own = new_notifications(2, number)
    nobodys = new_notifications(1, new_merchant_no())
    rows = [replace(named, url_from="profile"), own, *nobodys]
    await add(pool, rows)
    tickets = await opened(*map(wish, rows))
    assert [t.post.secrets for t in tickets] == [("whsec_c2VjcmV0",), ("whsec_c2VjcmV0",), ()]
    assert [t.post.url for t in tickets] == [moved, HOOK, HOOK]


async def test_the_profiles_secret_before_the_last_signs_as_well_until_it_expires(
    pool: Pool, opened: Any, vault: Vault
) -> None:
    number = new_merchant_no()
    new, old, gone = (
        vault.seal(name, f"webhook:{number}") for name in (b"whsec_bmV3", b"whsec_b2xk", b"gone")
    )
    kept = OldSecret(webhook_secret=old, expires_at=LATER)
    over = OldSecret(webhook_secret=gone, expires_at=NOW)
    await register(
        pool,
        a_merchant(merchant_no=number, webhook_secret=new, old_webhook_secrets=(kept, over)),
    )
    (row,) = new_notifications(1, number)
    await add(pool, [row])
    (ticket,) = await opened(wish(row))
    assert ticket.post.secrets == ("whsec_bmV3", "whsec_b2xk")


async def test_an_endpoints_valid_secrets_and_headers_are_opened(
    pool: Pool, opened: Any, vault: Vault
) -> None:
    id = f"we_{os.urandom(8).hex()}"
    seal = [vault.seal(name, f"webhook:{id}") for name in (b"whsec_bmV3", b"whsec_b2xk", b"gone")]
    ends = (None, LATER, NOW - timedelta(seconds=1))
    secrets = tuple(
        SealedSecret(sealed=text, created_at=NOW, expires_at=end)
        for text, end in zip(seal, ends, strict=True)
    )
    headers = vault.seal(b'{"authorization":"Bearer x"}', f"webhook-headers:{id}")
    endpoint = replace(new_endpoint(sealed_headers=headers), endpoint_id=id, secrets=secrets)
    (row,) = new_notifications(endpoint_id=id)
    await add(pool, [endpoint, row])
    (ticket,) = await opened(wish(row))
    assert ticket.post.secrets == ("whsec_bmV3", "whsec_b2xk")
    assert ticket.post.headers == {"authorization": "Bearer x"}


async def test_a_try_that_somebody_waits_for_is_opened_as_such(pool: Pool, opened: Any) -> None:
    (row,) = new_notifications()
    await add(pool, [row])
    effect = try_now(row)
    assert isinstance(effect, Publish)
    (ticket,) = await opened(effect.message)
    assert ticket.is_answered and ticket.is_ours
