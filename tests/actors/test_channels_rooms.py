"""How many calls a channel may have under way, by what its answers have been like."""

from __future__ import annotations

import asyncio

import pytest

from actors.channels.lanes import rooms
from actors.channels.lanes.rooms import LanePaces, Rooms
from tests.examples import a_channel

A, B = a_channel(channel_no="wechat_a"), a_channel(channel_no="wechat_b")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts as slow here takes no two seconds."""
    monkeypatch.setattr(rooms, "SLOW_AFTER_S", 0.02)


def fill(places: Rooms) -> int:
    """How many more calls of one channel find room."""
    count = 0
    while places.take(A):
        count += 1
    return count


async def test_one_channel_has_a_small_part_of_what_all_may_have_in_hand() -> None:
    places = Rooms(prefetch=512)
    assert fill(places) == 128
    assert places.take(B), "another one has its own"


async def test_no_channel_has_more_room_than_its_contract_allows() -> None:
    few = a_channel(channel_no="wechat_a", calls_in_flight_max=2)
    places = Rooms(prefetch=512)
    assert [places.take(few) for _ in range(3)] == [True, True, False]


async def test_a_place_is_given_back_whatever_the_call_was_like() -> None:
    places = Rooms(prefetch=4)
    assert places.take(A)
    with pytest.raises(OSError), places.called(A.channel_no):
        raise OSError
    assert places.take(A)


async def test_a_channel_that_does_not_answer_gets_one_call_until_it_does() -> None:
    places = Rooms(prefetch=512)
    assert places.take(A)
    with places.called(A.channel_no):
        await asyncio.sleep(0.05)
        assert not places.take(A), "the one that lasts is all that it has"
    assert fill(places) == 1
    with places.called(A.channel_no):
        pass
    assert fill(places) == 128


class Limits:
    """Stands for the lanes."""

    def __init__(self) -> None:
        self.said: list[int] = []

    def limit(self, lane: str, concurrency: int) -> None:
        assert lane == A.channel_no
        self.said.append(concurrency)


def test_a_lane_grows_with_each_answer_and_halves_when_none_comes() -> None:
    paces = LanePaces()
    paces.lanes = limits = Limits()
    for is_silent in (False, False, True, True, True, True, False):
        paces.heard(A, is_silent=is_silent)
    assert limits.said == [5, 6, 3, 1, 1, 1, 2]
