"""What an order's body may hold: everything else is refused by name, and nothing is a 500."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.doors.street import Merchant, Street, order

FIELDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "amount zero": ({"amount_fen": 0}, "invalid_field", "amount_fen"),
    "amount negative": ({"amount_fen": -1}, "invalid_field", "amount_fen"),
    "amount too large": ({"amount_fen": 100_000_000_000}, "invalid_field", "amount_fen"),
    "amount huge": ({"amount_fen": msgspec.Raw(b"9" * 400)}, "invalid_field", "amount_fen"),
    "amount a fraction": ({"amount_fen": 19.99}, "invalid_field", "amount_fen"),
    "amount 1.0": ({"amount_fen": msgspec.Raw(b"1.0")}, "invalid_field", "amount_fen"),
    "amount 1e2": ({"amount_fen": msgspec.Raw(b"1e2")}, "invalid_field", "amount_fen"),
    "amount a text": ({"amount_fen": "1999"}, "invalid_field", "amount_fen"),
    "amount true": ({"amount_fen": True}, "invalid_field", "amount_fen"),
    "amount null": ({"amount_fen": None}, "invalid_field", "amount_fen"),
    "amount missing": ({"amount_fen": ...}, "missing_field", "amount_fen"),
    "number missing": ({"merchant_order_no": ...}, "missing_field", "merchant_order_no"),
    "number empty": ({"merchant_order_no": ""}, "invalid_field", "merchant_order_no"),
    "number too long": ({"merchant_order_no": "a" * 65}, "invalid_field", "merchant_order_no"),
    "number with space": ({"merchant_order_no": "a b"}, "invalid_field", "merchant_order_no"),
    "number with line": ({"merchant_order_no": "a\n"}, "invalid_field", "merchant_order_no"),
    "number foreign": ({"merchant_order_no": "订单"}, "invalid_field", "merchant_order_no"),
    "currency": ({"currency": "USD"}, "invalid_field", "currency"),
    "pay type": ({"pay_type": "cash"}, "invalid_field", "pay_type"),
    "pay type long": ({"pay_type": "x" * 9_000}, "invalid_field", "pay_type"),
    "subject empty": ({"subject": ""}, "invalid_field", "subject"),
    "subject too long": ({"subject": "番" * 128}, "invalid_field", "subject"),
    "subject with NUL": ({"subject": "a\0b"}, "invalid_field", "subject"),
    "subject with line": ({"subject": "a\n"}, "invalid_field", "subject"),
    "life too short": ({"expires_in_s": 59}, "invalid_field", "expires_in_s"),
    "life too long": ({"expires_in_s": 86_401}, "invalid_field", "expires_in_s"),
    "address of nobody": ({"client_ip": "localhost"}, "invalid_field", "client_ip"),
    "payer too long": ({"payer_id": "x" * 65}, "invalid_field", "payer_id"),
    "notify nowhere": ({"notify_url": "ftp://a"}, "invalid_field", "notify_url"),
    "notify with name": ({"notify_url": "http://u@a"}, "invalid_field", "notify_url"),
    "unknown field": ({"colour": "red"}, "unknown_field", "colour"),
    "unknown, strange": ({"a.b`c\0": 1}, "unknown_field", "a.b"),
    "metadata a list": ({"metadata": []}, "invalid_field", "metadata"),
    "metadata too many": (
        {"metadata": {f"k{n}": "" for n in range(21)}}, "invalid_field", "metadata",
    ),
    "metadata key": ({"metadata": {"a b": ""}}, "invalid_field", "metadata"),
    "metadata number": ({"metadata": {"a": "", "size": 1}}, "invalid_field", "metadata.size"),
    "metadata nested": ({"metadata": {"a": {}}}, "invalid_field", "metadata.a"),
    "metadata NUL": ({"metadata": {"note": "\0"}}, "invalid_field", "metadata.note"),
    "metadata too long": ({"metadata": {"note": "x" * 501}}, "invalid_field", "metadata.note"),
}  # fmt: skip


@pytest.mark.parametrize("case", FIELDS)
async def test_a_wrong_field_is_named(street: Street, merchant: Merchant, case: str) -> None:
    fields, code, param = FIELDS[case]
    answer = await street.order(merchant, **fields)
    assert (answer.status, answer.code, answer.json["param"][: len(param)]) == (400, code, param)
    assert len(answer.body) < 2_000
    assert street.room.orders(merchant.merchant_no) == []


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/", "https://10.0.0.1/", "https://shop.example:22/"]
)
async def test_an_order_names_no_address_that_can_not_be_called(
    street: Street, merchant: Merchant, url: str
) -> None:
    answer = await street.order(merchant, notify_url=url)
    assert (answer.code, answer.json["param"]) == ("url_not_allowed", "notify_url")
    assert street.room.orders(merchant.merchant_no) == []


BODIES = {
    "nothing": b"",
    "white space": b" \n",
    "half": order()[:-5],
    "twice": order() * 2,
    "a text": b'"order"',
    "invalid UTF-8": order(subject="x").replace(b'"x"', b'"\xff\xfe"'),
    "another encoding": order().decode().encode("utf-16"),
    "a mark first": b"\xef\xbb\xbf" + order(),
    "half a surrogate": order(subject="x").replace(b'"x"', b'"\\ud800 abcdef"'),
    "a raw NUL": order(subject="x").replace(b'"x"', b'"\0"'),
    "NaN": order(amount_fen=1).replace(b":1,", b":NaN,"),
    "deep": b'{"metadata":' + b"[" * 30_000,
    "deep below metadata": b'{"metadata":{"a":1},"b":' + b"[" * 30_000,
    "deep and unknown": b'{"a":' + b'{"a":' * 5_000,
    "form": b"amount_fen=1&subject=x",
}


@pytest.mark.parametrize("case", BODIES)
async def test_what_is_no_order_is_refused(street: Street, merchant: Merchant, case: str) -> None:
    answer = await street.post(merchant, BODIES[case])
    assert answer.status == 400
    assert answer.code in ("invalid_json", "invalid_field", "unknown_field")


@pytest.mark.parametrize("body", [b"[]", b"[{}]", b"null", b"1", b'"x"', b"true"])
async def test_a_document_that_is_no_object_is_an_invalid_field_without_a_name(
    street: Street, merchant: Merchant, body: bytes
) -> None:
    answer = await street.post(merchant, body)
    assert answer.code == "invalid_field"
    assert "param" not in answer.json


async def test_all_fields_at_their_limits_are_taken(street: Street, merchant: Merchant) -> None:
    fields = {
        "merchant_order_no": "a" * 64,
        "amount_fen": 99_999_999_999,
        "currency": "CNY",
        "subject": "番" * 127,
        "expires_in_s": 86_400,
        "client_ip": "2001:db8:1111:2222:3333:4444:255.255.255.255",
        "payer_id": "x" * 64,
        "notify_url": "https://shop.example/" + "x" * 491,
        "metadata": {f"{n:040}": "界" * 500 for n in range(20)},
    }
    answer = await street.order(merchant, **fields)
    assert answer.status == 201
    assert answer.json["metadata"] == fields["metadata"]


async def test_a_body_may_be_written_in_any_valid_way(street: Street, merchant: Merchant) -> None:
    document = json.dumps(json.loads(order(subject="番茄")), indent=4, ensure_ascii=True)
    answer = await street.post(merchant, f"\n{document}\n".encode())
    assert (answer.status, answer.json["subject"]) == (201, "番茄")
