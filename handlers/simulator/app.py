"""The simulated WeChat Pay as a web application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from handlers.simulator import api, desk
from handlers.simulator.config import SimulatorConfig
from handlers.simulator.notifier import Notifier, open_session
from handlers.simulator.simulator import SIMULATOR, Simulator

REQUEST_BYTES_MAX = 64 * 1024
"""An order is under 4 kB and an account under 8; the rest is not for us."""


def simulator_app(config: SimulatorConfig, config_path: Path | None = None) -> web.Application:
    """Ready to run; serve it without an access log, which would cost more than the answers.

    Accounts that are added while it runs are kept in `config_path`; without one they are forgotten.
    ValueError names an account's field that is no key.
    """
    app = web.Application(client_max_size=REQUEST_BYTES_MAX)
    app[SIMULATOR] = Simulator(config, config_path)
    app.add_routes([*api.ROUTES, *desk.ROUTES])
    app.cleanup_ctx.append(_with_notifier)
    return app


async def _with_notifier(app: web.Application) -> AsyncIterator[None]:
    simulator = app[SIMULATOR]
    simulator.notifier = Notifier(
        open_session(), simulator.merchants, simulator.faults, simulator.config.clock_speed
    )
    yield
    await simulator.notifier.close()
