"""Between Structs and table rows: a Struct's field names are the table's columns.

Rows are written as one JSON parameter for `json_populate_recordset`, which costs a tenth of the
Python of an array per column. A column of type text takes a nested Struct as its JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import asyncpg
import msgspec
from msgspec import Struct

S = TypeVar("S", bound=Struct)

_encoder = msgspec.json.Encoder()


def to_rows(structs: Sequence[Struct]) -> str:
    """The structs as a JSON array of rows. Fields of type bytes have no place in it."""
    return _encoder.encode(structs).decode()


def narrowed(structs: Iterable[Struct], kind: type[S]) -> list[S]:
    """The structs cut down to the fields of `kind`: an update need not send what never changes."""
    names = kind.__struct_fields__
    return [kind(**{name: getattr(struct, name) for name in names}) for struct in structs]


def from_row(row: asyncpg.Record, kind: type[S], nested: Mapping[str, Any]) -> S:
    """A struct from a row; `nested` has a decoder for each column that holds JSON text."""
    columns: dict[str, Any] = dict(row)
    for name, decoder in nested.items():
        if columns[name] is not None:
            columns[name] = decoder.decode(columns[name])
    return msgspec.convert(columns, kind, builtin_types=(datetime,), strict=True)
