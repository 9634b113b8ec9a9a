"""Accounts by what they are: found, or opened on first use. Their ids are remembered for good."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from actors.accounting.chart import KINDS, AccountKey, bucket_of
from actors.accounting.rates import INITIAL_RATES, Rate
from bus.database import Connection, queries
from bus.jobs import now_utc
from bus.rows import to_rows
from schema.days import day_of
from schema.ids import account_no

SQL = queries(__file__)

REMEMBERED_MAX = 500_000
"""Some 100 MB; more accounts than that are asked for again."""

Place = tuple[str, str, str, str, int]
"""A key with its bucket: the account's name in the whole database."""


class Directory:
    """The ids of accounts. They never change, so one that was found once is not asked for again."""

    def __init__(self) -> None:
        self._ids: dict[Place, int] = {}

    async def find(
        self, connection: Connection, keys: Collection[AccountKey], shard: int
    ) -> Mapping[AccountKey, int]:
        """The ids of these accounts, of which those that are missing are opened."""
        places = {key: _place(key, shard) for key in keys}
        await self._look_up(connection, places.values())
        opened: dict[Place, int] = {}
        if any(place not in self._ids for place in places.values()):
            missing = [place for place in places.values() if place not in self._ids]
            opened = await _open(connection, sorted(missing))
        return {key: self._ids.get(at) or opened[at] for key, at in places.items()}

    async def _look_up(self, connection: Connection, places: Iterable[Place]) -> None:
        """Only what is there is remembered: what this transaction opens may yet be undone."""
        unknown = [place for place in places if place not in self._ids]
        if unknown:
            if len(self._ids) > REMEMBERED_MAX:
                self._ids.clear()
            self._ids |= await _find(connection, unknown)


def _place(key: AccountKey, shard: int) -> Place:
    return (key.role, key.kind, key.owner, key.currency, bucket_of(key, shard))


async def _find(connection: Connection, places: Collection[Place]) -> dict[Place, int]:
    rows = await connection.fetch(SQL.find_accounts, *map(list, zip(*places, strict=True)))
    return {tuple(row.values())[1:]: row["account_id"] for row in rows}


async def _open(connection: Connection, places: list[Place]) -> dict[Place, int]:
    """Opens accounts; another worker may be faster, whose accounts are then there to be found."""
    now = now_utc()
    sequences = await connection.fetch(SQL.next_sequences, len(places))
    numbers = [
        account_no(KINDS[role, kind].code, day_of(now), sequence["nextval"], owner)
        for (role, kind, owner, _, _), sequence in zip(places, sequences, strict=True)
    ]
    floors = [KINDS[role, kind].floor_fen for role, kind, *_ in places]
    columns = [list(column) for column in zip(*places, strict=True)]
    rows = await connection.fetch(SQL.open_accounts, numbers, *columns, floors, now)
    rates = [
        rate
        for row in rows
        if row["kind"] == "payable"
        for rate in _initial(row["account_id"], row["account_no"], now)
    ]
    if rates:
        await connection.execute(SQL.add_rates, to_rows(rates))
    return await _find(connection, places)


def _initial(account_id: int, number: str, now: datetime) -> list[Rate]:
    return [
        Rate(
            rate_no=f"{number}.{kind}",
            account_id=account_id,
            kind=kind,
            plan=plan,
            effective_at=now,
            operator="system",
            reason="opened",
            set_at=now,
        )
        for kind, plan in INITIAL_RATES.items()
    ]
