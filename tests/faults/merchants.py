"""Two hundred merchants whose servers listen here, and workers that tell them and may die."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook

from bus.broker import Broker
from bus.database import Pool, connect
from bus.effects import Outgoing, deliveries
from bus.origin import new_event
from bus.vault import Vault
from deploy.local.ports import Ports
from deploy.local.services import Services
from schema import ids
from tests.actors.profiles import register
from tests.examples import NOW, a_merchant, a_paid_payment
from tests.faults.programs import Program
from tests.sites import Site
from tests.waiting import at_last

MERCHANTS = 200
WORKERS = 3
TAKES_S = 0.1
"""Long enough that a worker which dies leaves posts behind that nobody has recorded."""

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOLD_WITHIN_S = 120.0
"""A claim of somebody who died runs out after 15 s, and a sweeper looks after a minute and more."""

OPEN_ENDS = """
SELECT notification_id, state, attempts FROM notification.notification
WHERE state <> 'delivered' OR attempts <> 1 OR claimed_until IS NOT NULL
"""


@dataclass
class Square:
    """The merchants' servers, the workers, and what was said and heard."""

    services: Services
    site: Site
    broker: Broker
    pool: Pool
    workers: Sequence[Program]
    numbers: Sequence[str]
    said: set[str] = field(default_factory=set)
    heard: Counter[str] = field(default_factory=Counter)

    async def hear(self, request: web.Request) -> web.Response:
        """Any merchant's server."""
        body = await request.read()
        Webhook(SECRET).verify(body, dict(request.headers))
        self.heard[request.headers["webhook-id"]] += 1
        await asyncio.sleep(TAKES_S)
        return web.Response(status=204)

    async def say(self, count: int) -> None:
        """One payment of so many merchants has succeeded, in turn."""
        for number in self.numbers[:count]:
            payment = ids.payment_id(number, os.urandom(8).hex(), NOW)
            fact = a_paid_payment(payment, number)
            self.said.add(f"evt_{payment.removeprefix('pay_')}_payment_succeeded")
            outgoing = Outgoing.of(fact, new_event(fact, subject=payment))
            await self.broker.publish(deliveries([outgoing]))

    async def all_are_told(self) -> int:
        """Returns when everybody was told; how many webhooks came twice.

        Each was tried once as the database has it, so one that came twice came under the same id
        and number.
        """

        async def told() -> bool:
            return self.said <= self.heard.keys() and not await self.pool.fetch(OPEN_ENDS)

        try:
            await at_last(told, within_s=TOLD_WITHIN_S)
        except TimeoutError:
            missing = len(self.said - self.heard.keys())
            ends = await self.pool.fetch(OPEN_ENDS)
            raise AssertionError(f"{missing} not told; {len(ends)} open: {ends[:5]}") from None
        assert self.heard.keys() == self.said
        assert max(self.heard.values()) <= 2
        return sum(self.heard.values()) - len(self.heard)


@asynccontextmanager
async def a_square(services: Services, site: Site, folder: Path) -> AsyncIterator[Square]:
    """Everything running, every lane open; all is gone at the end."""
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(await connect(site.postgres_url, size_max=2))
        broker = Broker(site.rabbitmq_url, name="square")
        await broker.connect()
        await broker.declare()
        stack.push_async_callback(broker.stop)
        numbers = [f"10{n:015d}" for n in range(1, MERCHANTS + 1)]
        workers = _workers(services, site, folder)
        square = Square(services, site, broker, pool, workers, numbers)
        app = web.Application()
        app.router.add_post("/{merchant_no}", square.hear)
        server = await stack.enter_async_context(TestServer(app))
        await _enrol(square, str(server.make_url("/")))
        for worker in workers:
            stack.callback(worker.end)
            worker.start()
        await asyncio.gather(*(worker.is_ready() for worker in workers))
        await square.say(MERCHANTS)
        await square.all_are_told()
        yield square


def _workers(services: Services, site: Site, folder: Path) -> list[Program]:
    ports = Ports(services.folder)
    made: list[Program] = []
    for n in range(1, WORKERS + 1):
        name = f"square_{n}"
        port = ports.claim(name)
        words = ["run", "notification", f"--operations-port={port}"]
        made.append(Program(name, words, port, folder / f"{name}.log", site.environment()))
    return made


async def _enrol(square: Square, url: str) -> None:
    vault = Vault(square.site.master_key)
    profiles = [
        a_merchant(
            merchant_no=number,
            notify_url=f"{url}{number}",
            webhook_secret=vault.seal(SECRET.encode(), f"webhook:{number}"),
        )
        for number in square.numbers
    ]
    await register(square.pool, *profiles)
