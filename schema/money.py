"""Money is a whole number of minor units (fen 分) with an ISO currency; rates are millionths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

AMOUNT_FEN_MAX = 99_999_999_999
"""Nine digits of yuan and two of fen: the limit that the channels themselves accept."""

PPM = 1_000_000

AmountFen = Annotated[int, Meta(ge=1, le=AMOUNT_FEN_MAX, description="Amount in fen, from 1.")]
RatePpm = Annotated[int, Meta(ge=0, le=PPM, description="Rate in millionths: 6000 is 0.6 %.")]
Currency = Literal["CNY"]


def fee_fen(amount_fen: int, rate_ppm: int) -> int:
    """The fee on one amount, rounded HALF_UP to the fen (the rule of Chinese acquiring contracts).

    `amount_fen` is not negative; the result lies between 0 and `amount_fen` for rates up to 100 %.
    """
    assert amount_fen >= 0 and 0 <= rate_ppm <= PPM
    return (amount_fen * rate_ppm + PPM // 2) // PPM


def split_fen(total_fen: int, weights: Sequence[int]) -> list[int]:
    """Shares of `total_fen` in proportion to `weights`, by the largest remainder; they sum to it.

    Equal remainders go to the earlier weight, so a split done twice is the same split.
    """
    assert total_fen >= 0 and weights and all(weight >= 0 for weight in weights)
    whole = sum(weights)
    assert whole > 0
    shares = [total_fen * weight // whole for weight in weights]
    remainders = [total_fen * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -remainders[i])
    for i in by_remainder[: total_fen - sum(shares)]:
        shares[i] += 1
    return shares
