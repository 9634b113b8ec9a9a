"""How the world behaves where nobody orders anything else."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Milliseconds = Annotated[int, Meta(ge=0, le=3_600_000)]


class Manners(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same for all platforms."""

    clock_speed: Annotated[int, Meta(ge=1, le=100_000)] = 1
    """Divides the waits of callback schedules and expiry: at 60, a minute takes a second."""
    day_lasts_ms: Annotated[int, Meta(ge=100, le=86_400_000)] | None = None
    """Closes the day as often as this, so that bills come; None waits for midnight, or a person."""
    auto_pay_after_ms: Milliseconds | None = None
    """Every order is paid by itself after this time; None waits for a person."""
    answer_delay_ms: Milliseconds = 0
    """How long the platforms think before each answer."""
    trades_max: Annotated[int, Meta(ge=1)] = 1_000_000
    """All trades stay in memory, 1.2 kB each; beyond this many, new orders are turned away. So are
    refunds, transfers and shares beyond as many of each merchant's."""
    password_from_fen: Annotated[int, Meta(ge=1)] = 100_000
    """From this amount on, a payer whose code was scanned has to type a password."""
    fee_ppm: Annotated[int, Meta(ge=0, le=1_000_000)] = 6_000
    """What bills charge of each payment, rounded half up, and give back of each refund."""
