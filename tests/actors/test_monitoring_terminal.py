"""Monitoring at the terminal: what an operator sees and does, and what is not let through."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, timedelta

import pytest
import typer
from redis.asyncio import Redis
from typer.testing import CliRunner, Result

from actors.monitoring.archive import Archive
from actors.monitoring.terminal import watch_channels
from bus.database import Pool
from schema.settings import Settings
from tests.actors.monitoring import PAY_TYPE, Lookout, a_lookout, a_rule, channels
from tests.sites import Site

channel_cli = watch_channels(typer.Typer())


@pytest.fixture
async def lookout(pool: Pool, redis: Redis) -> AsyncIterator[Lookout]:
    """Nothing was seen yet."""
    async with a_lookout(pool, redis) as made:
        yield made


@pytest.fixture
def terminal(site: Site) -> Terminal:
    """Where an operator types."""
    return Terminal(site)


class Terminal:
    """Gives commands in a thread, since each runs an event loop of its own."""

    def __init__(self, site: Site) -> None:
        self._settings = Settings(
            postgres_url=site.postgres_url, rabbitmq_url="", redis_url=site.redis_url,
            master_key=site.master_key,
        )  # fmt: skip

    async def __call__(self, *words: str) -> Result:
        return await asyncio.to_thread(
            CliRunner().invoke, channel_cli, list(words), obj=lambda: self._settings,
            env={"USER": "carol"},
        )  # fmt: skip


async def test_a_channel_is_taken_down_and_restored_at_the_terminal(
    lookout: Lookout, terminal: Terminal
) -> None:
    number, _ = await channels(lookout.pool)
    down = await terminal("take-down", number, "--reason", "audit", "--pay-type", PAY_TYPE)
    assert (down.exit_code, down.stdout) == (0, f"{number} {PAY_TYPE} is taken down\n")
    assert await lookout.state(number) == "down"
    up = await terminal("restore", number, "--reason", "it is over")
    assert (up.exit_code, await lookout.state(number)) == (0, "up")
    listed = json.loads((await terminal("changes", "--json")).stdout)
    assert [(each["what"], each["by"], each["reason"]) for each in listed] == [
        ("restored", "carol", "it is over"), ("taken_down", "carol", "audit"),
    ]  # fmt: skip


async def test_the_end_of_a_take_down_is_typed_in_chinas_time(
    lookout: Lookout, terminal: Terminal
) -> None:
    number, _ = await channels(lookout.pool)
    year = lookout.now.year + 1
    wish = ("take-down", number, "--reason", "audit", "--until", f"{year}-03-01T08:00:00")
    assert (await terminal(*wish)).exit_code == 0
    standing = await lookout.standing(number)
    assert standing is not None and standing.until is not None
    assert standing.until.astimezone(UTC).isoformat() == f"{year}-03-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("take-down", "nobody", "--reason", "x"), "channel_no: there is no 'nobody'"),
        (("take-down", "{}", "--reason", ""), "reason: "),
        (("take-down", "{}", "--reason", "x", "--pay-type", "cash"), "pay_type: "),
        (("take-down", "{}", "--reason", "x", "--until", "2020-01-01"), "until: "),
        (("restore", "{}", "--reason", "x"), "nothing of it is taken down"),
        (("alarm-rule", "set", "r", "metric=mood", "threshold=1"), "metric: "),
        (("alarm-rule", "set", "r", "metric=latency_ms", "threshold=1"), "threshold: 1 is"),
        (("alarm-rule", "set", "r", "metric=latency_ms"), "threshold: "),
        (("alarm-rule", "set", "failing", "colour=red"), "colour: "),
        (("alarm-rule", "set", "failing", "threshold"), "'threshold' is not FIELD=VALUE"),
        (("alarm-rule", "set", "a'; DROP TABLE x", "threshold=50"), "rule_no: "),
        (("alarm-rule", "set", "failing", "rule_no=other", "threshold=101"), "threshold: "),
        (("alarm-rule", "show", "nothing"), "rule_no: there is no 'nothing'"),
        (("alarm-rule", "drop", "nothing"), "rule_no: there is no 'nothing'"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(
    lookout: Lookout, terminal: Terminal, words: tuple[str, ...], told: str
) -> None:
    number, _ = await channels(lookout.pool)
    result = await terminal(*(word.format(number) for word in words))
    assert (result.exit_code, result.stdout) == (1, "")
    assert told in result.stderr
    assert await lookout.pool.fetchval("SELECT count(*) FROM monitoring.change") == 0


async def test_a_rule_is_added_changed_shown_and_dropped(
    lookout: Lookout, terminal: Terminal
) -> None:
    number, _ = await channels(lookout.pool)
    fields = ("metric=latency_ms", "threshold=2000", "percentile=99", f"channel_no={number}")
    assert (await terminal("alarm-rule", "set", "sluggish", *fields)).exit_code == 0
    changed = await terminal("alarm-rule", "set", "sluggish", "operations=create,query")
    assert changed.exit_code == 0, changed.stderr
    shown = json.loads((await terminal("alarm-rule", "show", "sluggish", "--json")).stdout)
    assert (shown["threshold"], shown["percentile"], shown["action"]) == (2_000, 99, "alarm")
    assert shown["operations"] == ["create", "query"]
    assert "sluggish  true  warning" in (await terminal("alarm-rule", "list")).stdout
    assert (await terminal("alarm-rule", "drop", "sluggish")).stdout == "sluggish is dropped\n"
    assert "sluggish" not in (await terminal("alarm-rule", "list")).stdout


async def test_the_monitor_shows_every_channel_with_its_last_minute(
    lookout: Lookout, terminal: Terminal
) -> None:
    sick, quiet = await channels(lookout.pool)
    await a_rule(lookout.pool)
    await lookout.hear(sick, *["ok"] * 5, *["no_answer"] * 15)
    await lookout.look(lookout.watch())
    rows = {
        row["channel_no"]: row for row in json.loads((await terminal("monitor", "--json")).stdout)
    }
    assert rows[sick] == {
        "channel_no": sick, "pay_type": PAY_TYPE, "open_percent": 0, "alarms": 1, "calls": 20,
        "failure_percent": 75, "p50_ms": 50, "p95_ms": 50, "p99_ms": 50, "paid": 0,
    }  # fmt: skip
    assert (rows[quiet]["calls"], rows[quiet]["open_percent"]) == (0, 100)
    listed = await terminal("alarms", "--channel", sick)
    assert "strict" in listed.stdout and "  75  50  20" in listed.stdout
    assert (await terminal("alarms", "--channel", quiet)).stdout == ""


async def test_history_shows_what_redis_has_forgotten(lookout: Lookout, terminal: Terminal) -> None:
    number, _ = await channels(lookout.pool)
    lookout.now -= timedelta(minutes=3)
    await lookout.hear(number, "ok", "third_error")
    lookout.later(100)
    await Archive(lookout.pool, lookout.redis, now=lambda: lookout.now).keep_minutes()
    await lookout.redis.flushdb()
    [row] = json.loads((await terminal("history", number, "--by", "minute", "--json")).stdout)
    assert (row["calls"], row["failure_percent"], row["mean_ms"]) == (2, 50, 50)
    assert (row["operation"], row["third_error"]) == ("create", 1)
    assert (await terminal("history", number)).stdout.count("\n") == 1, "no hour is over yet"
