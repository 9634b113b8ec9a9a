"""The checks, each with what it promises. A statement gives the breaks, and none while all is well.

`WALKED` are asked of each page of batches that is walked through, by the batches' first booking
ids. `STANDING` are asked of some accounts or, with None, of all. `WHOLE` are asked of everything.
"""

from __future__ import annotations

from msgspec import Struct

from actors.accounting.proof.breaks import BREAKS_MAX, Break
from bus.database import Connection, queries

SQL = queries(__file__)


class Check(Struct, frozen=True):
    """One promise of the books."""

    name: str
    of: str
    """What it looks at, as `count_rows` counts it."""
    statement: str
    says: str


# fmt: off
WALKED: tuple[Check, ...] = (
    Check("sums", "entries", SQL.unbalanced, "entries of a booking sum to zero per currency"),
    Check("currencies", "entries", SQL.foreign_currency, "an entry is in its account's currency"),
    Check("serials", "entries", SQL.astray, "serials have no gaps, balances and times go on"),
    Check("batches", "batches", SQL.miscounted, "batches hold as much as was written"),
)
STANDING: tuple[Check, ...] = (
    Check("balances", "accounts", SQL.behind, "a balance is what the newest entry says"),
    Check("limits", "accounts", SQL.beyond_limit, "no account is beyond its limits"),
    Check("reserves", "accounts", SQL.false_reserve, "out of reserve is never more than there is"),
    Check("holds", "holds", SQL.false_holds, "holds come to what is frozen"),
    Check("payouts", "payouts", SQL.false_payouts, "payouts come to what is in transit"),
    Check("refunds", "refunds", SQL.false_refunds, "refunds come to what is set aside for them"),
)
WHOLE: tuple[Check, ...] = (
    Check("trades", "trades", SQL.false_uses, "no trade is refunded or shared beyond itself"),
    Check("days", "days", SQL.false_days, "closed days are as the entries have them"),
    Check("total", "accounts", SQL.unequal_sides, "all balances sum to zero per currency"),
    Check("keys", "bookings", SQL.booked_twice, "nothing is booked twice"),
    Check("strays", "entries", SQL.strays, "every booking has its batch, every entry its booking"),
)
# fmt: on

CHAIN = Check("chain", "batches", "", "each batch is as it was hashed, on top of the one before")
HEADS = Check("heads", "heads", "", "batches that were proved or anchored are still there")


async def breaks_of(connection: Connection, check: Check, *arguments: object) -> list[Break]:
    """What a check finds, bounded."""
    cursor = await connection.cursor(check.statement, *arguments)
    rows = await cursor.fetch(BREAKS_MAX)
    return [Break(check_name=check.name, **dict(row)) for row in rows]
