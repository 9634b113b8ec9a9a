"""How profit shares happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.simulator.world.faults import Happening
from handlers.simulator.world.refusals import No
from handlers.simulator.world.shares import PartState, Share, ShareReturn, ShareTerms
from handlers.simulator.world.trades import Trade, TradeState

if TYPE_CHECKING:
    from handlers.simulator.world.world import World


def share(world: World, trade: Trade, terms: ShareTerms, parameters: bytes) -> Share | No:
    """A share, or the one that an identical earlier call made."""
    merchant = world.of(trade)
    known = merchant.shares.get(terms.number)
    if known is not None:
        return known if known.parameters == parameters else No.NUMBER_USED
    if trade.state is not TradeState.PAID:
        return No.NOT_PAID
    if not trade.terms.shares_profit:
        return No.NOT_SHARED_PROFIT
    left_fen = trade.amount_fen - trade.refunded_fen - trade.shared_fen
    if trade.is_unfrozen or sum(part.amount_fen for part in terms.parts) > left_fen:
        return No.TOO_MUCH
    if len(merchant.shares) >= world.manners.trades_max:
        return No.NO_ROOM
    return _opened(world, trade, terms, parameters)


def unfreeze(trade: Trade) -> Trade | No:
    """What was not shared becomes the merchant's own; repeating it is safe."""
    if trade.state is not TradeState.PAID:
        return No.NOT_PAID
    trade.is_unfrozen = True
    return trade


def give_back(
    world: World, given: Share, number: str, account: str, amount_fen: int, description: str
) -> ShareReturn | No:
    """A receiver gives back what it had, or some of it; it can be shared again."""
    known = next((each for each in given.returns if each.number == number), None)
    if known is not None:
        is_same = (known.account, known.amount_fen) == (account, amount_fen)
        return known if is_same else No.NUMBER_USED
    had_fen = sum(
        part.amount_fen
        for part, state in zip(given.terms.parts, given.states, strict=True)
        if part.account == account and state is PartState.SHARED
    )
    gave_fen = sum(each.amount_fen for each in given.returns if each.account == account)
    if amount_fen > had_fen - gave_fen:
        return No.TOO_MUCH
    now = world.clock.now()
    returned = ShareReturn(
        number=number,
        channel_number=world.fronts[world.of(given).protocol].share_number(now),
        account=account,
        amount_fen=amount_fen,
        description=description,
        returned_at=now,
    )
    given.returns += (returned,)
    given.trade.shared_fen -= amount_fen
    return returned


def _opened(world: World, trade: Trade, terms: ShareTerms, parameters: bytes) -> Share:
    now, merchant = world.clock.now(), world.of(trade)
    opened = Share(
        merchant=merchant.key,
        terms=terms,
        parameters=parameters,
        trade=trade,
        channel_number=world.fronts[merchant.protocol].share_number(now),
        opened_at=now,
        states=(PartState.PENDING,) * len(terms.parts),
    )
    merchant.shares[terms.number] = opened
    trade.shared_fen += opened.amount_fen
    trade.is_unfrozen = terms.is_last
    if terms.takes_s:
        world.clock.later(terms.takes_s, lambda: _ends(world, opened))
    else:
        _ends(world, opened)
    return opened


def _ends(world: World, opened: Share) -> None:
    merchant, now = world.of(opened), world.clock.now()
    happening = Happening("share", opened.number, opened.amount_fen)
    fault = world.faults.at(merchant, happening, "ends_failed")
    state = PartState.REFUSED if fault else PartState.SHARED
    if fault:
        opened.failure_code = fault.code
        opened.trade.shared_fen -= opened.amount_fen
    opened.states, opened.finished_at = (state,) * len(opened.states), now
    world.announce(opened, opened.terms.notify_url, now)
