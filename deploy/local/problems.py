"""What can stand in the way of a healthy Tomato. Told in words, without a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Problem(Exception):
    """Something on this machine stands in the way."""


@contextmanager
def plain_words() -> Iterator[None]:
    """End the command with the problem's text and exit code 1."""
    try:
        yield
    except Problem as problem:
        raise SystemExit(str(problem)) from problem
