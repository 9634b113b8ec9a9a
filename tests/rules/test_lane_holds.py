"""What holds a lane, and whose word counts."""

from __future__ import annotations

from datetime import timedelta

from bus.lanes.holds import Hold, LaneRow, LaneRows, decide, with_hold
from bus.lanes.look import state_of
from schema.messages.bus import LaneHeld
from schema.messages.doors import DrainLane, PauseLane, ResumeLane
from tests.examples import NOW

SOON = NOW + timedelta(seconds=30)
OPEN = LaneRow(actor="notification", lane="m1", state="open")
BY_HAND = Hold(kind="paused", reason="audit")
BY_ITSELF = Hold(kind="paused", reason="no answer", until=SOON)
DRAIN = Hold(kind="draining", reason="moving")


def test_a_pause_holds_until_it_ends() -> None:
    row = with_hold(OPEN, BY_ITSELF)
    assert row.is_held(NOW) and not row.is_held(SOON)
    assert row.state == "open", "its messages stay where they are"


def test_a_hold_without_an_end_holds_until_it_is_resumed() -> None:
    row = with_hold(OPEN, BY_HAND)
    assert row.is_held(NOW + timedelta(days=999))
    assert with_hold(row, None) == OPEN


def test_a_pause_that_ends_by_itself_does_not_loosen_one_that_does_not() -> None:
    for hold in (BY_HAND, DRAIN):
        row = with_hold(OPEN, hold)
        assert with_hold(row, BY_ITSELF) == row


def test_a_later_word_of_the_same_weight_replaces_an_earlier_one() -> None:
    longer = Hold(kind="paused", reason="still no answer", until=SOON + timedelta(seconds=30))
    assert with_hold(with_hold(OPEN, BY_ITSELF), longer) == with_hold(OPEN, longer)
    assert with_hold(with_hold(OPEN, BY_HAND), DRAIN) == with_hold(OPEN, DRAIN)
    assert with_hold(with_hold(OPEN, BY_ITSELF), BY_HAND) == with_hold(OPEN, BY_HAND)


def test_a_lane_without_a_queue_can_be_held_before_its_first_message() -> None:
    command = PauseLane(actor="notification", lane="m9", reason="audit")
    decision = decide(LaneRows(), command, NOW)
    closed = LaneRow(actor="notification", lane="m9")
    assert decision.changes == (with_hold(closed, BY_HAND),)


def test_every_command_has_all_workers_look() -> None:
    rows = LaneRows([OPEN])
    for command in (
        PauseLane(actor="notification", lane="m1", reason="audit", until=SOON),
        DrainLane(actor="notification", lane="m1", reason="moving"),
        ResumeLane(actor="notification", lane="m1"),
    ):
        (effect,) = decide(rows, command, NOW).effects
        assert effect.message == LaneHeld(actor="notification", lane="m1")


def test_a_lane_is_told_in_a_word() -> None:
    assert state_of(OPEN, 3, NOW) == "open"
    assert state_of(with_hold(OPEN, BY_ITSELF), 3, NOW) == "paused"
    assert state_of(with_hold(OPEN, BY_ITSELF), 3, SOON) == "open"
    assert state_of(with_hold(OPEN, DRAIN), 3, NOW) == "draining"
    assert state_of(with_hold(OPEN, DRAIN), 0, NOW) == "drained"
