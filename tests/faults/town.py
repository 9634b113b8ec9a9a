"""A town: services that may be killed, every room and door as a process, a channel, and shops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import asyncpg

from bus.database import connect
from bus.vault import Vault
from deploy.local.ports import Ports
from deploy.local.services import Services
from handlers.simulator import SimulatorConfig, generate_account, save_config
from runner import ROOMS
from tests.faults.programs import Program
from tests.journeys.shop import Street, a_street
from tests.registry import register_channel, register_merchant
from tests.sites import Site

ACTORS = (*ROOMS, "edge")
CHANNEL_NO = "wechat_town"
SHOPS = ("baker", "butcher", "greengrocer")

MANNERS = {"auto_pay_after_ms": 300, "answer_delay_ms": 100, "clock_speed": 60}
"""Payers pay by themselves, calls take long enough to be cut off, lost notices come again soon."""


@dataclass
class Town:
    """Everything that runs, and what may be killed of it."""

    services: Services
    site: Site
    programs: dict[str, Program]
    street: Street
    session: aiohttp.ClientSession

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
async def a_town(services: Services, site: Site, folder: Path) -> AsyncIterator[Town]:
    """Every program running and ready; whatever happens, all of them are gone at the end."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        street = await stack.enter_async_context(a_street())
        programs = _programs(services, site, folder)
        town = Town(services, site, programs, street, session)
        await _move_in(town, folder)
        for program in programs.values():
            stack.callback(program.end)
            program.start()
        await town.are_ready()
        yield town


def _programs(services: Services, site: Site, folder: Path) -> dict[str, Program]:
    ports = Ports(services.folder)
    port = {name: ports.claim(f"town_{name}") for name in (*ACTORS, "simulator")}
    environment = site.environment() | {
        "TOMATO_HTTP_PORT": str(port["edge"]),
        "TOMATO_SIMULATOR_PORT": str(port["simulator"]),
        "TOMATO_SIMULATOR_FILE": str(folder / "simulator.json"),
    }
    words = {name: ["run", name, f"--operations-port={port[name]}"] for name in ROOMS}
    words |= {"edge": ["edge"], "simulator": ["simulator"]}
    return {
        name: Program(name, words[name], port[name], folder / f"{name}.log", environment)
        for name in words
    }


async def _move_in(town: Town, folder: Path) -> None:
    """One channel and three shops, before anything runs."""
    simulator, edge = town.programs["simulator"].url, town.programs["edge"].url
    ours, theirs = generate_account(
        "1900000001", "wxtown", simulator, f"{edge}/channels/{CHANNEL_NO}/notify"
    )
    save_config(folder / "simulator.json", SimulatorConfig(accounts=(theirs,), **MANNERS))
    pool, vault = await connect(town.site.postgres_url), Vault(town.site.master_key)
    await register_channel(pool, vault, CHANNEL_NO, ours)
    for name in SHOPS:
        notify_url = town.street.address(name)
        created = await register_merchant(pool, vault, CHANNEL_NO, notify_url=notify_url)
        town.street.open(name, created, edge, town.session)
    await pool.close()
