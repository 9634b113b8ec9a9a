"""Posting to real servers: slow, rude, lying and hostile ones."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from msgspec.structs import replace
from standardwebhooks import Webhook

from actors.notification.sender import RESPONSE_BYTES_MAX, RESPONSE_KEPT, Post, WebhookSender
from bus.jobs import now_utc
from schema.reach import Reach
from tests.notifications import a_notification, an_endpoint

LOOPBACK = Reach(private_networks=(ip_network("127.0.0.0/8"), ip_network("::1/128")))
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"b":1,"a":"两斤番茄"}'

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """A merchant's server that does what a test wants."""

    handle: Handler | None = None
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((dict(request.headers), await request.read()))
        return await self.handle(request) if self.handle else web.Response(status=204)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made, app = Server(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.take)
    async with TestServer(app) as running:
        made.url = str(running.make_url("/hooks"))
        yield made


@pytest.fixture
async def sender() -> AsyncIterator[WebhookSender]:
    async with a_sender(LOOPBACK) as made:
        yield made


@asynccontextmanager
async def a_sender(reach: Reach) -> AsyncIterator[WebhookSender]:
    made = WebhookSender(reach)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def a_post(url: str, **differences: Any) -> Post:
    usual: dict[str, Any] = {
        "row": a_notification(body=BODY),
        "number": 1,
        "url": url,
        "deadline_ms": 5_000,
        "secrets": (SECRET,),
    }
    return Post(**usual | differences)


def answering(response: Callable[[], web.StreamResponse]) -> Handler:
    async def handle(_: web.Request) -> web.StreamResponse:
        return response()

    return handle


async def test_the_reference_library_verifies_what_arrives(
    server: Server, sender: WebhookSender
) -> None:
    answer = await sender.post(a_post(server.url))
    assert answer.is_acknowledged and answer.tried.status == 204
    ((headers, body),) = server.seen
    assert body == BODY.encode(), "byte for byte, keys in their order"
    assert Webhook(SECRET).verify(body, headers) == {"b": 1, "a": "两斤番茄"}
    assert headers["Content-Type"] == "application/json"


async def test_a_repeat_has_the_same_id_and_a_time_and_signature_of_its_own(
    server: Server, sender: WebhookSender
) -> None:
    await sender.post(a_post(server.url))
    await asyncio.sleep(1.1)
    await sender.post(a_post(server.url, number=2))
    (first, _), (second, _) = server.seen
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-timestamp"] < second["webhook-timestamp"]
    assert first["webhook-signature"] != second["webhook-signature"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_is_not_followed(
    server: Server, sender: WebhookSender, status: int
) -> None:
    server.handle = answering(lambda: web.Response(status=status, headers={"Location": "/other"}))
    answer = await sender.post(a_post(server.url))
    assert not answer.is_acknowledged and answer.tried.status == status
    assert len(server.seen) == 1


async def test_a_redirect_to_the_metadata_service_leads_nowhere(
    server: Server, sender: WebhookSender
) -> None:
    place = {"Location": "http://169.254.169.254/latest/meta-data"}
    server.handle = answering(lambda: web.Response(status=302, headers=place))
    assert (await sender.post(a_post(server.url))).tried.status == 302


async def test_a_body_that_has_to_equal_a_word_is_read_and_compared(
    server: Server, sender: WebhookSender
) -> None:
    endpoint = an_endpoint(acknowledgement="body_equals", expected_body="success")
    for text, is_taken in ((" Success\n", True), ("fail", False), ("", False)):
        server.handle = answering(lambda text=text: web.Response(text=text))
        answer = await sender.post(a_post(server.url, endpoint=endpoint))
        assert answer.is_acknowledged is is_taken
    assert answer.tried.error == "the answer is not 'success'"


async def test_headers_of_the_merchant_go_along_and_can_not_replace_ours(
    server: Server, sender: WebhookSender
) -> None:
    own = {"authorization": "Bearer x", "webhook-id": "forged"}
    await sender.post(a_post(server.url, headers=own))
    ((headers, _),) = server.seen
    assert headers["Authorization"] == "Bearer x"
    assert headers["webhook-id"] == a_notification().event_id


async def test_retry_after_is_passed_on_as_it_was_sent(
    server: Server, sender: WebhookSender
) -> None:
    slow_down = {"Retry-After": "120"}
    server.handle = answering(lambda: web.Response(status=429, headers=slow_down))
    answer = await sender.post(a_post(server.url))
    assert (answer.tried.status, answer.retry_after) == (429, "120")


async def test_a_slow_drip_is_cut_at_the_deadline(server: Server, sender: WebhookSender) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b".")
            await asyncio.sleep(0.1)
        return response

    server.handle = drip
    answer = await sender.post(a_post(server.url, deadline_ms=1_000))
    assert not answer.is_acknowledged
    assert answer.tried.error == "no answer within 1 s"
    assert 1_000 <= answer.tried.cost_ms < 2_000


