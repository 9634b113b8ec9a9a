"""Merchants manage their endpoints: made, changed, tested, given new secrets, removed."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from bus.database import Pool
from tests.doors.street import Answer, Merchant, Street

PATH = "/v1/webhook_endpoints"


@dataclass
class Receiver:
    """A merchant's server; it answers with these statuses and then 204."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    waits_s: float = 0.0
    hooks: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.hooks.append((dict(request.headers), await request.read()))
        await asyncio.sleep(self.waits_s)
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made, app = Receiver(), web.Application()
    app.router.add_post("/hooks", made.take)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/hooks"))
        yield made


async def made(street: Street, merchant: Merchant, url: str, **form: Any) -> dict[str, Any]:
    """A new endpoint with its secret."""
    answer = await street.ask(merchant, "POST", PATH, {"url": url, **form})
    assert answer.status == 201, answer.body
    return answer.json


async def test_a_new_endpoint_has_a_secret_that_is_shown_once(
    street: Street, merchant: Merchant, receiver: Receiver
) -> None:
    answer = await street.ask(merchant, "POST", PATH, {"url": receiver.url})
    endpoint, secret = answer.json["endpoint"], answer.json["secret"]
    assert answer.headers["Location"] == f"{PATH}/{endpoint['id']}"
    assert (endpoint["state"], endpoint["policy"], endpoint["version"]) == (
        "enabled",
        "standard",
        1,
    )
    found = await street.ask(merchant, "GET", f"{PATH}/{endpoint['id']}")
    listed = await street.ask(merchant, "GET", PATH)
    assert found.json == endpoint and listed.json == {"items": [endpoint]}
    assert secret.encode() not in found.body + listed.body


async def test_secrets_are_sealed_where_they_are_stored_and_travel(
    street: Street, merchant: Merchant, receiver: Receiver, pool: Pool
) -> None:
    password = "Bearer do-not-show"
    answer = await made(street, merchant, receiver.url, headers={"Authorization": password})
    assert answer["endpoint"]["header_names"] == ["Authorization"]
    rows = await pool.fetch("SELECT * FROM notification.endpoint")
    inbox = await pool.fetch("SELECT effects FROM bus.inbox")
    stored = repr([dict(row) for row in rows]) + repr([dict(row) for row in inbox])
    assert answer["endpoint"]["id"] in stored
    assert answer["secret"] not in stored and password not in stored


async def test_a_test_is_sent_at_once_and_its_try_is_shown(
    street: Street, merchant: Merchant, receiver: Receiver
) -> None:
    made_now = await made(street, merchant, receiver.url, headers={"X-Shop": "7"})
    answer = await test_send(street, merchant, made_now)
    assert (answer.status, answer.json["state"]) == (200, "delivered")
    (tried,) = answer.json["tries"]
    assert (tried["number"], tried["status"]) == (1, 204)
    ((headers, body),) = receiver.hooks
    assert headers["X-Shop"] == "7"
    assert Webhook(made_now["secret"]).verify(body, headers)["type"] == "webhook.tested"


async def test_send(street: Street, merchant: Merchant, endpoint: dict[str, Any]) -> Answer:
    """Sends a test to an endpoint."""
    return await street.ask(merchant, "POST", f"{PATH}/{endpoint['endpoint']['id']}/test")


test_send.__test__ = False  # type: ignore[attr-defined]


async def test_a_test_that_fails_is_shown_as_it_failed(
    street: Street, merchant: Merchant, receiver: Receiver
) -> None:
    receiver.statuses = [500]
    answer = await test_send(street, merchant, await made(street, merchant, receiver.url))
    assert (answer.status, answer.json["state"]) == (200, "waiting")
    assert answer.json["tries"][0]["status"] == 500
    assert "next_attempt_at" in answer.json


async def test_a_test_that_takes_long_is_looked_up_later(
    street: Street, merchant: Merchant, receiver: Receiver
) -> None:
    receiver.waits_s = 1.0
    answer = await test_send(street, merchant, await made(street, merchant, receiver.url))
    assert (answer.status, answer.json["tries"]) == (202, [])
    for _ in range(50):
        later = await street.ask(merchant, "GET", answer.headers["Location"])
        if later.json["state"] == "delivered":
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it was never delivered")


async def test_an_old_secret_signs_beside_the_new_one(
    street: Street, merchant: Merchant, receiver: Receiver
) -> None:
    first = await made(street, merchant, receiver.url)
    id = first["endpoint"]["id"]
    second = (await street.ask(merchant, "POST", f"{PATH}/{id}/secrets", {})).json
    assert [("expires_at" in s) for s in second["endpoint"]["secrets"]] == [False, True]
    third = await street.ask(merchant, "POST", f"{PATH}/{id}/secrets", {"keep_old_s": 0})
    assert third.status == 201 and len(third.json["endpoint"]["secrets"]) == 1
    await test_send(street, merchant, first)
    ((headers, body),) = receiver.hooks
    Webhook(third.json["secret"]).verify(body, headers)
    assert headers["webhook-signature"].count("v1,") == 1


async def test_both_signatures_are_sent_while_both_secrets_are_valid(
    street: Street, merchant: Merchant, receiver: Receiver
) -> None:
    first = await made(street, merchant, receiver.url)
    path = f"{PATH}/{first['endpoint']['id']}/secrets"
    second = (await street.ask(merchant, "POST", path, {})).json
    await test_send(street, merchant, first)
    ((headers, body),) = receiver.hooks
    for secret in (first["secret"], second["secret"]):
        Webhook(secret).verify(body, headers)


