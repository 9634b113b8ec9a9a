"""The tables and the picture in `docs/ledger.md`, drawn from the tables that the code goes by.

A test compares the page with what is drawn here, so it can't be out of date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from actors.accounting.account import MOVES, ORDERS
from actors.accounting.chart import CHART
from actors.accounting.postings import Posting
from actors.accounting.proof.checks import CHAIN, HEADS, STANDING, WALKED, WHOLE
from actors.accounting.rules import POSTINGS
from schema.accounts import AccountState


def drawn() -> dict[str, str]:
    """What the page holds of each table, by the name that it has there."""
    return {
        "chart": _table("kind of account | numbers begin with | least balance", _chart()),
        "postings": _table("posting | guard | sides", _postings()),
        "states": "\n".join(("```mermaid", "stateDiagram-v2", *_arrows(), "```")),
        "checks": _table("check | what it promises", _checks()),
    }


def _table(head: str, lines: Iterable[str]) -> str:
    rule = "---|" * (head.count("|") + 1)
    return "\n".join((f"| {head} |", f"|{rule}", *(f"| {line} |" for line in lines)))


def _chart() -> Iterator[str]:
    for line in CHART:
        least = "none" if line.floor_fen is None else line.floor_fen
        yield f"{line.role} `{line.kind}`: {line.meaning} | {line.code} | {least}"


def _postings() -> Iterator[str]:
    for name, row in POSTINGS.items():
        yield f"`{name}` | {row.guard} | {_sides(row)}"


class _Named:
    """Amounts that are only their names."""

    def __getattr__(self, name: str) -> str:
        return name


def _sides(row: Posting) -> str:
    amounts: Any = _Named()
    signs = {1: "+", -1: "−"}
    return ", ".join(
        f"{side.whose}.{side.account} {signs[side.sign]}{side.amount(amounts)}"
        for side in row.sides
    )


def _arrows() -> Iterator[str]:
    yield f"    [*] --> {AccountState.AVAILABLE} : opened"
    for state in AccountState:
        for target in AccountState:
            orders = [order for order in ORDERS if MOVES[state, order] is target]
            if target is not state and orders:
                yield f"    {state} --> {target} : {', '.join(orders)}"


def _checks() -> Iterator[str]:
    for check in (CHAIN, HEADS, *WALKED, *STANDING, *WHOLE):
        yield f"`{check.name}` | {check.says}"
