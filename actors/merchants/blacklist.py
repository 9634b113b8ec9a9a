"""The blacklist 黑名单 that risk looks into: merchants, payers and addresses that may not pay."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from actors.merchants import rules
from bus.database import Pool, queries
from schema.payments import Refusal
from schema.text import PRINTABLE

SQL = queries(__file__)

LIST_MAX = 1_000


class Blocked(Struct, frozen=True, kw_only=True):
    """One line of the blacklist."""

    kind: str
    value: str
    reason: Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
    operator: str
    blocked_at: datetime | None = None


async def block(
    pool: Pool, kind: str, value: str, *, reason: str, operator: str = "system"
) -> Blocked | Refusal:
    """Puts something on the blacklist, or gives a new reason for what is there."""
    checked = rules.blockable(kind, value)
    if isinstance(checked, Refusal):
        return checked
    kind, value = checked
    line = {"kind": kind, "value": value, "reason": reason, "operator": operator}
    blocked = rules.fitting(line, Blocked)
    if not isinstance(blocked, Refusal):
        await pool.execute(SQL.block, *msgspec.structs.astuple(blocked)[:4])
    return blocked


async def unblock(pool: Pool, kind: str, value: str) -> Refusal | None:
    """Takes something off the blacklist; a Refusal if it was not on it."""
    checked = rules.blockable(kind, value)
    if isinstance(checked, Refusal):
        return checked
    if await pool.fetchval(SQL.unblock, *checked) is None:
        return rules.not_found(kind, value)
    return None


async def blocked(pool: Pool, *, limit: int = 100) -> list[Blocked]:
    """The newest lines of the blacklist, at most 1000."""
    rows = await pool.fetch(SQL.list_blocked, min(limit, LIST_MAX))
    return [Blocked(**dict(row)) for row in rows]
