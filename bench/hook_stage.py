"""The stage of the webhook scenarios: the notification room alone, and merchants who listen.

What happens to payments is said by the bench itself, in ordering's words and through the same
exchange, so that nothing but the telling is measured.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from base64 import b64encode
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import asyncpg
import msgspec

from bench import backing
from bench.hook_facts import Burst, paid, said, webhook_id
from bench.hook_receiver import Arrivals, Hanging, Plan
from bench.programs import Crew, Program
from bench.reconcile import Check
from bench.stage import SERVICES
from bench.usage import Roots
from bus.broker import Broker
from bus.database import connect, queries
from bus.vault import Vault
from deploy.local.services import Services
from schema.profiles import MerchantProfile

SQL = queries(__file__)

BATCH = 200
DRAIN_LOOK_S = 0.25


@dataclass(frozen=True, kw_only=True)
class HookStage:
    """Everything that runs, and how to reach it."""

    services: Services
    crew: Crew
    broker: Broker
    pool: asyncpg.Pool
    session: aiohttp.ClientSession
    workers: Sequence[Program]
    receiver: Program
    merchants: Sequence[str]
    said: dict[str, float] = field(default_factory=dict)
    """When each event was said, by its webhook-id, on the machine's monotonic clock."""
    arrived: list[Arrivals] = field(default_factory=list)
    told: dict[str, str] = field(default_factory=dict)
    """Who was told each event, by its webhook-id."""
    bursting: set[str] = field(default_factory=set)
    """Merchants of whom another program says more than we know of."""
    _first_at_s: dict[str, float] = field(default_factory=dict)

    @property
    def roots(self) -> Roots:
        """What a delivery costs is what these use."""
        backing_pids = {name: self.services.pid(name) for name in SERVICES}
        ours = {worker.name: worker.process.pid for worker in self.workers}
        ours |= {name: pid for name, pid in backing_pids.items() if pid is not None}
        return ours | {"receiver": self.receiver.process.pid}

    async def say(self, merchants: Iterable[str], *, due_s: float | None = None) -> list[str]:
        """One payment of each of these has succeeded; the webhook-ids that are to come of it.

        `due_s` is when that should be said: whoever says it too late does not flatter us.
        """
        facts = [paid(number) for number in merchants]
        ids = [webhook_id(fact) for fact in facts]
        self.said.update(dict.fromkeys(ids, due_s or time.monotonic()))
        await self.broker.publish(said(facts))
        return ids

    def pour(self, merchant_no: str, count: int, per_s: float) -> Program:
        """A program that says a burst of facts about one merchant, and ends when it is said."""
        burst = Burst(
            rabbitmq_url=self.services.rabbitmq_url, merchant_no=merchant_no, count=count,
            per_s=per_s,
        )  # fmt: skip
        words = ["-m", "bench.hook_facts"]
        return self.crew.start("burst", words, {}, says=msgspec.json.encode(burst))

    async def kept(self, merchant_no: str) -> dict[str, int]:
        """How many notifications there are for a merchant, by state."""
        rows = await self.pool.fetch(SQL.kept_notifications, merchant_no)
        return {row["state"]: row["count"] for row in rows}

    async def look(self) -> int:
        """Fetches what has arrived since the last look; returns how many events in all."""
        async with self.session.get(f"{self.receiver.url}/arrivals") as answer:
            arrivals = msgspec.json.decode(await answer.read(), type=Arrivals)
        self.arrived.append(arrivals)
        for each in arrivals.arrivals:
            self._first_at_s.setdefault(each.webhook_id, each.at_s)
            self.told[each.webhook_id] = each.merchant_no
        return len(self._first_at_s)

    def first_arrivals(self) -> dict[str, float]:
        """When each event arrived first."""
        return self._first_at_s

    async def all_arrived(self, ids: Iterable[str], *, within_s: float) -> bool:
        """Whether all of these arrive in time."""
        wanted, give_up_at = set(ids), time.monotonic() + within_s
        while time.monotonic() < give_up_at:
            await self.look()
            if wanted <= self.first_arrivals().keys():
                return True
            await asyncio.sleep(DRAIN_LOOK_S)
        return False

    async def let_hang(self, merchants: Sequence[str], hang_s: float) -> None:
        """These merchants' servers hang from now on, and no others."""
        wish = Hanging(merchants=list(merchants), hang_s=hang_s)
        async with self.session.post(
            f"{self.receiver.url}/control", data=msgspec.json.encode(wish)
        ) as answer:
            answer.raise_for_status()

    def checks(self, expected: Iterable[str]) -> list[Check]:
        """Everybody was told, nobody was told by a stranger; repeats are counted elsewhere."""
        expected, first = set(expected), self.first_arrivals()
        lost = sorted(expected - first.keys())
        heard = {id for id, number in self.told.items() if number not in self.bursting}
        strangers = sorted(heard - self.said.keys())
        last = self.arrived[-1] if self.arrived else Arrivals(arrivals=[], verified=0, forged=0)
        forged = [f"{last.forged} signatures are wrong"] if last.forged else []
        return [
            Check(name="every merchant was told", compared=len(expected), differences=lost),
            Check(name="nothing came that was not said", compared=len(first),
                  differences=strangers),
            Check(name="signatures are genuine", compared=last.verified, differences=forged),
        ]  # fmt: skip

    def duplicates(self) -> int:
        """Webhooks that came again under the same id."""
        total = sum(len(each.arrivals) for each in self.arrived)
        return total - len(self.first_arrivals())

    def stopped(self) -> Check:
        """All programs have run to the end, and ended well when they were asked to."""
        count = len(self.workers) + 1
        return Check(name="programs ended well", compared=count, differences=self.crew.stop())


