"""WeChat Pay's manners: its paths, its numbers, its notices and how long it repeats them."""

from __future__ import annotations

import secrets
from base64 import b64encode
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from handlers.simulator.wechat import bills, orders, refunds, shares, transfers
from handlers.simulator.wechat.accounts import generate_account
from handlers.simulator.wechat.words import (
    REFUND_STATES,
    payment_number,
    refund_number,
    refund_of,
    share_number,
    transaction_of,
    transfer_number,
    transfer_of,
)
from handlers.simulator.world import (
    About,
    Front,
    Letter,
    Merchant,
    Notice,
    Refund,
    Told,
    Trade,
    Transfer,
)
from schema.channels.wechat import SimulatorAccount, SimulatorKeys, WechatAccount
from schema.channels.wechat.platform import JSON, sealed_notice, signed_headers

RETRY_AFTER_S = (
    15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600,
)  # fmt: skip
"""The waits after an unacknowledged notice: 15 retries in 24 h 4 min (payment notice document)."""


def write_notice(merchant: Merchant, notice: Notice[About], now: datetime) -> Letter:
    """A callback about a payment, a refund or a transfer."""
    event, document = _told(notice.about)
    body = sealed_notice(
        merchant.keys,
        document,
        event=event,
        notice_id=notice.id,
        created_at=notice.happened_at,
        seal_nonce=secrets.token_urlsafe(9),
    )
    headers = JSON | signed_headers(merchant.keys, body, now=now, nonce=secrets.token_hex(16))
    return Letter(headers=headers, body=body)


def forge(letter: Letter) -> Letter:
    """To whoever holds only the public key, any other key's signature is 256 random bytes."""
    forged = b64encode(secrets.token_bytes(256)).decode("ascii")
    return replace(letter, headers=letter.headers | {"Wechatpay-Signature": forged})


def is_told(about: Told) -> bool:
    """The receivers of a profit share are told, not who shares."""
    return isinstance(about, Trade | Refund | Transfer)


def _told(about: About) -> tuple[str, Struct]:
    match about:
        case Trade():
            return "TRANSACTION.SUCCESS", transaction_of(about)
        case Refund():
            return f"REFUND.{REFUND_STATES[about.state]}", refund_of(about, is_notice=True)
        case Transfer():
            return "MCHTRANSFER.BILL.FINISHED", transfer_of(about)
        case _:
            raise AssertionError("nobody is told of this")


def _number_of(account: SimulatorAccount) -> str:
    return account.mchid


def _new_account(
    number: str, origin: str, notify_url: str
) -> tuple[WechatAccount, SimulatorAccount]:
    return generate_account(number, f"wx{number:0>16}", origin, notify_url)


WECHAT = Front(
    protocol="wechat",
    account_type=SimulatorAccount,
    number_of=_number_of,
    keys_of=SimulatorKeys.of,
    new_account=_new_account,
    routes=[*orders.ROUTES, *refunds.ROUTES, *transfers.ROUTES, *shares.ROUTES, *bills.ROUTES],
    payment_number=payment_number,
    refund_number=refund_number,
    transfer_number=transfer_number,
    share_number=share_number,
    retry_after_s=RETRY_AFTER_S,
    answer_within_s=5,
    write_notice=write_notice,
    forge=forge,
    is_told=is_told,
)
