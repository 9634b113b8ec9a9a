"""The page that shows the moves of a payment, drawn from the table that makes them.

A test compares `docs/states.md` with what is drawn here, so the picture can't be out of date.
"""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_uppercase

from actors.ordering.states import MOVES, Happening
from schema.payments import PaymentState

MEANINGS = {
    Happening.REFUSED: "Risk objects to the payment.",
    Happening.UNROUTABLE: "No channel of the merchant can take it.",
    Happening.PENDING: "A channel waits for the payer, who can pay with its code.",
    Happening.UNKNOWN: "Nobody can say yet whether the channel took the payment.",
    Happening.FAILED: "Every channel that was tried has proved that it surely was not paid.",
    Happening.SUCCEEDED: "A channel says, in signed words, that the payer has paid.",
}

LETTERS = dict(zip(Happening, ascii_uppercase, strict=False))

PAGE = """\
# The states of a payment

Drawn from the table in `actors/ordering/states.py`. Each arrow is named by what happens.

```mermaid
stateDiagram-v2
    [*] --> placed : the merchant orders
{arrows}
```

{legend}

What happens otherwise, too late or once more, is heard and leaves the state as it is:

| state | stays where it is at |
|---|---|
{stays}

Two rules can be seen in the picture. Nothing leads out of `succeeded`: money that came, came. And
money that comes after a failure is not lost: it leads from `failed` to `succeeded`.
"""


def page() -> str:
    """The whole of `docs/states.md`."""
    legend = "\n".join(f"- **{LETTERS[each]}** `{each}`: {MEANINGS[each]}" for each in Happening)
    return PAGE.format(arrows="\n".join(_arrows()), legend=legend, stays="\n".join(_stays()))


def _arrows() -> Iterator[str]:
    for state in PaymentState:
        for target in PaymentState:
            if target is not state and (letters := _letters(state, target)):
                yield f"    {state} --> {target} : {letters}"


def _stays() -> Iterator[str]:
    for state in PaymentState:
        yield f"| {state} | {_letters(state, state) or 'nothing'} |"


def _letters(state: PaymentState, target: PaymentState) -> str:
    """The letters of all that leads from one state to the other."""
    return ", ".join(LETTERS[each] for each in Happening if MOVES[state, each] is target)
