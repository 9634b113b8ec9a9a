"""Lanes: queues that appear while running, one per merchant (or channel), so that one that hangs
delays nobody else.

The rules of this folder:

- A message for a lane without a queue falls, by the exchange's alternate, into the actor's lobby.
  Whoever reads the lobby opens the lane and sends the message on its way again. So publishers need
  not know which lanes exist, and nothing is lost while they appear.
- Each lane is served by one worker, its owner: the one with the highest hash of (worker, lane)
  among those that beat in Redis. Nobody coordinates; two owners for a moment do no harm, because
  whoever works on the messages claims each one in PostgreSQL.
- PostgreSQL says which lanes there are and which are held (`bus.lane`); every worker compares that
  with what it serves, every two seconds and whenever it is told to, and mends the difference. All
  that can be lost (a connection, a consumer, a queue, Redis, a broadcast) is mended in that way.
- A lane that is held keeps its messages where they are: its consumer is cancelled, nothing else.
- A lane that is idle is unbound first; what comes too late falls into the lobby. Its queue goes
  only when it is empty, nobody reads it, and the row that says so is locked.
- Only what RabbitMQ 3.10 to 4.x all do for classic and quorum queues is used here: no single active
  or exclusive consumers, no expiry, no conditional deletes of quorum queues.
"""

from bus.lanes.facility import Lanes
from bus.lanes.holds import INLET, desk
from bus.lanes.look import LaneLook, LanesSeen, SuccessRate
from bus.lanes.pace import CONCURRENCY_DEFAULT, CONCURRENCY_MAX, Pace

INLETS = (INLET,)

__all__ = [
    "CONCURRENCY_DEFAULT",
    "CONCURRENCY_MAX",
    "INLETS",
    "LaneLook",
    "Lanes",
    "LanesSeen",
    "Pace",
    "SuccessRate",
    "desk",
]
