"""WeChat calls back: only its own words come in, and it is thanked only for what we hold."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bus.broker import Arrived, Broker
from bus.topology import Inlet
from handlers import callbacks
from handlers.simulator.wechat.accounts import generate_account
from schema.channels.wechat import SimulatorKeys, Transaction, WechatAccount
from schema.channels.wechat.platform import sealed_notice, signed_headers
from schema.events import decode_events
from schema.messages.contract import read
from schema.messages.doors import ChannelNotified
from schema.profiles import ChannelProfile
from tests.doors.street import Answer, Merchant, Street, order

CHANNEL = "wechat_1"
PATH = f"/channels/{CHANNEL}/notify"
INLET = Inlet("channels.notices", (ChannelNotified,))


@dataclass
class Wechat:
    """The platform, as far as it calls us back."""

    keys: SimulatorKeys
    street: Street
    notices: list[ChannelNotified] = field(default_factory=list)

    def notice(self, notice_id: str | None = None) -> bytes:
        """The body of a payment notice."""
        account = self.keys.account
        paid = Transaction(
            appid=account.appid, mchid=account.mchid, out_trade_no="x" * 26, trade_state="SUCCESS"
        )
        return sealed_notice(
            self.keys, paid, notice_id=notice_id or secrets.token_hex(16),
            created_at=datetime.now(UTC), seal_nonce=secrets.token_hex(6),
        )  # fmt: skip

    def headers(self, body: bytes, *, now: datetime | None = None) -> dict[str, str]:
        """The platform's signature over a body."""
        now = now or datetime.now(UTC)
        return signed_headers(self.keys, body, now=now, nonce=secrets.token_hex(16))

    async def call(self, body: bytes) -> Answer:
        """A notice as it should be."""
        return await self.street.send("POST", PATH, body, self.headers(body))


async def open_account(street: Street, version: int = 1) -> SimulatorKeys:
    ours, theirs = generate_account("1900000001", "wx1", "https://pay.test", "https://us.test/n")
    await publish_account(street, ours, version)
    return SimulatorKeys.of(theirs)


async def publish_account(street: Street, account: WechatAccount, version: int) -> None:
    sealed = street.shared.vault.seal(msgspec.json.encode(account), f"channel:{CHANNEL}")
    await street.publish(
        ChannelProfile(
            channel_no=CHANNEL, name="微信", protocol="wechat", pay_types=("wechat_native",),
            account=sealed, version=version, status="inactive",
        )
    )  # fmt: skip


@pytest.fixture(scope="module")
async def wechat(street: Street) -> AsyncIterator[Wechat]:
    platform = Wechat(await open_account(street), street)

    async def hear(arrived: Arrived) -> None:
        for event in decode_events(arrived.body, arrived.content_type):
            message = read(event)
            assert isinstance(message, ChannelNotified)
            platform.notices.append(message)

    broker = Broker(street.shared.settings.rabbitmq_url, name="channels")
    broker.subscribe(INLET, hear)
    await broker.connect()
    await broker.start()
    yield platform
    await broker.pause()
    await broker.stop()


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


async def heard(wechat: Wechat, notice_id: str) -> list[ChannelNotified]:
    for _ in range(100):
        found = [notice for notice in wechat.notices if notice.notice_id == notice_id]
        if found:
            return found
        await asyncio.sleep(0.02)
    return []


async def test_a_notice_is_handed_on_exactly_as_it_came(wechat: Wechat) -> None:
    body = wechat.notice("EV-1")
    answer = await wechat.call(body)
    assert (answer.status, answer.body) == (204, b"")
    expected = ChannelNotified(channel_no=CHANNEL, notice_id="EV-1", body=body.decode())
    assert await heard(wechat, "EV-1") == [expected]


async def test_many_notices_at_once_all_arrive(wechat: Wechat) -> None:
    bodies = [wechat.notice(f"many-{n}") for n in range(30)]
    answers = await asyncio.gather(*(wechat.call(body) for body in bodies))
    assert {answer.status for answer in answers} == {204}
    assert all([await heard(wechat, f"many-{n}") for n in range(30)])


async def test_a_notice_that_was_touched_is_refused(wechat: Wechat) -> None:
    body, other = wechat.notice("touched"), wechat.notice("touched")
    signed = wechat.headers(body)
    late = wechat.headers(body, now=datetime.now(UTC) - timedelta(minutes=6))
    for sent, headers in (
        (body.replace(b"TRANSACTION.SUCCESS", b"TRANSACTION.REFUSED"), signed),
        (body + b" ", signed),
        (b"", signed),
        (b"\xff\xfe", signed),
        (other, signed),
        (body, {}),
        (body, late),
        (body, signed | {"Wechatpay-Serial": "PUB_KEY_ID_0"}),
        (body, signed | {"Wechatpay-Nonce": "x"}),
        (body, signed | {"Wechatpay-Signature": "WECHATPAY/SIGNTEST/abc"}),
        (body, signed | {"Wechatpay-Timestamp": "x"}),
    ):
        answer = await wechat.street.send("POST", PATH, sent, headers)
        assert refusal(answer) == (401, "FAIL"), (sent[:20], headers)
    assert [notice for notice in wechat.notices if notice.notice_id == "touched"] == []


@pytest.mark.parametrize("body", [b"[]", b"{}", b"{", b"\xff", b"[" * 30_000])
async def test_signed_nonsense_is_refused(wechat: Wechat, body: bytes) -> None:
    assert refusal(await wechat.call(body)) == (401, "FAIL")


@pytest.mark.parametrize("channel_no", ["wechat_2", "WECHAT", "%00", "x" * 33, "a%2Fb"])
async def test_a_channel_that_is_not_there(wechat: Wechat, channel_no: str) -> None:
    body = wechat.notice()
    path = f"/channels/{channel_no}/notify"
    answer = await wechat.street.send("POST", path, body, wechat.headers(body))
    assert refusal(answer) == (404, "FAIL")


async def test_a_large_notice_is_refused(wechat: Wechat) -> None:
    answer = await wechat.call(b" " * 100_000)
    assert answer.status == 413


async def test_new_keys_count_from_the_moment_they_are_published(wechat: Wechat) -> None:
    old = wechat.keys
    wechat.keys = await open_account(wechat.street, version=2)
    assert (await wechat.call(wechat.notice())).status == 204
    body = wechat.notice()
    forged = signed_headers(old, body, now=datetime.now(UTC), nonce="n")
    assert refusal(await wechat.street.send("POST", PATH, body, forged)) == (401, "FAIL")


async def test_a_notice_that_no_queue_takes_is_not_thanked_for(
    wechat: Wechat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WeChat will call again; and orders do not wait behind notices."""
    monkeypatch.setattr(callbacks, "CONFIRM_WAIT_S", 0.5)
    channel = await wechat.street.room.broker.channel()
    queue = await channel.get_queue(INLET.queue)
    await queue.unbind("tomato.facts", "channel.notified")
    try:
        assert refusal(await wechat.call(wechat.notice("untaken"))) == (503, "FAIL")
        merchant: Merchant = await wechat.street.open_merchant()
        assert (await wechat.street.post(merchant, order())).status == 201
    finally:
        await queue.bind("tomato.facts", "channel.notified")
        await channel.close()
    assert (await wechat.call(wechat.notice("taken"))).status in (204, 503)
    assert await heard(wechat, "untaken")
