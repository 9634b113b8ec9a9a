"""How transfers happen."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from handlers.simulator.world.faults import Happening
from handlers.simulator.world.merchants import Merchant
from handlers.simulator.world.refusals import No
from handlers.simulator.world.transfers import (
    CONFIRM_WITHIN_S,
    Transfer,
    TransferReturn,
    TransferState,
    TransferTerms,
)

if TYPE_CHECKING:
    from handlers.simulator.world.world import World


def transfer(
    world: World, merchant: Merchant, terms: TransferTerms, parameters: bytes
) -> Transfer | No:
    """A transfer, or the one that an identical earlier call made."""
    known = merchant.transfers.get(terms.number)
    if known is not None:
        return known if known.parameters == parameters else No.NUMBER_USED
    if len(merchant.transfers) >= world.manners.trades_max:
        return No.NO_ROOM
    now = world.clock.now()
    opened = Transfer(
        merchant=merchant.key,
        terms=terms,
        parameters=parameters,
        channel_number=world.fronts[merchant.protocol].transfer_number(now),
        package=secrets.token_urlsafe(48) if terms.needs_confirmation else "",
        opened_at=now,
        changed_at=now,
    )
    merchant.transfers[terms.number] = opened
    if terms.needs_confirmation:
        opened.state = TransferState.CONFIRMING
        world.packages[opened.package] = opened
        world.clock.later(CONFIRM_WITHIN_S, lambda: _gives_up(world, opened))
    else:
        _sends(world, opened)
    return opened


def confirm(world: World, opened: Transfer) -> Transfer | No:
    """The payee takes the money."""
    if opened.state is not TransferState.CONFIRMING:
        return No.NOT_CONFIRMABLE
    _sends(world, opened)
    return opened


def cancel(world: World, opened: Transfer) -> Transfer | No:
    """The merchant takes back what nobody has confirmed; repeating it is safe."""
    if opened.state is TransferState.CANCELLED:
        return opened
    if opened.state is not TransferState.CONFIRMING:
        return No.NOT_CONFIRMABLE
    _ends(world, opened, TransferState.CANCELLED)
    return opened


def _sends(world: World, opened: Transfer) -> None:
    opened.state, opened.changed_at = TransferState.PROCESSING, world.clock.now()
    if opened.terms.takes_s:
        world.clock.later(opened.terms.takes_s, lambda: _arrives(world, opened))
    else:
        _arrives(world, opened)


def _arrives(world: World, opened: Transfer) -> None:
    merchant = world.of(opened)
    happening = Happening("transfer", opened.number, opened.amount_fen)
    fault = world.faults.at(merchant, happening, "ends_failed", "returned")
    if fault and fault.kind == "ends_failed":
        opened.failure_code = fault.code
        _ends(world, opened, TransferState.FAILED)
        return
    opened.transferred_at = world.clock.now()
    world.happened(opened, opened.transferred_at)
    _ends(world, opened, TransferState.TRANSFERRED)
    if fault:
        wait_s = fault.wait_s * world.clock.speed  # by the true time
        world.clock.later(wait_s, lambda: _comes_back(world, opened))


def _comes_back(world: World, opened: Transfer) -> None:
    _ends(world, opened, TransferState.RETURNED)
    back = TransferReturn(transfer=opened, returned_at=opened.changed_at)
    world.happened(back, back.returned_at)


def _gives_up(world: World, opened: Transfer) -> None:
    """Nobody confirmed it within a day."""
    if opened.state is TransferState.CONFIRMING:
        _ends(world, opened, TransferState.FAILED)


def _ends(world: World, opened: Transfer, state: TransferState) -> None:
    opened.state, opened.changed_at = state, world.clock.now()
    world.packages.pop(opened.package, None)
    world.announce(opened, opened.terms.notify_url, opened.changed_at)
