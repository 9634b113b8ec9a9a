"""The stage of one run: services, a migrated database, merchants, and every program running."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import asyncpg
import msgspec

from bench import backing, registry
from bench.control import Traffic
from bench.orders import Merchant
from bench.programs import Crew, Program
from bench.traffic import Plan
from bus.database import connect
from bus.vault import Vault
from deploy.local.services import Services

ACTORS = (
    "ordering", "risk", "routing", "channels", "accounting", "notification", "monitoring",
)  # fmt: skip
SERVICES = ("postgres", "rabbitmq", "redis")


@dataclass(frozen=True, kw_only=True)
class Cast:
    """What a run is made with."""

    merchants: int = 20
    generators: int = 1
    answer_delay_ms: int = 0
    elsewhere: int = 0
    """Every so manieth merchant is paid through another channel; 0: nobody is."""
    verify_every: int = 20
    """One signature of so many is checked: a wrong key is wrong every time, and checking costs."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """TOMATO_ variables of the platform that differ from their defaults in this run."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Everything that runs, and how to reach it."""

    cast: Cast
    services: Services
    crew: Crew
    database_url: str
    environment: Mapping[str, str]
    observer: asyncpg.Connection
    """A session in another database, which counts without being counted."""
    session: aiohttp.ClientSession
    platform: list[Program]
    simulator: Program
    traffic: Traffic
    merchants: Sequence[Merchant]

    @property
    def elsewhere(self) -> set[str]:
        """The merchants who are paid through the other channel."""
        every = self.cast.elsewhere
        return {m.merchant_no for m in self.merchants[every - 1 :: every]} if every else set()

    def start_anew(self, name: str) -> Program:
        """Kills one of the platform's programs as a power cut would, and starts it again."""
        (old,) = (program for program in self.platform if program.name == name)
        self.crew.kill(old)
        new = _started(self.crew, name, self.environment)
        self.platform[self.platform.index(old)] = new
        return new

    @property
    def database(self) -> str:
        """The name of the run's own database."""
        return self.database_url.rpartition("/")[2]

    @property
    def programs(self) -> list[Program]:
        """All that were started."""
        return [*self.platform, self.simulator, *self.traffic.programs]

    @property
    def platform_roots(self) -> dict[str, int]:
        """What a payment costs is what these use: our processes and their services."""
        backing_pids = {name: self.services.pid(name) for name in SERVICES}
        ours = {program.name: program.process.pid for program in self.platform}
        return ours | {name: pid for name, pid in backing_pids.items() if pid is not None}

    @property
    def roots(self) -> dict[str, int]:
        """The main process of every component."""
        return self.platform_roots | self.street_roots

    @property
    def street_roots(self) -> dict[str, int]:
        """The world outside: merchants with their receivers, and the payment provider."""
        outside = [*self.traffic.programs, self.simulator]
        return {program.name: program.process.pid for program in outside}


@asynccontextmanager
async def set_up(services: Services, cast: Cast) -> AsyncGenerator[Stage]:
    """Everything running and ready; whatever happens, all of it is stopped again."""
    async with AsyncExitStack() as stack:
        database_url = await stack.enter_async_context(backing.own_room(services))
        observer = await asyncpg.connect(services.postgres_url, command_timeout=60)
        stack.push_async_callback(observer.close)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        crew = Crew(services.folder)
        stack.callback(crew.stop)
        environment = {**_environment(services, database_url, crew), **cast.settings}
        merchants = await _enrolled(crew, environment, cast)
        stage = Stage(
            cast=cast,
            services=services,
            crew=crew,
            database_url=database_url,
            observer=observer,
            session=session,
            environment=environment,
            simulator=crew.start("simulator", ["runner.py", "simulator"], environment),
            platform=_start_platform(crew, environment),
            traffic=Traffic(_start_traffic(crew, merchants, cast), session),
            merchants=merchants,
        )
        await asyncio.gather(*(program.wait_until_ready() for program in stage.programs))
        yield stage


def _environment(services: Services, database_url: str, crew: Crew) -> dict[str, str]:
    return services.environment() | {
        "TOMATO_POSTGRES_URL": database_url,
        "TOMATO_HTTP_PORT": str(crew.port("edge")),
        "TOMATO_PUBLIC_URL": crew.url("edge"),
        "TOMATO_SIMULATOR_PORT": str(crew.port("simulator")),
    }


def _start_platform(crew: Crew, environment: Mapping[str, str]) -> list[Program]:
    """The edge, and each actor in a process of its own."""
    return [_started(crew, name, environment) for name in ("edge", *ACTORS)]


def _started(crew: Crew, name: str, environment: Mapping[str, str]) -> Program:
    words = ["run", name, f"--operations-port={crew.port(name)}"] if name in ACTORS else [name]
    return crew.start(name, ["runner.py", *words], environment)


async def _enrolled(crew: Crew, environment: Mapping[str, str], cast: Cast) -> list[Merchant]:
    accounts = registry.open_channels(
        Path(environment["TOMATO_SIMULATOR_FILE"]),
        simulator_url=crew.url("simulator"),
        edge_url=crew.url("edge"),
        answer_delay_ms=cast.answer_delay_ms,
    )
    pool = await connect(environment["TOMATO_POSTGRES_URL"], name="bench")
    try:
        vault = Vault(environment["TOMATO_MASTER_KEY"])
        return await registry.enrol(
            pool, vault, merchants=cast.merchants, elsewhere=cast.elsewhere, accounts=accounts
        )
    finally:
        await pool.close()


def _start_traffic(crew: Crew, merchants: Sequence[Merchant], cast: Cast) -> list[Program]:
    run = secrets.token_hex(4)
    names = [f"traffic{number}" for number in range(1, cast.generators + 1)]
    plans = [
        Plan(
            name=f"{run}-{name}",
            port=crew.port(name),
            edge_url=crew.url("edge"),
            merchants=tuple(merchants),
            verify_every=cast.verify_every,
        )
        for name in names
    ]
    return [
        crew.start(name, ["-m", "bench.traffic"], {}, says=msgspec.json.encode(plan))
        for name, plan in zip(names, plans, strict=True)
    ]
