"""When a try that failed is made again: ladders, some spread, and what the merchant asks for.

Pure: no I/O, no clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from math import ceil

from schema.webhooks import LADDERS_S, EndpointTerms, Policy

POLICY_OF_PROFILES: Policy = "tomato"
"""For the addresses that stand in a merchant's profile or in an order."""

SPREAD_PERMILLE = 100
"""Each wait grows by up to a tenth, so that those who failed together do not come together again.
It never shrinks: a merchant may rely on the published waits."""

RETRY_AFTER_FACTOR_MAX = 2
WAIT_S_MAX = 86_400
"""A merchant may slow us down to twice the planned wait and to a day, not switch us off."""


def ladder_of(terms: EndpointTerms | None) -> tuple[int, ...]:
    """The waits between tries in seconds."""
    if terms is None:
        return LADDERS_S[POLICY_OF_PROFILES]
    return LADDERS_S[terms.policy] if terms.ladder_s is None else terms.ladder_s


def next_at(
    ladder_s: tuple[int, ...], failed: int, key: str, retry_after: str | None, ended_at: datetime
) -> datetime | None:
    """The time of the next try after `failed` tries of this ladder; None when it is at its end.

    `key` names the notification: the spread follows from it, so that a repeated decision is the
    same one. Retry-After counts between the planned wait and twice as much.
    """
    if failed > len(ladder_s):
        return None
    planned_s = ladder_s[failed - 1]
    spread_s = planned_s * SPREAD_PERMILLE * _share(f"{key}\n{failed}") // 1_000_000
    asked_s = min(asked_wait_s(retry_after, ended_at) or 0, RETRY_AFTER_FACTOR_MAX * planned_s)
    return ended_at + timedelta(seconds=min(max(planned_s + spread_s, asked_s), WAIT_S_MAX))


def asked_wait_s(retry_after: str | None, now: datetime) -> int | None:
    """Whole seconds, rounded up, that a Retry-After header asks for; None for what is not one.

    Seconds or an HTTP date (RFC 9110, section 10.2.3); a fraction, which some servers send, too.
    """
    text = (retry_after or "").strip()
    if not text or len(text) > 64:
        return None
    try:
        return max(ceil(float(text)), 0) if text[0].isdecimal() else _until(text, now)
    except (ValueError, OverflowError):
        return None


def _until(date: str, now: datetime) -> int | None:
    moment = parsedate_to_datetime(date)
    if moment.tzinfo is None:  # "-0000" says that the zone is not known
        return None
    return max(ceil((moment - now).total_seconds()), 0)


def _share(key: str) -> int:
    """A number from 0 to 999 that is as good as drawn, and always the same for a key."""
    return int.from_bytes(blake2b(key.encode(), digest_size=4).digest(), "big") % 1_000
