"""The language of routing rules: conditions on a payment, read into a tree, nothing else possible.

    amount_fen >= 100000 and merchant in ['100001', '100002']
    (hour < 7 or hour >= 23) and not metadata.shop starts_with 'south'

Numbers are `amount_fen`, `hour` (0 to 23) and `weekday` (1, Monday, to 7), both China's; all else
is text. A field that a payment does not have is the empty text. `not` binds tighter than `and`,
`and` tighter than `or`. There are no calls, no loops and no arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Literal, cast

from msgspec import Struct

from schema.money import AMOUNT_FEN_MAX

Value = int | str
Facts = Mapping[str, Value]
Sign = Literal["=", "!=", "<", "<=", ">", ">=", "in", "starts_with"]

NUMBERS: dict[str, tuple[int, int]] = {
    "amount_fen": (1, AMOUNT_FEN_MAX),
    "hour": (0, 23),
    "weekday": (1, 7),
}
"""Fields that are numbers, with the least and the most that they can be."""

TEXTS = ("pay_type", "merchant", "currency", "payer", "client_ip")
SIGNS = ("=", "!=", "<", "<=", ">", ">=", "in", "starts_with")
DEPTH_MAX = 32
"""Brackets and `not`s inside one another: far more than a person reads."""

TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<number>[0-9]{1,15}(?![0-9A-Za-z_]))|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_.\-]*)|(?P<sign><=|>=|!=|[=<>()\[\],])"
)


class Mistake(ValueError):
    """What is wrong with an expression, and where: `position` counts characters from 1."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"at character {position}: {reason}")
        self.position = position
        self.reason = reason


class Comparison(Struct, frozen=True):
    """A field beside one value, or several for `in`."""

    field: str
    sign: Sign
    values: tuple[Value, ...]


class Not(Struct, frozen=True):
    """The opposite."""

    part: Condition


class And(Struct, frozen=True):
    """All of them."""

    parts: tuple[Condition, ...]


class Or(Struct, frozen=True):
    """Any of them."""

    parts: tuple[Condition, ...]


Condition = Comparison | Not | And | Or


class Token(Struct, frozen=True):
    """One word of an expression and where it begins."""

    kind: str
    text: str
    position: int


@lru_cache(maxsize=1_024)
def parse(text: str) -> Condition:
    """The tree of an expression. Raises Mistake with the position."""
    return Reader(tokens(text)).condition()


def tokens(text: str) -> list[Token]:
    """The words of an expression, with an `end` after them. Raises Mistake."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise Mistake(at + 1, f"{text[at]!r} can't stand here")
        if match.lastgroup != "space":
            found.append(Token(cast(str, match.lastgroup), match.group(), at + 1))
        at = match.end()
    return [*found, Token("end", "the end", len(text) + 1)]


class Reader:
    """Reads words from left to right; one function for each level of binding."""

    def __init__(self, words: list[Token]) -> None:
        self._words = words
        self._at = 0
        self._depth = 0

    def condition(self) -> Condition:
        """All of it, up to the end."""
        read = self._any()
        self._expect("end", "`and`, `or` or the end")
        return read

    def _any(self) -> Condition:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Condition:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Condition:
        if self._take("not"):
            return self._deeper(lambda: Not(self._one()))
        if self._take("("):
            return self._deeper(self._bracket)
        return self._comparison()

    def _bracket(self) -> Condition:
        inner = self._any()
        self._expect(")", "`)`")
        return inner

    def _deeper(self, read: Callable[[], Condition]) -> Condition:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise Mistake(self._here.position, f"more than {DEPTH_MAX} levels deep")
        inner = read()
        self._depth -= 1
        return inner

    def _comparison(self) -> Condition:
        field = self._field()
        opposite = self._take("not")
        word = self._next()
        if word.text not in SIGNS or (opposite and word.text != "in"):
            raise Mistake(word.position, f"one of {' '.join(SIGNS)} is needed, not {word.text}")
        sign = word.text
        if field in NUMBERS and sign == "starts_with":
            raise Mistake(word.position, f"{field} is a number")
        if field not in NUMBERS and sign in ("<", "<=", ">", ">="):
            raise Mistake(word.position, f"{field} is a text, which has no {sign}")
        read = Comparison(field, sign, self._list(field) if sign == "in" else (self._value(field),))
        return Not(read) if opposite else read

    def _field(self) -> str:
        word = self._next()
        is_known = word.text in NUMBERS or word.text in TEXTS
        if word.kind == "name" and (is_known or re.fullmatch(r"metadata\.[\w\-]{1,40}", word.text)):
            return word.text
        known = ", ".join((*NUMBERS, *TEXTS))
        raise Mistake(word.position, f"{word.text} is no field: {known}, metadata.KEY")

    def _list(self, field: str) -> tuple[Value, ...]:
        self._expect("[", "`[`")
        values = [self._value(field)]
        while self._take(","):
            values.append(self._value(field))
        self._expect("]", "`,` or `]`")
        return tuple(values)

    def _value(self, field: str) -> Value:
        word = self._next()
        if field in NUMBERS:
            if word.kind != "number":
                raise Mistake(word.position, f"{field} needs a whole number, not {word.text}")
            return int(word.text)
        if word.kind != "text":
            raise Mistake(word.position, f"{field} needs a text in quotes, not {word.text}")
        return word.text[1:-1]

    @property
    def _here(self) -> Token:
        return self._words[self._at]

    def _next(self) -> Token:
        word = self._here
        self._at = min(self._at + 1, len(self._words) - 1)
        return word

    def _take(self, text: str) -> bool:
        if self._here.text != text or self._here.kind in ("text", "end"):
            return False
        self._at += 1
        return True

    def _expect(self, what: str, said: str) -> None:
        word = self._next()
        if what not in (word.text, word.kind):
            raise Mistake(word.position, f"{said} is needed, not {word.text}")


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether a condition is true of a payment."""
    match condition:
        case Comparison(field, sign, values):
            return _compared(facts.get(field, ""), sign, values)
        case Not(part):
            return not holds(part, facts)
        case And(parts):
            return all(holds(part, facts) for part in parts)
        case Or(parts):
            return any(holds(part, facts) for part in parts)


def comparisons(condition: Condition) -> list[Comparison]:
    """Every comparison in a condition."""
    match condition:
        case Comparison():
            return [condition]
        case Not(part):
            return comparisons(part)
        case And(parts) | Or(parts):
            return [found for part in parts for found in comparisons(part)]


def _compared(fact: Value, sign: Sign, values: tuple[Value, ...]) -> bool:
    match fact, sign, values:
        case _, "=" | "in", _:
            return fact in values
        case _, "!=", _:
            return fact not in values
        case str(text), _, (str(prefix),):
            return sign == "starts_with" and text.startswith(prefix)
        case int(number), _, (int(limit),):
            return _ordered(number, sign, limit)
        case _:
            return False


def _ordered(number: int, sign: Sign, limit: int) -> bool:
    match sign:
        case "<":
            return number < limit
        case "<=":
            return number <= limit
        case ">":
            return number > limit
        case _:
            return number >= limit
