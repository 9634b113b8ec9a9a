"""Monitoring on real services: what is counted is seen, what is decided is kept and said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from actors.monitoring import metrics, standing, store
from actors.monitoring.counters import STREAKS, Counters
from actors.monitoring.figures import Figures
from actors.monitoring.measures import Subject, count
from bus.database import Pool
from bus.directory import Directory
from bus.jobs import now_utc
from schema.messages.monitoring import StandingChanged
from schema.payments import Refusal
from tests.actors.monitoring import (
    PAY_TYPE,
    Lookout,
    a_lookout,
    a_rule,
    barred_by,
    channels,
)
from tests.channel_calls import a_call


@pytest.fixture
async def lookout(pool: Pool, redis: Redis) -> AsyncIterator[Lookout]:
    """Nothing was seen yet."""
    async with a_lookout(pool, redis) as made:
        yield made


async def test_counts_of_several_workers_add_up_by_second(lookout: Lookout) -> None:
    calls = [a_call(outcome, called_at=lookout.now) for outcome in ("ok", "no_answer", "ok")]
    workers = [Counters(lookout.redis) for _ in range(3)]
    await asyncio.gather(*(each.add(count(calls, lookout.now)) for each in workers))
    second = int(lookout.now.timestamp())
    [(series, tally)] = (await workers[0].read([second]))[second].items()
    assert series == ("wechat_a", PAY_TYPE, "create")
    assert tally == {"ok": 6, "no_answer": 3, "b5": 9, "ms": 720}
    assert await lookout.redis.ttl(f"tomato:monitoring:second:{second}") > 900


async def test_failures_in_a_row_are_counted_over_batches(lookout: Lookout) -> None:
    counters = Counters(lookout.redis)
    for outcomes in (["ok", "no_answer"], ["no_answer"] * 3, ["third_error"]):
        await lookout.hear("wechat_a", *outcomes)
    whole, apart = Subject("wechat_a"), Subject("wechat_a", PAY_TYPE)
    assert await counters.streaks() == {whole: 5, apart: 5}
    await lookout.hear("wechat_a", "no_answer", "payer_error", "no_answer")
    assert (await counters.streaks())[whole] == 1


async def two_minutes(lookout: Lookout, channel_no: str) -> list[str]:
    """How the channel stands from one look to the next while all goes well, for two minutes."""
    watch, states = lookout.watch(), dict[str, None]()
    for _ in range(12):
        lookout.later(10)
        await lookout.hear(channel_no, *["ok"] * 5)
        await lookout.look(watch)
        found = await lookout.standing(channel_no)
        assert found is not None
        states[f"{found.state} {found.share_ppm // 10_000}"] = None
    return list(states)


async def test_a_channel_that_fails_is_taken_down_with_an_alarm_and_everybody_is_told(
    lookout: Lookout, directory: Directory
) -> None:
    sick, other = await channels(lookout.pool)
    await a_rule(lookout.pool)
    await lookout.hear(sick, *["ok"] * 4, *["no_answer"] * 6)
    await lookout.hear(other, *["ok"] * 10)
    assert await lookout.look(lookout.watch()) == 2
    assert await barred_by(directory, [sick, other]) == {sick: ["down"]}
    assert await lookout.said() == ["channel.alarmed", "channel.taken_down", "standing.changed"]
    [change] = await store.changes(lookout.pool, subject=sick, limit=10)
    assert (change.what, change.by) == ("taken_down", "rule:strict")
    assert change.figures is not None and change.figures.value == 60


async def test_a_channel_that_is_well_again_is_probed_and_restored(
    lookout: Lookout, directory: Directory
) -> None:
    sick, _ = await channels(lookout.pool)
    await a_rule(lookout.pool)
    await lookout.hear(sick, *["no_answer"] * 10)
    await lookout.look(lookout.watch())
    states = ["down 0", "probing 5", "probing 20", "probing 50", "up 0"]
    assert await two_minutes(lookout, sick) == states
    assert await barred_by(directory, [sick]) == {sick: []}
    [alarm] = await lookout.alarms()
    assert alarm.recovered_at is not None
    changes = await store.changes(lookout.pool, subject=sick, limit=10)
    assert [change.what for change in reversed(changes)] == [
        "taken_down", "probing 5 %", "probing 20 %", "probing 50 %", "restored",
    ]  # fmt: skip


async def test_a_rule_that_a_newer_version_has_written_blinds_nobody(lookout: Lookout) -> None:
    sick, _ = await channels(lookout.pool)
    await a_rule(lookout.pool)
    newer = """INSERT INTO monitoring.rule (rule_no, operator, document)
        VALUES ('newer', 'carol', '{"rule_no": "newer", "metric": "mood", "threshold": 1}')"""
    await lookout.pool.execute(newer)
    await lookout.hear(sick, *["no_answer"] * 10)
    assert await lookout.look(lookout.watch()) == 2


async def test_the_rules_that_come_with_the_platform_only_raise_alarms(lookout: Lookout) -> None:
    sick, _ = await channels(lookout.pool)
    await lookout.hear(sick, *["no_answer"] * 40)
    await lookout.look(lookout.watch())
    assert {alarm.rule_no for alarm in await lookout.alarms()} == {"failing", "in_a_row", "silent"}
    assert await lookout.state(sick) == "up"


async def test_nothing_is_done_where_nothing_is_heard(lookout: Lookout) -> None:
    await channels(lookout.pool)
    watch = lookout.watch()
    assert [await lookout.look(watch) for _ in range(3)] == [0, 0, 0]
    assert await lookout.said() == []


async def test_one_worker_watches_and_another_follows_it(lookout: Lookout) -> None:
    sick, _ = await channels(lookout.pool)
    await a_rule(lookout.pool)
    first, second = lookout.watch(), lookout.watch()
    await lookout.hear(sick, *["no_answer"] * 9)
    assert await lookout.look(first) == 0
    await lookout.hear(sick, "no_answer")
    assert await second.run_once() == 0, "it is not its turn"
    assert await first.run_once() == 2
    lookout.later(31)
    assert await lookout.look(second) == 1
    assert await lookout.state(sick) == "probing"


async def test_two_that_watch_at_once_do_everything_once(lookout: Lookout) -> None:
    sick, worse = await channels(lookout.pool)
    await a_rule(lookout.pool)
    for channel_no in (sick, worse):
        await lookout.hear(channel_no, *["no_answer"] * 10)
    watches = [lookout.watch() for _ in range(4)]

    async def look(number: int) -> int:
        await lookout.redis.delete("tomato:monitoring:turn")
        return await watches[number].run_once()

    await asyncio.gather(*map(look, range(4)))
    standings = [await lookout.state(sick), await lookout.state(worse)]
    assert sorted(standings) == ["down", "up"], "one of them is the last that is left"
    assert len(await lookout.alarms()) == 2
    assert (await lookout.said()).count("channel.taken_down") == 1


async def test_a_redis_that_was_flushed_costs_no_take_down_and_no_restoration(
    lookout: Lookout, directory: Directory
) -> None:
    sick, other = await channels(lookout.pool)
    await a_rule(lookout.pool)
    watch = lookout.watch()
    await lookout.hear(sick, *["no_answer"] * 10)
    await lookout.look(watch)
    await lookout.redis.flushdb()
    assert await barred_by(directory, [sick]) == {sick: ["down"]}
    assert await lookout.look(lookout.watch()) == 0
    assert await lookout.state(sick) == "down"
    lookout.later(5)
    await lookout.hear(other, *["ok"] * 10)
    await lookout.hear(sick, *["no_answer"] * 2)
    await lookout.look(lookout.watch())
    [alarm] = await lookout.alarms()
    assert alarm.recovered_at is None, "what was forgotten is no recovery"
    lookout.later(30)
    await lookout.look(watch)
    assert await lookout.state(sick) == "probing"


async def test_a_change_of_a_rule_holds_from_the_next_look_on(lookout: Lookout) -> None:
    sick, _ = await channels(lookout.pool)
    await a_rule(lookout.pool, threshold=80, action="alarm")
    watch = lookout.watch()
    await lookout.hear(sick, *["no_answer"] * 6, *["ok"] * 4)
    assert await lookout.look(watch) == 0
    await a_rule(lookout.pool, threshold=60, action="alarm")
    assert await lookout.look(watch) == 1
    assert await store.drop_rule(lookout.pool, "strict", operator="carol", now=now_utc()) is None
    assert await lookout.look(watch) == 1
    history = await store.changes(lookout.pool, subject="rule:strict", limit=10)
    assert [each.what for each in history] == ["rule dropped", "rule changed", "rule added"]


async def test_a_rule_that_is_refused_changes_nothing(lookout: Lookout) -> None:
    before = await a_rule(lookout.pool)
    refusal = await store.save_rule(
        lookout.pool, "strict", {"threshold": 1_000}, operator="eve", now=lookout.now
    )
    assert isinstance(refusal, Refusal) and refusal.param == "threshold"
    assert before in await store.rules_now(lookout.pool)


async def test_a_person_takes_down_and_everybody_knows_at_once(
    lookout: Lookout, directory: Directory
) -> None:
    number, _ = await channels(lookout.pool)
    assert await directory.standings.get(number) is None
    wish = Subject(number)

    await store.decide(
        lookout.pool,
        lambda board: standing.take_down(board, wish, "carol", "moving", None, lookout.now),
    )
    assert await directory.standings.get(number) is None, "until it is told"
    await directory.hear_standing(StandingChanged(channel_no=number, version=1))
    found = await directory.standings.get(number)
    assert found is not None
    assert [(each.pay_type, each.reason) for each in found.take_downs] == [(None, "moving")]
    assert await lookout.said() == ["channel.taken_down", "standing.changed"]


async def test_gauges_show_how_channels_stand(lookout: Lookout) -> None:
    sick, other = await channels(lookout.pool)
    await a_rule(lookout.pool)
    watch, figures = lookout.watch(), Figures(lookout.pool)

    def shown(channel_no: str) -> float:
        return metrics.OPEN_SHARE.labels(channel_no, PAY_TYPE)._value.get()

    await lookout.hear(sick, *["no_answer"] * 10)
    await lookout.look(watch)
    assert await figures.refresh() == 2
    assert (shown(sick), shown(other)) == (0.0, 1.0)
    assert metrics.ALARMS.labels(sick, "warning")._value.get() == 1
    lookout.later(31)
    await lookout.hear(sick, "ok")
    await lookout.look(watch)
    await figures.refresh()
    assert shown(sick) == 0.05


async def test_streaks_are_forgotten_after_an_hour(lookout: Lookout) -> None:
    await lookout.hear("wechat_a", "no_answer")
    assert 0 < await lookout.redis.ttl(STREAKS) <= 3_600