async def test_a_server_that_hangs_is_left_at_the_deadline(
    server: Server, sender: WebhookSender
) -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    server.handle = hang
    answer = await sender.post(a_post(server.url, deadline_ms=1_000))
    assert (answer.tried.status, answer.tried.error) == (None, "no answer within 1 s")


async def test_only_the_beginning_of_a_long_answer_is_read_and_less_is_kept(
    server: Server, sender: WebhookSender
) -> None:
    written = 0

    async def talk(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        with pytest.raises((ConnectionError, aiohttp.ClientError)):
            while written < 64 * 1024 * 1024:
                await response.write(b"a" * 65_536)
                written += 65_536
        return response

    server.handle = talk
    answer = await sender.post(a_post(server.url))
    assert answer.is_acknowledged and answer.tried.response_head == "a" * RESPONSE_KEPT
    assert written < 32 * 1024 * 1024, "the connection was closed under his hands"


async def test_what_is_packed_is_not_unpacked(server: Server, sender: WebhookSender) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    assert len(bomb) < RESPONSE_BYTES_MAX
    packed = {"Content-Encoding": "gzip"}
    server.handle = answering(lambda: web.Response(body=bomb, headers=packed))
    answer = await sender.post(a_post(server.url))
    assert answer.is_acknowledged
    assert "0" * 20 not in (answer.tried.response_head or "")
    assert server.seen[0][0]["Accept-Encoding"] == "identity"


async def test_an_answer_with_huge_headers_is_a_failure(
    server: Server, sender: WebhookSender
) -> None:
    huge = {"x-huge": "a" * 20_000}
    server.handle = answering(lambda: web.Response(headers=huge))
    answer = await sender.post(a_post(server.url))
    assert not answer.is_acknowledged and answer.tried.status is None


async def test_words_that_can_not_be_stored_are_made_harmless(
    server: Server, sender: WebhookSender
) -> None:
    server.handle = answering(lambda: web.Response(status=500, body=b"a\x00b\r\nc\xff"))
    head = (await sender.post(a_post(server.url))).tried.response_head
    assert head == "a b  c\ufffd"


async def test_nobody_at_the_address_is_a_try_like_any_other(sender: WebhookSender) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    answer = await sender.post(a_post(f"http://127.0.0.1:{port}/"))
    assert answer.tried.error == "the connection was refused"


async def test_a_server_that_closes_the_connection_is_a_try_like_any_other(
    sender: WebhookSender,
) -> None:
    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        answer = await sender.post(a_post(f"http://127.0.0.1:{port}/"))
    assert answer.tried.error == "the connection was closed before the answer"


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    sender: WebhookSender, tmp_path: Path
) -> None:
    app, context = web.Application(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    async with TestServer(app, scheme="https") as server:
        await server.close()
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    try:
        url = str(server.make_url("/")).replace("localhost", "127.0.0.1")
        answer = await sender.post(a_post(url))
    finally:
        await server.close()
    assert answer.tried.error == "the TLS certificate or handshake is not acceptable"


def self_signed(folder: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, made just now."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = now_utc()
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True
        )
    )
    file = folder / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + builder.sign(key, SHA256()).public_bytes(Encoding.PEM))
    return file


async def test_a_row_without_a_secret_goes_out_unsigned(
    server: Server, sender: WebhookSender
) -> None:
    await sender.post(replace(a_post(server.url), secrets=()))
    assert "webhook-signature" not in server.seen[0][0]
