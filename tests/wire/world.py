"""A simulated world with one merchant, for tests of what happens there; nobody is told of it."""

from __future__ import annotations

from typing import Any

from handlers.simulator.fronts import FRONTS
from handlers.simulator.world import Front, Manners, Merchant, No, Trade, TradeTerms, World

ACCOUNT_NO, NUMBER = "1900000001", "01jx3k5m7n9p2q4r6s8t0v2w01"


class Listener:
    """Takes down what would be told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def announce(self, notice: Any) -> None:
        self.told.append(notice.about)


def a_world(**manners: Any) -> World:
    """A world at which one merchant of the first platform trades."""
    front: Front = FRONTS[0]
    world = World(FRONTS, Manners(**manners))
    world.merchants[front.protocol, ACCOUNT_NO] = Merchant((front.protocol, ACCOUNT_NO), None)
    world.notifier = Listener()  # pyright: ignore
    return world


def the_merchant(world: World) -> Merchant:
    """The one merchant."""
    return next(iter(world.merchants.values()))


def opened(
    world: World, everything: object = None, number: str = NUMBER, **changed: Any
) -> Trade | No:
    """What the merchant's create call gets."""
    wished: dict[str, Any] = {"subject": "两斤番茄", "amount_fen": 1999, "product": "NATIVE"}
    terms = TradeTerms(number=number, **(wished | changed))
    return world.open_trade(the_merchant(world), terms, everything)


def told(world: World) -> list[object]:
    """What the merchant would have been told, in that order."""
    assert isinstance(world.notifier, Listener)
    return world.notifier.told
