"""The public SDK wechatpayv3 as a client of the simulator, in both its forms.

It has no setting for another host; its private `_gate_way` is set instead, before it asks for
anything. Its sync and its async client each have their own enums, and its annotations are wrong,
hence `Any`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest
from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.async_ import AsyncWeChatPay
from wechatpayv3.async_ import WeChatPayType as AsyncWeChatPayType
from wechatpayv3.core import Core

from schema.channels.wechat import WechatAccount
from tests.wire.street import Street

Form = Literal["sync", "async"]


class Sdk:
    """Either client behind one way to call it."""

    def __init__(self, client: Any, form: Form) -> None:
        self.client, self.form = client, form
        self.kinds: Any = WeChatPayType if form == "sync" else AsyncWeChatPayType

    async def call(self, name: str, /, **arguments: Any) -> tuple[int, Any]:
        """The status, and the document or the bytes that came."""
        method = getattr(self.client, name)
        if self.form == "sync":
            status, text = await asyncio.to_thread(method, **arguments)
        else:
            status, text = await method(**arguments)
        return status, json.loads(text) if text and isinstance(text, str) else text

    async def done(self, name: str, /, **arguments: Any) -> Any:
        """The same, where it has to go well."""
        status, told = await self.call(name, **arguments)
        assert 200 <= status < 300, (name, status, told)
        return told


@asynccontextmanager
async def an_sdk(street: Street, form: Form, **more: Any) -> AsyncGenerator[Sdk, None]:
    """A client of the street's merchant, ready to call."""
    arguments = settings(street.keys.account) | more
    if form == "async":
        client: Any = AsyncWeChatPay(wechatpay_type=AsyncWeChatPayType.NATIVE, **arguments)
        client._core._gate_way = street.origin
        async with client:
            yield Sdk(client, form)
        return
    with pytest.MonkeyPatch.context() as patch:
        # In certificate mode its constructor would ask the real host for them.
        patch.setattr(Core, "_init_certificates", lambda self: None)
        client = WeChatPay(wechatpay_type=WeChatPayType.NATIVE, **arguments)
    client._core._gate_way = street.origin
    yield Sdk(client, form)


def settings(account: WechatAccount) -> dict[str, Any]:
    """What the SDK is told of an account."""
    return {
        "mchid": account.mchid,
        "private_key": account.merchant_private_key_pem,
        "cert_serial_no": account.merchant_serial,
        "apiv3_key": account.api_v3_key,
        "appid": account.appid,
        "notify_url": account.notify_url,
        "public_key": account.public_key_pem or None,
        "public_key_id": account.public_key_id or None,
    }
