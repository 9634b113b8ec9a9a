"""Writes down what outsiders build on: a JSON Schema per message, the AsyncAPI map, an index."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bus.asyncapi import asyncapi
from bus.topology import Inlet
from schema.contract_schemas import file_name, json_schema
from schema.messages.all import OWNERS
from schema.messages.contract import CONTRACTS, Contract

ASYNCAPI = "asyncapi.json"
INDEX = "README.md"

INDEX_HEAD = """\
# Messages

Written by `runner.py contracts export`; a test compares these files with the code.
`{asyncapi}` is the map (AsyncAPI 3.0); each message has a JSON Schema of its whole event.
How to send one from outside is told in [upstream.md](../upstream.md).

| message | kind | said by | heard by | what it says |
|---|---|---|---|---|
"""


def our_contracts() -> list[Contract]:
    """The contracts of our owners by name; a test may have registered others for itself."""
    owners = {owner.__name__ for owner in OWNERS}
    ours = (contract for contract in CONTRACTS.values() if contract.type.__module__ in owners)
    return sorted(ours, key=lambda contract: contract.name)


def documents(inlets: Sequence[Inlet], version: str) -> dict[str, str]:
    """The text of every document by its file name."""
    contracts = our_contracts()
    schemas = {file_name(contract): _text(json_schema(contract)) for contract in contracts}
    rows = [_row(contract, inlets) for contract in contracts]
    return schemas | {
        ASYNCAPI: _text(asyncapi(contracts, inlets, version)),
        INDEX: INDEX_HEAD.format(asyncapi=ASYNCAPI) + "".join(rows),
    }


def export(folder: Path, inlets: Sequence[Inlet], version: str) -> list[Path]:
    """Writes the documents into a folder, and says which files."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, text in documents(inlets, version).items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _row(contract: Contract, inlets: Sequence[Inlet]) -> str:
    heard_by = [inlet.queue for inlet in inlets if contract.type in inlet.hears]
    if contract.kind == "answer":
        heard_by = ["whoever asked"]
    elif contract.broadcast:
        heard_by = ["every process"]
    link = f"[`{contract.name}`]({file_name(contract)})"
    says = " ".join((contract.type.__doc__ or "").split())
    hearers = ", ".join(heard_by)
    return f"| {link} | {contract.kind} | {contract.owner} | {hearers} | {says} |\n"


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
