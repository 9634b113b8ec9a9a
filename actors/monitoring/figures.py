"""How channels stand, as gauges: read from the database, so every worker shows the same."""

from __future__ import annotations

from collections import Counter

from actors.monitoring import metrics, store
from actors.monitoring.board import Board
from actors.monitoring.measures import Subject
from bus.database import Pool
from schema.standings import WHOLE_PPM


class Figures:
    """Sets the gauges."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: set[tuple[str, str]] = set()

    async def refresh(self) -> int:
        """How many channels there are."""
        board = await store.load_board(self._pool)
        for channel in board.channels.values():
            for pay_type in channel.pay_types:
                share_ppm = open_share_ppm(board, Subject(channel.channel_no, pay_type))
                metrics.show_open(channel.channel_no, pay_type, share_ppm, WHOLE_PPM)
        self._set_alarms(board)
        return len(board.channels)

    def _set_alarms(self, board: Board) -> None:
        is_open = Counter(
            (alarm.channel_no, str(alarm.severity))
            for alarm in board.alarms.values()
            if alarm.recovered_at is None
        )
        self._known |= is_open.keys()
        for labels in self._known:
            metrics.ALARMS.labels(*labels).set(is_open[labels])


def open_share_ppm(board: Board, subject: Subject) -> int:
    """What share of its payments of a pay type a channel may get."""
    both = (board.standings.get(each) for each in {subject, Subject(subject.channel_no)})
    shares = (
        standing.share_ppm for standing in both if standing is not None and standing.state != "up"
    )
    return min(shares, default=WHOLE_PPM)
