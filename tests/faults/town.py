"""A town: services that may be killed, every room and door as a process, a channel, and shops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import aiohttp
import asyncpg

from bus.database import connect
from bus.vault import Vault
from deploy.local.accounts import generate
from deploy.local.ports import Ports
from deploy.local.services import Services
from handlers.simulator import SimulatorConfig, save_config
from handlers.simulator.fronts import Account, merchant_key
from handlers.simulator.world import Api, FaultOrder, Kind
from runner import ROOMS
from schema.channels.language import Protocols
from schema.products import PayType
from tests.faults.programs import RUNNER, Program
from tests.journeys.shop import Street, a_street
from tests.registry import register_channel, register_customer
from tests.sites import Site

ACTORS = (*ROOMS, "edge")
SHOPS = ("baker", "butcher", "greengrocer")

WALLETS: dict[Protocols, PayType] = {
    "wechat": "wechat_native", "alipay": "alipay_qr", "unionpay": "unionpay_qr",
    "bank": "bank_page",
}  # fmt: skip
"""What each platform is asked for here: its payers need nothing but the offer."""

MANNERS = {"auto_pay_after_ms": 300, "answer_delay_ms": 100, "clock_speed": 60}
"""Payers pay by themselves, calls take long enough to be cut off, lost notices come again soon."""

WHO_PAYS: tuple[tuple[Api, Kind, int], ...] = (
    ("pay", "silent_outage", 13),
    ("pay", "silent_outage", 17),
    ("pay", "silent_outage", 23),
    ("close", "late_success", 17),
    ("notify", "lost_notify", 19),
)
"""By the last two digits of the amount: who never pays, who pays too late, and of whom the channel
says nothing on its own."""


@dataclass
class Town:
    """Everything that runs, and what may be killed of it."""

    services: Services
    site: Site
    programs: dict[str, Program]
    street: Street
    session: aiohttp.ClientSession
    accounts: dict[Protocols, str] = field(default_factory=dict)
    """The platforms that are here, and their numbers for us."""

    @asynccontextmanager
    async def database(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the moment: the server may have died since the last one."""
        connection = await asyncpg.connect(self.site.postgres_url)
        try:
            yield connection
        finally:
            await connection.close()

    async def are_ready(self) -> None:
        """Returns when every program can work."""
        await asyncio.gather(*(program.is_ready() for program in self.programs.values()))

    async def counted(self, metric: str) -> int:
        """What all actors together have counted since each was started."""
        actors = (self.programs[actor] for actor in ACTORS)
        return sum([await actor.counted(metric, self.session) for actor in actors])

    def logs(self) -> str:
        """The last words of all programs, for whoever has to find out."""
        words = [f"--- {name}\n{p.last_words(12)}" for name, p in self.programs.items()]
        return "\n".join(words)


@asynccontextmanager
async def a_town(
    services: Services, site: Site, folder: Path, wallets: Sequence[Protocols] = ("wechat",),
    *, launcher: Sequence[str] = RUNNER, calls_in_flight_max: int = 200,
) -> AsyncIterator[Town]:  # fmt: skip
    """Every program running and ready; whatever happens, all of them are gone at the end.

    `launcher` runs all but the simulator, and `calls_in_flight_max` is what a channel bears.
    """
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        street = await stack.enter_async_context(a_street())
        programs = _programs(services, site, folder, launcher)
        town = Town(services, site, programs, street, session)
        await _move_in(town, folder, wallets, calls_in_flight_max)
        for program in programs.values():
            stack.callback(program.end)
            program.start()
        await town.are_ready()
        yield town


def _programs(
    services: Services, site: Site, folder: Path, launcher: Sequence[str]
) -> dict[str, Program]:
    ports = Ports(services.folder)
    port = {name: ports.claim(f"town_{name}") for name in (*ACTORS, "simulator")}
    environment = site.environment() | {
        "TOMATO_HTTP_PORT": str(port["edge"]),
        "TOMATO_SIMULATOR_PORT": str(port["simulator"]),
        "TOMATO_SIMULATOR_FILE": str(folder / "simulator.json"),
    }
    words = {name: ["run", name, f"--operations-port={port[name]}"] for name in ROOMS}
    words |= {"edge": ["edge"], "simulator": ["simulator"]}
    launchers = dict.fromkeys(ACTORS, launcher) | {"simulator": RUNNER}
    return {
        name: Program(
            name, words[name], port[name], folder / f"{name}.log", environment, launchers[name]
        )
        for name in words
    }


async def _move_in(
    town: Town, folder: Path, wallets: Sequence[Protocols], calls_in_flight_max: int
) -> None:
    """A channel of each platform and three shops, before anything runs."""
    simulator, edge = town.programs["simulator"].url, town.programs["edge"].url
    pool, vault = await connect(town.site.postgres_url), Vault(town.site.master_key)
    theirs = list[Any]()
    for protocol in wallets:
        channel_no = channel_of(protocol)
        ours, other_end = generate(protocol, simulator, f"{edge}/channels/{channel_no}/notify")
        theirs.append(other_end)
        town.accounts[protocol] = merchant_key(cast(Account, other_end))[1]
        await register_channel(
            pool, vault, channel_no, ours,
            pay_types=[WALLETS[protocol]], calls_in_flight_max=calls_in_flight_max,
        )  # fmt: skip
    config = SimulatorConfig(accounts=tuple(theirs), faults=tuple(who_pays(town)), **MANNERS)
    save_config(folder / "simulator.json", config)
    for name in SHOPS:
        notify_url = town.street.address(name)
        bindings: dict[PayType, str] = {WALLETS[each]: channel_of(each) for each in wallets}
        created = await register_customer(pool, vault, bindings, notify_url=notify_url)
        town.street.open(name, created, edge, town.session)
    await pool.close()


def channel_of(protocol: Protocols) -> str:
    """The number of our channel at this platform."""
    return f"{protocol}_town"


def who_pays(town: Town) -> Iterator[FaultOrder]:
    """The manners of payers, as the simulator is told of them."""
    for protocol, account_no in town.accounts.items():
        for api, kind, digits in WHO_PAYS:
            yield FaultOrder(
                account_no=account_no, protocol=protocol, api=api, kind=kind,
                amount_modulus=100, amount_remainder=digits,
            )  # fmt: skip
