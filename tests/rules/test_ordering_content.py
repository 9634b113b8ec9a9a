"""The fingerprint of a request: a repeat has the same one, and any other content another."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.ordering.placing import content_digest
from schema.payments import PaymentRequest
from tests.examples import a_request

BEFORE_BARCODES = "22c376c4cdaed460e3cb4d60934685c7"

OTHER_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "merchant_order_no": st.from_regex(r"[A-Za-z0-9_|*.\-]{1,64}", fullmatch=True),
    "amount_fen": st.integers(1, 99_999_999_999),
    "currency": st.just("CNY"),
    "pay_type": st.just("wechat_native"),
    "subject": st.text("番茄 abc", min_size=1, max_size=20),
    "expires_in_s": st.integers(60, 86_400),
    "client_ip": st.none() | st.ip_addresses().map(str),
    "payer_id": st.none() | st.text("abc", min_size=1, max_size=5),
    "auth_code": st.none() | st.from_regex(r"[0-9]{18}", fullmatch=True),
    "return_url": st.none() | st.just("https://shop.test/a") | st.just("https://shop.test/b"),
    "notify_url": st.none() | st.just("https://shop.test/a") | st.just("https://shop.test/b"),
    "metadata": st.dictionaries(st.text("abc", min_size=1, max_size=3), st.text("xyz", max_size=3)),
}


def test_the_digest_covers_every_field_of_a_request() -> None:
    assert set(OTHER_VALUES) == set(PaymentRequest.__struct_fields__)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(OTHER_VALUES)), st.data())
def test_the_digest_changes_with_the_content_and_only_with_it(name: str, data: Any) -> None:
    usual = a_request()
    other = replace(usual, **{name: data.draw(OTHER_VALUES[name])})
    assert (content_digest(other) == content_digest(usual)) is (other == usual)


@settings(max_examples=40, deadline=None)
@given(st.permutations([("shop", "south"), ("till", "7"), ("basket", "番茄")]))
def test_the_order_of_metadata_is_no_content(pairs: list[tuple[str, str]]) -> None:
    told = a_request(metadata={"basket": "番茄", "shop": "south", "till": "7"})
    assert content_digest(a_request(metadata=dict(pairs))) == content_digest(told)


def test_an_order_of_before_a_field_was_known_still_has_its_fingerprint() -> None:
    assert content_digest(a_request()) == BEFORE_BARCODES