async def test_an_ed25519_key_shows_its_public_half_which_checks_what_is_sent(
    street: Street, merchant: Merchant, receiver: Receiver
) -> None:
    key = await made(street, merchant, receiver.url, secret_kind="ed25519")
    assert key["endpoint"]["secrets"][0]["public_key"] == key["secret"]
    await test_send(street, merchant, key)
    ((headers, body),) = receiver.hooks
    kind, _, signature = headers["webhook-signature"].partition(",")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    public = b64decode(key["secret"].removeprefix("whpk_"))
    Ed25519PublicKey.from_public_bytes(public).verify(b64decode(signature), signed)
    assert kind == "v1a"


async def test_what_is_left_out_of_a_change_stays(
    street: Street, merchant: Merchant, receiver: Receiver
) -> None:
    first = (await made(street, merchant, receiver.url, event_types=["payment.*"]))["endpoint"]
    path = f"{PATH}/{first['id']}"
    change = {"policy": "alipay", "ladder_s": [5, 10], "deadline_ms": 3_000}
    answer = await street.ask(merchant, "PATCH", path, change)
    moved = {"version": 2, "updated_at": answer.json["updated_at"]}
    assert answer.json == first | change | moved
    back = await street.ask(merchant, "PATCH", path, {"ladder_s": None})
    assert back.json["ladder_s"] is None and back.json["policy"] == "alipay"


async def test_a_disabled_endpoint_refuses_a_test_and_an_enabled_one_takes_it(
    street: Street, merchant: Merchant, receiver: Receiver
) -> None:
    first = await made(street, merchant, receiver.url)
    path = f"{PATH}/{first['endpoint']['id']}"
    off = await street.ask(merchant, "PATCH", path, {"enabled": False})
    assert (off.json["state"], off.json["disabled_reason"]) == ("disabled", "as its owner wished")
    kept = await test_send(street, merchant, first)
    assert kept.json["state"] == "skipped" and receiver.hooks == []
    resend = f"/v1/notifications/{kept.json['id']}/resend"
    assert (await street.ask(merchant, "POST", resend)).code == "endpoint_disabled"
    assert (await street.ask(merchant, "PATCH", path, {"enabled": True})).json["state"] == "enabled"
    again = await street.ask(merchant, "POST", resend)
    assert again.json["state"] == "delivered" and len(receiver.hooks) == 1


async def test_a_removed_endpoint_is_gone(
    street: Street, merchant: Merchant, receiver: Receiver
) -> None:
    first = await made(street, merchant, receiver.url)
    path = f"{PATH}/{first['endpoint']['id']}"
    assert (await street.ask(merchant, "DELETE", path)).status == 204
    for method, to in (("GET", path), ("DELETE", path), ("POST", f"{path}/test")):
        assert (await street.ask(merchant, method, to)).code == "endpoint_not_found"
    assert (await street.ask(merchant, "GET", PATH)).json == {"items": []}


async def test_another_merchants_endpoint_is_not_there(
    street: Street, merchant: Merchant, receiver: Receiver
) -> None:
    first, stranger = await made(street, merchant, receiver.url), await street.open_merchant()
    path = f"{PATH}/{first['endpoint']['id']}"
    for method, to in (("GET", path), ("PATCH", path), ("DELETE", path), ("POST", f"{path}/test")):
        form = {"policy": "wechat"} if method == "PATCH" else None
        assert (await street.ask(stranger, method, to, form)).code == "endpoint_not_found"


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1/", "https://169.254.169.254/latest/meta-data", "https://[fd00:ec2::254]/",
     "http://0x7f000001/", "http://2130706433/", "https://no-such-host.invalid/",
     "https://1.1.1.1:22/", "http://1.1.1.1/"],
)  # fmt: skip
async def test_an_address_that_can_not_be_called_is_refused_when_it_is_saved(
    street: Street, merchant: Merchant, receiver: Receiver, url: str
) -> None:
    answer = await street.ask(merchant, "POST", PATH, {"url": url})
    assert (answer.code, answer.json["param"], answer.status) == ("url_not_allowed", "url", 422)
    first = (await made(street, merchant, receiver.url))["endpoint"]
    moved = await street.ask(merchant, "PATCH", f"{PATH}/{first['id']}", {"url": url})
    assert moved.code == "url_not_allowed"


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({}, "missing_field", "url"),
        ({"url": "https://a.example", "policy": "hourly"}, "invalid_field", "policy"),
        (
            {"url": "https://a.example", "event_types": ["payments"]},
            "invalid_field",
            "event_types[0]",
        ),
        ({"url": "https://a.example", "secret": "mine"}, "unknown_field", "secret"),
        ({"url": "https://1.1.1.1/", "headers": {"Host": "x"}}, "invalid_header", "headers.Host"),
        ({"url": "https://u:p@a.example/"}, "invalid_field", "url"),
    ],
)
async def test_a_form_that_is_wrong_is_told_where(
    street: Street, merchant: Merchant, form: dict[str, Any], code: str, param: str
) -> None:
    answer = await street.ask(merchant, "POST", PATH, form)
    assert (answer.code, answer.json["param"]) == (code, param)


async def test_of_two_changes_at_once_none_is_lost_unseen(
    street: Street, merchant: Merchant, receiver: Receiver
) -> None:
    first = (await made(street, merchant, receiver.url))["endpoint"]
    path = f"{PATH}/{first['id']}"
    answers = await asyncio.gather(
        street.ask(merchant, "PATCH", path, {"policy": "wechat"}),
        street.ask(merchant, "PATCH", path, {"description": "番茄"}),
    )
    now = (await street.ask(merchant, "GET", path)).json
    for answer, field_name in zip(answers, ("policy", "description"), strict=True):
        if answer.status == 200:
            assert now[field_name] in ("wechat", "番茄")
        else:
            assert answer.code == "endpoint_changed"
    assert now["version"] == 1 + sum(answer.status == 200 for answer in answers)
