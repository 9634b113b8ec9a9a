"""How refunds happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.simulator.world.faults import Happening
from handlers.simulator.world.refunds import Refund, RefundState, RefundTerms
from handlers.simulator.world.refusals import No
from handlers.simulator.world.trades import Trade, TradeState

if TYPE_CHECKING:
    from handlers.simulator.world.world import World


def refund(world: World, trade: Trade, terms: RefundTerms) -> Refund | No:
    """A refund of a paid trade. A repeat under its key with another amount is refused."""
    merchant = world.of(trade)
    known = merchant.refunds.get(terms.key or terms.number)
    if known is not None:
        is_same = known.trade is trade and known.amount_fen == terms.amount_fen
        return known if is_same else No.NUMBER_USED
    if trade.state is not TradeState.PAID:
        return No.ALREADY_REVERSED if trade.state is TradeState.REVERSED else No.NOT_PAID
    if terms.amount_fen > trade.amount_fen - trade.refunded_fen:
        return No.TOO_MUCH
    if len(merchant.refunds) >= world.manners.trades_max:
        return No.NO_ROOM
    return _opened(world, trade, terms)


def _opened(world: World, trade: Trade, terms: RefundTerms) -> Refund:
    now, merchant = world.clock.now(), world.of(trade)
    opened = Refund(
        merchant=merchant.key,
        terms=terms,
        trade=trade,
        channel_number=world.fronts[merchant.protocol].refund_number(now),
        opened_at=now,
    )
    merchant.refunds[terms.key or terms.number] = opened
    trade.refunded_fen += terms.amount_fen
    state = _end(world, opened)
    if terms.takes_s:
        world.clock.later(terms.takes_s, lambda: _ends(world, opened, state))
    else:
        _ends(world, opened, state)
    return opened


def _end(world: World, opened: Refund) -> RefundState:
    merchant = world.of(opened)
    happening = Happening("refund", opened.number, opened.amount_fen)
    fault = world.faults.at(merchant, happening, "ends_abnormal", "ends_closed")
    if fault is None:
        return RefundState.REFUNDED
    return RefundState.ABNORMAL if fault.kind == "ends_abnormal" else RefundState.CLOSED


def _ends(world: World, opened: Refund, state: RefundState) -> None:
    now = world.clock.now()
    opened.state, opened.refunded_at = state, now
    if state is RefundState.CLOSED:
        opened.trade.refunded_fen -= opened.amount_fen
    else:
        opened.fee_fen = world.bills.returned_fee_fen(opened.trade, opened.amount_fen)
        opened.trade.returned_fee_fen += opened.fee_fen
        world.happened(opened, now)
    world.announce(opened, opened.terms.notify_url, now)
