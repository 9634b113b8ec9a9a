"""`ledger post …`: has one thing booked, by the table of postings."""

from __future__ import annotations

from typing import Annotated, Any, get_args

import msgspec
import typer

from actors.accounting.terminal.session import new_no, wish
from bus.terminal import Json, refuse
from schema.bookings import Booked, Wish
from schema.messages.accounting import PostBooking

KINDS: dict[str, type[Wish]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Booked)}


def post(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"One of {', '.join(KINDS)}.")],
    fields: Annotated[
        list[str], typer.Argument(metavar="FIELD=VALUE...", help="No `no` gets a new number.")
    ],
    json: Json = False,
) -> None:
    """Book something: ledger post withdrawal owner=10251122000001 amount_fen=5000.

    What a kind needs stands in `schema/bookings.py`, and in the answer where something is missing.
    """
    given = {"no": new_no("")} | dict(map(_field, fields))
    wish(context, PostBooking(wish=_asked(kind, given)), as_json=json)


def _asked(kind: str, given: dict[str, Any]) -> Any:
    if kind not in KINDS:
        refuse(f"unknown_kind: there is no kind {kind!r}: {', '.join(KINDS)}")
    if unknown := given.keys() - set(KINDS[kind].__struct_fields__):
        refuse(f"illegal_wish: {kind} has no field {', '.join(sorted(unknown))}")
    try:
        return msgspec.convert(given, KINDS[kind], strict=False)
    except msgspec.ValidationError as error:
        refuse(f"illegal_wish: {kind}: {error}")


def _field(text: str) -> tuple[str, Any]:
    """`shares` and the like are written as JSON."""
    name, is_given, value = text.partition("=")
    if not is_given:
        raise typer.BadParameter(f"{text!r} is not FIELD=VALUE")
    try:
        return name, msgspec.json.decode(value) if value[:1] in ("[", "{") else value
    except msgspec.DecodeError as error:
        raise typer.BadParameter(f"{name}: {error}") from None
