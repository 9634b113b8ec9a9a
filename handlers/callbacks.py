"""Where channels call us back: prove the signature, hand the notice on, and only then thank.

Whether we know the notice already is not decided here: it is stored once per channel and id behind
the door. What a notice says about money is not read here either.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from datetime import datetime
from typing import Any, Protocol

import msgspec
from aiohttp import web

from bus.errors import TryLater
from bus.jobs import now_utc
from bus.logs import log
from bus.origin import new_event
from handlers.doorstep import read_body, request_id_of
from handlers.forms import has_form
from handlers.outlet import Outlet
from schema.channels import HttpAnswer, Language, ProtocolError
from schema.messages.doors import ChannelNotified
from schema.text import ChannelNo

NOTIFY = "/channels/{channel_no}/notify"

CONFIRM_WAIT_S = 4.0
"""WeChat Pay waits five seconds for our answer and then calls again."""


class Languages(Protocol):
    """Whoever knows how each channel speaks, by its newest keys."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def find(self, channel_no: str) -> Language | None:
        """Of an inactive channel, too: its last payers may still be paying."""
        ...

    async def doubt(self, channel_no: str) -> Language | None:
        """A language with newer keys than before, if there are any."""
        ...


class Callbacks:
    """The door for notices of all channels, whatever they speak."""

    def __init__(self, languages: Languages, outlet: Outlet) -> None:
        self._languages = languages
        self._outlet = outlet

    async def take(self, request: web.Request) -> web.Response:
        """Thanks for a notice once the broker has it; anything else makes the channel call again.

        Who calls is told no more than that: it may not be the channel.
        """
        channel_no, body = request.match_info["channel_no"], await read_body(request)
        known = has_form(channel_no, ChannelNo)
        language = await self._languages.find(channel_no) if known else None
        if language is None:
            return _no_channel()
        try:
            notice_id = await self._prove(language, channel_no, request, body)
        except ProtocolError as error:
            log.warning("notice_refused", channel_no=channel_no, reason=str(error))
            words = "the signature or the document is not right"
            return _written(language.no_thanks(401, words))
        message = notified(channel_no, notice_id, body)
        return await self._hand_on(language, message, request_id_of(request))

    async def _prove(
        self, language: Language, channel_no: str, request: web.Request, body: bytes
    ) -> str:
        """The notice's id. A signature that no known key has made may be one of a new key."""
        now: datetime = now_utc()
        try:
            return language.prove(request.headers, body, now)
        except ProtocolError:
            renewed = await self._languages.doubt(channel_no)
            if renewed is None:
                raise
            return renewed.prove(request.headers, body, now)

    async def _hand_on(
        self, language: Language, message: ChannelNotified, request_id: str
    ) -> web.Response:
        try:
            async with asyncio.timeout(CONFIRM_WAIT_S):
                await self._outlet.say(message, new_event(message, correlationid=request_id))
        except (TimeoutError, TryLater):
            return _written(language.no_thanks(503, "try again"))
        return _written(language.thanks())


def notified(channel_no: str, notice_id: str, body: bytes) -> ChannelNotified:
    """The notice as it came: as text, or in base64 where PostgreSQL could not store that."""
    named: dict[str, Any] = {"channel_no": channel_no, "notice_id": notice_id}
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return ChannelNotified(**named, body=b64encode(body).decode(), encoding="base64")
    return ChannelNotified(**named, body=text)


def _written(answer: HttpAnswer) -> web.Response:
    return web.Response(body=answer.body, status=answer.status, headers=dict(answer.headers))


def _no_channel() -> web.Response:
    body = msgspec.json.encode({"code": "FAIL", "message": "no such channel"})
    return web.Response(body=body, status=404, headers={"Content-Type": "application/json"})
