"""Routing at the terminal: rules are checked and stored, and recorded traffic is routed again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from actors.channels.attempts.attempt import Decisions
from actors.channels.attempts.closing import never_asked
from actors.channels.store import open_attempts
from actors.merchants import store
from actors.merchants.store import CHANNELS, RULES
from actors.merchants.terminal import channel_cli, rules_cli
from actors.routing.health import Call
from actors.routing.pulses import Pulses
from actors.routing.rules import Board, route
from actors.routing.terminal import comparison, health
from bus.database import Pool
from bus.jobs import now_utc
from handlers.terminal.routing import routing_cli
from schema import ids
from schema.ids import epoch_ms
from schema.profiles import Binding
from tests.actors.profiles import new_channel_no, new_merchant_no, register
from tests.actors.test_merchants_terminal import at_terminal
from tests.examples import PASSED, a_channel, a_merchant, an_attempt, some_terms
from tests.sites import Site

CLI = routing_cli(rules_cli, comparison, health)


def written(path: Path, **rule: Any) -> str:
    """A rule in a file."""
    file = path / "rule.json"
    file.write_text(json.dumps({"pay_type": "wechat_native", **rule}))
    return str(file)


async def a_channel_there(pool: Pool, **differences: Any) -> str:
    channel = a_channel(channel_no=new_channel_no(), **differences)
    await register(pool, channel)
    return channel.channel_no


async def test_a_rule_is_checked_stored_shown_and_replaced(
    pool: Pool, site: Site, tmp_path: Path
) -> None:
    number, rule_no = await a_channel_there(pool), f"r_{new_channel_no()[-8:]}"
    channels = [{"channel_no": number}]
    branches = [{"when": "hour < 9", "channels": channels}]
    branches += [{"when": "hour < 8", "channels": channels}]
    file = written(tmp_path, rule_no=rule_no, strategy="expressions", branches=branches)
    result = await at_terminal(rules_cli, site, "check", file)
    assert result.exit_code == 0
    assert "warning: branches[1].when: every payment" in result.stdout
    for version in (1, 2):
        result = await at_terminal(rules_cli, site, "add", file)
        assert result.stdout.startswith(f"{rule_no} is at version {version}, active")
    result = await at_terminal(rules_cli, site, "disable", rule_no)
    assert result.stdout == f"{rule_no} is at version 3, inactive\n"
    listed = await at_terminal(rules_cli, site, "list", "--after", rule_no[:-1])
    assert f"{rule_no}  inactive  wechat_native  expressions" in listed.stdout
    sql = "SELECT count(*) FROM merchants.change WHERE kind = 'rule' AND number = $1"
    assert await pool.fetchval(sql, rule_no) == 3


async def test_a_mistake_is_said_with_its_place_and_nothing_is_stored(
    pool: Pool, site: Site, tmp_path: Path
) -> None:
    branches = [{"when": "hour <", "channels": [{"channel_no": "nobody"}]}]
    file = written(tmp_path, rule_no="r_bad", strategy="expressions", branches=branches)
    for command in ("check", "add"):
        result = await at_terminal(rules_cli, site, command, file)
        assert result.exit_code == 1
        assert "branches[0].when: at character 7" in result.output
    assert await store.find(pool, RULES, "r_bad") is None


async def test_a_channel_gets_limits_and_loses_them_again(pool: Pool, site: Site) -> None:
    number = await a_channel_there(pool)
    await at_terminal(channel_cli, site, "limits", number, "--daily-fen", "500", "--opens-at=07:30")
    channel = await store.find(pool, CHANNELS, number)
    assert channel is not None
    assert (channel.limits.daily_fen_max, channel.limits.opens_at) == (500, "07:30")
    result = await at_terminal(channel_cli, site, "limits", number, "--opens-at", "25:00")
    assert result.exit_code == 1
    await at_terminal(channel_cli, site, "limits", number)
    channel = await store.find(pool, CHANNELS, number)
    assert channel is not None
    assert not channel.limits.is_counted


async def test_recorded_payments_are_routed_again_by_another_rule(
    pool: Pool, redis: Redis, site: Site, tmp_path: Path
) -> None:
    dear = await a_channel_there(pool, cost_rate_ppm=6_000)
    cheap = await a_channel_there(pool, cost_rate_ppm=2_000)
    await pool.execute("TRUNCATE channels.attempt")
    await record_payments(pool, dear, cheap, count=4)
    address = {"redis_url": site.redis_url}
    same = json.loads((await simulated(site, address)).stdout)
    assert (same["differing"], same["not_the_same"]) == (0, 0)
    channels = [{"channel_no": dear}, {"channel_no": cheap}]
    file = written(tmp_path, rule_no="r_cheap", strategy="cost", channels=channels)
    made = json.loads((await simulated(site, address, "--rule", file)).stdout)
    assert made["differing"] == 4
    costs = {s["channel_no"]: (s["cost_before_fen"], s["cost_after_fen"]) for s in made["shares"]}
    assert costs == {dear: (24, 0), cheap: (0, 8)}


async def test_an_order_that_ended_before_it_was_routed_is_no_recorded_traffic(
    pool: Pool, site: Site
) -> None:
    await pool.execute("TRUNCATE channels.attempt")
    async with pool.acquire() as connection:
        await open_attempts(connection, [never_asked(some_terms(), now_utc())])
    made = json.loads((await simulated(site, {"redis_url": site.redis_url})).stdout)
    assert (made["shares"], made["differing"]) == ([], 0)


async def simulated(site: Site, address: dict[str, str], *words: str) -> Any:
    return await at_terminal(CLI, site, "simulate", "--since", "1h", "--json", *words, **address)


async def record_payments(pool: Pool, first: str, second: str, *, count: int) -> None:
    """Payments of a merchant whose bindings prefer the first channel, attempted just now."""
    bindings = tuple(
        Binding(pay_type="wechat_native", channel_no=number, priority=i)
        for i, number in enumerate((first, second))
    )
    merchant = a_merchant(merchant_no=new_merchant_no(), bindings=bindings)
    channels = {number: a_channel(channel_no=number) for number in (first, second)}
    board, attempts = Board({merchant.merchant_no: merchant}, channels), list[Any]()
    for number in range(count):
        payment_id = ids.payment_id(merchant.merchant_no, str(number), now_utc())
        terms = some_terms(payment_id=payment_id, merchant_no=merchant.merchant_no)
        record = route(terms, board, now_utc())
        attempts.append(
            an_attempt(
                attempt_id=ids.attempt_id(payment_id, 1), payment_id=payment_id, channel_no=first,
                terms=terms, decisions=Decisions(risk=PASSED, routing=record), opened_at=now_utc(),
            )
        )  # fmt: skip
    async with pool.acquire() as connection:
        await open_attempts(connection, attempts)


async def test_what_is_known_of_channels_is_shown(redis: Redis, site: Site) -> None:
    call = Call(began_ms=epoch_ms(now_utc()), outcome="ok", cost_ms=120)
    await Pulses(redis).learn({("wechat_a", "wechat_native"): [call] * 3}, {})
    (line,) = await health(redis)
    assert (line["channel"], line["good"], line["bad"], line["breaker"]) == (
        "wechat_a", 3.0, 0.0, "closed",
    )  # fmt: skip
    shown = await at_terminal(CLI, site, "health", redis_url=site.redis_url)
    assert "wechat_a" in shown.stdout
