"""Draws that anybody can repeat: numbers that depend on a seed and on nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from math import log

from schema.money import PPM
from schema.payments import Candidate


def number(*texts: str) -> int:
    """A number of 64 bits that depends on these texts and on nothing else."""
    joined = "\n".join(texts)
    return int.from_bytes(blake2b(joined.encode(), digest_size=8).digest(), "big")


def point_ppm(*texts: str) -> int:
    """A number below a million, each as likely as any other."""
    return number(*texts) % PPM


def lot(seed: str, left: Sequence[Candidate]) -> int:
    """A number that depends on the seed and on who is left."""
    return number(seed, *(candidate.channel_no for candidate in left))


def drawn(seed: str, equals: Sequence[Candidate]) -> Iterator[str]:
    """Equals in random order, each place drawn with the weights of those that are left.

    A weight of zero comes after every other. Shares are exact whole numbers, without floats.
    """
    left = sorted(equals, key=lambda candidate: candidate.channel_no)
    while left:
        candidate = struck(left, lot(seed, left))
        left.remove(candidate)
        yield candidate.channel_no


def struck(left: Sequence[Candidate], point: int) -> Candidate:
    """The one whose share of the whole weight a number falls into; the first, if nobody has any."""
    whole = sum(candidate.weight for candidate in left)
    point = point % whole if whole else 0
    for candidate in left:
        if point < candidate.weight:
            return candidate
        point -= candidate.weight
    return left[0]


def share_ppm(first: Candidate, equals: Sequence[Candidate]) -> int:
    """How likely a candidate is to be drawn first by weight."""
    whole = sum(candidate.weight for candidate in equals)
    return first.weight * PPM // whole if whole else PPM


def sticky(seed: str, candidates: Sequence[Candidate]) -> list[str]:
    """An order in which each is first as often as its weight says, and the same for the same seed.

    Weighted rendezvous hashing: when one goes, only those seeds move that had it first. Weight zero
    comes last.
    """

    def distance(candidate: Candidate) -> tuple[bool, float, str]:
        channel_no = candidate.channel_no
        drawn_at = (number(seed, channel_no) + 1) / 2**64
        far = -log(drawn_at) / candidate.weight if candidate.weight else drawn_at
        return not candidate.weight, far, channel_no

    return [candidate.channel_no for candidate in sorted(candidates, key=distance)]
