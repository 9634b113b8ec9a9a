"""Older and newer processes understand each other: today's contracts beside released ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from schema.contract_schemas import json_schema
from schema.events import SINGLE, decode_events
from schema.messages.contract import read
from tests.contracts.compatibility import HOW_TO_FIX, breaks
from tests.contracts.examples import CONTRACTS
from tests.contracts.files import golden_file, releases

OLD_GOLDEN = [path for folder in releases() for path in sorted((folder / "golden").iterdir())]
OLD_SCHEMAS = [path for folder in releases() for path in sorted((folder / "schemas").iterdir())]


def shown(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.name}"


def schema_in(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def name_in(path: Path) -> str:
    return schema_in(path)["title"]


def tolerant(schema: Any) -> Any:
    """A schema as a reader inside takes it: fields that it does not know are ignored."""
    if isinstance(schema, list):
        return [tolerant(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: tolerant(inner) for name, inner in schema.items()}
    if kept.get("additionalProperties") is False:
        del kept["additionalProperties"]
    return kept


def test_there_is_a_release_to_compare_with() -> None:
    assert len(OLD_GOLDEN) == len(OLD_SCHEMAS) >= 20


@pytest.mark.parametrize("path", OLD_GOLDEN, ids=shown)
def test_today_reads_what_a_released_version_wrote(path: Path) -> None:
    [event] = decode_events(path.read_bytes(), SINGLE)
    assert type(read(event)) is CONTRACTS[event.type].type


@pytest.mark.parametrize("path", OLD_SCHEMAS, ids=shown)
def test_a_released_reader_reads_what_today_writes(path: Path) -> None:
    reader = jsonschema_rs.Draft7Validator(tolerant(schema_in(path)), validate_formats=True)
    today = json.loads(golden_file(name_in(path)).read_bytes())
    assert [error.message for error in reader.iter_errors(today)] == []


@pytest.mark.parametrize("path", OLD_SCHEMAS, ids=shown)
def test_nothing_that_was_released_has_been_broken(path: Path) -> None:
    assert breaks(schema_in(path), json_schema(CONTRACTS[name_in(path)])) == []


@pytest.mark.parametrize("path", OLD_SCHEMAS, ids=shown)
def test_a_released_reader_still_knows_a_wrong_message(path: Path) -> None:
    reader = jsonschema_rs.Draft7Validator(tolerant(schema_in(path)), validate_formats=True)
    today = json.loads(golden_file(name_in(path)).read_bytes())
    assert not reader.is_valid(today | {"type": "payment.shred"})
    assert not reader.is_valid(today | {"data": []})
    assert not reader.is_valid(today | {"time": "yesterday"})


# The checker itself, on the smallest contracts that show each case.


def thing(required: tuple[str, ...] = ("a",), **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(required)}


TEXT = {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^a"}
NUMBER = {"type": "integer", "minimum": 1, "maximum": 9}
COLOUR = {"enum": ["green", "red"]}
NULL = {"type": "null"}

BREAKING = {
    "a field is gone": (thing(a=TEXT, b=TEXT), thing(a=TEXT), "$: field 'b' is gone"),
    "a field is needed": (thing(a=TEXT), thing(("a", "b"), a=TEXT, b=TEXT), "'b' is required now"),
    "a field may be missing": (thing(a=TEXT), thing((), a=TEXT), "'a' is no longer required"),
    "another type": (thing(a=TEXT), thing(a=NUMBER), ".a: type was string and is integer"),
    "another tag": (thing(a={"const": "x"}), thing(a={"const": "y"}), ".a: tag was 'x'"),
    "a shorter text": (thing(a=TEXT), thing(a=TEXT | {"maxLength": 8}), "maxLength fell from 9"),
    "a longer text": (thing(a=TEXT), thing(a=TEXT | {"minLength": 2}), "minLength rose from 1"),
    "a lower limit": (thing(a=NUMBER), thing(a=NUMBER | {"maximum": 8}), "maximum fell from 9"),
    "a first limit": (thing(a={}), thing(a={"minimum": 0}), "minimum rose from None to 0"),
    "another pattern": (thing(a=TEXT), thing(a=TEXT | {"pattern": "^b"}), "pattern was ^a"),
    "a value less": (thing(a=COLOUR), thing(a={"enum": ["red"]}), ".a: values were"),
    "values at last": (thing(a={"type": "string"}), thing(a=COLOUR), ".a: values were free"),
    "null no more": (thing(a={"anyOf": [TEXT, NULL]}), thing(a=TEXT), ".a: type was null"),
    "strict now": (
        thing(a=TEXT),
        thing(a=TEXT) | {"additionalProperties": False},
        "unknown fields",
    ),
    "deep inside": (
        thing(a={"type": "array", "items": thing(b=NUMBER)}),
        thing(a={"type": "array", "items": thing(b=TEXT)}),
        ".a[].b: type was integer",
    ),
    "in a map": (
        thing(a={"additionalProperties": TEXT}),
        thing(a={"additionalProperties": NUMBER}),
        ".a{}: type was string",
    ),
}

HARMLESS = {
    "an optional field more": (thing(a=TEXT), thing(a=TEXT, b=NUMBER)),
    "a value more": (thing(a=COLOUR), thing(a={"enum": ["blue", "green", "red"]})),
    "a higher limit": (thing(a=NUMBER), thing(a=NUMBER | {"maximum": 99})),
    "no pattern any more": (thing(a=TEXT), thing(a={"type": "string"})),
    "null as well": (thing(a=TEXT), thing(a={"anyOf": [NULL, TEXT]})),
    "a better text": (thing(a=TEXT), thing(a=TEXT | {"description": "new", "default": "a"})),
}


@pytest.mark.parametrize("case", BREAKING)
def test_a_breaking_change_is_named_with_its_place_and_its_cure(case: str) -> None:
    old, new, words = BREAKING[case]
    [found] = breaks(old, new)
    assert words in found and found.endswith(HOW_TO_FIX)


@pytest.mark.parametrize("case", HARMLESS)
def test_a_harmless_change_passes(case: str) -> None:
    old, new = HARMLESS[case]
    assert breaks(old, new) == []


def test_a_part_that_several_fields_share_is_compared_wherever_it_stands() -> None:
    def pair(part: dict[str, Any]) -> dict[str, Any]:
        return thing(a={"$ref": "#/definitions/P"}, b={"$ref": "#/definitions/P"}) | {
            "definitions": {"P": part}
        }

    places = [
        found.partition(":")[0] for found in breaks(pair(thing(a=TEXT)), pair(thing(a=NUMBER)))
    ]
    assert places == [".a.a", ".b.a"]
