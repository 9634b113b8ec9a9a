"""The eye of the room: looks at the counters every two seconds and does what the rules say.

Every worker could; one at a time does, since looking costs something. What is to be done is decided
again under a lock, so that it would do no harm if two of them looked.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime

from redis.asyncio import Redis

from actors.monitoring import metrics, standing, store
from actors.monitoring.board import Board
from actors.monitoring.counters import Counters
from actors.monitoring.measures import KEPT_S, Slice, Subject, Tally, Timeline, of_subject
from actors.monitoring.rules import judge
from actors.monitoring.store import SQL
from bus.database import Pool
from bus.jobs import now_utc
from bus.logs import log
from schema.messages.monitoring import ChannelAlarmed

EVERY_S = 2.0


class Watch:
    """Judges, and decides."""

    def __init__(self, pool: Pool, redis: Redis, *, now: Callable[[], datetime] = now_utc) -> None:
        self._pool = pool
        self._counters = Counters(redis)
        self._timeline = Timeline()
        self._me = secrets.token_hex(8)
        self._now = now

    async def run_once(self) -> int:
        """How many alarms and take-downs have changed."""
        if not await self._counters.is_my_turn(self._me):
            return 0
        now = self._now()
        now_s = int(now.timestamp())
        self._timeline.put(await self._counters.read(self._timeline.missing(now_s)), now_s)
        rules = await store.rules_now(self._pool)
        windows = {each: self._timeline.window(now_s, each) for each in {r.window_s for r in rules}}
        findings = judge(rules, windows, await self._counters.streaks())
        metrics.WATCHED.set(now_s)
        is_calm = not any(finding.is_broken for finding in findings)
        if is_calm and not await self._pool.fetchval(SQL.is_anything_open):
            return 0

        def decision(board: Board) -> None:
            standing.react(board, rules, findings, now)
            standing.progress(board, self._probes(board, now), now)

        return await self._decide(decision)

    async def _decide(self, decision: Callable[[Board], None]) -> int:
        """Looks first without the lock: nearly always there is nothing to be done."""
        board = await store.load_board(self._pool)
        decision(board)
        if not board.is_changed:
            return 0
        _, board = await store.decide(self._pool, decision)
        _tell(board)
        return len(board.new_alarms) + len(board.new_standings)

    def _probes(self, board: Board, now: datetime) -> dict[Subject, Tally]:
        """The calls of what is probed, since that began."""
        now_s = int(now.timestamp())
        return {
            subject: of_subject(self._since(now_s, int(since.timestamp())), subject)
            for subject, since in store.probing(board)
        }

    def _since(self, now_s: int, since_s: int) -> Slice:
        return self._timeline.window(now_s, min(max(now_s - since_s, 1), KEPT_S))


def _tell(board: Board) -> None:
    """What has changed, in the log and the metrics."""
    for change in board.changes:
        what = change.what.partition(":")[0]
        metrics.CHANGES.labels(change.subject, change.pay_type, what).inc()
        log.warning(
            "channel_changed", channel=change.subject, pay_type=change.pay_type,
            what=change.what, by=change.by, reason=change.reason,
        )  # fmt: skip
    for fact in board.facts:
        if isinstance(fact, ChannelAlarmed):
            metrics.RAISED.labels(fact.channel_no, fact.rule_no).inc()
            log.error(
                "channel_alarmed", channel=fact.channel_no, pay_type=fact.pay_type,
                rule=fact.rule_no, severity=fact.severity, value=fact.figures.value,
            )  # fmt: skip
