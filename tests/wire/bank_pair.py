"""Both ends of one account at the bank, talking to each other without a network."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from schema.channels import HttpAnswer, Order, Payee, Question, Refund, Stamp, Transfer
from schema.channels.bank import BankAccount, BankLanguage, BankSimulatorAccount
from schema.channels.bank.documents import OrderDocument, RefundDocument, TransferDocument
from schema.channels.bank.platform import CallRefused, answer, error_answer, signed_answer

NOW = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
LATER = NOW + timedelta(seconds=90)
NONCE = "593bec0c930bf1afeb40b4a08c8fb242"
STAMP = Stamp(now=NOW, nonce=NONCE)
ORDER_NO = "01jx3k5m7n9p2q4r6s8t0v2w01"
REFUND_NO = "01jx3k5m7n9p2q4r6s8t0v2w77"
TRANSFER_NO = "01jx3k5m7n9p2q4r6s8t0v2w99"
SECRET = "a secret that only these tests have, of 32 bytes or more"

OURS = BankAccount(
    merchant="M0001",
    secret=SECRET,
    base_url="https://bank.test",
    notify_url="https://tomato.test/notices/b1",
)
THEIRS = BankSimulatorAccount(merchant="M0001", secret=SECRET)
BANK = BankLanguage.of(OURS)


def said(document: Struct, nonce: str = NONCE) -> HttpAnswer:
    """The bank's answer to the question with this nonce."""
    return answer(THEIRS, nonce, document)


def refused(code: str, message: str = "no") -> HttpAnswer:
    """The bank's refusal."""
    return error_answer(THEIRS, NONCE, CallRefused(code=code, message=message))


def signed(status: int, body: bytes) -> HttpAnswer:
    """Any bytes as the bank's answer."""
    return signed_answer(THEIRS, NONCE, status, body)


def asked(question: Any) -> Question[Any]:
    """The question, where one was expected."""
    assert isinstance(question, Question)
    return question


def an_order(**changed: Any) -> Order:
    """Two pounds of tomatoes, paid on the bank's page."""
    order = Order(
        number=ORDER_NO,
        pay_type="bank_page",
        subject="两斤番茄",
        amount_fen=1999,
        opened_at=NOW,
        expires_at=NOW + timedelta(minutes=5),
        return_url="https://shop.test/thanks",
    )
    return msgspec.structs.replace(order, **changed)


def a_refund(**changed: Any) -> Refund:
    """Five yuan of them go back."""
    refund = Refund(
        number=REFUND_NO,
        order_number=ORDER_NO,
        channel_payment_id="BO1",
        refund_fen=500,
        paid_fen=1999,
        reason="overripe",
        opened_at=NOW,
        order_opened_at=NOW,
    )
    return msgspec.structs.replace(refund, **changed)


def a_transfer(**changed: Any) -> Transfer:
    """The grower is paid."""
    transfer = Transfer(
        number=TRANSFER_NO,
        payee=Payee(kind="bank_card", account="6222020000000000018", name="王小明"),
        amount_fen=88_800,
        title="番茄货款",
        opened_at=NOW,
    )
    return msgspec.structs.replace(transfer, **changed)


def order_document(**changed: Any) -> OrderDocument:
    """That order at the bank, paid."""
    document = OrderDocument(
        number=ORDER_NO,
        bank_number="BO20260301000000000001",
        product="page",
        state="PAID",
        amount_fen=1999,
        currency="CNY",
        paid_at=LATER,
        payer_account="6222-1",
    )
    return msgspec.structs.replace(document, **changed)


def refund_document(**changed: Any) -> RefundDocument:
    """That refund at the bank, done."""
    document = RefundDocument(
        number=REFUND_NO,
        order_number=ORDER_NO,
        bank_number="BR20260301000000000002",
        state="DONE",
        refund_fen=500,
        currency="CNY",
        finished_at=LATER,
        received_by="6222-1",
    )
    return msgspec.structs.replace(document, **changed)


def transfer_document(**changed: Any) -> TransferDocument:
    """That transfer at the bank, done."""
    document = TransferDocument(
        number=TRANSFER_NO,
        bank_number="BT20260301000000000003",
        state="DONE",
        amount_fen=88_800,
        currency="CNY",
        finished_at=LATER,
    )
    return msgspec.structs.replace(document, **changed)
