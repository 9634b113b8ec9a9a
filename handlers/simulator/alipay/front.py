"""Alipay's manners: its one address, its numbers, its notices and how long it repeats them."""

from __future__ import annotations

import secrets
from base64 import b64encode
from datetime import datetime

from aiohttp import web
from msgspec.structs import asdict, replace

from handlers.simulator.alipay import bills, money, trades
from handlers.simulator.alipay.accounts import generate_alipay_account
from handlers.simulator.alipay.hearing import gateway
from handlers.simulator.alipay.words import (
    Placed,
    refund_number,
    share_number,
    trade_notice,
    trade_number,
    transfer_answer,
    transfer_number,
)
from handlers.simulator.world import (
    About,
    Front,
    Letter,
    Merchant,
    Notice,
    Refund,
    RefundState,
    Told,
    Trade,
    Transfer,
)
from schema.channels.alipay import AlipayPlatformAccount, AlipayPlatformKeys
from schema.channels.alipay.asking import GATEWAY
from schema.channels.alipay.platform import notice_frame, signed_notice, transfer_message
from schema.channels.alipay.signing import form, read_form

RETRY_AFTER_S = (240, 600, 600, 3_600, 7_200, 21_600, 54_000)
"""The waits after an unacknowledged notice: 8 sends in about 25 hours (document of notices)."""

FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
GATEWAY_CALL = gateway({**trades.METHODS, **money.METHODS, **bills.METHODS})


def write_notice(merchant: Merchant, notice: Notice[About], now: datetime) -> Letter:
    """A notice about a trade or one of its refunds, or a message about a transfer."""
    keys, about, happened_at = merchant.keys, notice.about, notice.happened_at
    match about:
        case Transfer():
            said = transfer_message(keys, notice.id, happened_at, transfer_answer(about))
        case Refund():
            said = _framed(merchant, notice, about.trade, about)
        case Trade():
            said = _framed(merchant, notice, about, None)
        case _:
            raise AssertionError("nobody is told of this")
    return Letter(headers=FORM, body=signed_notice(keys, said))


def forge(letter: Letter) -> Letter:
    """To whoever holds only the public key, any other key's signature is 256 random bytes."""
    forged = b64encode(secrets.token_bytes(256)).decode("ascii")
    return replace(letter, body=form(read_form(letter.body) | {"sign": forged}))


def is_told(about: Told) -> bool:
    """Of refunds only those are told that moved money; profit shares are asked about."""
    if isinstance(about, Refund):
        return about.state is RefundState.REFUNDED
    return isinstance(about, Trade | Transfer)


def _framed(
    merchant: Merchant, notice: Notice[About], trade: Trade, refund: Refund | None
) -> dict[str, str]:
    placed: Placed = trade.terms.document
    frame = notice_frame(merchant.keys, notice.id, notice.happened_at, placed.auth_app_id)
    return frame | asdict(trade_notice(trade, refund))


def _number_of(account: AlipayPlatformAccount) -> str:
    return account.app_id


ALIPAY = Front(
    protocol="alipay",
    account_type=AlipayPlatformAccount,
    number_of=_number_of,
    keys_of=AlipayPlatformKeys.of,
    new_account=generate_alipay_account,
    routes=[web.get(GATEWAY, GATEWAY_CALL), web.post(GATEWAY, GATEWAY_CALL), *bills.ROUTES],
    payment_number=trade_number,
    refund_number=refund_number,
    transfer_number=transfer_number,
    share_number=share_number,
    retry_after_s=RETRY_AFTER_S,
    answer_within_s=5,
    ack_statuses=(200,),
    ack_body=b"success",
    write_notice=write_notice,
    forge=forge,
    is_told=is_told,
    shown=trades.store,
)
