"""Our side of a Native payment: the three requests, signed and ready to send."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from msgspec import Struct

from schema.channels import HttpRequest
from schema.channels.wechat.documents import (
    Amount,
    CloseDocument,
    NativeOrderDocument,
    china_time,
    written,
)
from schema.channels.wechat.keys import WechatKeys
from schema.channels.wechat.signing import (
    Authorization,
    request_message,
    sign,
    written_authorization,
)
from schema.money import AMOUNT_FEN_MAX

USER_AGENT = "tomato"
NATIVE = "/v3/pay/transactions/native"


class NativeOrder(Struct, frozen=True, kw_only=True):
    """What a payer is to be asked for. `out_trade_no` is 6 to 32 characters of A-Z a-z 0-9 _-|*."""

    out_trade_no: str
    description: str
    amount_fen: int
    expires_at: datetime | None = None
    """The last moment to pay, not the moment of closing; less than a minute ahead counts as one."""
    attach: str = ""


def create_native(
    keys: WechatKeys, order: NativeOrder, *, now: datetime, nonce: str
) -> HttpRequest:
    """Asks for a code to scan. Repeating it with the same order is safe there."""
    assert 1 <= order.amount_fen <= AMOUNT_FEN_MAX
    document = NativeOrderDocument(
        appid=keys.account.appid,
        mchid=keys.account.mchid,
        description=order.description,
        out_trade_no=order.out_trade_no,
        notify_url=keys.account.notify_url,
        amount=Amount(total=order.amount_fen),
        time_expire=china_time(order.expires_at) if order.expires_at else None,
        attach=order.attach,
    )
    body = written(document)
    return signed_request(keys, "POST", NATIVE, body, now=now, nonce=nonce)


def query(keys: WechatKeys, out_trade_no: str, *, now: datetime, nonce: str) -> HttpRequest:
    """Asks how our order stands."""
    path = f"{_order_path(out_trade_no)}?mchid={quote(keys.account.mchid, safe='')}"
    return signed_request(keys, "GET", path, b"", now=now, nonce=nonce)


def close(keys: WechatKeys, out_trade_no: str, *, now: datetime, nonce: str) -> HttpRequest:
    """Asks that our order can't be paid any more."""
    path = f"{_order_path(out_trade_no)}/close"
    body = written(CloseDocument(mchid=keys.account.mchid))
    return signed_request(keys, "POST", path, body, now=now, nonce=nonce)


def signed_request(
    keys: WechatKeys, method: str, path: str, body: bytes, *, now: datetime, nonce: str
) -> HttpRequest:
    """Any call in our name; `path` begins with `/v3` and has its query."""
    timestamp = str(int(now.timestamp()))
    authorization = Authorization(
        mchid=keys.account.mchid,
        serial_no=keys.account.merchant_serial,
        nonce_str=nonce,
        timestamp=timestamp,
        signature=sign(keys.private_key, request_message(method, path, timestamp, nonce, body)),
    )
    headers = {
        "Authorization": written_authorization(authorization),
        "Accept": "application/json",
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "Wechatpay-Serial": keys.account.public_key_id,
    }
    return HttpRequest(method=method, path=path, headers=headers, body=body)


def _order_path(out_trade_no: str) -> str:
    return f"/v3/pay/transactions/out-trade-no/{quote(out_trade_no, safe='')}"
