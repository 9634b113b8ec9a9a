"""The bank's manners: its paths, its numbers, its notices and how long it repeats them."""

from __future__ import annotations

import secrets
from datetime import datetime
from functools import partial

from msgspec.structs import replace

from handlers.simulator.bank.accounts import generate_bank_account
from handlers.simulator.bank.calls import ROUTES
from handlers.simulator.bank.words import new_number, order_of, refund_of, transfer_of
from handlers.simulator.world import (
    About,
    Front,
    Letter,
    Merchant,
    Notice,
    Refund,
    Share,
    Told,
    Trade,
)
from schema.channels.bank import BankSimulatorAccount
from schema.channels.bank.documents import OrderDocument, RefundDocument, TransferDocument
from schema.channels.bank.platform import ACK_BODY, notice_headers
from schema.channels.bank.platform import notice as notice_body

RETRY_AFTER_S = (5, 30, 120, 600, 1_800, 3_600, 7_200, 21_600, 43_200)
"""The waits after an unacknowledged notice: nine retries within some 22 hours."""


def write_notice(merchant: Merchant, notice: Notice[About], now: datetime) -> Letter:
    """How an order, a refund or a transfer stands by now."""
    account: BankSimulatorAccount = merchant.keys
    body = notice_body(_document(notice.about), notice_id=notice.id, created_at=notice.happened_at)
    nonce = secrets.token_hex(16)
    return Letter(headers=notice_headers(account, body, now=now, nonce=nonce), body=body)


def forge(letter: Letter) -> Letter:
    """To whoever has not the secret, any other signature is 64 hex digits."""
    return replace(letter, headers=letter.headers | {"Bank-Signature": secrets.token_hex(32)})


def _document(about: About) -> OrderDocument | RefundDocument | TransferDocument:
    assert not isinstance(about, Share)
    if isinstance(about, Trade):
        return order_of(about)
    return refund_of(about) if isinstance(about, Refund) else transfer_of(about)


def _is_told(about: Told) -> bool:
    return not isinstance(about, Share)


def _number_of(account: BankSimulatorAccount) -> str:
    return account.merchant


def _keys_of(account: BankSimulatorAccount) -> BankSimulatorAccount:
    account.check()
    return account


BANK = Front(
    protocol="bank",
    account_type=BankSimulatorAccount,
    number_of=_number_of,
    keys_of=_keys_of,
    new_account=generate_bank_account,
    routes=ROUTES,
    payment_number=partial(new_number, "BP"),
    refund_number=partial(new_number, "BR"),
    transfer_number=partial(new_number, "BT"),
    share_number=partial(new_number, "BS"),
    retry_after_s=RETRY_AFTER_S,
    answer_within_s=5,
    ack_statuses=(200,),
    ack_body=ACK_BODY,
    write_notice=write_notice,
    forge=forge,
    is_told=_is_told,
)
