"""The middle beat, against the simulated platforms: asking again never makes a second order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast

import pytest
from msgspec import Struct
from msgspec.structs import replace

from actors.channels.attempts.asking import TAKEN_BACK, order_of
from actors.channels.attempts.attempt import Attempt
from actors.channels.attempts.calls import Answer, Errand
from actors.channels.talk.accounts import Accounts
from bus.directory import Directory
from bus.jobs import now_utc
from bus.vault import Vault
from deploy.local.accounts import SERVED
from handlers.simulator.wechat.accounts import generate_certificate
from schema.channels import (
    AppString,
    AtTheTill,
    Form,
    NotKnownThere,
    Offer,
    Paid,
    Pending,
    SurelyNotPaid,
    Unknown,
    Verdict,
)
from schema.channels.wechat import PlatformCertificate, SimulatorAccount
from schema.products import PRODUCTS, PayType
from tests.channels import Corner, a_corner, both_ends_of, products, protocol_of

PRODUCTS_THERE = products(*SERVED)
STORED_AT_ONCE = [
    name
    for name in PRODUCTS_THERE
    if PRODUCTS[name].gives in ("qr_code", "redirect") and protocol_of(name) != "alipay"
]
"""Products whose order the platform has as soon as it was asked for."""

REFUSALS: dict[PayType, str] = {
    "wechat_barcode": "RULE_LIMIT",
    "alipay_barcode": "ACQ.PAYMENT_AUTH_CODE_INVALID",
    "unionpay_barcode": "31",
}

AT_THE_TILL = [name for name in PRODUCTS_THERE if name.endswith("_barcode")]


@pytest.fixture
async def accounts(directory: Directory, vault: Vault) -> Accounts:
    return Accounts(directory, vault)


@pytest.fixture
async def corner(accounts: Accounts, product: PayType) -> AsyncIterator[Corner]:
    async with a_corner(accounts, protocol_of(product)) as corner:
        yield corner


def offer_in(verdict: Verdict) -> Offer:
    assert isinstance(verdict, Pending) and verdict.offer is not None, verdict
    return verdict.offer


def shown(attempt: Attempt, answer: Answer) -> Attempt:
    return replace(attempt, offer=offer_in(answer.verdict))


def operations(answer: Answer) -> list[str]:
    return [call.operation for call in answer.calls]


@pytest.mark.parametrize("product", [p for p in PRODUCTS_THERE if p not in AT_THE_TILL])
async def test_the_payer_gets_what_the_product_gives(corner: Corner, product: PayType) -> None:
    answer = await corner.ask(corner.attempt(product, return_url="https://shop.test/back"))
    if product == "balance":
        assert isinstance(answer.verdict, Paid | Pending), answer.verdict
        return
    offer = offer_in(answer.verdict)
    assert offer.__struct_config__.tag == PRODUCTS[product].gives
    asked = [] if isinstance(offer, Form | AppString) else ["create"]
    assert operations(answer) == asked, "a form and an app string are signed by ourselves"


@pytest.mark.parametrize("product", STORED_AT_ONCE)
async def test_an_attempt_that_never_arrived_is_sent_after_asking(
    corner: Corner, product: PayType
) -> None:
    answer = await corner.ask(corner.attempt(product), "query")
    offer_in(answer.verdict)
    assert operations(answer) == ["query", "create"]


@pytest.mark.parametrize("product", STORED_AT_ONCE)
async def test_an_attempt_whose_answer_was_lost_is_one_order_still(
    corner: Corner, product: PayType
) -> None:
    attempt = corner.attempt(product)
    corner.trouble("create", "lost_answer")
    lost = await corner.ask(attempt)
    assert isinstance(lost.verdict, Unknown) and lost.verdict.why == "no_answer"
    again = await corner.ask(attempt, "query")
    assert isinstance(again.verdict, Pending | Unknown)
    assert len(corner.simulator.world.trades.page(0, 10)) == 1


@pytest.mark.parametrize("product", STORED_AT_ONCE)
async def test_an_attempt_whose_offer_is_known_is_asked_about_and_not_sent_again(
    corner: Corner, product: PayType
) -> None:
    attempt = corner.attempt(product)
    attempt = shown(attempt, await corner.ask(attempt))
    answer = await corner.ask(attempt, "query")
    assert isinstance(answer.verdict, Pending)
    assert answer.verdict.offer in (None, attempt.offer)
    assert operations(answer) == ["query"]


@pytest.mark.parametrize("product", STORED_AT_ONCE)
async def test_an_order_whose_time_is_over_is_not_sent_any_more(
    corner: Corner, product: PayType
) -> None:
    answer = await corner.ask(corner.attempt(product, expires_at=now_utc()), "query")
    assert isinstance(answer.verdict, NotKnownThere)
    assert len(corner.simulator.world.trades.page(0, 10)) == 0


@pytest.mark.parametrize("product", STORED_AT_ONCE)
async def test_money_is_found_by_asking(corner: Corner, product: PayType) -> None:
    attempt = corner.attempt(product)
    attempt = shown(attempt, await corner.ask(attempt))
    corner.pay(attempt)
    verdict = (await corner.ask(attempt, "query")).verdict
    assert isinstance(verdict, Paid), verdict
    assert (verdict.amount_fen, verdict.currency) == (1_000, "CNY")


@pytest.mark.parametrize("product", STORED_AT_ONCE)
async def test_a_channel_that_can_not_tell_leaves_it_open_and_nothing_is_sent(
    corner: Corner, product: PayType
) -> None:
    corner.trouble("query", "http_500")
    answer = await corner.ask(corner.attempt(product), "query")
    assert isinstance(answer.verdict, Unknown) and answer.verdict.why == "server_error"
    assert len(corner.simulator.world.trades.page(0, 10)) == 0


@pytest.mark.parametrize("product", STORED_AT_ONCE)
async def test_a_definite_refusal_is_a_proof(corner: Corner, product: PayType) -> None:
    corner.trouble("create", "refuse")
    answer = await corner.ask(corner.attempt(product))
    assert isinstance(answer.verdict, SurelyNotPaid), answer.verdict


@pytest.mark.parametrize("product", PRODUCTS_THERE)
async def test_a_channel_that_is_not_there_is_an_unknown_and_no_exception(
    corner: Corner, product: PayType
) -> None:
    corner.trouble("calls", "lost_request", times=None)
    answer = await corner.ask(corner.attempt(product), "query")
    assert isinstance(answer.verdict, Unknown) and answer.verdict.why == "no_answer"
    (call,) = answer.calls
    assert (call.operation, call.verdict) == ("query", answer.verdict)


# At the till.


@pytest.mark.parametrize("product", AT_THE_TILL)
async def test_a_small_amount_at_the_till_is_paid_at_once(corner: Corner, product: PayType) -> None:
    answer = await corner.ask(corner.attempt(product))
    verdict = answer.verdict
    if isinstance(verdict, Pending):
        verdict = (await corner.ask(corner.attempt(product))).verdict
    assert isinstance(verdict, Paid | Pending), verdict


@pytest.mark.parametrize("product", AT_THE_TILL)
async def test_a_payer_who_does_not_confirm_has_the_payment_taken_back(
    corner: Corner, product: PayType
) -> None:
    corner.trouble("pay", "needs_password")
    attempt = corner.attempt(product)
    answer = await corner.ask(attempt)
    assert isinstance(answer.verdict, Pending)
    attempt = replace(attempt, offer=AtTheTill())
    waiting = await corner.ask(attempt, "query")
    assert isinstance(waiting.verdict, Pending) and operations(waiting) == ["query"]
    gone = replace(attempt, opened_at=attempt.opened_at - timedelta(seconds=46))
    if corner.protocol == "unionpay":  # its number is the order's time, which can't be moved
        return
    ended = await corner.ask(gone, "query")
    assert operations(ended) == ["query", "reverse"]
    assert isinstance(ended.verdict, SurelyNotPaid), ended.verdict


@pytest.mark.parametrize("product", AT_THE_TILL)
async def test_a_refusal_of_a_repeat_proves_nothing_about_the_first_try(
    corner: Corner, product: PayType
) -> None:
    corner.trouble("create", "refuse", value=REFUSALS[product])
    answer = await corner.ask(corner.attempt(product), "query")
    assert operations(answer) == ["query", "create"]
    assert isinstance(answer.verdict, Unknown), "the first may be under way with the same code"
    assert answer.verdict.code == REFUSALS[product]


@pytest.mark.parametrize("product", ["alipay_barcode"])
async def test_what_was_taken_back_is_not_paid_though_the_answer_was_lost(
    corner: Corner, product: PayType
) -> None:
    attempt = corner.attempt(product)
    assert isinstance((await corner.ask(attempt)).verdict, Paid)
    corner.trouble("reverse", "lost_answer")
    errands: tuple[Errand, ...] = ("close", "query", "look")
    for errand in errands:
        lost = await corner.talk().reverse(order_of(attempt))
        assert isinstance(lost, Unknown | SurelyNotPaid)
        answer = await corner.ask(attempt, errand)
        assert isinstance(answer.verdict, SurelyNotPaid), answer.verdict
        assert answer.verdict.code == TAKEN_BACK


@pytest.mark.parametrize("product", AT_THE_TILL)
async def test_without_the_payers_code_nothing_is_sent(corner: Corner, product: PayType) -> None:
    attempt = corner.attempt(product, auth_code=None)
    answer = await corner.ask(attempt, "query")
    assert isinstance(answer.verdict, NotKnownThere)
    assert operations(answer) == ["query"]


# Keys that rotate.


def a_certificate() -> PlatformCertificate:
    day, now = timedelta(days=1), now_utc()
    return generate_certificate(now - day, now + day)


async def test_an_account_in_certificate_mode_learns_certificates_and_their_successors(
    accounts: Accounts,
) -> None:
    first, second = a_certificate(), a_certificate()

    def certified(ours: Struct, theirs: Struct) -> tuple[Struct, Struct]:
        ours = replace(ours, public_key_id="", public_key_pem="", platform_certificates_pem=())
        theirs = replace(theirs, public_key_id="", platform_private_key_pem="")
        return ours, replace(theirs, platform_certificates=(first,))

    async with a_corner(accounts, "wechat", change=certified) as corner:
        offer_in((await corner.ask(corner.attempt("wechat_native"))).verdict)
        _, theirs = certified(*both_ends_of("wechat"))
        corner.simulator.add_account(
            cast(SimulatorAccount, replace(theirs, platform_certificates=(second,)))
        )
        rotated = await corner.ask(corner.attempt("wechat_native"))
        offer_in(rotated.verdict)
        assert operations(rotated) == ["create", "create"], "once more, with the new certificate"
