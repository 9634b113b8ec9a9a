"""Has many notifications sent again: a command per hundred, so that no transaction grows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bus.origin import new_event
from handlers.outlet import Outlet
from schema.messages.doors import RESENT_AT_ONCE_MAX, ResendNotifications


async def say_again(outlet: Outlet, merchant_no: str, ids: Sequence[str]) -> None:
    """Returns when the broker has every wish."""
    wishes = [
        ResendNotifications(
            merchant_no=merchant_no, notification_ids=tuple(ids[first : first + RESENT_AT_ONCE_MAX])
        )
        for first in range(0, len(ids), RESENT_AT_ONCE_MAX)
    ]
    await asyncio.gather(*(outlet.say(wish, new_event(wish)) for wish in wishes))
