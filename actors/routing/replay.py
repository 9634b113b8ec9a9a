"""What would have been: recorded payments, routed once more by another rule. Pure.

All that a record tells of a channel is used as it was seen then: what removed it, what it had
taken, its score. Of a channel that the record does not know, today's profile is asked, and its
score is what recorded traffic shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from actors.routing.eligibility import removed_by
from actors.routing.plans import by_rule
from actors.routing.record import again, rank
from schema.money import PPM, fee_fen
from schema.payments import Candidate, PaymentTerms, RoutingDecision, Score
from schema.profiles import ChannelProfile
from schema.routing import RoutingRule, RuleChannel


class Recorded(Struct, frozen=True, kw_only=True):
    """One payment as it was routed, and what became of its first attempt."""

    terms: PaymentTerms
    record: RoutingDecision
    decided_at: datetime
    is_paid: bool


class Share(Struct, kw_only=True):
    """What a channel got, and would have got."""

    channel_no: str
    before: int = 0
    before_fen: int = 0
    after: int = 0
    after_fen: int = 0
    cost_before_fen: int = 0
    cost_after_fen: int = 0
    paid: int = 0

    @property
    def success_ppm(self) -> int:
        """How many of the payments that it got were paid; of nobody known, none."""
        return self.paid * PPM // self.before if self.before else 0


class Comparison(Struct, frozen=True, kw_only=True):
    """Recorded traffic beside what would have been."""

    shares: tuple[Share, ...]
    differing: int
    not_the_same: int
    """Records that do not lead to their own ranking any more: should be none."""
    success_before_ppm: int
    success_after_ppm: int
    """An estimate: each channel's payments are paid as often as those that it got."""


def compare(
    recorded: Iterable[Recorded], rule: RoutingRule | None, channels: Mapping[str, ChannelProfile]
) -> Comparison:
    """Recorded payments, and where they would have gone; without a rule, by their own records."""
    payments = list(recorded)
    seen = observed(payments)
    shares: dict[str, Share] = {}
    differing = not_the_same = 0
    for payment in payments:
        made = again(payment.record)
        not_the_same += made != payment.record
        if rule is not None and rule.pay_type == payment.terms.pay_type:
            made = what_if(payment, rule, channels, seen)
        differing += _first(made) != _first(payment.record)
        _count(shares, payment, made, channels)
    return _compared(shares, differing, not_the_same)


def what_if(
    payment: Recorded,
    rule: RoutingRule,
    channels: Mapping[str, ChannelProfile],
    seen: Mapping[str, Score],
) -> RoutingDecision:
    """The record that this rule would have left of a payment."""
    plan = by_rule(rule, "default", payment.terms, payment.decided_at)
    known = {candidate.channel_no: candidate for candidate in payment.record.candidates}

    def candidate(listed: RuleChannel) -> Candidate:
        number = listed.channel_no
        was = known.get(number) or _unknown(payment, number, channels)
        profile = channels.get(number)
        cost_fen = fee_fen(payment.terms.amount_fen, profile.cost_rate_ppm) if profile else None
        return replace(
            was,
            tier="default",
            priority=listed.priority,
            weight=listed.weight,
            cost_fen=cost_fen,
            score=was.score or seen.get(number),
        )

    candidates = tuple(candidate(listed) for listed in rule_channels(plan.channels))
    ranked = rank(payment.record.seed, candidates, [plan.choice])
    made = replace(
        payment.record, candidates=candidates, ranked=ranked.order, choices=ranked.choices
    )
    return again(made)  # which leaves out those that had no room


def rule_channels(listed: Iterable[object]) -> list[RuleChannel]:
    """The channels of a plan that a rule has made."""
    return [channel for channel in listed if isinstance(channel, RuleChannel)]


def observed(payments: Iterable[Recorded]) -> dict[str, Score]:
    """What recorded traffic shows of each channel that got some."""
    good: dict[str, int] = {}
    bad: dict[str, int] = {}
    for payment in payments:
        counts = good if payment.is_paid else bad
        first = _first(payment.record)
        counts[first] = counts.get(first, 0) + 1
    return {
        number: Score(
            good_milli=1_000 * good.get(number, 0) + 1_000, bad_milli=1_000 * bad.get(number, 0) + 1
        )
        for number in good.keys() | bad.keys()
    }


def _unknown(payment: Recorded, number: str, channels: Mapping[str, ChannelProfile]) -> Candidate:
    removed = removed_by(payment.terms, channels.get(number), payment.decided_at)
    return Candidate(channel_no=number, tier="default", priority=0, weight=0, removed_by=removed)


def _first(record: RoutingDecision) -> str:
    return record.ranked[0] if record.ranked else ""


def _count(
    shares: dict[str, Share],
    payment: Recorded,
    made: RoutingDecision,
    channels: Mapping[str, ChannelProfile],
) -> None:
    amount_fen, was, would = payment.terms.amount_fen, _first(payment.record), _first(made)
    for number in (was, would):
        shares.setdefault(number, Share(channel_no=number))
    shares[was].before += 1
    shares[was].before_fen += amount_fen
    shares[was].cost_before_fen += _cost_fen(amount_fen, channels.get(was))
    shares[was].paid += payment.is_paid
    shares[would].after += 1
    shares[would].after_fen += amount_fen
    shares[would].cost_after_fen += _cost_fen(amount_fen, channels.get(would))


def _cost_fen(amount_fen: int, channel: ChannelProfile | None) -> int:
    return 0 if channel is None else fee_fen(amount_fen, channel.cost_rate_ppm)


def _compared(shares: dict[str, Share], differing: int, not_the_same: int) -> Comparison:
    listed = tuple(shares[number] for number in sorted(shares))
    before = sum(share.before for share in listed)
    after = sum(share.after for share in listed)
    return Comparison(
        shares=listed,
        differing=differing,
        not_the_same=not_the_same,
        success_before_ppm=sum(s.paid for s in listed) * PPM // before if before else 0,
        success_after_ppm=sum(s.success_ppm * s.after for s in listed) // after if after else 0,
    )
