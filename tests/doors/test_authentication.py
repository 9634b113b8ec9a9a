"""Who is let in: each way of not being proven, and both ways of being so."""

from __future__ import annotations

import secrets
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from multidict import CIMultiDict

from handlers.merchant_api.signing import rsa_authorization
from schema.profiles import ApiKey
from tests.doors.street import KEY_ID, PATH, Merchant, Street, a_street, order


async def ask(street: Street, authorization: str | None, path: str = PATH) -> tuple[int, str]:
    """Status and code of a GET with this header."""
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await street.send("GET", path, headers=headers)
    return answer.status, answer.code


@pytest.mark.parametrize(
    "change",
    [
        lambda header: None,
        lambda header: "",
        lambda header: "Bearer abc",
        lambda header: header.replace("HMAC-SHA256", "HMAC-MD5"),
        lambda header: header.replace("TOMATO-HMAC-SHA256 ", "TOMATO-HMAC-SHA256"),
        lambda header: header.replace('key="', 'kee="'),
        lambda header: header + ',more="x"',
        lambda header: header.replace('"', ""),
        lambda header: header.replace('timestamp="', 'timestamp="-'),
        lambda header: header.replace('timestamp="', 'timestamp="99999'),
        lambda header: header.replace('nonce="', 'nonce="ü'),
        lambda header: header.partition(",nonce")[0],
        lambda header: "TOMATO-HMAC-SHA256 " + "," * 5_000,
    ],
)
async def test_a_header_that_can_not_be_read(
    street: Street, merchant: Merchant, change: Any
) -> None:
    header = change(merchant.authorization("GET", PATH))
    assert await ask(street, header) == (401, "malformed_authorization")


@pytest.mark.parametrize("nonce", ["1234567", "x" * 65, "with space", "a.b.c.d.e"])
async def test_a_nonce_of_another_form(street: Street, merchant: Merchant, nonce: str) -> None:
    header = merchant.authorization("GET", PATH, nonce=nonce)
    assert await ask(street, header) == (401, "malformed_authorization")


@pytest.mark.parametrize("seconds", [-302, 302, -10_000_000, 10_000_000])
async def test_a_clock_that_is_too_far_off(
    street: Street, merchant: Merchant, seconds: int
) -> None:
    header = merchant.authorization("GET", PATH, timestamp=int(time.time()) + seconds)
    assert await ask(street, header) == (401, "stale_timestamp")


@pytest.mark.parametrize("seconds", [-298, 298])
async def test_a_clock_that_is_near_enough(
    street: Street, merchant: Merchant, seconds: int
) -> None:
    header = merchant.authorization("GET", PATH, timestamp=int(time.time()) + seconds)
    answer = await street.send("GET", PATH, headers={"Authorization": header})
    assert answer.status == 200


async def test_nobody_learns_whether_merchant_key_or_signature_is_wrong(
    street: Street, merchant: Merchant
) -> None:
    nobody = Merchant("10202601999999", merchant.secret)
    wrong_secret = Merchant(merchant.merchant_no, b"sk_guessed")
    answers = [
        await street.send("GET", PATH, headers={"Authorization": header})
        for header in (
            nobody.authorization("GET", PATH),
            merchant.authorization("GET", PATH, key_id="key_2"),
            wrong_secret.authorization("GET", PATH),
            merchant.authorization("GET", PATH).replace("HMAC-SHA256", "RSA-SHA256"),
        )
    ]
    assert {(answer.status, answer.code, answer.json["detail"]) for answer in answers} == {
        (401, "unauthorized", "merchant, key and signature do not belong together")
    }
    assert "TOMATO-HMAC-SHA256" in answers[0].headers["WWW-Authenticate"]


async def test_a_signature_covers_method_path_query_body_time_and_nonce(
    street: Street, merchant: Merchant
) -> None:
    body, now = order(), int(time.time())
    header = merchant.authorization("POST", PATH, body, timestamp=now, nonce="12345678")
    for method, path, sent, changed in (
        ("POST", PATH, body.replace(b"1999", b"1998"), header),
        ("POST", PATH, body + b" ", header),
        ("POST", PATH, b"", header),
        ("POST", PATH + "?a=1", body, header),
        ("POST", "/v1/%70ayments", body, header),
        ("GET", PATH, body, header),
        ("POST", PATH, body, header.replace(str(now), str(now - 1))),
        ("POST", PATH, body, header.replace("12345678", "12345679")),
        ("POST", PATH, body, header.replace('signature="', 'signature="A')),
    ):
        answer = await street.send(method, path, sent, {"Authorization": changed})
        assert (answer.status, answer.code) == (401, "unauthorized"), (method, path, sent)
    answer = await street.send("POST", PATH, body, {"Authorization": header})
    assert answer.status == 201


