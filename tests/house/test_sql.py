"""SQL beside its room: every statement is valid on the migrated database, named, told and used."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import asyncpg
import pytest

from bus.database import Pool, read_queries
from tests.house.checkout import PRODUCT, ROOT, shown, tree

FILES = sorted(path for place in PRODUCT for path in (ROOT / place).rglob("queries.sql"))
IDS = [shown(path) for path in FILES]

OWN_TABLES = {
    "accounting": {"accounting"},
    "channels": {"channels"},
    "merchants": {"merchants", "directory", "risk"},  # it writes what others read
    "monitoring": {"monitoring", "directory"},  # how channels stand is for others to read
    "notification": {"notification"},
    "ordering": {"ordering"},
    "risk": {"risk"},
    "routing": {"routing"},
}
"""The PostgreSQL schemas that the statements of a room may name."""


def used_beside(queries: Path) -> set[str]:
    """The names that Python files in the same folder take from their `SQL`."""
    return {
        node.attr
        for file in queries.parent.glob("*.py")
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "SQL"
    }


def schemas_named(statement: str) -> set[str]:
    return set(re.findall(r"(?<!DISTINCT )(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)\.\w+", statement))


@pytest.mark.parametrize("file", FILES, ids=IDS)
async def test_the_database_accepts_every_statement(file: Path, pool: Pool) -> None:
    wrong: dict[str, str] = {}
    async with pool.acquire() as connection:
        for name, statement in read_queries(file).items():
            try:
                await connection.prepare(statement)
            except asyncpg.PostgresError as error:
                wrong[name] = str(error)
    assert wrong == {}


@pytest.mark.parametrize("file", FILES, ids=IDS)
def test_the_code_uses_the_statements_that_there_are(file: Path) -> None:
    written, used = set(read_queries(file)), used_beside(file)
    assert written - used == set(), "written and never used"
    assert used - written == set(), "used and never written"


@pytest.mark.parametrize("file", FILES, ids=IDS)
def test_every_statement_begins_with_a_sentence(file: Path) -> None:
    sentence = re.compile(r"-- [A-Z][^\n]*(\n-- [^\n]*)*[.:]\n")
    untold = [name for name, text in read_queries(file).items() if not sentence.match(text + "\n")]
    assert untold == []


def test_a_room_names_no_tables_but_its_own() -> None:
    for file in FILES:
        if file.is_relative_to(ROOT / "actors"):
            room = file.relative_to(ROOT / "actors").parts[0]
            named = set[str]().union(*map(schemas_named, read_queries(file).values()))
            assert named <= OWN_TABLES[room], shown(file)
