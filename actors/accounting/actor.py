"""The wiring of accounting."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.accounting.decisions import HEARS, decide
from actors.accounting.ledger import Ledger
from actors.accounting.loading import load_ledger
from actors.accounting.opening import Directory
from actors.accounting.saving import save_ledger
from bus.database import Connection
from bus.decider import Decider
from bus.topology import Inlet
from schema.messages.contract import Message

ACCOUNTING = Inlet("accounting", hears=HEARS)
INLETS = (ACCOUNTING,)


def accounting(
    shard: int = 0, *, inlet: Inlet = ACCOUNTING, epoch: Callable[[], int | None] = lambda: 0
) -> Decider[Ledger]:
    """The one writer of a shard's books.

    Business keys are the inbox here: a separate row would cost a fifth of the speed and protect
    nothing more. `epoch` is that of the lease under which it writes.
    """
    directory = Directory()

    async def load(connection: Connection, messages: Sequence[Message]) -> Ledger:
        return await load_ledger(connection, messages, shard, directory)

    async def save(connection: Connection, ledger: Ledger) -> None:
        await save_ledger(connection, ledger, epoch() or 0)

    return Decider(inlet=inlet, load=load, decide=decide, save=save, keeps_inbox=False)
