"""The channels room as a process, on a real broker: one channel hangs, is held, or the room dies.

Whatever waits in lanes is made once, or never where its time is over meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler
from msgspec.structs import replace

from bus.broker import Broker
from bus.database import Pool, connect
from bus.effects import Outgoing, deliveries
from bus.jobs import now_utc
from bus.lanes.holds import Hold, hold_lane
from bus.origin import new_event
from bus.vault import Vault
from deploy.local.ports import Ports
from deploy.local.services import Services
from handlers.simulator import SIMULATOR, Simulator, SimulatorConfig, simulator_app
from handlers.simulator.world.faults import FaultOrder
from schema.messages.routing import PaymentRouted
from tests.actors.attempts import a_new_routed_payment
from tests.channels import both_ends_of
from tests.faults.programs import Program
from tests.registry import register_channel
from tests.sites import Site, a_site
from tests.waiting import at_last

CREATE = "/v3/pay/transactions/native"


@dataclass
class Branch:
    """The room, and platforms that count what is sent to them."""

    site: Site
    pool: Pool
    broker: Broker
    room: Program
    simulator: Simulator
    url: str
    sent: Counter[str] = field(default_factory=Counter)
    """How often each payment was asked for and not left hanging, by its attempt's number."""

    async def open_channel(self, name: str, **profile: Any) -> str:
        """A channel with an account of its own."""
        ours, theirs = both_ends_of("wechat")
        mchid = f"19{abs(hash(name)) % 10**8:08d}"
        ours = replace(ours, mchid=mchid, base_url=self.url, notify_url=f"{self.url}/nobody")  # type: ignore[call-arg]
        self.simulator.add_account(replace(theirs, mchid=mchid))  # type: ignore[arg-type, call-arg]
        await register_channel(self.pool, Vault(self.site.master_key), name, ours, **profile)
        return mchid

    def hang(self, mchid: str, *, times: int | None = None) -> None:
        """Every call of this account hangs for longer than any test; with `times` 0 none does any
        more."""
        wish = FaultOrder(account_no=mchid, api="calls", kind="hang", value=600_000, times=times)
        assert self.simulator.order_fault(wish) is None

    async def pay(self, *routed: PaymentRouted) -> list[str]:
        """Has payments come from routing; their attempts' numbers."""
        said = [
            Outgoing.of(each, new_event(each, subject=each.terms.payment_id)) for each in routed
        ]
        await self.broker.publish(deliveries(said))
        return [each.terms.payment_id.removeprefix("pay_") + "01" for each in routed]

    async def states(self, channel_no: str) -> Counter[str]:
        """How many attempts at a channel are in each state."""
        rows = await self.pool.fetch(
            "SELECT state FROM channels.attempt WHERE channel_no = $1", channel_no
        )
        return Counter(row["state"] for row in rows)

    async def stand(self, channel_no: str, *, within_s: float = 30.0, **counts: int) -> None:
        """Returns when this many attempts at a channel are in each state."""

        async def as_wished() -> bool:
            return dict(await self.states(channel_no)) == counts

        try:
            await at_last(as_wished, within_s=within_s)
        except TimeoutError:
            raise AssertionError(
                f"{await self.states(channel_no)}, not {counts}\n{self.room.last_words()}"
            ) from None


def payments(count: int, channel_no: str, *, lives_s: float = 3_600.0) -> list[PaymentRouted]:
    """New payments that are ranked for this channel only."""
    expires_at = now_utc() + timedelta(seconds=lives_s)
    return [a_new_routed_payment(channel_no, expires_at=expires_at) for _ in range(count)]


def counting(sent: Counter[str]) -> Any:
    """Counts what is asked for and was not left hanging."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await handler(request)
        if request.path == CREATE and answer.status == 200:
            sent[json.loads(await request.read())["out_trade_no"]] += 1
        return answer

    return count


@pytest.fixture
async def branch(
    services: Services, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Branch]:
    """The room at a site of its own."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(a_site(services, "lanes"))
        pool = await stack.enter_async_context(await connect(site.postgres_url, name="tests"))
        app, sent = simulator_app(SimulatorConfig()), Counter[str]()
        app.middlewares.append(counting(sent))
        server = await stack.enter_async_context(TestServer(app))
        broker = Broker(site.rabbitmq_url, name="tests")
        await broker.connect()
        stack.push_async_callback(broker.stop)
        port = Ports(services.folder).claim("channels_room")
        words = ["run", "channels", f"--operations-port={port}"]
        log = tmp_path_factory.mktemp("room") / "room.log"
        room = Program("channels", words, port, log, site.environment())
        stack.callback(room.end)
        room.start()
        await room.is_ready()
        url = str(server.make_url("/")).rstrip("/")
        yield Branch(site, pool, broker, room, app[SIMULATOR], url, sent)


async def test_a_channel_that_hangs_delays_nobody_else(branch: Branch) -> None:
    branch.hang(await branch.open_channel("wechat_sick"))
    await branch.open_channel("wechat_well")
    for routed in payments(600, "wechat_sick"):  # more than the shared queue has ever in hand
        await branch.pay(routed)
    began_s = time.monotonic()
    await branch.pay(*payments(20, "wechat_well"))
    await branch.stand("wechat_well", pending=20)
    assert time.monotonic() - began_s < 3.0, "a call of the sick one lasts ten"
    assert (await branch.states("wechat_sick"))["waiting"] > 400


async def test_what_waits_when_the_room_is_killed_is_made_once(branch: Branch) -> None:
    mchid = await branch.open_channel("wechat_sick", calls_in_flight_max=1)
    branch.hang(mchid)
    numbers = await branch.pay(*payments(1, "wechat_sick"))
    await asyncio.sleep(0.5)
    for routed in payments(30, "wechat_sick"):
        numbers += await branch.pay(routed)
    await branch.stand("wechat_sick", waiting=26, opened=5)  # one beside the lane, four in it
    branch.room.kill()
    branch.hang(mchid, times=0)
    branch.room.start()
    await branch.stand("wechat_sick", pending=31, within_s=60)
    assert branch.sent == dict.fromkeys(numbers, 1)


async def test_a_lane_that_an_operator_holds_keeps_payments_until_their_time_is_over(
    branch: Branch,
) -> None:
    mchid = await branch.open_channel("wechat_held", calls_in_flight_max=1)
    branch.hang(mchid)
    first = await branch.pay(*payments(1, "wechat_held"))
    await hold_lane(branch.pool, "channels", "wechat_held", Hold(kind="paused", reason="audit"))
    await asyncio.sleep(0.5)
    short = await branch.pay(*payments(3, "wechat_held", lives_s=5.0))
    long = await branch.pay(*payments(2, "wechat_held"))
    await branch.stand("wechat_held", opened=1, waiting=5)
    branch.hang(mchid, times=0)
    await branch.stand("wechat_held", pending=1, failed=3, waiting=2)
    await hold_lane(branch.pool, "channels", "wechat_held", None)
    await branch.stand("wechat_held", pending=3, failed=3)
    assert branch.sent == dict.fromkeys([*first, *long], 1)
    assert not set(short) & branch.sent.keys(), "nobody was asked for it"
