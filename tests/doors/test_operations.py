"""What operators ask: alive, ready, and what has been counted."""

from __future__ import annotations

from dataclasses import replace

import aiohttp

from bus.process import Shared
from handlers.operations import Operations, readiness_of
from tests.doors.street import Merchant, Street
from tests.doors.test_guard import NOWHERE


async def test_a_process_that_can_work_says_so(street: Street) -> None:
    assert (await street.send("GET", "/healthz")).json == {"alive": True}
    answer = await street.send("GET", "/readyz")
    checks = {"postgres": "ok", "rabbitmq": "ok", "redis": "ok"}
    assert (answer.status, answer.json) == (200, {"ready": True, "checks": checks})


async def test_a_process_without_redis_can_work(street: Street) -> None:
    settings = replace(street.shared.settings, redis_url=NOWHERE)
    shared = await Shared.open(settings, name="poor")
    await shared.broker.connect()
    readiness = await readiness_of(shared)
    assert readiness.ready
    assert readiness.checks["redis"] == "away: ConnectionError"
    await shared.close()


async def test_a_process_without_its_broker_or_database_can_not(street: Street) -> None:
    shared = await Shared.open(street.shared.settings, name="lonely")
    operations = Operations(shared, port=0)
    await operations.start()
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{operations.url}/readyz") as answer:
            document = await answer.json()
            assert answer.status == 503
            assert document["checks"]["postgres"] == "ok"
            assert document["checks"]["rabbitmq"] == "away: TryLater"
        await shared.pool.close()
        async with session.get(f"{operations.url}/readyz") as answer:
            assert (await answer.json())["checks"]["postgres"].startswith("away: ")
        async with session.get(f"{operations.url}/healthz") as answer:
            assert answer.status == 200
    await operations.stop()
    await shared.redis.aclose()


async def test_requests_are_counted_by_the_pattern_of_their_path(
    street: Street, merchant: Merchant
) -> None:
    await street.get(merchant, "/v1/payments/pay_" + "0" * 24)
    answer = await street.send("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    line = 'tomato_http_request_seconds_count{method="GET",route="/v1/payments/{payment_id}"'
    assert line.encode() in answer.body
    assert b"tomato_deliveries_out_total" in answer.body
