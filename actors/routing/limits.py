"""Limits that have to be counted: daily amount, daily count, cumulative. Pure.

Routing asks for room along the ranking; the first channel with room has the payment reserved, those
without room are passed over. The record keeps what each had taken, to be reckoned again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from schema.payments import Candidate, PaymentTerms, RoutingDecision, Used
from schema.profiles import ChannelProfile
from schema.routing import ChannelLimits

NO_LIMIT = -1


class Room(Struct, frozen=True, array_like=True):
    """One channel that is asked for room, with its limits; uncounted channels always have some."""

    channel_no: str
    is_counted: bool
    daily_fen_max: int
    daily_count_max: int
    total_fen_max: int


class Ask(Struct, frozen=True, array_like=True):
    """One payment that needs room, and the channels in the order of its ranking."""

    payment_id: str
    amount_fen: int
    rooms: tuple[Room, ...]


class Taken(Struct, frozen=True, kw_only=True):
    """A payment counts against a channel; field names are the columns of `routing.taken`."""

    payment_id: str
    channel_no: str
    day: date
    amount_fen: int


def ask_for(
    terms: PaymentTerms, ranked: Sequence[str], channels: Mapping[str, ChannelProfile]
) -> Ask | None:
    """What to ask for a payment; None if nobody on its list has to be counted."""
    if not any(channels[number].limits.is_counted for number in ranked):
        return None
    rooms = tuple(_room(number, channels[number].limits) for number in ranked)
    return Ask(terms.payment_id, terms.amount_fen, rooms)


def _room(channel_no: str, limits: ChannelLimits) -> Room:
    return Room(
        channel_no,
        limits.is_counted,
        limits.daily_fen_max or NO_LIMIT,
        limits.daily_count_max or NO_LIMIT,
        limits.total_fen_max or NO_LIMIT,
    )


def full(room: Room, used: Used, amount_fen: int) -> str | None:
    """Which limit leaves no room for one more payment, with the figures; None if there is room."""
    if room.daily_fen_max != NO_LIMIT and used.day_fen + amount_fen > room.daily_fen_max:
        return f"daily amount: {used.day_fen} + {amount_fen} fen is above {room.daily_fen_max}"
    if room.daily_count_max != NO_LIMIT and used.day_count + 1 > room.daily_count_max:
        return f"daily count: {used.day_count} + 1 is above {room.daily_count_max}"
    if room.total_fen_max != NO_LIMIT and used.total_fen + amount_fen > room.total_fen_max:
        return f"cumulative: {used.total_fen} + {amount_fen} fen is above {room.total_fen_max}"
    return None


def settled(record: RoutingDecision, ask: Ask, used: Mapping[str, Used]) -> RoutingDecision:
    """The record with what each counted channel had taken, without those that have no room."""
    rooms = {room.channel_no: room for room in ask.rooms}

    def counted(candidate: Candidate) -> Candidate:
        room, taken = rooms.get(candidate.channel_no), used.get(candidate.channel_no)
        if candidate.removed_by is not None or room is None or taken is None:
            return candidate
        return replace(candidate, used=taken, passed_over=full(room, taken, ask.amount_fen))

    candidates = tuple(map(counted, record.candidates))
    passed = {c.channel_no for c in candidates if c.passed_over is not None}
    ranked = tuple(number for number in record.ranked if number not in passed)
    return replace(record, candidates=candidates, ranked=ranked)


def chosen(record: RoutingDecision, ask: Ask, day: date) -> Taken | None:
    """Against which channel a payment counts now; None if no channel has room."""
    if not record.ranked:
        return None
    return Taken(
        payment_id=ask.payment_id,
        channel_no=record.ranked[0],
        day=day,
        amount_fen=ask.amount_fen,
    )
