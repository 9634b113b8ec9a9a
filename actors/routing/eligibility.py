"""Which channels can take a payment at all. Pure: the first filter that objects says why.

Pay type, status, take-downs, amount and time of day need nothing but the profiles; what has to be
counted is in `limits.py` and comes last.
"""

from __future__ import annotations

from datetime import datetime

from schema.days import CHINA
from schema.payments import PaymentTerms
from schema.profiles import ChannelProfile
from schema.routing import ChannelLimits
from schema.standings import ChannelStanding, barred


def removed_by(
    terms: PaymentTerms,
    channel: ChannelProfile | None,
    now: datetime,
    standing: ChannelStanding | None = None,
) -> str | None:
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
    down = barred(standing, terms.pay_type, terms.payment_id, now)
    return down if down is not None else closed_by(channel.limits, now)


def closed_by(limits: ChannelLimits, now: datetime) -> str | None:
    """Why a channel is closed at this time of day in China; None if it is open."""
    if limits.opens_at is None and limits.closes_at is None:
        return None
    clock = f"{now.astimezone(CHINA):%H:%M}"
    opens, closes = limits.opens_at or "00:00", limits.closes_at or "24:00"
    is_open = opens <= clock < closes if opens < closes else clock >= opens or clock < closes
    return None if is_open else f"time: {clock} is not from {opens} to {closes}"
