"""The simulator without the rest of Tomato, as its guide tells a stranger to use it."""

from __future__ import annotations

import asyncio
import re
import stat
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec

from deploy.local.ports import Ports
from handlers.simulator import SimulatorConfig, load_config
from handlers.simulator.world.faults import KNOBS
from handlers.simulator.world.manners import Manners
from tests.house.checkout import ROOT

GUIDE = ROOT / "docs" / "simulator.md"
EXAMPLE = ROOT / "docs" / "examples" / "pay_without_a_contract.py"


async def started(*words: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=ROOT, stdout=PIPE, stderr=PIPE
    )


@asynccontextmanager
async def running(port: int, config: Path) -> AsyncIterator[str]:
    """`runner.py simulator`, until the test is over; it must end by itself when it is told to."""
    process = await started("runner.py", "simulator", f"--port={port}", f"--config={config}")
    url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(20), aiohttp.ClientSession() as session:
            while not await is_well(session, url):
                await asyncio.sleep(0.1)
        yield url
    finally:
        process.terminate()
        assert await process.wait() == 0


async def is_well(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/healthz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def test_the_example_of_the_guide_pays_with_a_public_sdk(tmp_path: Path) -> None:
    config = tmp_path / "my-simulator.json"
    async with running(Ports(tmp_path).claim("simulator"), config) as url:
        example = await started(str(EXAMPLE), url)
        stdout, stderr = await example.communicate()
    assert example.returncode == 0, stderr.decode()
    code, state = stdout.decode().split()
    assert code.startswith("weixin://wxpay/bizpayurl?pr=") and state == "SUCCESS"
    assert len(load_config(config).accounts) == 1
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


async def test_a_file_with_a_mistake_is_named_and_nothing_starts(tmp_path: Path) -> None:
    config = tmp_path / "my-simulator.json"
    config.write_text('{"clock_speed": 0}')
    process = await started("runner.py", "simulator", f"--config={config}")
    _, stderr = await process.communicate()
    assert process.returncode == 1
    assert f"{config}: Expected `int` >= 1 - at `$.clock_speed`" in stderr.decode()


def test_the_guide_shows_the_example_as_it_is() -> None:
    assert f"```python\n{EXAMPLE.read_text()}```" in GUIDE.read_text()


def test_the_guide_lists_every_fault_with_its_usual_value() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \| (.+) \| .+ \|$", GUIDE.read_text(), re.M)
    shown = {kind: (set(at.split(", ")), value) for kind, at, value in rows}
    assert set(shown) >= set(KNOBS)
    for kind, knob in KNOBS.items():
        at, value = shown[kind]
        assert at == {"calls"} or at - {"calls"} <= set(knob.apis), kind
        if knob.value:
            assert f"({knob.value})" in value, kind


def test_the_guide_lists_every_manner() -> None:
    names = {field.name for field in msgspec.structs.fields(SimulatorConfig)}
    assert names >= {field.name for field in msgspec.structs.fields(Manners)}
    assert names <= set(re.findall(r"^\| `(\w+)` \|", GUIDE.read_text(), re.M))
