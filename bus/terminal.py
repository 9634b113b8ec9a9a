"""What terminal commands share: who makes a change, what is printed, and how a refusal ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, NoReturn

import msgspec
import typer
from msgspec import Struct

from schema.days import CHINA

Operator = Annotated[str, typer.Option(envvar="USER", help="Who makes the change, for history.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="Lines at most.")]

OPERATOR_DEFAULT = "terminal"


def refuse(reason: str) -> NoReturn:
    """Ends the program with 1 and the reason on standard error."""
    typer.echo(reason, err=True)
    raise typer.Exit(1)


def show(thing: Struct, *, as_json: bool) -> None:
    """Prints one thing in full, as JSON or a field a line."""
    print_one(msgspec.to_builtins(thing), as_json=as_json)


def show_all(things: Iterable[Struct], *fields: str, as_json: bool) -> None:
    """Prints many things: as JSON in full, or a line each with a few fields."""
    print_all(map(msgspec.to_builtins, things), *fields, as_json=as_json)


def print_one(document: Mapping[str, Any], *, as_json: bool) -> None:
    """Prints a row in full, as JSON or a field a line."""
    if as_json:
        print_json(document)
    else:
        for field, value in document.items():
            typer.echo(f"{field:<20} {_text(value)}")


def print_all(documents: Iterable[Mapping[str, Any]], *fields: str, as_json: bool) -> None:
    """Prints many rows: as JSON in full, or a line each with a few fields."""
    if as_json:
        print_json(list(documents))
    else:
        for document in documents:
            typer.echo("  ".join(_text(document[field]) for field in fields))


def print_json(document: Any) -> None:
    """Prints JSON for people and programs."""
    typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(CHINA).isoformat(sep=" ", timespec="seconds")
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
