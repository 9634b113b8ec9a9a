"""What the pipes themselves say."""

from __future__ import annotations

from schema.messages.contract import Message, fact


@fact("lane.opened", owner="bus", broadcast=True)
class LaneOpened(Message, frozen=True, kw_only=True):
    """A lane now has a queue: whoever serves such lanes, serve this one too."""

    actor: str
    lane: str
