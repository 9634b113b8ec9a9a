"""The contracts as JSON Schema, for teams that do not read Python.

A schema describes one whole event: the CloudEvents envelope with the contract's data inside. It
takes what our strict decoder takes; what it leaves open, we ignore. Draft 7, since that is what
AsyncAPI refers to and what every language has a validator for.
"""

from __future__ import annotations

from typing import Any

import msgspec

from schema.events import Event
from schema.messages.contract import Contract

DIALECT = "http://json-schema.org/draft-07/schema#"

PYTHON_ENDING = r"(?!\n)"
"""Our patterns end with this because of a habit of Python's; elsewhere `$` alone means the end."""


def file_name(contract: Contract) -> str:
    """What the document of a contract is called."""
    return f"{contract.name}.{contract.version}.json"


def json_schema(contract: Contract) -> dict[str, Any]:
    """The schema of one contract's events, complete in itself."""
    (reference,), parts = msgspec.json.schema_components(
        [contract.type], ref_template="#/definitions/{name}"
    )
    schema: dict[str, Any] = {
        "$schema": DIALECT,
        "$id": f"urn:tomato:contract:{contract.name}:{contract.version}",
        "title": contract.name,
        "description": parts[contract.type.__name__]["description"],
        **_envelope(contract, reference),
        "definitions": parts,
    }
    return _plain(schema)


def _envelope(contract: Contract, data: dict[str, Any]) -> dict[str, Any]:
    """The event with its type settled and its data typed."""
    _, parts = msgspec.json.schema_components([Event])
    event = parts["Event"]
    settled = {"type": {"const": contract.name}, "data": data}
    return {
        "type": "object",
        "properties": event["properties"] | settled,
        "required": event["required"],
    }


def _plain(part: Any) -> Any:
    """The same with patterns that every language's regular expressions read alike."""
    if isinstance(part, list):
        return [_plain(inner) for inner in part]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(part, dict):
        return part
    plain = {name: _plain(inner) for name, inner in part.items()}  # pyright: ignore
    if isinstance(plain.get("pattern"), str):
        plain["pattern"] = plain["pattern"].removesuffix(PYTHON_ENDING).replace(r"\"", '"')
    return plain
