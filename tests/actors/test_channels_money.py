"""Refunds, transfers and profit shares: an answer that is lost is never a second one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from actors.channels.attempts.asking import order_of
from actors.channels.talk.accounts import Accounts
from actors.channels.talk.talk import Talk, unless_known
from bus.directory import Directory
from bus.jobs import now_utc
from bus.vault import Vault
from deploy.local.accounts import SERVED
from schema.channels import (
    NotKnownThere,
    Paid,
    Part,
    Payee,
    Refund,
    Refunded,
    RefundPending,
    RefundVerdict,
    Share,
    Shared,
    SharePending,
    SurelyNotRefunded,
    SurelyNotTransferred,
    Transfer,
    TransferPending,
    Transferred,
    Unknown,
)
from schema.channels.language import Protocols
from schema.products import PayType
from tests.channels import Corner, a_corner

USUAL: dict[Protocols, PayType] = {
    "wechat": "wechat_native",
    "alipay": "alipay_qr",
    "unionpay": "unionpay_qr",
    "bank": "bank_page",
}
PAYEES: dict[Protocols, Payee] = {
    "wechat": Payee(kind="wechat_openid", account="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
    "alipay": Payee(kind="alipay_user_id", account="2088102146225135"),
    "bank": Payee(kind="bank_card", account="6222020200112233", name="番茄"),
}
SHARES: dict[Protocols, Payee] = {
    "wechat": Payee(kind="merchant", account="1900000110", name="番茄批发"),
    "alipay": Payee(kind="alipay_user_id", account="2088102146225136"),
}


@pytest.fixture
async def corner(directory: Directory, vault: Vault, protocol: Protocols) -> AsyncIterator[Corner]:
    async with a_corner(Accounts(directory, vault), protocol) as corner:
        yield corner


async def a_paid_order(corner: Corner, *, shares_profit: bool = False) -> tuple[str, Paid]:
    """Our number of an order that was paid, and how it stands."""
    attempt, talk = corner.attempt(USUAL[corner.protocol]), corner.talk()
    order = replace(order_of(attempt), shares_profit=shares_profit)
    await talk.create(order)
    corner.pay(attempt)
    paid = await talk.query(order)
    assert isinstance(paid, Paid), paid
    return attempt.attempt_id, paid


def number() -> str:
    return os.urandom(13).hex()


async def a_refund(corner: Corner, refund_fen: int = 400) -> Refund:
    order_number, paid = await a_paid_order(corner)
    return Refund(
        number=number(),
        order_number=order_number,
        channel_payment_id=paid.channel_payment_id,
        refund_fen=refund_fen,
        paid_fen=1_000,
        reason="too green",
        opened_at=now_utc(),
        order_opened_at=now_utc(),
    )


def operations(talk: Talk) -> list[str]:
    return [call.operation for call in talk.calls]


@pytest.mark.parametrize("protocol", SERVED)
async def test_part_of_an_order_goes_back(corner: Corner) -> None:
    refund, talk = await a_refund(corner), corner.talk()
    verdict = await talk.refund(refund, queries_first=False)
    assert isinstance(verdict, Refunded | RefundPending), verdict
    stands = await talk.refund(refund, queries_first=True)
    assert isinstance(stands, Refunded | RefundPending), stands
    assert operations(talk) == ["refund", "query_refund"]


@pytest.mark.parametrize("protocol", SERVED)
async def test_a_refund_whose_answer_was_lost_is_found_by_asking(corner: Corner) -> None:
    refund, talk = await a_refund(corner), corner.talk()
    corner.trouble("refund", "lost_answer")
    lost = await talk.refund(refund, queries_first=False)
    assert isinstance(lost, Unknown) and lost.why == "no_answer"
    assert isinstance(await talk.refund(refund, queries_first=True), Refunded | RefundPending)
    assert operations(talk) == ["refund", "query_refund"]
    assert corner.refunded_fen(refund.order_number) == 400


@pytest.mark.parametrize("protocol", SERVED)
async def test_a_refund_that_never_arrived_is_sent_after_asking(corner: Corner) -> None:
    refund, talk = await a_refund(corner), corner.talk()
    corner.trouble("refund", "lost_request")
    assert isinstance(await talk.refund(refund, queries_first=False), Unknown)
    again = await talk.refund(refund, queries_first=True)
    assert isinstance(again, Refunded | RefundPending), again
    assert operations(talk) == ["refund", "query_refund", "refund"]
    assert corner.refunded_fen(refund.order_number) == 400


@pytest.mark.parametrize("protocol", SERVED)
async def test_more_than_was_paid_can_not_go_back(corner: Corner) -> None:
    verdict = await corner.talk().refund(await a_refund(corner, 1_001), queries_first=False)
    assert isinstance(verdict, SurelyNotRefunded | Unknown), verdict


@pytest.mark.parametrize("protocol", SERVED)
async def test_a_refused_repeat_is_asked_about_once_more(corner: Corner) -> None:
    refund, talk = await a_refund(corner, 1_001), corner.talk()
    verdict = await talk.refund(refund, queries_first=True)
    assert isinstance(verdict, SurelyNotRefunded | Unknown), verdict
    asked_again = ["query_refund"] if isinstance(verdict, SurelyNotRefunded) else []
    assert operations(talk) == ["query_refund", "refund", *asked_again]


@pytest.mark.parametrize(
    ("afterwards", "believed"),
    [
        (NotKnownThere(code="-"), SurelyNotRefunded(code="CLOSED")),
        (RefundPending(code="-"), RefundPending(code="-")),  # the first try was carried out
        (Unknown(why="no_answer"), Unknown(why="no_answer")),
    ],
)
async def test_a_refusal_is_no_proof_where_the_first_try_was_carried_out_meanwhile(
    afterwards: RefundVerdict, believed: RefundVerdict
) -> None:
    words = iter((NotKnownThere(code="-"), SurelyNotRefunded(code="CLOSED"), afterwards))

    async def said() -> RefundVerdict:
        return next(words)

    assert await unless_known(said, said) == believed


def a_transfer(protocol: Protocols) -> Transfer:
    return Transfer(
        number=number(), payee=PAYEES[protocol], amount_fen=500, title="wages", remark="wages",
        opened_at=now_utc(),
    )  # fmt: skip


@pytest.mark.parametrize("protocol", [name for name in SERVED if name in PAYEES])
async def test_a_transfer_whose_answer_was_lost_is_found_by_asking(corner: Corner) -> None:
    transfer, talk = a_transfer(corner.protocol), corner.talk()
    corner.trouble("transfer", "lost_answer")
    lost = await talk.transfer(transfer, queries_first=False)
    assert isinstance(lost, Unknown) and lost.why == "no_answer"
    stands = await talk.transfer(transfer, queries_first=True)
    assert isinstance(stands, Transferred | TransferPending), stands
    assert operations(talk) == ["transfer", "query_transfer"]


@pytest.mark.parametrize("protocol", [name for name in SERVED if name in PAYEES])
async def test_a_transfer_that_never_arrived_is_sent_after_asking(corner: Corner) -> None:
    transfer, talk = a_transfer(corner.protocol), corner.talk()
    corner.trouble("transfer", "lost_request")
    assert isinstance(await talk.transfer(transfer, queries_first=False), Unknown)
    again = await talk.transfer(transfer, queries_first=True)
    assert isinstance(again, Transferred | TransferPending), again
    assert operations(talk) == ["transfer", "query_transfer", "transfer"]


@pytest.mark.parametrize("protocol", [name for name in SERVED if name not in PAYEES])
async def test_what_a_channel_does_not_offer_is_known_without_asking(corner: Corner) -> None:
    talk = corner.talk()
    transfer = await talk.transfer(a_transfer("bank"), queries_first=False)
    assert isinstance(transfer, SurelyNotTransferred) and transfer.code == "not_offered"
    assert talk.calls == [], "nothing was asked, so nothing counts"


@pytest.mark.parametrize("protocol", [name for name in SERVED if name in SHARES])
async def test_a_share_whose_answer_was_lost_is_found_by_asking(corner: Corner) -> None:
    order_number, paid = await a_paid_order(corner, shares_profit=True)
    share = Share(
        number=number(),
        order_number=order_number,
        channel_payment_id=paid.channel_payment_id,
        parts=(Part(payee=SHARES[corner.protocol], amount_fen=100, description="rent"),),
        is_last=True,
        opened_at=now_utc(),
    )
    talk = corner.talk()
    corner.trouble("share", "lost_answer")
    lost = await talk.share(share, queries_first=False)
    assert isinstance(lost, Unknown) and lost.why == "no_answer"
    stands = await talk.share(share, queries_first=True)
    assert isinstance(stands, Shared | SharePending), stands
    assert operations(talk) == ["share", "query_share"]
