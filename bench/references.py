"""Reference loops: what the same machine does in the same minute with next to nothing to do.

A figure of ours beside them survives a move to another machine; an absolute time does not.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

import aio_pika
import aiohttp
import asyncpg
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from msgspec import Struct

from bench.pgbench import pgbench
from bench.usage import Roots, usage
from deploy.local.services import Services

RUN_S = 3.0
PGBENCH_CLIENTS = 8
PGBENCH_SCALE = 10
"""A million rows: more branches than clients, so that they do not wait for each other's row."""
BODY = b'{"merchant_order_no":"reference","amount_fen":1,"subject":"about as long as one of ours"}'

Once = Callable[[], Awaitable[object]]


class Reference(Struct, frozen=True, kw_only=True):
    """How often the loop went round, and the CPU that everybody together spent on one round."""

    name: str
    per_s: float | None
    cpu_ms: float | None


async def measure(services: Services) -> list[Reference]:
    """Each loop alone, one after the other, about three seconds each."""
    roots = {name: services.pid(name) for name in ("postgres", "rabbitmq")}
    ours = {"bench": os.getpid(), **{name: pid for name, pid in roots.items() if pid}}
    return [
        await _publish_and_consume(services.rabbitmq_url, ours),
        await _commit(services.postgres_url, ours),
        await _pgbench(services.postgres_url, ours),
        await _http_request(ours),
        await _rsa_signature(ours),
    ]


async def _loop(name: str, once: Once, roots: Roots) -> Reference:
    """One after the other, nothing in parallel: latency and cost of one, not a capacity."""
    for _ in range(50):
        await once()
    before = usage(roots, time.monotonic())
    rounds, end = 0, before.at_s + RUN_S
    while time.monotonic() < end:
        await once()
        rounds += 1
    used = usage(roots, time.monotonic()).since(before)
    return _reference(name, rounds, used.at_s, sum(used.by_component.values()))


def _reference(name: str, rounds: int, elapsed_s: float, cpu_s: float) -> Reference:
    return Reference(name=name, per_s=rounds / elapsed_s, cpu_ms=cpu_s * 1000 / rounds)


async def _publish_and_consume(url: str, roots: Roots) -> Reference:
    """A durable message: published, confirmed, consumed and acknowledged, on a quorum queue."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(publisher_confirms=True)
        queue = await channel.declare_queue(
            "bench.reference", durable=True, arguments={"x-queue-type": "quorum"}
        )
        arrived: asyncio.Queue[None] = asyncio.Queue()

        async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            await message.ack()
            arrived.put_nowait(None)

        async def once() -> None:
            message = aio_pika.Message(BODY, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(message, queue.name)
            await arrived.get()

        try:
            await queue.consume(take)
            return await _loop("durable publish and consume", once, roots)
        finally:
            await queue.delete(if_unused=False, if_empty=False)


async def _commit(url: str, roots: Roots) -> Reference:
    """One row, durably committed."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DROP TABLE IF EXISTS bench_reference")
        await connection.execute("CREATE TABLE bench_reference (id serial PRIMARY KEY, body bytea)")

        async def once() -> None:
            await connection.execute("INSERT INTO bench_reference (body) VALUES ($1)", BODY)

        return await _loop("durable commit of one row", once, roots)
    finally:
        await connection.execute("DROP TABLE IF EXISTS bench_reference")
        await connection.close()


async def _http_request(roots: Roots) -> Reference:
    """A POST to a server that answers at once; both ends in this process."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with aiohttp.ClientSession() as session:

            async def once() -> None:
                async with session.post(url, data=BODY) as response:
                    await response.read()

            return await _loop("trivial HTTP request", once, roots)
    finally:
        await runner.cleanup()


async def _rsa_signature(roots: Roots) -> Reference:
    """What a channel's protocol demands of every order: it can be moved, not saved."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    padding, digest = PKCS1v15(), SHA256()

    async def once() -> None:
        key.sign(BODY, padding, digest)

    return await _loop("RSA-2048 signature", once, roots)


async def _pgbench(url: str, roots: Roots) -> Reference:
    """PostgreSQL's own TPC-B-like transaction, eight clients side by side."""
    name = f"pgbench transaction, {PGBENCH_CLIENTS} clients"
    async with pgbench(url, PGBENCH_SCALE) as bench:
        if bench is None:
            return Reference(name=name, per_s=None, cpu_ms=None)
        before = usage(roots, time.monotonic())
        rounds, per_s = await bench.run(clients=PGBENCH_CLIENTS, seconds=RUN_S)
        used = usage(roots, time.monotonic()).since(before)
    cpu_ms = sum(used.by_component.values()) * 1000 / rounds
    return Reference(name=name, per_s=per_s, cpu_ms=cpu_ms)
