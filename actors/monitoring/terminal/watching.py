"""How channels do: now, as alarms have it, and long ago."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any, Literal

import typer
from redis.asyncio import Redis
from redis.exceptions import RedisError

from actors.monitoring import archive, store
from actors.monitoring.archive import Span
from actors.monitoring.board import Alarm, Board
from actors.monitoring.counters import Counters
from actors.monitoring.figures import open_share_ppm
from actors.monitoring.measures import (
    KEPT_S,
    OUTCOMES,
    Slice,
    Subject,
    Tally,
    add_up,
    calls,
    failures,
    of_subject,
    paid,
    percent,
    percentile_ms,
)
from actors.monitoring.terminal.session import ChannelNo, Moment, look, moment
from bus.database import Pool
from bus.jobs import now_utc
from bus.terminal import Json, Limit, print_all, refuse

WINDOW = typer.Option(min=10, max=KEPT_S, help="Seconds that are looked at.")
SPANS_S = {"minute": 60, "hour": 3_600}


def monitor(
    context: typer.Context,
    channel: Annotated[str, typer.Option(help="Only this one.")] = "",
    window_s: Annotated[int, WINDOW] = 60,
    json: Json = False,
) -> None:
    """Show how channels do at present, and how each stands."""
    rows = look(context, lambda pool, redis: _now(pool, redis, channel, window_s))
    fields = ("channel_no", "pay_type", "open_percent", "alarms", "calls", "failure_percent",
              "p50_ms", "p95_ms", "p99_ms", "paid")  # fmt: skip
    _head(fields, json)
    print_all(rows, *fields, as_json=json)


async def _now(pool: Pool, redis: Redis, channel_no: str, window_s: int) -> list[dict[str, Any]]:
    now_s = int(now_utc().timestamp())
    try:
        seconds = await Counters(redis).read(range(now_s - window_s + 1, now_s + 1))
    except (RedisError, OSError) as error:
        refuse(f"Redis has gone away: {error!r}")
    board, window = await store.load_board(pool), add_up(seconds.values())
    return [
        _row(board, window, Subject(channel.channel_no, pay_type))
        for channel in board.channels.values()
        for pay_type in channel.pay_types
        if channel_no in ("", channel.channel_no)
    ]


def _row(board: Board, window: Slice, subject: Subject) -> dict[str, Any]:
    about = (subject, Subject(subject.channel_no))
    is_open = [a for a in board.alarms.values() if a.recovered_at is None and a.subject in about]
    return {
        "channel_no": subject.channel_no,
        "pay_type": subject.pay_type,
        "open_percent": open_share_ppm(board, subject) // 10_000,
        "alarms": len(is_open),
        **_figures(of_subject(window, subject)),
        "paid": paid(window, subject),
    }


def _figures(tally: Tally) -> dict[str, int]:
    latency = {f"p{each}_ms": percentile_ms(tally, each) for each in (50, 95, 99)}
    share = percent(failures(tally), calls(tally))
    return {"calls": calls(tally), "failure_percent": share, **latency}


def alarms(
    context: typer.Context,
    channel: Annotated[str, typer.Option(help="Only of this one.")] = "",
    recovered: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List alarms, newest first."""
    found = look(
        context,
        lambda pool, _: store.alarms(
            pool, with_recovered=recovered, channel_no=channel, limit=limit
        ),
    )
    fields = ("raised_at", "recovered_at", "severity", "rule_no", "channel_no", "pay_type",
              "value", "threshold", "calls", "note")  # fmt: skip
    print_all(map(_alarm, found), *fields, as_json=json)


def _alarm(alarm: Alarm) -> dict[str, Any]:
    figures = alarm.figures
    return {
        "alarm_no": alarm.alarm_no, "raised_at": alarm.raised_at,
        "recovered_at": alarm.recovered_at, "severity": alarm.severity, "rule_no": alarm.rule_no,
        "channel_no": alarm.channel_no, "pay_type": alarm.pay_type, "metric": figures.metric,
        "value": figures.value, "threshold": figures.threshold, "calls": figures.calls,
        "window_s": figures.window_s, "note": alarm.note,
    }  # fmt: skip


def history(
    context: typer.Context,
    number: ChannelNo,
    since: Moment = None,
    until: Moment = None,
    by: Annotated[
        Literal["minute", "hour"], typer.Option(help="Rows of a minute or hour.")
    ] = "hour",
    limit: Limit = 1_000,
    json: Json = False,
) -> None:
    """Show what was counted of a channel in the past: a day back by default."""
    ends = moment(until) or now_utc()
    begins = moment(since) or ends - timedelta(days=1)
    spans = look(
        context,
        lambda pool, _: archive.read(pool, number, SPANS_S[by], begins, ends, limit),
    )
    fields = ("begun_at", "pay_type", "operation", "calls", "failure_percent", "p50_ms", "p95_ms",
              "p99_ms", "mean_ms")  # fmt: skip
    _head(fields, json)
    print_all(_spans(spans), *fields, as_json=json)


def _spans(spans: Iterable[Span]) -> Iterable[dict[str, Any]]:
    for span in spans:
        tally = span.counts
        yield {
            "begun_at": span.begun_at, "pay_type": span.pay_type, "operation": span.operation,
            **_figures(tally), "mean_ms": tally.get("ms", 0) // max(calls(tally), 1),
            **{outcome: tally.get(outcome, 0) for outcome in OUTCOMES},
        }  # fmt: skip


def _head(fields: Iterable[str], as_json: bool) -> None:
    if not as_json:
        typer.echo("  ".join(fields))
