"""WeChat Pay's manners: its paths, its numbers, its notices and how long it repeats them."""

from __future__ import annotations

import secrets
from base64 import b64encode
from datetime import datetime

from msgspec.structs import replace

from handlers.simulator.wechat.calls import ROUTES
from handlers.simulator.wechat.words import other_number, payment_number, transaction_of
from handlers.simulator.world import About, Front, Letter, Merchant, Notice, Told, Trade
from schema.channels.wechat import SimulatorAccount, SimulatorKeys
from schema.channels.wechat.platform import JSON, sealed_notice, signed_headers

RETRY_AFTER_S = (
    15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600,
)  # fmt: skip
"""The waits after an unacknowledged notice: 15 retries in 24 h 4 min (payment notice document)."""


def write_notice(merchant: Merchant, notice: Notice[About], now: datetime) -> Letter:
    """A payment callback."""
    about = notice.about
    assert isinstance(about, Trade)
    body = sealed_notice(
        merchant.keys,
        transaction_of(about),
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
    """So far they are told of payments only."""
    return isinstance(about, Trade)


def _number_of(account: SimulatorAccount) -> str:
    return account.mchid


WECHAT = Front(
    protocol="wechat",
    account_type=SimulatorAccount,
    number_of=_number_of,
    keys_of=SimulatorKeys.of,
    routes=ROUTES,
    payment_number=payment_number,
    refund_number=other_number,
    transfer_number=other_number,
    share_number=other_number,
    retry_after_s=RETRY_AFTER_S,
    answer_within_s=5,
    write_notice=write_notice,
    forge=forge,
    is_told=is_told,
)
