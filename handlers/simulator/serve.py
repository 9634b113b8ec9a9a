"""Serves the simulator until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import uvloop
from aiohttp import web
from msgspec.structs import replace

from handlers.simulator.app import simulator_app
from handlers.simulator.config import SimulatorConfig, load_config


def serve_simulator(file: Path, host: str, port: int, auto_pay_ms: int | None) -> None:
    """With the accounts in `file`, and those that are added while it runs."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        config = load_config(file) if file.exists() else SimulatorConfig()
        if auto_pay_ms is not None:
            config = replace(config, auto_pay_after_ms=auto_pay_ms)
        app = simulator_app(config, file)
    except ValueError as error:  # msgspec's are ValueErrors, too
        raise SystemExit(f"{file}: {error}") from error
    uvloop.run(_serve(app, host, port))


async def _serve(app: web.Application, host: str, port: int) -> None:
    app_runner = web.AppRunner(app, access_log=None)
    await app_runner.setup()
    await web.TCPSite(app_runner, host, port, backlog=1024).start()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await app_runner.cleanup()
