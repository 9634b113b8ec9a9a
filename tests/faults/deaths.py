"""Deaths that are ordered, died and confirmed: a file each, in a folder that all programs see.

A test orders one, by the name of a place in the program. Who passes there dies, once for each
order, and leaves behind what was in hand. Its keeper confirms that it was the kernel that ended it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

InHand = Callable[[], Sequence[bytes]]


class Death(Struct, frozen=True):
    """Who died where, and the events that it had in hand."""

    place: str
    in_hand: list[str]

    def had_in_hand(self, number: str) -> bool:
        """Whether any of the events speaks of this number."""
        return any(number in event for event in self.in_hand)


@dataclass(frozen=True, slots=True)
class Deaths:
    """All that were ordered, and what became of them."""

    folder: Path

    def order(self, places: Iterable[str]) -> None:
        """Has whoever comes to one of these places from now on die there, once for each."""
        for place in places:
            self._ordered(place).touch()

    def passes(self, place: str, in_hand: InHand) -> None:
        """Somebody is at this place. The last that they do, where their death was ordered."""
        ordered = self._ordered(place)
        if not ordered.exists():
            return
        death = Death(place, [event.decode(errors="replace") for event in in_hand()])
        self._dying(os.getpid()).write_bytes(msgspec.json.encode(death))
        ordered.unlink()
        os.kill(os.getpid(), signal.SIGKILL)

    def confirm(self, pid: int) -> None:
        """This process was ended by SIGKILL; if not by an order, nothing is confirmed."""
        with suppress(FileNotFoundError):
            self._dying(pid).rename(self.folder / f"{pid}.dead")

    def confirmed(self) -> list[Death]:
        """All that happened so far."""
        files = self.folder.glob("*.dead")
        return [msgspec.json.decode(file.read_bytes(), type=Death) for file in files]

    def _ordered(self, place: str) -> Path:
        return self.folder / f"{place}.ordered"

    def _dying(self, pid: int) -> Path:
        return self.folder / f"{pid}.dying"
