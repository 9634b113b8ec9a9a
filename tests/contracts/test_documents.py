"""What we publish about our messages is true, complete, valid, and what the code says today."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from bus import topology
from bus.contracts import ASYNCAPI, export
from runner import INLETS
from schema.contract_schemas import file_name
from tests.contracts.examples import CONTRACTS, EXAMPLES
from tests.contracts.files import golden_file

ROOT = Path(__file__).resolve().parent.parent.parent
PUBLISHED = ROOT / "docs" / "contracts"

NAMES = sorted(EXAMPLES)


@pytest.fixture(scope="module")
def asyncapi() -> dict[str, Any]:
    return json.loads((PUBLISHED / ASYNCAPI).read_text())


def references(part: Any) -> list[str]:
    """Every `$ref` in a document."""
    if isinstance(part, list):
        return [reference for inner in part for reference in references(inner)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"]] if "$ref" in part else []
    return own + [reference for inner in part.values() for reference in references(inner)]


def resolves(reference: str, document: Any) -> bool:
    """Whether a reference leads to something, in this document or in a file beside it."""
    file, _, pointer = reference.partition("#")
    part = json.loads((PUBLISHED / file).read_text()) if file else document
    for step in filter(None, pointer.split("/")):
        part = part.get(step, {})
    return part != {}


def test_what_is_published_is_what_the_code_says(tmp_path: Path) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    written = {path.name: path.read_text() for path in export(tmp_path, INLETS, version)}
    published = {path.name: path.read_text() for path in PUBLISHED.iterdir()}
    assert published == written, "run: python runner.py contracts export"


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_describes_what_we_write(name: str) -> None:
    schema = json.loads((PUBLISHED / file_name(CONTRACTS[name])).read_text())
    jsonschema_rs.meta.validate(schema)
    event = json.loads(golden_file(name).read_bytes())
    reader = jsonschema_rs.Draft7Validator(schema, validate_formats=True)
    assert [error.message for error in reader.iter_errors(event)] == []
    for field in schema["required"]:
        assert not reader.is_valid({key: value for key, value in event.items() if key != field})


def test_the_map_is_an_asyncapi_document(asyncapi: dict[str, Any]) -> None:
    schema = json.loads((Path(__file__).parent / "asyncapi-3.0.0.schema.json").read_text())
    checker = jsonschema_rs.Draft7Validator(schema)
    assert [f"{e.instance_path}: {e.message}" for e in checker.iter_errors(asyncapi)] == []
    assert not checker.is_valid(asyncapi | {"operations": {"x": {"action": "shout"}}})


def test_every_reference_leads_somewhere(asyncapi: dict[str, Any]) -> None:
    found = references(asyncapi)
    assert len(found) > len(CONTRACTS)
    assert [reference for reference in found if not resolves(reference, asyncapi)] == []
    assert not resolves("#/channels/nowhere", asyncapi)


def test_every_message_is_sent_by_its_owner(asyncapi: dict[str, Any]) -> None:
    senders = {
        reference["$ref"].rsplit("/", 1)[1]: name.partition(".")[0]
        for name, operation in asyncapi["operations"].items()
        if operation["action"] == "send"
        for reference in operation["messages"]
    }
    assert senders == {name: contract.owner for name, contract in CONTRACTS.items()}


def test_every_queue_is_read_with_what_it_hears(asyncapi: dict[str, Any]) -> None:
    heard = {
        name.removesuffix(".hears"): {m["$ref"].rsplit("/", 1)[1] for m in operation["messages"]}
        for name, operation in asyncapi["operations"].items()
        if name.endswith(".hears")
    }
    names = {contract.type: name for name, contract in CONTRACTS.items()}
    assert heard == {inlet.queue: {names[m] for m in inlet.hears} for inlet in INLETS}


def test_outsiders_find_where_to_publish_and_what_comes_back(asyncapi: dict[str, Any]) -> None:
    channel = asyncapi["channels"]["upstream"]
    assert channel["bindings"]["amqp"]["exchange"]["name"] == topology.UPSTREAM
    assert set(channel["messages"]) == {
        "payment.place", "payment.close", "refund.place", "notification.send",
    }  # fmt: skip
    reply = asyncapi["operations"]["doors.lets_in"]["reply"]
    answers = {reference["$ref"].rsplit("/", 1)[1] for reference in reply["messages"]}
    assert answers == {
        "payment.answered", "refund.answered", "notification.answered", "request.refused",
    }  # fmt: skip
