"""Cursors of lists: opaque to whoever holds one, so that what is inside may change."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode


def cursor_of(place: str) -> str:
    """The cursor for what comes after this place in a list."""
    return urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place_in(cursor: str) -> str:
    """The place in a cursor. Raises ValueError where it is not base64, or not UTF-8."""
    return urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
