"""A book: the rows that one batch has loaded, and which of them it has changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Book(Generic[K, V]):
    """Rows by key. `put` is how a decision's change becomes visible to the next message."""

    def __init__(self, rows: Iterable[V], key: Callable[[V], K]) -> None:
        self._key = key
        self._rows: dict[K, V] = {key(row): row for row in rows}
        self._loaded = set(self._rows)
        self._changed: dict[K, None] = {}

    def lay_out(self, rows: Iterable[V]) -> None:
        """Lays out further rows that were just loaded."""
        for row in rows:
            key = self._key(row)
            self._rows[key] = row
            self._loaded.add(key)

    def __iter__(self) -> Iterator[V]:
        return iter(self._rows.values())

    def get(self, key: K) -> V | None:
        """The row as the batch sees it now."""
        return self._rows.get(key)

    def put(self, row: V) -> None:
        """Adds a row or replaces the one with its key."""
        key = self._key(row)
        self._rows[key] = row
        self._changed[key] = None

    @property
    def added(self) -> list[V]:
        """Rows that were not there when the book was loaded, in order of their first change."""
        return [self._rows[key] for key in self._changed if key not in self._loaded]

    @property
    def changed(self) -> list[V]:
        """Rows that were there and are different now, in order of their first change."""
        return [self._rows[key] for key in self._changed if key in self._loaded]
