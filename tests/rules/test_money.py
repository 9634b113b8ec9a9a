"""Money: rounding, and splits that lose no fen."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from schema.money import AMOUNT_FEN_MAX, PPM, fee_fen, split_fen

amounts = st.integers(0, AMOUNT_FEN_MAX)
rates = st.integers(0, PPM)
weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=20).filter(any)


@given(amounts, rates)
@example(amount_fen=50, rate_ppm=10_000)  # half a fen exactly
@example(amount_fen=250, rate_ppm=6_000)
def test_a_fee_is_the_exact_product_rounded_half_up(amount_fen: int, rate_ppm: int) -> None:
    exact, fee = Fraction(amount_fen * rate_ppm, PPM), fee_fen(amount_fen, rate_ppm)
    assert fee - Fraction(1, 2) <= exact < fee + Fraction(1, 2)


def test_half_a_fen_is_rounded_up() -> None:
    assert [fee_fen(amount, 10_000) for amount in (49, 50, 51, 149, 150)] == [0, 1, 1, 1, 2]


@given(amounts, rates)
def test_a_fee_lies_between_nothing_and_the_amount(amount_fen: int, rate_ppm: int) -> None:
    assert 0 <= fee_fen(amount_fen, rate_ppm) <= amount_fen


@given(amounts, amounts, rates)
def test_a_larger_amount_has_no_smaller_fee(one: int, other: int, rate_ppm: int) -> None:
    smaller, larger = sorted((one, other))
    assert fee_fen(smaller, rate_ppm) <= fee_fen(larger, rate_ppm)


@given(amounts)
def test_a_rate_of_all_takes_all_and_a_rate_of_nothing_takes_nothing(amount_fen: int) -> None:
    assert (fee_fen(amount_fen, PPM), fee_fen(amount_fen, 0)) == (amount_fen, 0)


@given(amounts, weights)
def test_shares_sum_to_the_total(total_fen: int, parts: list[int]) -> None:
    assert sum(split_fen(total_fen, parts)) == total_fen


@given(amounts, weights)
def test_every_share_is_within_a_fen_of_its_exact_part(total_fen: int, parts: list[int]) -> None:
    for share, weight in zip(split_fen(total_fen, parts), parts, strict=True):
        assert abs(share - Fraction(total_fen * weight, sum(parts))) < 1


@given(amounts, weights)
def test_who_has_no_weight_has_no_share(total_fen: int, parts: list[int]) -> None:
    shares = split_fen(total_fen, parts)
    assert all(share == 0 for share, weight in zip(shares, parts, strict=True) if weight == 0)


@given(amounts, weights)
def test_more_weight_is_never_a_smaller_share(total_fen: int, parts: list[int]) -> None:
    by_weight = sorted(zip(parts, split_fen(total_fen, parts), strict=True))
    assert [share for _, share in by_weight] == sorted(share for _, share in by_weight)


def test_equal_remainders_go_to_the_earlier_one() -> None:
    assert split_fen(100, [1, 1, 1]) == [34, 33, 33]
    assert split_fen(5, [1, 1]) == [3, 2]
    assert split_fen(1, [0, 1, 1]) == [0, 1, 0]
