"""All simulated platforms as one web application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from handlers.simulator.config import SimulatorConfig
from handlers.simulator.desk import DESK_ROUTES
from handlers.simulator.simulator import SIMULATOR, Simulator
from handlers.simulator.world import WORLD, World
from handlers.simulator.world.notifier import Notifier, open_session

REQUEST_BYTES_MAX = 64 * 1024
"""An order is under 4 kB and an account under 16; the rest is not for us."""


def simulator_app(config: SimulatorConfig, config_path: Path | None = None) -> web.Application:
    """Ready to run; serve it without an access log, which would cost more than the answers.

    Accounts that are added while it runs are kept in `config_path`; without one they are forgotten.
    ValueError names an account's field that is no key, or a fault's that is wrong.
    """
    app = web.Application(client_max_size=REQUEST_BYTES_MAX)
    simulator = app[SIMULATOR] = Simulator(config, config_path)
    world = app[WORLD] = simulator.world
    for front in world.fronts.values():
        app.add_routes(front.routes)
    app.add_routes(DESK_ROUTES)
    app.cleanup_ctx.append(_with_notifier)
    app.on_shutdown.append(_let_go)
    return app


async def _with_notifier(app: web.Application) -> AsyncIterator[None]:
    world = app[WORLD]
    world.notifier = Notifier(
        open_session(), world.merchants, world.fronts, world.faults, world.clock
    )
    _close_days(world)
    yield
    world.clock.stop()
    await world.notifier.close()


async def _let_go(app: web.Application) -> None:
    """Calls that a fault holds are not waited for."""
    app[WORLD].ending.set()


def _close_days(world: World) -> None:
    """Day after day, where the manners say how long one lasts."""
    if (lasts_ms := world.manners.day_lasts_ms) is None:
        return
    loop = asyncio.get_running_loop()

    def close() -> None:
        world.clock.close_day()
        loop.call_later(lasts_ms / 1000, close)

    loop.call_later(lasts_ms / 1000, close)
