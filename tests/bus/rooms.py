"""Three small rooms that stand for all others: a counter, a tally that hears it, and errands.

The counter is a decider: `Add` changes a row and says `Added`. The tally is the next actor down the
line: it shows what arrives there once. Errands is a caller: `Run` asks a peer over HTTP and says
`Done`. Its messages are in the catalogue of contracts only while these tests run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from msgspec.structs import replace

from bus.books import Book
from bus.database import Connection, Pool
from bus.decider import Decider, Decision
from bus.effects import Effect, Later, Publish, Reply
from bus.topology import Inlet
from schema.events import Moment
from schema.messages.contract import CONTRACTS, Message, Part, answer, command, fact

TABLES = """
CREATE SCHEMA IF NOT EXISTS example;
CREATE TABLE IF NOT EXISTS example.counter (
    key text PRIMARY KEY, total bigint NOT NULL, adds integer NOT NULL
);
CREATE TABLE IF NOT EXISTS example.tally (LIKE example.counter INCLUDING ALL);
CREATE TABLE IF NOT EXISTS example.errand (
    errand_no text, try integer, answer text, PRIMARY KEY (errand_no, try)
);
TRUNCATE example.counter, example.tally, example.errand, bus.inbox, bus.timer, bus.lane,
    bus.lease;
"""


@command("example.add", owner="example", to="example.counter")
class Add(Message, frozen=True, kw_only=True):
    """Count this. The key "poison" is one that no rule can stand."""

    key: str
    amount: int = 1


@command("example.remind", owner="example", to="example.counter")
class Remind(Message, frozen=True, kw_only=True):
    """Count this later."""

    key: str
    due_at: Moment


@fact("example.added", owner="example")
class Added(Message, frozen=True, kw_only=True):
    """This was counted."""

    key: str
    amount: int
    total: int


@answer("example.counted", owner="example")
class Counted(Message, frozen=True, kw_only=True):
    """What the count is now, for whoever asked."""

    total: int


@command("example.run", owner="example", to="example.errands")
class Run(Message, frozen=True, kw_only=True):
    """Run this errand. The peer refuses the first so many tries."""

    errand_no: str
    refusals: int = 0


@command("example.visit", owner="example", to="example.lanes")
class Visit(Message, frozen=True, kw_only=True):
    """Run this errand in a lane."""

    errand_no: str
    lane: str


@fact("example.done", owner="example")
class Done(Message, frozen=True, kw_only=True):
    """The errand is run."""

    errand_no: str
    tries: int


_OURS = {name: CONTRACTS.pop(name) for name in list(CONTRACTS) if name.startswith("example.")}


@contextmanager
def catalogued() -> Iterator[None]:
    """The example's messages can be read; outside they are no part of the product's catalogue."""
    CONTRACTS.update(_OURS)
    try:
        yield
    finally:
        for name in _OURS:
            del CONTRACTS[name]


class Count(Part, frozen=True, kw_only=True):
    """One row of the counter or the tally."""

    key: str
    total: int = 0
    adds: int = 0

    def plus(self, amount: int) -> Count:
        return replace(self, total=self.total + amount, adds=self.adds + 1)


class Counts(Book[str, Count]):
    """The rows of one batch, and the table that they are in."""

    def __init__(self, table: str, rows: Sequence[Count]) -> None:
        super().__init__(rows, key=lambda row: row.key)
        self.table = table

    def now(self, key: str) -> Count:
        return self.get(key) or Count(key=key)


COUNTER = Inlet("example.counter", hears=(Add, Remind))
TALLY = Inlet("example.tally", hears=(Added,))
ERRANDS = Inlet("example.errands", hears=(Run,))
VISITS = Inlet("example.lanes", hears=(Visit,))


async def load_counter(connection: Connection, messages: Sequence[Message]) -> Counts:
    """The counter's rows, locked."""
    return await _load("example.counter", connection, messages)


async def load_tally(connection: Connection, messages: Sequence[Message]) -> Counts:
    """The tally's rows, locked."""
    return await _load("example.tally", connection, messages)


async def _load(table: str, connection: Connection, messages: Sequence[Message]) -> Counts:
    keys = sorted({message.key for message in messages if isinstance(message, Add | Added)})
    rows = await connection.fetch(
        f"SELECT * FROM {table} WHERE key = ANY($1) ORDER BY key FOR UPDATE", keys
    )
    return Counts(table, [Count(**row) for row in rows])


async def save(connection: Connection, book: Counts) -> None:
    """Writes new rows plainly, so that two workers who both see none clash on the key."""
    await connection.executemany(
        f"INSERT INTO {book.table} (key, total, adds) VALUES ($1, $2, $3)",
        [(row.key, row.total, row.adds) for row in book.added],
    )
    await connection.executemany(
        f"UPDATE {book.table} SET total = $2, adds = $3 WHERE key = $1",
        [(row.key, row.total, row.adds) for row in book.changed],
    )


def decide_count(book: Counts, message: Message, now: datetime) -> Decision:
    """Counts, says so, and answers whoever asked."""
    match message:
        case Add(key="poison"):
            raise ValueError("this key is poison")
        case Add(key=key, amount=amount):
            row = book.now(key).plus(amount)
            return Decision((row,), _words(row, amount))
        case Remind(key=key, due_at=due_at):
            return Decision(effects=(Later(Add(key=key), due_at),))
        case _:
            raise AssertionError(f"nobody told the counter about {message!r}")


def _words(row: Count, amount: int) -> tuple[Effect, ...]:
    added = Added(key=row.key, amount=amount, total=row.total)
    return Publish(added, subject=row.key), Reply(Counted(total=row.total))


def decide_tally(book: Counts, message: Message, now: datetime) -> Decision:
    """Adds up what the counter said it had added."""
    assert isinstance(message, Added)
    return Decision((book.now(message.key).plus(message.amount),))


counter = Decider(inlet=COUNTER, load=load_counter, decide=decide_count, save=save)
tally = Decider(inlet=TALLY, load=load_tally, decide=decide_tally, save=save)


async def counted(pool: Pool, table: str = "counter") -> dict[str, tuple[int, int]]:
    """Total and number of adds, by key."""
    rows = await pool.fetch(f"SELECT * FROM example.{table}")
    return {row["key"]: (row["total"], row["adds"]) for row in rows}
