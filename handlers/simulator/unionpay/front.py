"""UnionPay's manners: its paths, its numbers, its notices and how long it repeats them."""

from __future__ import annotations

import secrets
from base64 import b64encode
from datetime import datetime

from msgspec.structs import replace

from handlers.simulator.unionpay.accounts import generate_unionpay_account
from handlers.simulator.unionpay.calls import ROUTES
from handlers.simulator.unionpay.words import new_number, stands
from handlers.simulator.world import About, Front, Letter, Merchant, Notice, Told, Trade
from schema.channels.unionpay import (
    UnionpayAccount,
    UnionpaySimulatorAccount,
    UnionpaySimulatorKeys,
)
from schema.channels.unionpay.platform import notice as notice_of
from schema.channels.unionpay.signing import SIGNATURE, read_fields, written

RETRY_AFTER_S = (60, 120, 240, 480, 900, 1_800, 3_600)
"""The waits after an unacknowledged notice. The platform's own schedule is not public: these are
ours, and a client has to bear any."""


def write_notice(merchant: Merchant, notice: Notice[About], now: datetime) -> Letter:
    """A payment notice."""
    assert isinstance(notice.about, Trade)
    headers, body = notice_of(merchant.keys, stands(notice.about))
    return Letter(headers=headers, body=body)


def forge(letter: Letter) -> Letter:
    """To whoever holds only the public key, any other key's signature is 256 random bytes."""
    forged = b64encode(secrets.token_bytes(256)).decode("ascii")
    return replace(letter, body=written(read_fields(letter.body) | {SIGNATURE: forged}))


def _is_told(about: Told) -> bool:
    """Refunds are asked about."""
    return isinstance(about, Trade)


def _number_of(account: UnionpaySimulatorAccount) -> str:
    return account.mer_id


def _new_account(
    number: str, origin: str, notify_url: str
) -> tuple[UnionpayAccount, UnionpaySimulatorAccount]:
    return generate_unionpay_account(number, number, origin, notify_url)


UNIONPAY = Front(
    protocol="unionpay",
    account_type=UnionpaySimulatorAccount,
    number_of=_number_of,
    keys_of=UnionpaySimulatorKeys.of,
    new_account=_new_account,
    routes=ROUTES,
    payment_number=new_number,
    refund_number=new_number,
    transfer_number=new_number,
    share_number=new_number,
    retry_after_s=RETRY_AFTER_S,
    answer_within_s=5,
    ack_statuses=(200,),
    ack_body=b"success",
    write_notice=write_notice,
    forge=forge,
    is_told=_is_told,
)
