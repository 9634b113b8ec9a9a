"""Which channels may take a payment, and in which order. The record can be executed again.

Filters come first and name what they compared. Then tiers (default before backup), then priority,
then a weighted draw among equals. The draw is a hash of the seed, so that the same record always
gives the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import blake2b
from itertools import groupby

from msgspec.structs import replace

from bus.books import Book
from bus.decider import Decision
from bus.effects import Publish
from schema.messages.contract import Message
from schema.messages.risk import PaymentCleared
from schema.messages.routing import PaymentRouted, PaymentUnroutable
from schema.payments import Candidate, PaymentTerms, RoutingDecision
from schema.profiles import Binding, ChannelProfile, MerchantProfile

TIERS = ("default", "backup")


class Board(Book[str, PaymentTerms]):
    """The profiles that routing looks into."""

    def __init__(
        self,
        merchants: Mapping[str, MerchantProfile] = {},
        channels: Mapping[str, ChannelProfile] = {},
    ) -> None:
        super().__init__((), key=lambda terms: terms.payment_id)
        self.merchants = merchants
        self.channels = channels


def decide(board: Board, message: Message, now: datetime) -> Decision:
    """Routes a cleared payment, or says that no channel can take it."""
    assert isinstance(message, PaymentCleared)
    terms, risk = message.terms, message.risk
    routing = route(terms, board.merchants.get(terms.merchant_no), board.channels)
    routing = replace(routing, decided_at=now)
    if routing.ranked:
        said: Message = PaymentRouted(terms=terms, risk=risk, routing=routing)
    else:
        said = PaymentUnroutable(payment_id=terms.payment_id, risk=risk, routing=routing)
    return Decision(effects=(Publish(said, subject=terms.payment_id),))


def route(
    terms: PaymentTerms,
    merchant: MerchantProfile | None,
    channels: Mapping[str, ChannelProfile],
) -> RoutingDecision:
    """The record of one routing. The seed is the payment's id: unique, and known to everybody."""
    bindings = merchant.bindings if merchant is not None else ()
    candidates = tuple(
        _candidate(terms, binding, channels.get(binding.channel_no))
        for binding in bindings
        if binding.pay_type == terms.pay_type
    )
    seed = terms.payment_id
    return RoutingDecision(seed=seed, candidates=candidates, ranked=tuple(rank(seed, candidates)))


def rank(seed: str, candidates: Iterable[Candidate]) -> Iterator[str]:
    """The channels that were not removed, best first; the same for the same record, for ever."""

    def rung(candidate: Candidate) -> tuple[int, int]:
        return TIERS.index(candidate.tier), candidate.priority

    eligible = [candidate for candidate in candidates if candidate.removed_by is None]
    for _, equals in groupby(sorted(eligible, key=rung), key=rung):
        yield from drawn(seed, list(equals))


def drawn(seed: str, equals: list[Candidate]) -> Iterator[str]:
    """Equals in random order, each place drawn with the weights of those that are left.

    A weight of zero comes after every other. Shares are exact whole numbers, without floats.
    """
    left = sorted(equals, key=lambda candidate: candidate.channel_no)
    while left:
        candidate = _struck(left, lot(seed, left))
        left.remove(candidate)
        yield candidate.channel_no


def _struck(left: list[Candidate], number: int) -> Candidate:
    """The one whose share of the whole weight a number falls into; the first, if nobody has any."""
    whole = sum(candidate.weight for candidate in left)
    point = number % whole if whole else 0
    for candidate in left:
        if point < candidate.weight:
            return candidate
        point -= candidate.weight
    return left[0]


def lot(seed: str, left: list[Candidate]) -> int:
    """A number of 64 bits that depends on the seed and on who is left, and on nothing else."""
    text = "\n".join((seed, *(candidate.channel_no for candidate in left)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _candidate(terms: PaymentTerms, binding: Binding, channel: ChannelProfile | None) -> Candidate:
    candidate = Candidate(
        channel_no=binding.channel_no,
        tier=binding.tier,
        priority=binding.priority,
        weight=binding.weight,
    )
    return replace(candidate, removed_by=removed_by(terms, channel))


def removed_by(terms: PaymentTerms, channel: ChannelProfile | None) -> str | None:
    """The first filter that takes this channel out, with the figures that it compared."""
    if channel is None:
        return "not registered"
    if channel.status != "active":
        return f"status: {channel.status}"
    if terms.pay_type not in channel.pay_types:
        return f"pay type: {terms.pay_type} is not offered"
    if terms.amount_fen < channel.single_min_fen:
        return f"single min: {terms.amount_fen} fen is below {channel.single_min_fen}"
    if terms.amount_fen > channel.single_max_fen:
        return f"single max: {terms.amount_fen} fen is above {channel.single_max_fen}"
    return None
