"""Who may take a payment of a merchant, and by which strategy: bindings and rules. Pure.

In each tier, default before backup, a rule that the merchant is bound to goes before the merchant's
direct bindings of that tier. A rule that is inactive, gone or made for another pay type is as if it
were not bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from schema.days import CHINA
from schema.expressions import Facts, holds, parse
from schema.payments import Choice, PaymentTerms
from schema.profiles import Binding, MerchantProfile
from schema.routing import RoutingRule, RuleChannel, Tier

TIERS: tuple[Tier, ...] = ("default", "backup")


class Plan(Struct, frozen=True):
    """The channels of one tier and how they are to be put in order."""

    choice: Choice
    channels: Sequence[RuleChannel | Binding]


def plans(
    terms: PaymentTerms,
    merchant: MerchantProfile,
    rules: Mapping[str, RoutingRule],
    now: datetime,
) -> list[Plan]:
    """The plan of each tier that has channels."""
    bindings = [b for b in merchant.rule_bindings if b.pay_type == terms.pay_type]
    bound = {binding.tier: rules.get(binding.rule_no) for binding in bindings}
    found = [
        by_rule(rule, tier, terms, now)
        if (rule := bound.get(tier)) is not None and in_force(rule, terms)
        else _direct(terms, merchant, tier)
        for tier in TIERS
    ]
    return [plan for plan in found if plan.channels]


def in_force(rule: RoutingRule, terms: PaymentTerms) -> bool:
    """Whether a rule is for this payment at all."""
    return rule.status == "active" and rule.pay_type == terms.pay_type


def by_rule(rule: RoutingRule, tier: Tier, terms: PaymentTerms, now: datetime) -> Plan:
    """The plan that a rule makes for a payment."""
    branch = branch_of(rule, facts(terms, now)) if rule.branches else None
    choice = Choice(
        tier=tier,
        strategy=rule.strategy,
        rule_no=rule.rule_no,
        rule_version=rule.version,
        branch=branch,
        seed=stuck_to(rule, terms) if rule.strategy == "split" else "",
        explore_ppm=rule.explore_ppm if rule.strategy == "success_rate" else 0,
    )
    channels = rule.channels if branch is None else rule.branches[branch].channels
    return Plan(choice, channels)


def branch_of(rule: RoutingRule, known: Facts) -> int | None:
    """The first branch whose condition holds, counted from 0."""
    conditions = (parse(branch.when) for branch in rule.branches)
    return next((i for i, condition in enumerate(conditions) if holds(condition, known)), None)


def facts(terms: PaymentTerms, now: datetime) -> Facts:
    """What the conditions of rules can ask about a payment."""
    local = now.astimezone(CHINA)
    return {
        "amount_fen": terms.amount_fen,
        "hour": local.hour,
        "weekday": local.isoweekday(),
        "pay_type": terms.pay_type,
        "merchant": terms.merchant_no,
        "currency": terms.currency,
        "payer": terms.payer_id or "",
        "client_ip": terms.client_ip or "",
    } | {f"metadata.{key}": value for key, value in terms.metadata.items()}


def stuck_to(rule: RoutingRule, terms: PaymentTerms) -> str:
    """What a split is by, with the rule's number so that rules draw apart; empty: the payment."""
    kind, _, key = rule.stick_to.partition(".")
    match kind:
        case "payer":
            value = terms.payer_id or ""
        case "merchant":
            value = terms.merchant_no
        case "client_ip":
            value = terms.client_ip or ""
        case "metadata":
            value = terms.metadata.get(key, "")
        case _:
            value = ""
    return f"{rule.rule_no}:{rule.stick_to}:{value}" if value else ""


def _direct(terms: PaymentTerms, merchant: MerchantProfile, tier: Tier) -> Plan:
    channels = [b for b in merchant.bindings if b.tier == tier and b.pay_type == terms.pay_type]
    return Plan(Choice(tier=tier, strategy="priority"), channels)