@asynccontextmanager
async def set_up(
    services: Services, *, merchants: int, workers: int, answer_ms: int = 0
) -> AsyncGenerator[HookStage]:
    """Everything running and ready; whatever happens, all of it is stopped again."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(backing.own_room(services))
        crew = Crew(services.folder)
        stack.callback(crew.stop)
        pool = await stack.enter_async_context(await connect(url, name="bench"))
        secret = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
        receiver = _start_receiver(crew, secret, answer_ms)
        environment = services.environment() | {"TOMATO_POSTGRES_URL": url}
        vault = Vault(environment["TOMATO_MASTER_KEY"])
        numbers = await _enrolled(pool, vault, merchants, receiver.url, secret)
        names = [f"notification{n}" for n in range(1, workers + 1)]
        started = [
            crew.start(
                name, ["runner.py", "run", "notification", f"--operations-port={crew.port(name)}"],
                environment,
            )
            for name in names
        ]  # fmt: skip
        await asyncio.gather(*(each.wait_until_ready() for each in (*started, receiver)))
        broker = Broker(services.rabbitmq_url, name="bench")
        await broker.connect()
        stack.push_async_callback(broker.stop)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield HookStage(
            services=services, crew=crew, broker=broker, pool=pool, session=session,
            workers=started, receiver=receiver, merchants=numbers,
        )  # fmt: skip


def _start_receiver(crew: Crew, secret: str, answer_ms: int) -> Program:
    plan = Plan(port=crew.port("receiver"), secret=secret, answer_s=answer_ms / 1_000)
    words = ["-m", "bench.hook_receiver"]
    return crew.start("receiver", words, {}, says=msgspec.json.encode(plan))


async def _enrolled(
    pool: asyncpg.Pool, vault: Vault, count: int, receiver_url: str, secret: str
) -> list[str]:
    """Merchants in the directory, each with an address of his own."""
    numbers = [f"1020260101{n:07d}" for n in range(1, count + 1)]
    profiles = [
        MerchantProfile(
            merchant_no=number,
            name="Bench",
            notify_url=f"{receiver_url}/m/{number}",
            webhook_secret=vault.seal(secret.encode(), f"webhook:{number}"),
        )
        for number in numbers
    ]
    documents = [msgspec.json.encode(profile).decode() for profile in profiles]
    await pool.execute(SQL.add_merchants, numbers, documents)
    return numbers
