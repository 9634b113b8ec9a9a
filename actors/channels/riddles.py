"""What channels say against their own earlier word, where money is at stake: for a person to look.

Nothing is decided by it here. Each is a line of the log and a count that raises an alert.
"""

from __future__ import annotations

from typing import Literal, get_args

from prometheus_client import Counter

from bus.logs import log

Riddle = Literal["refund_left_twice", "notice_doubts_success"]

RIDDLES = Counter(
    "tomato_channel_riddles_total", "Words of channels that nobody can explain", ["what"]
)
for _what in get_args(Riddle):
    RIDDLES.labels(_what)  # zero is shown, so that the first is an increase


def note(what: Riddle, channel_no: str, **details: str) -> None:
    """Tells operators, once for each time that it is said."""
    RIDDLES.labels(what).inc()
    log.error(what, channel_no=channel_no, **details)
