"""Anchors: heads of the chain, written where whoever can change the database can't change them.

One object for each shard and day, created and never overwritten. A folder will do for a start; a
bucket whose objects are locked against their owner is what an auditor wants to see.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import obstore
from msgspec import Struct
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import from_url
from yarl import URL

from actors.accounting.proof.links import Head
from bus.errors import TryLater

READ_AT_ONCE = 32


class Anchor(Struct, frozen=True, kw_only=True):
    """What an object says."""

    shard: int
    no: int
    hash: str
    """In hexadecimal digits."""
    anchored_at: datetime


class Anchors:
    """The anchors of one database's books at one place: a plain folder, `s3://bucket/folder` …

    They lie under the database's name, so that several databases may use one place.
    """

    def __init__(self, url: str, postgres_url: str) -> None:
        self._url = url
        self._books = URL(postgres_url).name

    async def write(self, heads: Iterable[Head], day: date, now: datetime) -> int:
        """Anchors these heads under a day; what is anchored there already stays."""
        with self._reached() as store:
            return sum([await self._write(store, head, day, now) for head in heads])

    async def read(self) -> list[Head]:
        """Every head that was ever anchored."""
        turn, paths = asyncio.Semaphore(READ_AT_ONCE), list[str]()
        with self._reached() as store:
            async for page in obstore.list(store, self._books):
                paths += [entry["path"] for entry in page if entry["path"].endswith(".json")]
            return await asyncio.gather(*(_read(store, path, turn) for path in paths))

    @contextmanager
    def _reached(self) -> Generator[Any]:
        """The place itself. Raises TryLater, which says what is wrong with it."""
        try:
            yield _store(self._url)
        except (BaseError, OSError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise TryLater(f"the anchors at {self._url} are out of reach: {reason}") from error

    async def _write(self, store: Any, head: Head, day: date, now: datetime) -> bool:
        anchor = Anchor(shard=head.shard, no=head.no, hash=head.hash.hex(), anchored_at=now)
        path = f"{self._books}/{day}/shard-{head.shard:02}.json"
        try:
            await obstore.put_async(store, path, msgspec.json.encode(anchor), mode="create")
        except AlreadyExistsError:
            return False
        return True


async def _read(store: Any, path: str, turn: asyncio.Semaphore) -> Head:
    async with turn:
        found = await obstore.get_async(store, path)
        anchor = msgspec.json.decode(bytes(await found.bytes_async()), type=Anchor)
    return Head(anchor.shard, anchor.no, bytes.fromhex(anchor.hash))


def _store(url: str) -> Any:
    if "://" not in url:
        url = Path(url).absolute().as_uri()
    return from_url(url, mkdir=True) if url.startswith("file:") else from_url(url)
