"""Whether a contract's schema still goes with the one that was released.

Both directions count, since during an update old and new processes run beside each other: the new
reader gets what the old writer left in queues, the old reader gets what the new writer says.

What is looser than before (a further value in an enumeration, a higher bound) passes: a writer may
use it once every reader has been updated. Only texts and defaults may change freely.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

HOW_TO_FIX = "make it an optional field with a default, or give the message a new name"

Schema = dict[str, Any]

LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
FORMS = ("format", "pattern")
INSIDE = {"items": "[]", "additionalProperties": "{}", "propertyNames": "{key}"}


def breaks(old: Schema, new: Schema) -> list[str]:
    """What in the new schema an older or newer peer would trip over, each with its place."""
    return [f"{place or '$'}: {what}; {HOW_TO_FIX}" for place, what in _breaks(old, new, old, new)]


def _breaks(
    old: Schema, new: Schema, old_root: Schema, new_root: Schema, place: str = ""
) -> Iterator[tuple[str, str]]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    if "anyOf" in old or "anyOf" in new:
        yield from _branch_breaks(old, new, old_root, new_root, place)
        return
    for what in _value_breaks(old, new):
        yield place, what
    for what in _field_breaks(old, new):
        yield place, what
    for name, inner, newer in _parts(old, new):
        yield from _breaks(inner, newer, old_root, new_root, f"{place}{name}")


def _value_breaks(old: Schema, new: Schema) -> Iterator[str]:
    """What one value may be."""
    if "type" in old and "type" in new and old["type"] != new["type"]:
        yield f"type was {old['type']} and is {new['type']}"
        return
    if old.get("const") != new.get("const"):
        yield f"tag was {old.get('const')!r} and is {new.get('const')!r}"
    for name in FORMS:
        if name in new and new[name] != old.get(name):
            yield f"{name} was {old.get(name, 'free')} and is {new[name]}"
    lost = [value for value in old.get("enum", ()) if value not in new.get("enum", (value,))]
    if lost or ("enum" in new and "enum" not in old):
        yield f"values were {old.get('enum', 'free')} and are {new.get('enum')}"
    for name in LOWER_BOUNDS:
        if new.get(name, float("-inf")) > old.get(name, float("-inf")):
            yield f"{name} rose from {old.get(name)} to {new[name]}"
    for name in UPPER_BOUNDS:
        if new.get(name, float("inf")) < old.get(name, float("inf")):
            yield f"{name} fell from {old.get(name)} to {new[name]}"


def _field_breaks(old: Schema, new: Schema) -> Iterator[str]:
    """Which fields an object has."""
    had, has = old.get("properties", {}), new.get("properties", {})
    needed, needs = set(old.get("required", ())), set(new.get("required", ()))
    for field in sorted(had.keys() - has.keys()):
        yield f"field {field!r} is gone"
    for field in sorted(needs - needed):
        yield f"field {field!r} is required now"
    for field in sorted((needed - needs) & has.keys()):
        yield f"field {field!r} is no longer required, and older readers need it"
    if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
        yield "unknown fields are refused now"


def _parts(old: Schema, new: Schema) -> Iterator[tuple[str, Schema, Schema]]:
    """The parts of a value that both schemas speak of."""
    newer = new.get("properties", {})
    for name, inner in old.get("properties", {}).items():
        if name in newer:
            yield f".{name}", inner, newer[name]
    for keyword, name in INSIDE.items():
        inner, other = old.get(keyword), new.get(keyword)
        if isinstance(inner, dict) and isinstance(other, dict):
            yield name, inner, other


def _branch_breaks(
    old: Schema, new: Schema, old_root: Schema, new_root: Schema, place: str
) -> Iterator[tuple[str, str]]:
    """Each alternative of the old must be good for one of the new, such as text or null."""
    newer = new.get("anyOf", [new])
    for branch in old.get("anyOf", [old]):
        found = [list(_breaks(branch, other, old_root, new_root, place)) for other in newer]
        if all(found):
            yield min(found, key=len)[0]


def _resolved(schema: Schema, root: Schema) -> Schema:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    part: Any = root
    for step in reference.removeprefix("#/").split("/"):
        part = part[step]
    return part
