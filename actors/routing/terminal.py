"""What `routing simulate` and `routing health` show, in plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis

from actors.routing.health import Pulse
from actors.routing.pulses import all_pulses
from actors.routing.replay import Recorded, compare
from schema.profiles import ChannelProfile
from schema.routing import RoutingRule


def comparison(
    payments: Sequence[Mapping[str, Any]],
    rule: RoutingRule | None,
    channels: Mapping[str, ChannelProfile],
) -> dict[str, Any]:
    """Recorded payments beside where they would have gone."""
    return msgspec.to_builtins(compare((Recorded(**each) for each in payments), rule, channels))


async def health(redis: Redis) -> list[dict[str, Any]]:
    """A line for each channel and pay type of which something is known."""
    pulses = await all_pulses(redis)
    return [_line(channel, pay_type, pulse) for (channel, pay_type), pulse in pulses.items()]


def _line(channel: str, pay_type: str, pulse: Pulse) -> dict[str, Any]:
    return {
        "channel": channel,
        "pay type": pay_type,
        "good": round(pulse.good, 1),
        "bad": round(pulse.bad, 1),
        "in a row": pulse.streak,
        "breaker": "open" if pulse.opened_ms else "closed",
        "latency ms": round(pulse.latency_ms),
        "paid": f"{pulse.paid:.0f} of {pulse.created:.0f}" if pulse.created else "-",
    }
