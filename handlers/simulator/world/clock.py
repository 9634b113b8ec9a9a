"""The world's one clock: schedules, expiry and bill days all go by it, and it can be hurried.

It has two hands. The calendar, `now`, is what documents say: the true time, plus what was moved.
The waits, `elapsed_s`, run `speed` times as fast: at 60, a minute of a callback schedule takes a
second. So a hurried world still writes times that its merchants' own clocks agree with, until
somebody moves it on purpose, to see tomorrow's bill. Signatures are fresh by the true time alone.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import count

CHINA = timezone(timedelta(hours=8))
"""Where the platforms' days begin and end."""

BILL_HOUR = 10
"""Bills of a day are ready at ten the next morning."""


class Clock:
    """Starts at the true time. Waits need a running event loop; the rest does not."""

    def __init__(self, speed: int = 1) -> None:
        self._speed = speed
        self._moved = timedelta()
        self._elapsed_s, self._read_at = 0.0, time.monotonic()
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def speed(self) -> int:
        """How many seconds of a wait pass in one."""
        return self._speed

    def now(self) -> datetime:
        """What documents say that the time is."""
        true = true_now()
        return true + self._moved if self._moved else true

    def today(self) -> date:
        """The day that is being traded on."""
        return china_day(self.now())

    def elapsed_s(self) -> float:
        """Seconds that have been waited since the world began."""
        true = time.monotonic()
        self._elapsed_s += (true - self._read_at) * self._speed
        self._read_at = true
        return self._elapsed_s

    def later(self, wait_s: float, happens: Callable[[], object]) -> None:
        """Calls `happens` when so much has been waited; at once if the clock is moved there."""
        heapq.heappush(self._due, (self.elapsed_s() + wait_s, next(self._numbers), happens))
        self._wind()

    def hurry(self, speed: int) -> None:
        """From now on waits pass so fast."""
        self.elapsed_s()
        self._speed = speed
        self._wind()

    def move(self, by: timedelta) -> None:
        """Forward, never back: the calendar, and all that waits."""
        assert by >= timedelta()
        self._elapsed_s = self.elapsed_s() + by.total_seconds()
        self._moved += by
        self._wind()

    def close_day(self) -> date:
        """Moves to the hour at which today's bill is ready, and says which day that was."""
        day, now = self.today(), self.now()
        ready_at = datetime(day.year, day.month, day.day, BILL_HOUR, tzinfo=CHINA)
        self.move(ready_at + timedelta(days=1) - now)
        return day

    def is_bill_time(self, day: date) -> bool:
        """Whether this day is over and its bills are written."""
        return self.now().astimezone(CHINA) >= datetime(
            day.year, day.month, day.day, BILL_HOUR, tzinfo=CHINA
        ) + timedelta(days=1)

    def strike(self) -> None:
        """Lets everything happen that is due; a timer does it by itself as well."""
        now_s = self.elapsed_s()
        while self._due and self._due[0][0] <= now_s:
            heapq.heappop(self._due)[2]()
        self._wind()

    def stop(self) -> None:
        """Nothing that waits will happen any more."""
        self._due.clear()
        self._wind()

    def _wind(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._due:
            wait_s = max(0.0, self._due[0][0] - self.elapsed_s()) / self._speed
            self._timer = asyncio.get_running_loop().call_later(wait_s, self.strike)


def china_day(moment: datetime) -> date:
    """The day in China on which this happened."""
    return moment.astimezone(CHINA).date()


def true_now() -> datetime:
    """The time by which signatures are fresh."""
    return datetime.now(UTC)
