"""Fees by an account's own rates 账户费率: which plan holds, and what it comes to. Pure.

A plan is a percentage, by tiers of the month's volume where it has any, and a fixed part, kept
between a least and a most. The percentage is rounded HALF_UP to the fen, before the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from schema.accounts import RateKind, RatePlan
from schema.money import fee_fen

INITIAL_RATES: dict[RateKind, RatePlan] = {
    "trade": RatePlan(),
    "settlement": RatePlan(),
    "refund": RatePlan(),
    "withdrawal": RatePlan(),
}
"""What an account begins with: nothing costs anything until somebody says what."""


class Rate(Struct, frozen=True, kw_only=True):
    """A plan and from when on it holds; field names are columns of `accounting.rate`."""

    rate_no: str
    account_id: int
    kind: RateKind
    pay_type: str = ""
    plan: RatePlan
    effective_at: datetime
    operator: str
    reason: str
    set_at: datetime


class Fee(Struct, frozen=True):
    """A fee with the rate that it was found by, as an entry keeps it."""

    fee_fen: int
    rate_ppm: int | None = None
    rate_no: str | None = None


def rate_at(
    rates: Iterable[Rate], account_id: int, kind: RateKind, pay_type: str, now: datetime
) -> Rate | None:
    """The rate in force: the newest that has begun, one for the pay type before one for any."""
    begun = [
        rate
        for rate in rates
        if rate.account_id == account_id
        and rate.kind == kind
        and rate.pay_type in (pay_type, "")
        and rate.effective_at <= now
    ]
    return max(begun, key=lambda r: (r.pay_type != "", r.effective_at, r.set_at), default=None)


def fee_of(rate: Rate | None, amount_fen: int, volume_fen: int) -> Fee:
    """The fee on an amount, at a rate, after this month's volume so far."""
    if rate is None:
        return Fee(0)
    percent = percent_ppm(rate.plan, volume_fen)
    return Fee(plan_fee_fen(rate.plan, amount_fen, percent), percent, rate.rate_no)


def percent_ppm(plan: RatePlan, volume_fen: int) -> int:
    """The percentage that holds at this volume: that of the highest tier reached."""
    percent = plan.percent_ppm
    for tier in plan.tiers:
        if volume_fen >= tier.from_volume_fen:
            percent = tier.percent_ppm
    return percent


def plan_fee_fen(plan: RatePlan, amount_fen: int, percent: int) -> int:
    """Percentage plus fixed part, not less than the least and not more than the most."""
    fee = fee_fen(amount_fen, percent) + plan.fixed_fen
    fee = max(fee, plan.min_fen)
    return fee if plan.max_fen is None else min(fee, plan.max_fen)


def returned_fee_fen(fee: int, amount_fen: int, refunded_before: int, refund: int) -> int:
    """How much of a trade's fee this refund gives back, in proportion.

    Reckoned on all that was refunded so far, so that refunds in any number of parts give back the
    whole fee together, and never a fen more.
    """
    assert refunded_before >= 0 and refunded_before + refund <= amount_fen

    def given_back(refunded: int) -> int:
        return (fee * refunded * 2 + amount_fen) // (amount_fen * 2)

    return given_back(refunded_before + refund) - given_back(refunded_before)
