"""Which channels may take a payment, and in which order.

Plans first (rules and bindings), then filters, then the strategy, then limits that are counted.
Each has a file of its own: `plans.py`, `eligibility.py`, `strategies/`, `limits.py`. The record
keeps all that was looked at, and can be executed again: `record.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec.structs import replace

from actors.routing.eligibility import removed_by
from actors.routing.health import Pulse, score
from actors.routing.plans import Plan, plans
from actors.routing.record import rank
from bus.books import Book
from bus.decider import Decision
from bus.effects import Publish
from schema.messages.contract import Message
from schema.messages.risk import PaymentCleared
from schema.messages.routing import PaymentRouted, PaymentUnroutable
from schema.money import fee_fen
from schema.payments import Candidate, PaymentTerms, RoutingDecision
from schema.profiles import ChannelProfile, MerchantProfile
from schema.routing import RoutingRule
from schema.standings import ChannelStanding

Segment = tuple[str, str]
"""Channel and pay type; the pay type is `*` for the channel as a whole."""

WHOLE = "*"


class Board(Book[str, PaymentTerms]):
    """What routing looks into, and what was decided before the batch because it was counted."""

    def __init__(
        self,
        merchants: Mapping[str, MerchantProfile] = {},
        channels: Mapping[str, ChannelProfile] = {},
        *,
        rules: Mapping[str, RoutingRule] = {},
        standings: Mapping[str, ChannelStanding] = {},
        pulses: Mapping[Segment, Pulse] = {},
        overdue: Mapping[Segment, int] = {},
        probes: Mapping[Segment, str] = {},
    ) -> None:
        super().__init__((), key=lambda terms: terms.payment_id)
        self.merchants = merchants
        self.channels = channels
        self.rules = rules
        self.standings = standings
        self.pulses = pulses
        self.overdue = overdue
        self.probes = probes
        """Which payment is the probe of a channel whose breaker is open."""
        self.decided: dict[str, RoutingDecision] = {}
        """Payments that had to be counted: their record stands already."""


def decide(board: Board, message: Message, now: datetime) -> Decision:
    """Routes a cleared payment, or says that no channel can take it."""
    assert isinstance(message, PaymentCleared)
    terms, risk = message.terms, message.risk
    routing = board.decided.get(terms.payment_id) or route(terms, board, now)
    if routing.ranked:
        said: Message = PaymentRouted(terms=terms, risk=risk, routing=routing)
    else:
        said = PaymentUnroutable(payment_id=terms.payment_id, risk=risk, routing=routing)
    return Decision(effects=(Publish(said, subject=terms.payment_id),))


def route(terms: PaymentTerms, board: Board, now: datetime) -> RoutingDecision:
    """The record of one routing. The seed is the payment's id: unique, and known to everybody."""
    merchant = board.merchants.get(terms.merchant_no)
    planned = plans(terms, merchant, board.rules, now) if merchant is not None else []
    candidates = tuple(c for plan in planned for c in _candidates(terms, plan, board, now))
    ranked = rank(terms.payment_id, candidates, [plan.choice for plan in planned])
    return RoutingDecision(
        seed=terms.payment_id,
        candidates=candidates,
        ranked=ranked.order,
        decided_at=now,
        choices=ranked.choices,
    )


def _candidates(
    terms: PaymentTerms, plan: Plan, board: Board, now: datetime
) -> Iterator[Candidate]:
    look = LOOKS.get(plan.choice.strategy)
    for listed in plan.channels:
        number = listed.channel_no
        channel = board.channels.get(number)
        removed = removed_by(terms, channel, now, board.standings.get(number))
        candidate = Candidate(
            channel_no=number,
            tier=plan.choice.tier,
            priority=listed.priority,
            weight=listed.weight,
            removed_by=removed,
        )
        if look is not None and channel is not None and removed is None:
            candidate = look(candidate, terms, channel, board)
        yield candidate


# What a strategy asks about each candidate; the others ask nothing.


def _cost(
    candidate: Candidate, terms: PaymentTerms, channel: ChannelProfile, board: Board
) -> Candidate:
    return replace(candidate, cost_fen=fee_fen(terms.amount_fen, channel.cost_rate_ppm))


def _response_time(
    candidate: Candidate, terms: PaymentTerms, channel: ChannelProfile, board: Board
) -> Candidate:
    pulse = board.pulses.get((channel.channel_no, terms.pay_type))
    if pulse is None or not pulse.slow_ms:
        return candidate
    return replace(candidate, latency_ms=int(pulse.latency_ms))


def _success_rate(
    candidate: Candidate, terms: PaymentTerms, channel: ChannelProfile, board: Board
) -> Candidate:
    segment = (channel.channel_no, terms.pay_type)
    seen = score(
        board.pulses.get(segment, Pulse()),
        board.pulses.get((channel.channel_no, WHOLE)),
        board.overdue.get(segment, 0),
        is_probe=board.probes.get(segment) == terms.payment_id,
    )
    return replace(candidate, score=seen)


LOOKS = {"cost": _cost, "response_time": _response_time, "success_rate": _success_rate}
