"""The envelope: what goes in comes out, and what is no envelope is told from one."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from schema.events import (
    BATCH,
    EVENTS_PER_DELIVERY_MAX,
    SINGLE,
    Event,
    UndecodableDelivery,
    decode_events,
    encode_data,
    encode_events,
    split_batch,
)

zones = st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-3.5))])
words = st.text(min_size=1, max_size=60)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
events = st.builds(
    Event,
    id=words,
    source=words,
    type=words,
    specversion=st.just("1.0"),
    time=st.datetimes(timezones=zones),
    subject=st.none() | words,
    causationid=st.none() | words,
    correlationid=st.none() | words,
    replyto=st.none() | words,
    traceparent=st.none() | words,
    data=values.map(encode_data),
)
content_types = st.sampled_from([SINGLE, BATCH, None, "application/json", ""])


def an_envelope(**differences: Any) -> bytes:
    """A good event, but for these attributes; a value of ... leaves one out."""
    usual = {
        "id": "1", "source": "somewhere", "type": "example.added", "specversion": "1.0",
        "time": "2026-11-22T10:00:00Z", "data": {},
    }  # fmt: skip
    return msgspec.json.encode({k: v for k, v in (usual | differences).items() if v is not ...})


@given(st.lists(events, max_size=5))
def test_what_is_encoded_comes_back(said: list[Event]) -> None:
    assert decode_events(*encode_events(said)) == said


@given(events)
def test_one_event_travels_without_an_array_and_may_travel_in_one(event: Event) -> None:
    body, content_type = encode_events([event])
    assert content_type == SINGLE and body.startswith(b"{")
    assert decode_events(b"[" + body + b"]", BATCH) == [event]


@given(st.lists(events, max_size=4))
def test_a_batch_can_be_taken_apart_unread(said: list[Event]) -> None:
    body = msgspec.json.encode(said)
    assert [decode_events(piece, SINGLE) for piece in split_batch(body)] == [[e] for e in said]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), content_types)
def test_other_bytes_raise_what_the_reader_expects_and_nothing_else(
    body: bytes, content_type: str | None
) -> None:
    with suppress(UndecodableDelivery):
        assert isinstance(decode_events(body, content_type), list)


@given(events, st.data(), content_types)
def test_a_damaged_envelope_raises_what_the_reader_expects_and_nothing_else(
    event: Event, data: st.DataObject, content_type: str | None
) -> None:
    body = bytearray(encode_events([event])[0])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(UndecodableDelivery):
        assert isinstance(decode_events(bytes(body), content_type), list)


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_a_document_that_is_nested_too_deep_is_undecodable(depth: int) -> None:
    nested = an_envelope(data="HERE").replace(b'"HERE"', b"[" * depth + b"]" * depth)
    for body, content_type in ((nested, SINGLE), (b"[" + nested + b"]", BATCH)):
        with pytest.raises(UndecodableDelivery, match="nested too deep"):
            decode_events(body, content_type)


@pytest.mark.parametrize(
    ("attributes", "place"),
    [
        ({"id": ...}, "id"),
        ({"source": ...}, "source"),
        ({"data": ...}, "data"),
        ({"id": ""}, "id"),
        ({"id": "x" * 129}, "id"),
        ({"subject": "x" * 257}, "subject"),
        ({"replyto": "x" * 256}, "replyto"),
        ({"specversion": "0.3"}, "specversion"),
        ({"time": "2026-11-22T10:00:00"}, "time"),
        ({"datacontenttype": "text/xml"}, "datacontenttype"),
    ],
)
def test_the_attribute_at_fault_is_named(attributes: dict[str, Any], place: str) -> None:
    with pytest.raises(UndecodableDelivery, match=place):
        decode_events(an_envelope(**attributes), SINGLE)


def test_attributes_that_we_do_not_know_are_passed_over() -> None:
    (event,) = decode_events(an_envelope(partitionkey="7", dataschema="http://x/y"), SINGLE)
    assert event.data == Raw(b"{}")


def test_a_delivery_has_a_bound() -> None:
    most = b"[" + b",".join([an_envelope()] * EVENTS_PER_DELIVERY_MAX) + b"]"
    assert len(decode_events(most, BATCH)) == EVENTS_PER_DELIVERY_MAX
    more = most[:-1] + b"," + an_envelope() + b"]"
    for read in (lambda: decode_events(more, BATCH), lambda: split_batch(more)):
        with pytest.raises(UndecodableDelivery, match="length <= 256"):
            read()
