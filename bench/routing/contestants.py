"""Those who choose: our strategy, a window with exploration, the same with elimination."""

from __future__ import annotations

import random
from collections import deque
from typing import Protocol

from msgspec.structs import replace

from actors.routing.health import (
    PROBE_EVERY_MS,
    Call,
    Pulse,
    faded,
    fold,
    overdue_after_ms,
    score,
)
from actors.routing.strategies.success import by_success_rate
from schema.payments import Candidate, Choice

CHANNELS = 3
EXPLORE_PPM = 10_000
VIEW_S = 1.0
"""How old what we see may be: four times what the processes allow themselves."""


class Contestant(Protocol):
    """Chooses a channel for each payment and hears what became of it."""

    def choose(self, at: float, chance: random.Random) -> int: ...

    def hear(self, channel: int, good: bool, began_at: float, at: float) -> None: ...


class Ours:
    """The functions that the routing room runs, fed as it feeds them."""

    def __init__(self) -> None:
        self._pulses = [Pulse() for _ in range(CHANNELS)]
        self._under_way: list[dict[float, None]] = [{} for _ in range(CHANNELS)]
        self._probed_at = [-PROBE_EVERY_MS] * CHANNELS
        self._seen_at = -VIEW_S
        self._candidates: list[Candidate] = []

    def choose(self, at: float, chance: random.Random) -> int:
        if at >= self._seen_at + VIEW_S:
            self._look(at)
        candidates = [self._probing(candidate, at) for candidate in self._candidates]
        choice = Choice(tier="default", strategy="success_rate", explore_ppm=EXPLORE_PPM)
        chosen = int(by_success_rate(str(chance.random()), candidates, choice).order[0])
        self._under_way[chosen][at] = None
        return chosen

    def hear(self, channel: int, good: bool, began_at: float, at: float) -> None:
        self._under_way[channel].pop(began_at, None)
        cost_ms = int((at - began_at) * 1000)
        outcome = "ok" if good else "third_error"
        call = Call(began_ms=int(began_at * 1000), outcome=outcome, cost_ms=cost_ms)
        self._pulses[channel] = fold(self._pulses[channel], [call], int(at * 1000))

    def _look(self, at: float) -> None:
        self._seen_at = at
        self._candidates = [self._candidate(channel, int(at * 1000)) for channel in range(CHANNELS)]

    def _candidate(self, channel: int, now_ms: int) -> Candidate:
        pulse = self._pulses[channel]
        until = now_ms - overdue_after_ms(pulse)
        began = (int(at * 1000) for at in self._under_way[channel])
        overdue = sum(1 for began_ms in began if pulse.last_good_ms < began_ms <= until)
        seen = score(faded(pulse, now_ms), None, overdue)
        return Candidate(channel_no=str(channel), tier="default", priority=1, weight=1, score=seen)

    def _probing(self, candidate: Candidate, at: float) -> Candidate:
        channel, now_ms = int(candidate.channel_no), int(at * 1000)
        if not (candidate.score and candidate.score.is_open):
            return candidate
        if now_ms < self._probed_at[channel] + PROBE_EVERY_MS:
            return candidate
        self._probed_at[channel] = now_ms
        return replace(candidate, score=replace(candidate.score, is_probe=True))


class Window:
    """The mean of the last 125 outcomes, filled with ones, and 5 % for the others."""

    SIZE = 125
    EXPLORE = 0.05

    def __init__(self) -> None:
        self._windows = [deque([1] * self.SIZE, maxlen=self.SIZE) for _ in range(CHANNELS)]

    def choose(self, at: float, chance: random.Random) -> int:
        scores = [self._score(channel) for channel in range(CHANNELS)]
        best = max(range(CHANNELS), key=lambda channel: (scores[channel], chance.random()))
        others = [channel for channel in range(CHANNELS) if channel != best]
        chosen = chance.choice(others) if chance.random() < self.EXPLORE else best
        self._begun(chosen)
        return chosen

    def hear(self, channel: int, good: bool, began_at: float, at: float) -> None:
        self._windows[channel].append(int(good))

    def _score(self, channel: int) -> float:
        return sum(self._windows[channel]) / self.SIZE

    def _begun(self, channel: int) -> None:
        pass


class Elimination(Window):
    """The window, and an average that takes each call under way for lost; below the threshold a
    channel's score is divided by five."""

    ALPHA = 0.067
    THRESHOLD = 0.696

    def __init__(self) -> None:
        super().__init__()
        self._alive = [1.0] * CHANNELS

    def hear(self, channel: int, good: bool, began_at: float, at: float) -> None:
        super().hear(channel, good, began_at, at)
        if good:
            self._alive[channel] = min(1.0, self._alive[channel] + self.ALPHA)

    def _score(self, channel: int) -> float:
        mean = super()._score(channel)
        return mean if self._alive[channel] >= self.THRESHOLD else mean / 5

    def _begun(self, channel: int) -> None:
        self._alive[channel] *= 1 - self.ALPHA


CONTESTANTS = {"ours": Ours, "window 125, 5 %": Window, "window and elimination": Elimination}
