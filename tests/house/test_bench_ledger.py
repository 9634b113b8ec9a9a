"""The ledger's bench: its comparisons find what is wrong, and its goals are told met or missed."""

from __future__ import annotations

from msgspec.structs import replace

from bench.figures import Figure
from bench.ledger.agreement import not_once, not_standing
from bench.ledger.lots import (
    MERCHANTS,
    Lot,
    Register,
    amounts,
    balances,
    merchants_of,
    messages,
    trades,
)
from bench.truths import AccountRow
from tests.examples import NOW

LOT = Lot(first=100, count=50)


def booked() -> list[tuple[str, int]]:
    return list(amounts([LOT]).items())


def accounts() -> list[AccountRow]:
    return [
        AccountRow(kind=kind, owner=owner, balance_fen=fen, posted_fen=fen)
        for (kind, owner), fen in balances([LOT]).items()
    ]


def test_books_that_hold_every_trade_once_agree() -> None:
    assert list(not_once(booked(), amounts([LOT]))) == []
    assert list(not_standing(accounts(), balances([LOT]))) == []


def test_a_trade_that_is_missing_double_altered_or_unknown_is_noticed() -> None:
    (key, amount_fen), *others = booked()
    for wrong in (others, [*booked(), (key, amount_fen)], [(key, amount_fen + 1), *others],
                  [*booked(), ("trade:nobody's", 1)]):  # fmt: skip
        assert len(list(not_once(wrong, amounts([LOT])))) == 1


def test_a_balance_that_is_not_what_was_booked_is_noticed() -> None:
    first, *others = accounts()
    stranger = AccountRow(kind="platform.loss", owner="platform", balance_fen=1, posted_fen=1)
    for wrong in (others, [*accounts(), stranger], [replace(first, posted_fen=0), *others]):
        assert len(list(not_standing(wrong, balances([LOT])))) == 1
    moved = replace(first, balance_fen=first.balance_fen + 1)
    assert len(list(not_standing([moved, *others], balances([LOT])))) == 2


def test_what_is_expected_of_a_lot_sums_to_zero() -> None:
    for lot in (LOT, replace(LOT, fee_to="merchants")):
        assert sum(balances([lot]).values()) == 0


def test_every_trade_of_a_lot_makes_four_entries() -> None:
    assert all(paid.fee_fen and paid.cost_fen < paid.amount_fen for paid in trades(LOT))
    assert [message.amount_fen for message in messages(LOT, NOW)] == list(amounts([LOT]).values())


def test_lots_never_meet() -> None:
    register = Register()
    lots = [register.lot(10), register.lot(20, shard=1, shards=2), register.lot(5)]
    assert len(amounts(lots)) == register.count == 35


def test_every_merchant_belongs_to_one_shard() -> None:
    halves = [set(merchants_of(shard, 2)) for shard in range(2)]
    assert halves[0] | halves[1] == set(merchants_of(0, 1))
    assert len(halves[0]) + len(halves[1]) == MERCHANTS


def test_a_figure_says_how_it_stands_to_its_goal() -> None:
    rate = Figure(name="rate", value=2.0, unit="x", at_least=3.0)
    wait = Figure(name="wait", value=2.0, unit="ms", at_most=5.0)
    assert rate.verdict == "goal >= 3: MISSED"
    assert wait.verdict == "goal <= 5: met"
    assert Figure(name="count", value=1, unit="").verdict == ""
