"""How many calls each channel may have under way: beside its lane, and in it.

A queue that all channels share delivers only so much that is not done yet. So what one channel has
of it is a small part, and when its answers stay away it is a single call, which finds out whether
they come again. All else of that channel waits in its lane.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from bus.lanes import CONCURRENCY_DEFAULT, CONCURRENCY_MAX
from schema.profiles import ChannelProfile

SLOW_AFTER_S = 2.0
"""An answer that takes longer is no answer to somebody who waits with a phone in hand."""

SHARE_OF_PREFETCH = 4
"""Three channels may fall silent in the same two seconds, and the others go on."""


@dataclass(slots=True)
class Room:
    """One channel, as this process knows it."""

    taken: int = 0
    overdue: int = 0
    """Of those taken, the calls that have lasted for seconds."""
    is_slow: bool = False


class Rooms:
    """The places of all channels at one queue that they share."""

    def __init__(self, prefetch: int) -> None:
        self._most = max(prefetch // SHARE_OF_PREFETCH, 1)
        self._rooms: dict[str, Room] = {}

    def take(self, profile: ChannelProfile) -> bool:
        """Keeps a place for a call that is about to be made; whether there was one."""
        room = self._rooms.setdefault(profile.channel_no, Room())
        most = 1 if room.is_slow else min(profile.calls_in_flight_max, self._most)
        if room.taken >= most:
            return False
        room.taken += 1
        return True

    @contextmanager
    def called(self, channel_no: str) -> Generator[None]:
        """A call that has a place; it gives it back."""
        room, has_lasted = self._rooms[channel_no], False

        def last() -> None:
            nonlocal has_lasted
            has_lasted = room.is_slow = True
            room.overdue += 1

        alarm = asyncio.get_running_loop().call_later(SLOW_AFTER_S, last)
        try:
            yield
        finally:
            alarm.cancel()
            room.taken -= 1
            room.overdue -= has_lasted
            room.is_slow = has_lasted or (room.is_slow and room.overdue > 0)


class LaneLimits(Protocol):
    """What is asked of `bus/lanes`."""

    def limit(self, lane: str, concurrency: int) -> None: ...


class LanePaces:
    """How many calls of a lane are under way: more with each answer, half when none comes."""

    def __init__(self) -> None:
        self.lanes: LaneLimits | None = None
        """Set once they exist: lanes need the caller, and the caller needs this."""
        self._paces: dict[str, int] = {}

    def heard(self, profile: ChannelProfile, *, is_silent: bool) -> None:
        """Takes one more call into account."""
        most = min(profile.calls_in_flight_max, CONCURRENCY_MAX)
        before = self._paces.get(profile.channel_no, CONCURRENCY_DEFAULT)
        after = min(max(before // 2, 1) if is_silent else before + 1, most)
        self._paces[profile.channel_no] = after
        if self.lanes is not None:
            self.lanes.limit(profile.channel_no, after)
