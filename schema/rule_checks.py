"""What is wrong with a routing rule: mistakes that keep it from being stored, and warnings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Literal

from msgspec import Struct

from schema.coverage import Finding, unreachable
from schema.expressions import Mistake, parse
from schema.products import PayType
from schema.routing import RoutingRule, RuleChannel, channels_of

WHY = {
    "contradiction": "its condition is true of no payment",
    "shadowed": "every payment that it is for takes an earlier branch",
    "too_large_to_check": "too many combinations to look for branches that are never reached",
    "default_unreachable": "some branch takes every payment, the rule's own channels none",
}


class Complaint(Struct, frozen=True, kw_only=True):
    """One thing that is wrong. A `mistake` refuses the rule; a `warning` is for people."""

    kind: Literal["mistake", "warning"]
    param: str
    reason: str


def complaints(
    rule: RoutingRule, channels: Mapping[str, Collection[PayType]]
) -> tuple[Complaint, ...]:
    """All that is wrong with a rule, given the channels that exist and what each offers."""
    form = tuple(_form(rule))
    dead = () if any(c.kind == "mistake" for c in form) else tuple(_dead(rule))
    return (*form, *_channels(rule, channels), *dead)


def _form(rule: RoutingRule) -> Iterator[Complaint]:
    if (rule.strategy == "expressions") != bool(rule.branches):
        yield _mistake("branches", "they belong to the strategy `expressions`, which needs some")
    if not rule.channels and rule.strategy != "expressions":
        yield _mistake("channels", "at least one is needed")
    for index, branch in enumerate(rule.branches):
        try:
            parse(branch.when)
        except Mistake as mistake:
            yield _mistake(f"branches[{index}].when", str(mistake))
    for place, listed in _lists(rule):
        numbers = [channel.channel_no for channel in listed]
        if len(set(numbers)) < len(numbers):
            yield _mistake(place, "a channel stands in it twice")
        if rule.strategy in ("weight", "split") and not any(c.weight for c in listed):
            yield _mistake(place, "no channel has any weight")


def _channels(
    rule: RoutingRule, channels: Mapping[str, Collection[PayType]]
) -> Iterator[Complaint]:
    for number in sorted(channels_of(rule)):
        if number not in channels:
            yield _mistake("channels", f"there is no channel {number!r}")
        elif rule.pay_type not in channels[number]:
            yield _mistake("channels", f"{number} does not offer {rule.pay_type}")


def _dead(rule: RoutingRule) -> Iterator[Complaint]:
    conditions = [parse(branch.when) for branch in rule.branches]
    given = {"pay_type": rule.pay_type, "currency": "CNY"}
    for finding in unreachable(conditions, given):
        if finding.why != "default_unreachable" or rule.channels:
            yield Complaint(kind="warning", param=_place(finding), reason=WHY[finding.why])


def _place(finding: Finding) -> str:
    if finding.why == "default_unreachable":
        return "channels"
    return "branches" if finding.branch < 0 else f"branches[{finding.branch}].when"


def _lists(rule: RoutingRule) -> Iterator[tuple[str, tuple[RuleChannel, ...]]]:
    if rule.channels:
        yield "channels", rule.channels
    for index, branch in enumerate(rule.branches):
        yield f"branches[{index}].channels", branch.channels


def _mistake(param: str, reason: str) -> Complaint:
    return Complaint(kind="mistake", param=param, reason=reason)
