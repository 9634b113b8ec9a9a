"""Notices of every protocol come in at one path: the channel's own words, and nobody else's."""

from __future__ import annotations

import asyncio
import secrets
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import msgspec
import pytest

from bus.broker import Arrived, Broker
from bus.topology import Inlet
from deploy.local.accounts import SERVED
from handlers.callbacks import notified
from schema.channels import Paid, PaymentNotice
from schema.channels.language import Protocols
from schema.events import decode_events
from schema.messages.contract import read
from schema.messages.doors import ChannelNotified
from schema.products import PayType
from tests.channels import Corner, a_corner
from tests.doors.street import Street
from tests.examples import a_channel
from tests.waiting import at_last

INLET = Inlet("channels.notices", (ChannelNotified,))
NONSENSE = (
    b"", b"{}", b"null", b"[" * 20_000, b"a=1&b=2&sign=x", b"sign=%ff&sign=%00", b"\xff\xfe\x00",
)  # fmt: skip
USUAL: dict[Protocols, PayType] = {
    "wechat": "wechat_native",
    "alipay": "alipay_qr",
    "unionpay": "unionpay_qr",
    "bank": "bank_page",
}


@dataclass
class Desk:
    """Whoever reads what the door hands on."""

    notices: list[ChannelNotified] = field(default_factory=list)

    async def hear(self, arrived: Arrived) -> None:
        for event in decode_events(arrived.body, arrived.content_type):
            message = read(event)
            assert isinstance(message, ChannelNotified)
            self.notices.append(message)

    def of(self, channel_no: str) -> list[ChannelNotified]:
        return [notice for notice in self.notices if notice.channel_no == channel_no]


@pytest.fixture(scope="module")
async def desk(street: Street) -> AsyncIterator[Desk]:
    desk = Desk()
    broker = Broker(street.shared.settings.rabbitmq_url, name="channels")
    broker.subscribe(INLET, desk.hear)
    await broker.connect()
    await broker.start()
    yield desk
    await broker.pause()
    await broker.stop()


@pytest.fixture
def channel_no(protocol: Protocols) -> str:
    return f"{protocol}_{secrets.token_hex(4)}"


@pytest.fixture
async def corner(street: Street, protocol: Protocols, channel_no: str) -> AsyncIterator[Corner]:
    """A simulated platform that calls the door, where the channel is registered."""
    url = f"{street.edge.url}/channels/{channel_no}/notify"
    async with a_corner(None, protocol, notify_url=url) as corner:
        document = msgspec.json.encode(corner.ours)
        sealed = street.shared.vault.seal(document, f"channel:{channel_no}")
        await street.publish(a_channel(channel_no=channel_no, protocol=protocol, account=sealed))
        yield corner


async def a_paid_order(corner: Corner) -> str:
    """Our number of an order that was paid, so that the platform tells of it."""
    attempt = corner.attempt(USUAL[corner.protocol])
    await corner.ask(attempt)
    corner.pay(attempt)
    return attempt.attempt_id


@pytest.mark.parametrize("protocol", SERVED)
async def test_a_true_notice_is_handed_on_and_thanked_for(
    corner: Corner, desk: Desk, channel_no: str
) -> None:
    number = await a_paid_order(corner)
    notice = (await at_last(lambda: _heard(desk, channel_no)))[0]
    said = corner.account.language.read_notice(notice.body.encode())
    assert isinstance(said, PaymentNotice) and isinstance(said.verdict, Paid), said
    assert (said.number, said.verdict.amount_fen) == (number, 1_000)

    async def is_thanked() -> bool:
        trade = corner.simulator.find_trade(number, None, corner.protocol)
        return getattr(trade, "acknowledged_at", None) is not None

    await at_last(is_thanked)


@pytest.mark.parametrize("protocol", SERVED)
async def test_a_forged_notice_is_not_handed_on(
    corner: Corner, desk: Desk, channel_no: str
) -> None:
    corner.trouble("notify", "forged_notify", times=None)
    number = await a_paid_order(corner)

    async def is_tried() -> bool:
        trade = corner.simulator.find_trade(number, None, corner.protocol)
        return bool(getattr(trade, "notified_count", 0))

    await at_last(is_tried)
    await asyncio.sleep(0.2)
    assert desk.of(channel_no) == []


@pytest.mark.parametrize("protocol", SERVED)
async def test_nonsense_is_refused_in_the_channels_words(
    corner: Corner, desk: Desk, street: Street, channel_no: str
) -> None:
    refusal = corner.account.language.no_thanks(401, "the signature or the document is not right")
    for body in NONSENSE:
        answer = await street.send("POST", f"/channels/{channel_no}/notify", body)
        assert (answer.status, answer.body) == (401, refusal.body), body[:20]
    assert desk.of(channel_no) == []


@pytest.mark.parametrize("body", [b"sign=\xd6\xd0", b'{"a":"\0"}'])
def test_what_is_no_text_is_handed_on_whole(body: bytes) -> None:
    notice = notified("alipay_1", "n-1", body)
    assert notice.encoding == "base64" and b64decode(notice.body) == body


async def _heard(desk: Desk, channel_no: str) -> list[ChannelNotified]:
    return desk.of(channel_no)
