"""The wiring of accounting."""

from __future__ import annotations

from actors.accounting.rules import Ledger, decide
from actors.accounting.store import load_ledger, save_ledger
from bus.decider import Decider
from bus.topology import Inlet
from schema.messages.ordering import PaymentSucceeded

ACCOUNTING = Inlet("accounting", hears=(PaymentSucceeded,))
INLETS = (ACCOUNTING,)


def accounting() -> Decider[Ledger]:
    """The decider that keeps the books. A booking's unique key is its inbox: a separate row would
    cost a fifth of the speed and protect nothing more."""
    return Decider(
        inlet=ACCOUNTING, load=load_ledger, decide=decide, save=save_ledger, keeps_inbox=False
    )
