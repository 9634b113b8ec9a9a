"""The operator's hand on lanes: `runner.py lanes list|pause|drain|resume`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from typer.testing import CliRunner, Result

from bus.lanes import desk
from handlers.terminal import lanes_cli
from schema.settings import Settings
from tests.bus.serving import Sink, sinking, visits
from tests.bus.workshop import Workshop, at_last


async def at_terminal(workshop: Workshop, *words: str) -> Result:
    """A command as an operator gives it, in a thread since it runs an event loop of its own."""
    site = workshop.site
    settings = Settings(
        postgres_url=site.postgres_url, rabbitmq_url=site.rabbitmq_url, redis_url=site.redis_url,
        master_key=site.master_key,
    )  # fmt: skip
    words = (*words, "--actor", "example")
    invoke = CliRunner().invoke
    return await asyncio.to_thread(invoke, lanes_cli, list(words), obj=lambda: settings)


async def _listed(workshop: Workshop, *words: str) -> dict[str, dict[str, Any]]:
    result = await at_terminal(workshop, "list", "--json", *words)
    return {look["lane"]: look for look in json.loads(result.stdout)}


async def test_an_operator_pauses_drains_and_resumes_a_lane(workshop: Workshop) -> None:
    sink = Sink()
    async with sinking(workshop, sink), workshop.at_work(desk()):
        await workshop.send(*visits("a", 1), *visits("b", 1))
        await at_last(lambda: sink.has("a1", "b1"))
        paused = await at_terminal(workshop, "pause", "a", "--reason", "audit", "--minutes", "5")
        assert paused.exit_code == 0 and "paused" in paused.stdout
        await workshop.send(*visits("a", 2), *visits("b", 2))
        await at_last(lambda: sink.has("b2"))
        listed = await _listed(workshop)
        assert (listed["a"]["state"], listed["a"]["depth"]) == ("paused", 1)
        assert (listed["b"]["state"], listed["b"]["depth"]) == ("open", 0)
        assert list(await _listed(workshop, "--state", "open")) == ["b"]
        drained = await at_terminal(workshop, "drain", "a", "--reason", "moving")
        assert drained.exit_code == 0 and "drained" in drained.stdout
        resumed = await at_terminal(workshop, "resume", "a")
        assert resumed.exit_code == 0 and "open" in resumed.stdout
        await at_last(lambda: sink.has("a2"))


async def test_an_operator_is_told_when_nobody_does_what_he_asks(
    workshop: Workshop, monkeypatch: Any
) -> None:
    monkeypatch.setattr("handlers.terminal.lanes.DONE_WITHIN_S", 0.3)
    result = await at_terminal(workshop, "pause", "a", "--reason", "audit")
    assert result.exit_code == 1 and "no worker has done it yet" in result.stderr
    async with workshop.at_work(desk()):
        await at_last(lambda: workshop.is_empty("lanes"))
    assert (await _listed(workshop))["a"]["state"] == "paused", "it was done once one came"


async def test_a_name_that_can_not_be_a_lane_is_refused_at_the_terminal(
    workshop: Workshop,
) -> None:
    result = await at_terminal(workshop, "pause", "any words", "--reason", "audit")
    assert result.exit_code == 2 and "lane" in result.stderr
