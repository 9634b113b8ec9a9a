"""What a merchant was told: listed, looked into, sent again one by one or many at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from bus.jobs import now_utc
from tests.doors.street import Answer, Merchant, Street
from tests.doors.test_webhook_endpoints import Receiver, made, receiver, test_send
from tests.waiting import at_last

assert receiver, "the fixture"
PATH = "/v1/notifications"


@pytest.fixture
async def endpoint(
    street: Street, merchant: Merchant, receiver: Receiver
) -> AsyncIterator[dict[str, Any]]:
    yield await made(street, merchant, receiver.url, ladder_s=[])


async def tested(street: Street, merchant: Merchant, endpoint: Any, count: int = 1) -> list[Any]:
    """Notifications that were made by tests, oldest first."""
    return [(await test_send(street, merchant, endpoint)).json for _ in range(count)]


async def search(street: Street, merchant: Merchant, **query: str) -> Answer:
    words = "&".join(f"{name}={value}" for name, value in query.items())
    return await street.ask(merchant, "GET", f"{PATH}?{words}" if words else PATH)


def moments(**hours: float) -> dict[str, str]:
    now = now_utc()
    return {
        name: (now + timedelta(hours=hour)).isoformat().replace("+00:00", "Z")
        for name, hour in hours.items()
    }


async def test_a_notification_is_shown_with_what_was_sent_and_every_try(
    street: Street, merchant: Merchant, endpoint: Any, receiver: Receiver
) -> None:
    receiver.statuses = [500]
    (told,) = await tested(street, merchant, endpoint)
    assert told["state"] == "exhausted", "an endpoint with an empty ladder is tried once"
    shown = await street.ask(merchant, "GET", f"{PATH}/{told['id']}")
    assert shown.json == told
    assert shown.json["body"] == receiver.hooks[0][1].decode()
    assert receiver.hooks[0][0]["webhook-id"] == shown.json["event_id"]


async def test_a_list_is_paged_newest_first_and_can_be_filtered(
    street: Street, merchant: Merchant, endpoint: Any, receiver: Receiver
) -> None:
    receiver.statuses = [204, 500, 204]
    told = await tested(street, merchant, endpoint, 3)
    ids = [each["id"] for each in told[::-1]]
    first = (await search(street, merchant, limit="2")).json
    rest = (await search(street, merchant, limit="2", cursor=first["next_cursor"])).json
    assert [each["id"] for each in first["items"] + rest["items"]] == ids
    assert rest["next_cursor"] is None
    for query, expected in (
        ({"state": "exhausted"}, [ids[1]]),
        ({"endpoint_id": endpoint["endpoint"]["id"]}, ids),
        ({"endpoint_id": "we_0000000000000000"}, []),
        ({"type": "webhook.tested"}, ids),
        ({"type": "payment.failed"}, []),
        ({"subject": endpoint["endpoint"]["id"]}, ids),
        (moments(since=-1.0), ids),
        (moments(until=-1.0), []),
    ):
        found = (await search(street, merchant, **query)).json["items"]
        assert [each["id"] for each in found] == expected, query


@pytest.mark.parametrize(
    ("query", "param"),
    [({"limit": "0"}, "limit"), ({"cursor": "x"}, "cursor"), ({"state": "lost"}, "state"),
     ({"since": "yesterday"}, "since"), ({"colour": "red"}, "colour")],
)  # fmt: skip
async def test_a_wrong_query_is_told_where(
    street: Street, merchant: Merchant, query: dict[str, str], param: str
) -> None:
    answer = await search(street, merchant, **query)
    assert (answer.code, answer.json["param"]) == ("invalid_parameter", param)


async def test_another_merchants_notification_is_not_there(
    street: Street, merchant: Merchant, endpoint: Any
) -> None:
    (told,) = await tested(street, merchant, endpoint)
    stranger = await street.open_merchant()
    assert (await street.ask(stranger, "GET", f"{PATH}/{told['id']}")).code == (
        "notification_not_found"
    )
    resend = await street.ask(stranger, "POST", f"{PATH}/{told['id']}/resend")
    assert resend.code == "notification_not_found"
    assert (await search(street, stranger)).json["items"] == []


async def test_a_resend_is_one_more_try_under_the_same_id(
    street: Street, merchant: Merchant, endpoint: Any, receiver: Receiver
) -> None:
    (told,) = await tested(street, merchant, endpoint)
    again = await street.ask(merchant, "POST", f"{PATH}/{told['id']}/resend")
    assert (again.status, again.json["state"]) == (200, "delivered")
    assert [each["number"] for each in again.json["tries"]] == [1, 2]
    assert len({headers["webhook-id"] for headers, _ in receiver.hooks}) == 1


async def test_a_change_of_address_applies_to_a_resend(
    street: Street, merchant: Merchant, endpoint: Any, receiver: Receiver
) -> None:
    receiver.statuses = [500]
    (told,) = await tested(street, merchant, endpoint)
    path = f"/v1/webhook_endpoints/{endpoint['endpoint']['id']}"
    await street.ask(merchant, "PATCH", path, {"url": receiver.url + "?moved"})
    again = await street.ask(merchant, "POST", f"{PATH}/{told['id']}/resend")
    assert again.json["state"] == "delivered"


async def test_a_replay_of_a_time_counts_exactly_and_skips_what_was_delivered(
    street: Street, merchant: Merchant, endpoint: Any, receiver: Receiver
) -> None:
    receiver.statuses = [500, 204, 500]
    told = await tested(street, merchant, endpoint, 3)
    form = {"endpoint_id": endpoint["endpoint"]["id"], **moments(since=-1.0, until=1.0)}
    answer = await street.ask(merchant, "POST", f"{PATH}/replay", form)
    assert (answer.status, answer.json) == (202, {"count": 2})

    async def all_there() -> bool:
        page = await search(street, merchant, state="delivered")
        return len(page.json["items"]) == 3

    await at_last(all_there)
    assert len(receiver.hooks) == 5
    empty = await street.ask(merchant, "POST", f"{PATH}/replay", form)
    assert empty.json == {"count": 0}
    assert [each["state"] for each in told] == ["exhausted", "delivered", "exhausted"]


async def test_named_notifications_are_replayed_whatever_became_of_them(
    street: Street, merchant: Merchant, endpoint: Any, receiver: Receiver
) -> None:
    told = await tested(street, merchant, endpoint, 2)
    form = {"notification_ids": [each["id"] for each in told] * 2}
    answer = await street.ask(merchant, "POST", f"{PATH}/replay", form)
    assert answer.json == {"count": 2}

    async def both_again() -> bool:
        return len(receiver.hooks) == 4

    await at_last(both_again)


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({}, "missing_field", "since"),
        (moments(since=-1.0), "missing_field", "until"),
        (moments(since=1.0, until=-1.0), "invalid_field", "until"),
        (moments(since=-24 * 15.0, until=0.0), "replay_too_long", "since"),
        ({"notification_ids": []}, "invalid_field", "notification_ids"),
    ],
)
async def test_a_replay_that_can_not_be_is_refused(
    street: Street, merchant: Merchant, form: dict[str, Any], code: str, param: str
) -> None:
    answer = await street.ask(merchant, "POST", f"{PATH}/replay", form)
    assert (answer.code, answer.json["param"]) == (code, param)
