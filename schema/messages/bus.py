"""What the pipes themselves say."""

from __future__ import annotations

from schema.messages.contract import Message, fact


@fact("lane.opened", owner="bus", broadcast=True)
class LaneOpened(Message, frozen=True, kw_only=True):
    """A lane now has a queue: whoever serves such lanes, serve this one too."""

    actor: str
    lane: str


@fact("lane.held", owner="bus", broadcast=True)
class LaneHeld(Message, frozen=True, kw_only=True):
    """A lane was paused, drained or resumed: look up what holds it now."""

    actor: str
    lane: str


@fact("lane_workers.changed", owner="bus", broadcast=True)
class LaneWorkersChanged(Message, frozen=True, kw_only=True):
    """A worker that serves these lanes has come or gone: see who is there and what is yours."""

    actor: str
