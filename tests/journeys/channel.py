"""A channel: a contract with the simulated WeChat Pay, whose payers and troubles we command."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.simulator import Simulator
from handlers.simulator.world import Api, FaultOrder, Kind, Trade
from schema.channels.language import Protocols
from tests.waiting import at_last


@dataclass(frozen=True)
class Channel:
    """One of our channels, seen from its other end."""

    channel_no: str
    mchid: str
    simulator: Simulator
    protocol: Protocols = "wechat"

    def trouble(
        self, api: Api, kind: Kind, *, value: int | str | None = None, times: int | None = 1
    ) -> None:
        """So many of the coming calls go wrong; None: all of them."""
        wish = FaultOrder(
            account_no=self.mchid, protocol=self.protocol, api=api, kind=kind, value=value,
            times=times,
        )  # fmt: skip
        assert self.simulator.order_fault(wish) is None

    def trade(self, attempt_id: str) -> Trade | None:
        """The order as the channel knows it."""
        return self.simulator.world.merchants[self.protocol, self.mchid].trades.get(attempt_id)

    async def pay(self, attempt_id: str) -> Trade:
        """The payer pays the order, as soon as the channel has it."""

        async def opened() -> Trade | None:
            return self.trade(attempt_id)

        trade = await at_last(opened)
        assert isinstance(self.simulator.world.pay(trade), Trade)
        return trade