async def test_the_fields_of_the_header_may_come_in_any_order(
    street: Street, merchant: Merchant
) -> None:
    scheme, _, fields = merchant.authorization("GET", PATH).partition(" ")
    header = f"{scheme} {', '.join(reversed(fields.split(',')))}"
    answer = await street.send("GET", PATH, headers={"Authorization": header})
    assert answer.status == 200


async def test_a_path_that_is_not_utf_8_is_signed_as_it_is_sent(
    street: Street, merchant: Merchant
) -> None:
    path = "/v1/payments?cursor=%ff%00"
    answer = await street.get(merchant, path)
    assert (answer.status, answer.code) == (400, "invalid_parameter")


async def test_a_merchant_may_sign_with_a_key_that_only_he_has(street: Street) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    own = ApiKey(key_id="rsa_1", rsa_public_key_pem=pem.decode())
    merchant = await street.open_merchant(api_keys=(own,))
    body, now = order(), int(time.time())
    nonce = secrets.token_hex(16)
    header = rsa_authorization(merchant.merchant_no, "rsa_1", key, "POST", PATH, body, now, nonce)
    forged = await street.send("POST", PATH, body + b" ", {"Authorization": header})
    assert forged.code == "unauthorized"
    mixed = header.replace("RSA-SHA256", "HMAC-SHA256")
    assert (await street.send("POST", PATH, body, {"Authorization": mixed})).code == "unauthorized"
    assert (await street.send("POST", PATH, body, {"Authorization": header})).status == 201


async def test_a_key_that_is_no_key_proves_nothing(street: Street) -> None:
    broken = ApiKey(key_id=KEY_ID, rsa_public_key_pem="-----BEGIN PUBLIC KEY-----\nx")
    merchant = await street.open_merchant(api_keys=(broken,))
    header = merchant.authorization("GET", PATH).replace("HMAC-SHA256", "RSA-SHA256")
    assert await ask(street, header) == (401, "unauthorized")


async def test_a_merchant_allows_only_the_places_that_he_names(street: Street) -> None:
    elsewhere = await street.open_merchant(ip_allow_list=("203.0.113.0/24", "2001:db8::/32"))
    here = await street.open_merchant(ip_allow_list=("203.0.113.7", "127.0.0.0/8"))
    answer = await street.get(elsewhere, PATH)
    assert (answer.status, answer.code) == (403, "ip_not_allowed")
    assert (await street.get(here, PATH)).status == 200


async def test_without_a_proxy_nobody_names_his_own_address(street: Street) -> None:
    merchant = await street.open_merchant(ip_allow_list=("203.0.113.0/24",))
    header = {
        "Authorization": merchant.authorization("GET", PATH),
        "X-Forwarded-For": "203.0.113.7",
    }
    assert (await street.send("GET", PATH, headers=header)).code == "ip_not_allowed"


async def test_behind_a_proxy_its_word_counts_and_not_the_clients(street: Street) -> None:
    async with a_street(street.shared.settings, street.room, trust_proxy=True) as proxied:
        merchant = await proxied.open_merchant(ip_allow_list=("203.0.113.0/24",))
        for forwarded, status in (
            (["1.2.3.4, 203.0.113.7"], 200),
            (["1.2.3.4", "203.0.113.7"], 200),
            (["::ffff:203.0.113.9"], 200),
            (["203.0.113.7, 1.2.3.4"], 403),
            (["203.0.113.7", "1.2.3.4"], 403),
            (["203.0.113.7,"], 403),
            (["unknown"], 403),
            ([], 403),
        ):
            headers = CIMultiDict({"Authorization": merchant.authorization("GET", PATH)})
            for text in forwarded:
                headers.add("X-Forwarded-For", text)
            answer = await proxied.send("GET", PATH, headers=headers)
            assert answer.status == status, forwarded


async def test_who_is_not_proven_is_told_nothing_of_his_body(
    street: Street, merchant: Merchant
) -> None:
    forger = Merchant(merchant.merchant_no, b"sk_guessed")
    assert (await street.post(forger, b"{")).code == "unauthorized"
