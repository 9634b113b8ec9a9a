"""Where channels call us back: prove the signature, hand the notice on, and only then thank.

Whether we know the notice already is not decided here: it is stored once per channel and id behind
the door. What a notice says about money is not read here either.
"""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from bus.directory import Directory
from bus.errors import TryLater
from bus.jobs import now_utc
from bus.logs import log
from bus.origin import new_event
from bus.vault import Vault
from handlers.doorstep import read_body, request_id_of
from handlers.forms import has_form
from handlers.outlet import Outlet
from schema.channels.wechat import (
    NOTICE_TAKEN,
    NoticeRefused,
    WechatAccount,
    WechatKeys,
    verify_notice,
)
from schema.messages.doors import ChannelNotified
from schema.profiles import ChannelProfile
from schema.text import ChannelNo

CONFIRM_WAIT_S = 4.0
"""WeChat Pay waits five seconds for our answer and then calls again."""

_account = msgspec.json.Decoder(WechatAccount)


class WechatCallbacks:
    """The door for payment notices of WeChat Pay."""

    def __init__(self, directory: Directory, vault: Vault, outlet: Outlet) -> None:
        self._channels = directory.channels
        self._vault = vault
        self._outlet = outlet
        self._keys: dict[str, tuple[int, WechatKeys]] = {}

    async def take(self, request: web.Request) -> web.Response:
        """Thanks for a notice once the broker has it; anything else makes WeChat call again."""
        channel_no, body = request.match_info["channel_no"], await read_body(request)
        profile = await self._profile(channel_no)
        if profile is None:
            return _not_taken(404, "no such channel")
        notice = verify_notice(self._keys_of(profile), request.headers, body, now_utc())
        if isinstance(notice, NoticeRefused):
            log.warning("notice_refused", channel_no=channel_no, reason=notice.reason)
            return _not_taken(401, "the signature or the document is not right")
        message = ChannelNotified(channel_no=channel_no, notice_id=notice.id, body=body.decode())
        return await self._hand_on(message, request_id_of(request))

    async def _hand_on(self, message: ChannelNotified, request_id: str) -> web.Response:
        try:
            async with asyncio.timeout(CONFIRM_WAIT_S):
                await self._outlet.say(message, new_event(message, correlationid=request_id))
        except (TimeoutError, TryLater):
            return _not_taken(503, "try again")
        return web.Response(status=NOTICE_TAKEN.status)

    async def _profile(self, channel_no: str) -> ChannelProfile | None:
        """An inactive channel's too: its last payers may still be paying."""
        if not has_form(channel_no, ChannelNo):
            return None
        profile = await self._channels.get(channel_no)
        return profile if profile is not None and profile.protocol == "wechat" else None

    def _keys_of(self, profile: ChannelProfile) -> WechatKeys:
        version, keys = self._keys.get(profile.channel_no, (0, None))
        if keys is None or version != profile.version:
            account = self._vault.open(profile.account, f"channel:{profile.channel_no}")
            keys = WechatKeys.of(_account.decode(account))
            self._keys[profile.channel_no] = (profile.version, keys)
        return keys


def _not_taken(status: int, message: str) -> web.Response:
    """The form in which WeChat Pay expects a refusal; it shows the message to the merchant."""
    body = msgspec.json.encode({"code": "FAIL", "message": message})
    return web.Response(body=body, status=status, headers={"Content-Type": "application/json"})
