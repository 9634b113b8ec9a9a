"""Brings a database to the newest schema: SQL files in `schema/tables`, each applied once."""

from __future__ import annotations

import logging
from pathlib import Path

import asyncpg
from pogo_core.util import migrate as pogo

TABLES = Path(__file__).parent.parent / "schema" / "tables"

ONE_AT_A_TIME = 0x746F6D61746F
"""The key of an advisory lock ("tomato"): processes that start together migrate in turn."""


async def migrate(url: str) -> None:
    """Applies what is missing. Safe to call from every process at once."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", ONE_AT_A_TIME)
        await pogo.apply(
            connection, TABLES, schema_name="public", logger=logging.getLogger("tomato.migrate")
        )
    finally:
        await connection.close()
