"""Every message, byte for byte: what is written today is what was agreed, and it reads back.

After a change that is meant, `python -m tests.contracts.files golden` writes the files anew.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from msgspec import Struct

from schema.contract_schemas import file_name
from schema.events import SINGLE, Event, decode_events
from schema.messages.contract import UnreadableMessage, read
from tests.contracts.examples import CONTRACTS, EXAMPLES, event_of
from tests.contracts.files import GOLDEN, golden_bytes, golden_file

NAMES = sorted(EXAMPLES)

WRONG = {dict: 7, list: 7, str: 7, int: "7", bool: "7"}
"""For each JSON type a value of another, which a lenient decoder might have taken."""


def with_data(name: str, **changes: object) -> Event:
    """An example's event with fields of its data replaced; None takes one away."""
    event = event_of(EXAMPLES[name])
    fields = msgspec.json.decode(event.data) | changes
    kept = {field: value for field, value in fields.items() if value is not None}
    return msgspec.structs.replace(event, data=msgspec.Raw(msgspec.json.encode(kept)))


def fields_of(name: str) -> dict[str, object]:
    return msgspec.json.decode(event_of(EXAMPLES[name]).data)


def required_fields(name: str) -> list[str]:
    fields = msgspec.structs.fields(CONTRACTS[name].type)
    return [field.name for field in fields if field.required]


def test_every_message_has_its_golden_file_and_no_file_is_left_over() -> None:
    files = {path.name for path in GOLDEN.iterdir()}
    assert files == {file_name(contract) for contract in CONTRACTS.values()}
    assert set(EXAMPLES) == set(CONTRACTS)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_shows_every_field(name: str) -> None:
    message = EXAMPLES[name]
    assert set(fields_of(name)) == set(message.__struct_fields__)


def parts_in(value: object) -> Iterator[Struct]:
    """A message and every part inside it."""
    if isinstance(value, Struct):
        yield value
        value = msgspec.structs.astuple(value)
    if isinstance(value, tuple):
        for inner in value:
            yield from parts_in(inner)


def test_the_examples_together_show_every_field_of_every_part() -> None:
    shown: dict[type[Struct], set[str]] = {}
    for message in EXAMPLES.values():
        for part in parts_in(message):
            tag = {part.__struct_config__.tag_field}  # says which of several kinds it is
            shown.setdefault(type(part), set()).update(msgspec.to_builtins(part).keys() - tag)
    assert {part: set(part.__struct_fields__) for part in shown} == shown


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_what_was_agreed(name: str) -> None:
    assert golden_bytes(name) == golden_file(name).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_what_was_agreed_reads_back(name: str) -> None:
    [event] = decode_events(golden_file(name).read_bytes(), SINGLE)
    assert event == event_of(EXAMPLES[name])
    assert read(event) == EXAMPLES[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_field_of_another_type_is_refused_by_its_place(name: str) -> None:
    for field, value in fields_of(name).items():
        with pytest.raises(UnreadableMessage, match=rf"at `\$\.{field}`"):
            read(with_data(name, **{field: WRONG[type(value)]}))


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_field_is_refused_by_its_name(name: str) -> None:
    for field in required_fields(name):
        with pytest.raises(UnreadableMessage, match=f"missing required field `{field}`"):
            read(with_data(name, **{field: None}))


STRICT = {"payment.place", "payment.close", "refund.place"}
"""Wishes of merchants: what they misspell must not be overlooked."""


@pytest.mark.parametrize("name", sorted(set(NAMES) - STRICT))
def test_a_field_of_a_newer_writer_is_ignored(name: str) -> None:
    assert read(with_data(name, of_tomorrow=1)) == EXAMPLES[name]


@pytest.mark.parametrize("name", sorted(STRICT))
def test_a_wish_with_a_field_too_many_is_refused(name: str) -> None:
    with pytest.raises(UnreadableMessage, match="unknown field `of_tomorrow`"):
        read(with_data(name, of_tomorrow=1))


def test_a_field_that_a_merchant_misspells_is_refused() -> None:
    with pytest.raises(UnreadableMessage, match="unknown field `merchant_number`"):
        read(with_data("payment.place", merchant_number="1"))
    request = msgspec.to_builtins(fields_of("payment.place")["request"]) | {"ammount_fen": 1}
    with pytest.raises(UnreadableMessage, match=r"unknown field `ammount_fen` - at `\$\.request`"):
        read(with_data("payment.place", request=request))


def test_an_unknown_tag_is_refused_by_its_name() -> None:
    event = msgspec.structs.replace(event_of(EXAMPLES["payment.place"]), type="payment.shred")
    with pytest.raises(UnreadableMessage, match=r"type: .*'payment\.shred'"):
        read(event)
