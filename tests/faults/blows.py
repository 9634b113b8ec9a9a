"""The plan of a soak: what goes wrong when, and what is ordered meanwhile. One seed, one plan.

Pure: everything is drawn before anything runs, so that the same seed deals the same blows.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Literal

from msgspec import Struct

from handlers.simulator.world import Api, Kind
from schema.channels.language import Protocols
from tests.faults.orders import LIVES, Life

SERVICES = ("rabbitmq", "postgres", "redis")
GAP_S = (0.5, 4.0)
"""Between two blows."""

ORDER_GAP_S = (0.02, 0.4)

FAULTS: tuple[tuple[Api, Kind, int | None], ...] = (
    ("create", "lost_answer", None),
    ("create", "lost_request", None),
    ("create", "http_500", None),
    ("create", "rate_limit", None),
    ("create", "slow", 2_500),
    ("create", "notify_before_answer", None),
    ("query", "lost_answer", None),
    ("query", "http_500", None),
    ("close", "lost_answer", None),
    ("close", "lost_request", None),
    ("close", "http_500", None),
    ("close", "late_success", 700),
    ("refund", "lost_answer", None),
    ("refund", "lost_request", None),
    ("refund", "http_500", None),
    ("refund", "slow", 2_500),
    ("refund", "ends_closed", None),
    ("query_refund", "lost_answer", None),
    ("query_refund", "http_500", None),
    ("notify", "lost_notify", None),
    ("notify", "lost_answer", None),
    ("notify", "duplicate_notify", 3),
    ("notify", "reordered_notify", 1_000),
    ("notify", "forged_notify", None),
    ("notify", "wrong_amount_notify", 1),
    ("notify", "wrong_amount_notify", -1),
    ("notify", "wrong_currency_notify", None),
)


ENDLESS = frozenset({("alipay", "ends_closed")})
"""Alipay has no word for a refund that it took and did not make: it stays pending, for a person."""


class Kill(Struct, frozen=True, tag=True):
    """A process dies as in a power cut, and starts anew."""

    at_s: float
    actor: str


class Restart(Struct, frozen=True, tag=True):
    """A service dies, and comes back."""

    at_s: float
    service: str


class Trouble(Struct, frozen=True, tag=True):
    """So many of the coming calls or notices of a channel go wrong."""

    at_s: float
    protocol: Protocols
    api: Api
    kind: Kind
    value: int | None
    times: int


Blow = Kill | Restart | Trouble


class Wish(Struct, frozen=True):
    """An order to come, after a pause."""

    pause_s: float
    life: Life
    protocol: Protocols


class Plan(Struct, frozen=True, kw_only=True):
    """All that a soak does."""

    seed: int
    seconds: int
    blows: tuple[Blow, ...]
    wishes: tuple[Wish, ...]


def plan(
    seed: int, seconds: int, actors: tuple[str, ...], protocols: tuple[Protocols, ...]
) -> Plan:
    """What this seed has in store."""
    lots = Random(seed)
    blows = tuple(_blows(lots, seconds, actors, protocols))
    wishes = tuple(_wishes(lots, seconds, protocols))
    return Plan(seed=seed, seconds=seconds, blows=blows, wishes=wishes)


def _blows(
    lots: Random, seconds: int, actors: tuple[str, ...], protocols: tuple[Protocols, ...]
) -> Iterator[Blow]:
    at_s = lots.uniform(*GAP_S)
    while at_s < seconds:
        what: Literal["kill", "restart", "trouble"]
        (what,) = lots.choices(("kill", "restart", "trouble"), weights=(5, 1, 10))
        if what == "kill":
            yield Kill(at_s, lots.choice(actors))
        elif what == "restart":
            yield Restart(at_s, lots.choice(SERVICES))
        else:
            api, kind, value = lots.choice(FAULTS)
            trouble = Trouble(at_s, lots.choice(protocols), api, kind, value, lots.randint(1, 5))
            if (trouble.protocol, kind) not in ENDLESS:
                yield trouble
        at_s = round(at_s + lots.uniform(*GAP_S), 2)


def _wishes(lots: Random, seconds: int, protocols: tuple[Protocols, ...]) -> Iterator[Wish]:
    passed_s = 0.0
    while passed_s < seconds:
        pause_s = round(lots.uniform(*ORDER_GAP_S), 3)
        passed_s += pause_s
        yield Wish(pause_s, lots.choice(LIVES), lots.choice(protocols))
