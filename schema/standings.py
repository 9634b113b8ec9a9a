"""How a channel stands 通道上下架: what of it is taken down, and what is let through to probe.

Monitoring writes it; whoever chooses channels reads it. A channel without a standing is up.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Literal

from msgspec import Meta, Struct

from schema.products import PayType
from schema.text import ChannelNo

WHOLE_PPM = 1_000_000

StandingState = Literal["down", "probing", "up"]
SharePpm = Annotated[int, Meta(ge=0, le=WHOLE_PPM)]


class TakeDown(Struct, frozen=True, kw_only=True):
    """A channel gets no new payments of a pay type (None: of any), or only a share of them."""

    pay_type: PayType | None = None
    state: Literal["down", "probing"] = "down"
    share_ppm: SharePpm = 0
    """What is let through while it is probed."""
    until: datetime | None = None
    """From then on it is up again, whether or not anybody has said so."""
    reason: str = ""


class ChannelStanding(Struct, frozen=True, kw_only=True):
    """All that is taken down of one channel; nothing, once it is restored."""

    channel_no: ChannelNo
    version: int
    take_downs: tuple[TakeDown, ...] = ()


def barred(
    standing: ChannelStanding | None, pay_type: PayType, seed: str, now: datetime
) -> str | None:
    """Why this payment may not use the channel now; None if it may.

    The seed (the payment's id) decides who probes: the same payment always gets the same answer.
    """
    if standing is None:
        return None
    for take_down in standing.take_downs:
        if take_down.pay_type not in (None, pay_type):
            continue
        if take_down.until is not None and take_down.until <= now:
            continue
        if take_down.state == "probing" and is_probe(
            seed, standing.channel_no, take_down.share_ppm
        ):
            continue
        return f"taken down: {take_down.state}: {take_down.reason}"
    return None


def is_probe(seed: str, channel_no: str, share_ppm: int) -> bool:
    """Whether this payment is one of the share that tries a channel out. Channels draw apart."""
    drawn = blake2b(f"{channel_no}\n{seed}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn, "big") % WHOLE_PPM < share_ppm
