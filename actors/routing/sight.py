"""What routing looks into for one batch, and what it notes before it decides.

Payments without rules and counted limits need cached profiles and nothing else: no trip is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from actors.routing.health import is_open
from actors.routing.holds import Holds
from actors.routing.limits import Ask, ask_for, chosen, settled
from actors.routing.pulses import Pulses, Seen
from actors.routing.rules import WHOLE, Board, Segment, route
from bus.database import Connection
from bus.directory import Directory
from schema.days import day_of
from schema.ids import epoch_ms
from schema.payments import PaymentTerms, RoutingDecision
from schema.products import PRODUCTS
from schema.profiles import MerchantProfile
from schema.routing import RoutingRule, channels_of

SEEING = frozenset({"response_time", "success_rate"})
"""Strategies that go by what was seen."""


class Sight:
    """Lays out boards."""

    def __init__(self, directory: Directory, holds: Holds, pulses: Pulses) -> None:
        self._directory = directory
        self._holds = holds
        self._pulses = pulses

    async def board(
        self, connection: Connection, cleared: Sequence[PaymentTerms], now: datetime
    ) -> Board:
        """All that is looked into for these payments; what has to be counted is decided here."""
        merchants = await self._directory.merchants.find({t.merchant_no for t in cleared})
        rules = await self._rules(merchants.values())
        bound = {b.channel_no for merchant in merchants.values() for b in merchant.bindings}
        bound |= {number for rule in rules.values() for number in channels_of(rule)}
        channels = await self._directory.channels.find(bound)
        standings = await self._directory.standings.find(bound)
        seen = await self._seen(rules.values())
        board = Board(
            merchants, channels, rules=rules, standings=standings,
            pulses={segment: each.pulse for segment, each in seen.items()},
            overdue={segment: each.overdue for segment, each in seen.items()},
            probes=await self._probes(seen, merchants, rules, cleared) if seen else {},
        )  # fmt: skip
        if any(channel.limits.is_counted for channel in channels.values()):
            await self._count(connection, board, cleared, now)
        if any(rule.strategy == "success_rate" for rule in rules.values()):
            await self._depart(board, cleared, now)
        return board

    async def _rules(self, merchants: Iterable[MerchantProfile]) -> dict[str, RoutingRule]:
        numbers = {b.rule_no for merchant in merchants for b in merchant.rule_bindings}
        return await self._directory.rules.find(numbers) if numbers else {}

    async def _seen(self, rules: Iterable[RoutingRule]) -> dict[Segment, Seen]:
        """What was seen of the channels whose rules go by it."""
        pairs = {
            (number, pay_type)
            for rule in rules
            if rule.strategy in SEEING
            for number in channels_of(rule)
            for pay_type in (rule.pay_type, WHOLE)
        }
        return await self._pulses.look(pairs) if pairs else {}

    async def _probes(
        self,
        seen: Mapping[Segment, Seen],
        merchants: Mapping[str, MerchantProfile],
        rules: Mapping[str, RoutingRule],
        cleared: Sequence[PaymentTerms],
    ) -> dict[Segment, str]:
        """Which payments are the probes of channels whose breaker is open."""
        probes: dict[Segment, str] = {}
        for segment, each in seen.items():
            if segment[1] == WHOLE or not is_open(each.pulse, each.overdue):
                continue
            able = (t for t in cleared if _may_probe(t, segment, merchants, rules))
            payment = next(able, None)
            if payment is not None and await self._pulses.claim_probe(segment):
                probes[segment] = payment.payment_id
        return probes

    async def _count(
        self, connection: Connection, board: Board, cleared: Sequence[PaymentTerms], now: datetime
    ) -> None:
        """Reserves room for the payments that need some; their records are then settled."""
        day, asked = day_of(now), list[tuple[Ask, RoutingDecision]]()
        for terms in {each.payment_id: each for each in cleared}.values():  # a repeat, once
            record = route(terms, board, now)
            board.decided[terms.payment_id] = record
            ask = ask_for(terms, record.ranked, board.channels)
            if ask is not None:
                asked.append((ask, record))
        if not asked:
            return
        used = await self._holds.reserve(connection, [ask for ask, _ in asked], day)
        records = [(ask, settled(record, ask, used[ask.payment_id])) for ask, record in asked]
        board.decided.update({ask.payment_id: record for ask, record in records})
        taken = [each for ask, record in records if (each := chosen(record, ask, day))]
        if taken:
            await self._holds.keep(connection, taken)

    async def _depart(self, board: Board, cleared: Sequence[PaymentTerms], now: datetime) -> None:
        """Notes what goes on its way, so that it can be missed when it does not come back. Where no
        channel is called to make an order, nothing would."""
        leaving: dict[Segment, list[str]] = {}
        for terms in cleared:
            record = board.decided.get(terms.payment_id) or route(terms, board, now)
            board.decided[terms.payment_id] = record
            is_scored = any(c.strategy == "success_rate" for c in record.choices)
            if record.ranked and is_scored and PRODUCTS[terms.pay_type].is_called_for:
                leaving.setdefault((record.ranked[0], terms.pay_type), []).append(terms.payment_id)
        if leaving:
            await self._pulses.depart(leaving, epoch_ms(now))


def _may_probe(
    terms: PaymentTerms,
    segment: Segment,
    merchants: Mapping[str, MerchantProfile],
    rules: Mapping[str, RoutingRule],
) -> bool:
    """Whether a payment follows a rule by which it could go to this channel."""
    channel_no, pay_type = segment
    merchant = merchants.get(terms.merchant_no)
    if merchant is None or terms.pay_type != pay_type:
        return False
    followed = [rules.get(b.rule_no) for b in merchant.rule_bindings if b.pay_type == pay_type]
    return any(
        rule is not None and rule.strategy == "success_rate" and channel_no in channels_of(rule)
        for rule in followed
    )
