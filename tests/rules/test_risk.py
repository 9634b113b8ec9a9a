"""What risk objects to, and that it says everything it objects to."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from actors.risk.rules import Subject, Watch, check, concerned, decide
from bus.effects import Publish
from schema.messages.ordering import PaymentPlaced
from schema.messages.risk import PaymentCleared, PaymentRefused
from schema.payments import Refusal, RiskDecision
from schema.profiles import RiskLimits
from tests.examples import MERCHANT_NO, NOW, PASSED, PAYMENT_ID, a_merchant, some_terms

LIMITS = RiskLimits(single_min_fen=100, single_max_fen=50_000)
BELOW = Refusal(code="below_single_min", reason="The least is 100 fen.", param="amount_fen")
ABOVE = Refusal(code="above_single_max", reason="The most is 50000 fen.", param="amount_fen")


def a_watch(blocked: dict[Subject, str] | None = None, **merchant: Any) -> Watch:
    profile = a_merchant(**{"risk_limits": LIMITS} | merchant)
    return Watch({MERCHANT_NO: profile}, blocked or {})


def test_a_payment_that_nothing_speaks_against_passes() -> None:
    assert check(some_terms(), a_watch()) == PASSED


@pytest.mark.parametrize(
    ("amount_fen", "objections"),
    [(99, (BELOW,)), (100, ()), (50_000, ()), (50_001, (ABOVE,))],
)
def test_a_limit_is_still_allowed_and_the_fen_beyond_it_is_not(
    amount_fen: int, objections: tuple[Refusal, ...]
) -> None:
    assert check(some_terms(amount_fen=amount_fen), a_watch()).reasons == objections


@pytest.mark.parametrize(
    ("kind", "value"), [("merchant", MERCHANT_NO), ("payer", "member-7"), ("ip", "203.0.113.7")]
)
def test_whoever_takes_part_may_be_on_the_blacklist(kind: str, value: str) -> None:
    terms = some_terms(payer_id="member-7", client_ip="203.0.113.7")
    decision = check(terms, a_watch({(kind, value): "stolen phones"}))
    objection = Refusal(code=f"blocked_{kind}", reason="stolen phones")
    assert decision == RiskDecision(verdict="refuse", reasons=(objection,))


def test_the_blacklist_tells_a_payer_from_an_address_of_the_same_name() -> None:
    terms = some_terms(payer_id="10.0.0.1")
    assert check(terms, a_watch({("ip", "10.0.0.1"): "scraper"})) == PASSED


@pytest.mark.parametrize("written", ["2001:DB8:0:0::1", "2001:db8::1", "2001:0db8::0001"])
def test_an_address_is_found_however_it_is_written(written: str) -> None:
    watch = a_watch({("ip", "2001:db8::1"): "scraper"})
    assert check(some_terms(client_ip=written), watch).verdict == "refuse"


def test_what_is_no_address_is_looked_for_as_it_stands() -> None:
    assert ("ip", "999.1") in concerned(some_terms(client_ip="999.1"))


def test_a_payment_without_payer_and_address_concerns_the_merchant_only() -> None:
    assert list(concerned(some_terms())) == [("merchant", MERCHANT_NO)]


def test_every_rule_speaks_even_if_one_objection_would_do() -> None:
    everybody = {
        ("merchant", MERCHANT_NO): "closed by police",
        ("payer", "member-7"): "chargebacks",
        ("ip", "203.0.113.7"): "scraper",
    }
    terms = some_terms(payer_id="member-7", client_ip="203.0.113.7", amount_fen=50_001)
    codes = [reason.code for reason in check(terms, a_watch(everybody)).reasons]
    assert codes == ["blocked_merchant", "blocked_payer", "blocked_ip", "above_single_max"]


def test_a_merchant_without_a_profile_is_refused() -> None:
    (reason,) = check(some_terms(), Watch()).reasons
    assert reason.code == "unknown_merchant"


def test_a_cleared_payment_goes_on_with_its_terms_and_its_record() -> None:
    terms = some_terms()
    decision = decide(a_watch(), PaymentPlaced(terms=terms), NOW)
    said = PaymentCleared(terms=terms, risk=replace(PASSED, decided_at=NOW))
    assert decision.effects == (Publish(said, subject=PAYMENT_ID),)
    assert decision.changes == ()


def test_a_refused_payment_goes_back_with_its_record() -> None:
    decision = decide(a_watch(), PaymentPlaced(terms=some_terms(amount_fen=99)), NOW)
    record = RiskDecision(verdict="refuse", reasons=(BELOW,), decided_at=NOW)
    said = PaymentRefused(payment_id=PAYMENT_ID, risk=record)
    assert decision.effects == (Publish(said, subject=PAYMENT_ID),)
