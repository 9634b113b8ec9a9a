"""HTTP itself: sizes, slowness, broken bodies, wrong places; bytes that no library would send."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

import pytest

from handlers import doorstep
from tests.doors.street import PATH, Merchant, Street, a_street, order


async def exchange(street: Street, *pieces: bytes, wait_s: float = 5) -> bytes:
    """What comes back for these bytes, up to the end of the connection or of the wait."""
    reader, writer = await connected(street)
    received = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(wait_s):
            while chunk := await reader.read(65_536):
                received += chunk
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return received


async def connected(street: Street) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = urlsplit(street.edge.url)
    return await asyncio.open_connection(place.hostname, place.port)


def head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def test_a_large_body_is_refused_before_it_is_sent(street: Street) -> None:
    request = head("POST", PATH, "Content-Length: 10000000", "Connection: close")
    answer = await exchange(street, request, wait_s=1)
    assert status_of(answer) == 413
    assert b'"code":"body_too_large"' in answer


async def test_a_large_body_in_chunks_is_refused_before_it_is_read(street: Street) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    request = head("POST", PATH, "Transfer-Encoding: chunked", "Connection: close")
    answer = await exchange(street, request, chunk, chunk, wait_s=1)
    assert status_of(answer) == 413


async def test_who_sends_ten_megabytes_hears_that_it_is_too_much(
    street: Street, merchant: Merchant
) -> None:
    answer = await street.post(merchant, b" " * 10_000_000)
    assert (answer.status, answer.code) == (413, "body_too_large")


async def test_the_largest_body_is_read(street: Street, merchant: Merchant) -> None:
    body = order(merchant_order_no="big")
    padded = body + b" " * (street.shared.settings.body_bytes_max - len(body))
    assert (await street.post(merchant, padded)).status == 201
    assert (await street.post(merchant, padded + b" ")).status == 413


async def test_a_body_that_trickles_in_is_given_up(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorstep, "BODY_WAIT_S", 0.1)
    request = head("POST", PATH, "Content-Length: 100", "Connection: close")
    answer = await exchange(street, request, b"{", wait_s=1)
    assert status_of(answer) == 408
    assert b'"code":"body_too_slow"' in answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        head("POST", PATH, "Transfer-Encoding: chunked", "Connection: close") + b"xyz\r\n{}\r\n",
        head("POST", PATH, "Content-Length: -1"),
        head("POST", PATH, "Content-Length: 1", "Content-Length: 2") + b"{}",
        head("POST", PATH, "Content-Length: 1", "Transfer-Encoding: chunked") + b"{}",
        head("GET", PATH + "?a=\xff"),
        head("GET", PATH, "X-A: " + "x" * 20_000),
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_is_not_http_is_a_bad_request(street: Street, request_bytes: bytes) -> None:
    assert status_of(await exchange(street, request_bytes, wait_s=1)) == 400


async def test_a_client_that_goes_away_in_the_middle_disturbs_nobody(
    street: Street, merchant: Merchant
) -> None:
    _, writer = await connected(street)
    writer.write(head("POST", PATH, "Content-Length: 100") + b"{")
    await writer.drain()
    writer.close()
    assert (await street.order(merchant)).status == 201


async def test_a_compressed_body_is_not_unpacked(street: Street, merchant: Merchant) -> None:
    """Signatures cover the bytes as sent; and nobody can send a bomb."""
    packed = b"\x1f\x8b\x08\x00" + b"\x00" * 20
    authorization = merchant.authorization("POST", PATH, packed)
    request = head(
        "POST", PATH, f"Content-Length: {len(packed)}", "Content-Encoding: gzip",
        f"Authorization: {authorization}", "Connection: close",
    )  # fmt: skip
    answer = await exchange(street, request + packed, wait_s=1)
    assert status_of(answer) == 400
    assert b'"code":"invalid_json"' in answer


async def test_the_path_is_signed_to_its_last_character(street: Street, merchant: Merchant) -> None:
    for signed, sent, status in (
        (PATH + "?", PATH + "?", 200),
        (PATH, PATH + "?", 401),
        (PATH + "?", PATH, 401),
        ("/v1/%70ayments", "/v1/%70ayments", 200),
    ):
        authorization = merchant.authorization("GET", signed)
        request = head("GET", sent, f"Authorization: {authorization}", "Connection: close")
        assert status_of(await exchange(street, request)) == status, (signed, sent)


async def test_a_place_that_is_not_there(street: Street) -> None:
    for path in (
        "/",
        "/v1",
        "/v1/payments/",
        "/v1/payments/a/b",
        "/v2/payments",
        "/%00",
        "/v1/%FC",
    ):
        answer = await street.send("GET", path)
        assert (answer.status, answer.code) == (404, "not_found"), path


async def test_a_method_that_is_not_known_there(street: Street) -> None:
    for method in ("DELETE", "PUT", "PATCH", "OPTIONS"):
        answer = await street.send(method, PATH)
        assert (answer.status, answer.code) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == "GET,HEAD,POST"


async def test_what_breaks_inside_is_not_shown_outside(
    street: Street, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret that was sealed with another key is our own mistake, and a secret."""
    sealed = street.shared.vault.seal(merchant.secret, "hmac:another")
    monkeypatch.setattr(street.shared.vault, "_opened", {})
    broken = await street.open_merchant()
    await street.shared.pool.execute(
        "UPDATE directory.profile SET document = jsonb_set(document,"
        " '{api_keys,0,hmac_secret}', to_jsonb($2::text)) WHERE number = $1",
        broken.merchant_no, sealed,
    )  # fmt: skip
    answer = await street.get(broken, PATH)
    assert (answer.status, answer.code) == (500, "internal_error")
    assert b"sealed" not in answer.body and b"Traceback" not in answer.body


async def test_requests_in_hand_finish_when_the_doors_close(street: Street) -> None:
    merchant = await street.open_merchant()
    async with a_street(street.shared.settings, street.room) as closing:
        waiting = asyncio.create_task(closing.order(merchant, merchant_order_no="silent-1"))
        await asyncio.sleep(0.2)
        started = time.monotonic()
        await closing.edge.stop()
        assert (await waiting).status == 202
        assert time.monotonic() - started < 2
        with pytest.raises(OSError):
            await connected(closing)
