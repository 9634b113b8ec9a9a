"""Faults on order: which calls they strike, how often, and what is wrong with a wish for one."""

from __future__ import annotations

from itertools import product
from typing import Any, get_args

import pytest

from handlers.simulator.world import Api, Fault, FaultOrder, Kind, Merchant
from handlers.simulator.world.faults import CALLS, KNOBS, Faults, Happening, Mistake

ACCOUNT_NO = "1900000001"
MERCHANT, OTHER = Merchant(("wechat", ACCOUNT_NO), None), Merchant(("alipay", ACCOUNT_NO), None)


def wish(kind: Kind, api: Api, **conditions: Any) -> FaultOrder:
    return FaultOrder(account_no=ACCOUNT_NO, kind=kind, api=api, **conditions)


def ordered(*wishes: FaultOrder) -> Faults:
    faults = Faults()
    assert [faults.order(MERCHANT, each) for each in wishes] == [None] * len(wishes)
    return faults


def struck(faults: Faults, api: Api, number: str = "n", amount_fen: int | None = 100) -> bool:
    return faults.at_call(MERCHANT, Happening(api, number, amount_fen)) is not None


def test_a_fault_lasts_as_many_calls_as_were_ordered() -> None:
    faults = ordered(wish("slow", "create", value=50, times=2))
    assert [struck(faults, "create") for _ in range(3)] == [True, True, False]
    assert not faults.has(MERCHANT)


def test_a_fault_without_a_count_lasts_until_it_is_ended() -> None:
    faults = ordered(wish("http_500", "query"))
    assert all(struck(faults, "query") for _ in range(5))
    faults.order(MERCHANT, wish("http_500", "query", times=0))
    assert not struck(faults, "query") and faults.in_force() == []


def test_a_fault_of_one_merchant_and_call_does_not_touch_others() -> None:
    faults = ordered(wish("http_500", "query"))
    assert not struck(faults, "close")
    assert faults.at_call(OTHER, Happening("query")) is None


def test_a_fault_of_all_calls_strikes_each_of_them_and_no_notice() -> None:
    faults = ordered(wish("hang", "calls"))
    assert {api: struck(faults, api) for api in get_args(Api)} == {
        api: api in CALLS for api in get_args(Api)
    }


def test_of_several_faults_that_fit_the_last_ordered_strikes_first() -> None:
    faults = ordered(wish("slow", "create"), wish("refuse", "create", value="NO_AUTH", times=1))
    found = [faults.at_call(MERCHANT, Happening("create")) for _ in range(2)]
    assert [fault.kind if fault else None for fault in found] == ["refuse", "slow"]


def test_the_same_wish_again_changes_its_value_and_count_only() -> None:
    faults = ordered(wish("slow", "create", value=5), wish("slow", "create", value=9, times=1))
    found = faults.at_call(MERCHANT, Happening("create"))
    assert isinstance(found, Fault) and found.number == 9
    assert not struck(faults, "create")


@pytest.mark.parametrize(
    ("condition", "amounts"),
    [
        ({"amount_min_fen": 100}, {99: False, 100: True, 10**9: True}),
        ({"amount_max_fen": 100}, {100: True, 101: False}),
        ({"amount_min_fen": 5, "amount_max_fen": 6}, {4: False, 5: True, 6: True, 7: False}),
        ({"amount_modulus": 100, "amount_remainder": 13}, {13: True, 1913: True, 1914: False}),
        ({"amount_modulus": 7}, {14: True, 15: False}),
    ],
)
def test_a_fault_can_be_for_some_amounts_only(
    condition: dict[str, int], amounts: dict[int, bool]
) -> None:
    faults = ordered(wish("http_500", "create", **condition))
    assert {fen: struck(faults, "create", amount_fen=fen) for fen in amounts} == amounts
    assert not struck(faults, "create", amount_fen=None), "an amount that nobody knows never fits"


def test_a_fault_can_be_for_some_order_numbers_only() -> None:
    faults = ordered(wish("http_500", "query", number="vip-*-0?"))
    numbers = {"vip-7-01": True, "vip-7-1": False, "other": False, "": False}
    assert {number: struck(faults, "query", number) for number in numbers} == numbers


def test_a_share_of_the_calls_suffers_and_the_same_seed_draws_the_same_ones() -> None:
    def drawn(seed: int) -> list[bool]:
        faults = ordered(wish("http_500", "query", share_percent=30, seed=seed))
        return [struck(faults, "query") for _ in range(1_000)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 250 <= sum(drawn(1)) <= 350


def test_what_is_in_force_is_listed_with_what_it_did() -> None:
    faults = ordered(wish("slow", "create", times=3), wish("lost_notify", "notify"))
    struck(faults, "create")
    shown = [(each.fault.kind, each.times_left, each.suffered_count) for each in faults.in_force()]
    assert shown == [("lost_notify", None, 0), ("slow", 2, 1)]


@pytest.mark.parametrize(("kind", "api"), list(product(get_args(Kind), get_args(Api))))
def test_a_fault_can_be_ordered_only_where_it_happens(kind: Kind, api: Api) -> None:
    mistake = Faults().order(MERCHANT, wish(kind, api))
    if api in KNOBS[kind].apis:
        assert mistake is None
    else:
        assert mistake == Mistake(param="api", message=f"{kind} does not happen at {api}")


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        (wish("slow", "create", value="long"), "value"),
        (wish("refuse", "create", value=5), "value"),
        (wish("http_500", "create", value=1), "value"),
        (wish("slow", "create", value=-1), "value"),
        (wish("slow", "create", value=3_600_001), "value"),
        (wish("brown_out", "create", value=101), "value"),
        (wish("extra_rows", "bill", value=1_001), "value"),
        (wish("slow", "create", amount_min_fen=9, amount_max_fen=8), "amount_max_fen"),
        (wish("slow", "create", amount_remainder=1), "amount_remainder"),
        (wish("slow", "create", amount_modulus=2, amount_remainder=2), "amount_remainder"),
    ],
)
def test_a_wish_that_can_not_be_granted_names_its_field(wrong: FaultOrder, param: str) -> None:
    mistake = Faults().order(MERCHANT, wrong)
    assert mistake is not None and mistake.param == param


def test_there_are_only_so_many_faults_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.simulator.world.faults.FAULTS_MAX", 30)
    faults = ordered(*(wish("slow", "create", number=f"n{each}") for each in range(30)))
    one_more = wish("slow", "create", number="one-more")
    mistake = faults.order(MERCHANT, one_more)
    assert mistake is not None and mistake.param == "times"
    assert faults.order(MERCHANT, wish("slow", "create", value=9, number="n3")) is None
    assert faults.order(MERCHANT, wish("slow", "create", times=0, number="n3")) is None
    assert faults.order(MERCHANT, one_more) is None


def test_a_world_made_well_again_has_no_faults() -> None:
    faults = ordered(wish("slow", "create"))
    faults.clear(OTHER)
    assert faults.has(MERCHANT)
    faults.clear()
    assert not faults.has(MERCHANT)
