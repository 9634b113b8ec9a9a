"""Risk's reads; it writes nothing: its record travels with the payment."""

from __future__ import annotations

from collections.abc import Sequence

from actors.risk.rules import Watch, concerned
from bus.database import Connection, queries
from bus.directory import Directory
from schema.messages.contract import Message
from schema.messages.ordering import PaymentPlaced

SQL = queries(__file__)


async def load_watch(
    connection: Connection, messages: Sequence[Message], directory: Directory
) -> Watch:
    """What the rules need for a batch of placed payments, in one query beside cached profiles."""
    placed = [message.terms for message in messages if isinstance(message, PaymentPlaced)]
    subjects = sorted({subject for terms in placed for subject in concerned(terms)})
    rows = await connection.fetch(
        SQL.find_blocked, [kind for kind, _ in subjects], [value for _, value in subjects]
    )
    blocked = {(row["kind"], row["value"]): row["reason"] for row in rows}
    merchants = await directory.merchants.find({terms.merchant_no for terms in placed})
    return Watch(merchants, blocked)
