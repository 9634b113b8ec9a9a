"""Crowds: facts that nobody waits for, because their merchant's lane is full anyway."""

from __future__ import annotations

import pytest

from actors.notification import crowds
from actors.notification.crowds import REMEMBERED_S, Crowds
from actors.notification.notification import lane_of
from actors.notification.rules import Outbox


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds, in the only element."""
    now = [100.0]
    monkeypatch.setattr(crowds, "_now_s", lambda: now[0])
    return now


def test_a_merchant_is_crowded_while_a_lane_of_his_is_full() -> None:
    room = {lane_of("1020260101"): 0, lane_of("1020260102", "we_1"): 0, lane_of("1020260103"): 7}
    assert Outbox(room=room).crowded() == {"1020260101", "1020260102"}


def test_a_crowd_is_remembered_for_a_moment(clock: list[float]) -> None:
    known = Crowds()
    known.note(["a"])
    clock[0] += REMEMBERED_S / 2
    known.note(["b"])
    assert known.has("a") and known.has("b") and not known.has("c")
    clock[0] += REMEMBERED_S * 0.6
    assert not known.has("a") and known.has("b")


def test_who_is_crowded_again_is_remembered_anew(clock: list[float]) -> None:
    known = Crowds()
    known.note(["a", "b"])
    clock[0] += REMEMBERED_S * 0.9
    known.note(["a"])
    clock[0] += REMEMBERED_S * 0.9
    known.note([])
    assert known.has("a") and not known.has("b")
