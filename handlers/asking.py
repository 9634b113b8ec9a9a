"""Asking a room: a command goes out, and its answer is waited for, but not for long."""

from __future__ import annotations

import asyncio

from bus.errors import TryLater
from bus.origin import new_event
from bus.replies import Replies
from handlers.outlet import Outlet
from schema.messages.contract import Message


class Asking:
    """Asks for what a door needs to know before it can answer itself."""

    def __init__(self, outlet: Outlet, replies: Replies, *, wait_ms: int) -> None:
        self._outlet = outlet
        self._replies = replies
        self._wait_s = wait_ms / 1000

    async def ask(
        self, message: Message, request_id: str, *, traceparent: str | None = None
    ) -> Message | None:
        """The answer; None where the room has the wish and takes longer than we wait.

        Raises TryLater where nobody has it: the wish is taken back, a repeat is safe.
        """
        event = new_event(
            message,
            correlationid=request_id,
            replyto=self._replies.queue,
            traceparent=traceparent,
        )
        confirmed = self._outlet.say(message, event)
        try:
            async with asyncio.timeout(self._wait_s):
                return await self._replies.answer(request_id)
        except TimeoutError:
            if confirmed.cancel():
                raise TryLater("the wish is not known to be stored") from None
            return None
