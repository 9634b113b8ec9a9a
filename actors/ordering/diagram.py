"""The page that shows the moves of payments and refunds, drawn from the tables that make them.

A test compares `docs/states.md` with what is drawn here, so the picture can't be out of date.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from string import ascii_uppercase
from typing import Any

from actors.ordering.states import MOVES, REFUND_MOVES, Happening, Turn
from schema.payments import PaymentState
from schema.refunds import RefundState

MEANINGS: dict[StrEnum, str] = {
    Happening.CHOSEN: "The payer has chosen how to pay.",
    Happening.CLEARED: "Risk lets the payment through.",
    Happening.REFUSED: "Risk objects to the payment.",
    Happening.UNROUTABLE: "No channel of the merchant can take it.",
    Happening.PENDING: "A channel waits for the payer, who can pay.",
    Happening.UNKNOWN: "Nobody can say yet whether the channel took the payment.",
    Happening.FAILED: "Every channel that was tried has proved that it surely was not paid.",
    Happening.RELEASED: "The same, and the payer may choose another way to pay.",
    Happening.SUCCEEDED: "A channel says, in signed words, that the payer has paid.",
    Happening.CLOSE: "The order's life is over, or the merchant or the payer ends it.",
    Happening.CLOSED: "The channels confirm that nobody can pay any more.",
    Happening.REOPENED: "The merchant's policy is to take money that comes late.",
    Happening.REFUNDED_PART: "The payer has a part back.",
    Happening.REFUNDED_ALL: "The payer has all of it back.",
    Turn.FUNDED: "The books have set the money aside, or it is none of ours.",
    Turn.SHORT: "The books can't set it aside yet.",
    Turn.GIVEN_UP: "Nothing was set aside, and nobody waits any longer.",
    Turn.PENDING: "The channel works on it.",
    Turn.UNKNOWN: "Nobody can say yet whether the channel took the refund.",
    Turn.ABNORMAL: "The money left the merchant and could not reach the payer.",
    Turn.SUCCEEDED: "The payer has the money back, or is certain to get it.",
    Turn.FAILED: "The channel has proved that nothing went back and nothing will.",
}

PAGE = """\
# The states of a payment and of a refund

Drawn from the tables in `actors/ordering/states.py`. Each arrow is named by what happens.

## A payment 支付

{payment}

Two rules can be seen in the picture. Money that came, came: out of `succeeded` lead only refunds.
And money that comes after an end is not lost: it leads from `failed` and `closed` to `late_paid`,
and from there back to its payer, or by the merchant's policy to `succeeded`.

## A refund 退款

{refund}

A refund ends by a proof only. `abnormal` is not an end: the money is with neither of the two, and a
person has to see to it.
"""

PART = """\
```mermaid
stateDiagram-v2
    [*] --> {first}
{arrows}
```

{legend}

What happens otherwise, too late or once more, is heard and leaves the state as it is:

| state | stays where it is at |
|---|---|
{stays}"""

Moves = Mapping[tuple[Any, Any], StrEnum]


def page() -> str:
    """The whole of `docs/states.md`."""
    payment = _part("screening : the merchant orders\n    [*] --> placed : the payer is to choose",
        PaymentState, Happening, MOVES)  # fmt: skip
    refund = _part("reserved : somebody wishes it", RefundState, Turn, REFUND_MOVES)
    return PAGE.format(payment=payment, refund=refund)


def _part(first: str, states: type[StrEnum], events: type[StrEnum], moves: Moves) -> str:
    letters = dict(zip(events, ascii_uppercase, strict=False))
    return PART.format(
        first=first,
        arrows="\n".join(_arrows(states, letters, moves)),
        legend="\n".join(f"- **{letters[each]}** `{each}`: {MEANINGS[each]}" for each in events),
        stays="\n".join(_stays(states, letters, moves)),
    )


def _arrows(states: type[StrEnum], letters: Mapping[StrEnum, str], moves: Moves) -> Iterator[str]:
    for state in states:
        for target in states:
            if target is not state and (through := _letters(letters, moves, state, target)):
                yield f"    {state} --> {target} : {through}"


def _stays(states: type[StrEnum], letters: Mapping[StrEnum, str], moves: Moves) -> Iterator[str]:
    for state in states:
        yield f"| {state} | {_letters(letters, moves, state, state) or 'nothing'} |"


def _letters(letters: Mapping[StrEnum, str], moves: Moves, state: StrEnum, target: StrEnum) -> str:
    """The letters of all that leads from one state to the other."""
    return ", ".join(letter for each, letter in letters.items() if moves[state, each] is target)
