"""The language of routing rules: what it says, where it objects, and which branches are dead."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.coverage import unreachable
from schema.expressions import Mistake, holds, parse
from schema.routing import RoutingRule
from schema.rule_checks import complaints

FACTS = {
    "amount_fen": 1_000,
    "hour": 12,
    "weekday": 7,
    "pay_type": "wechat_native",
    "merchant": "100001",
    "currency": "CNY",
    "payer": "",
    "client_ip": "10.1.2.3",
    "metadata.shop": "south-2",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("amount_fen = 1000", True),
        ("amount_fen != 1000", False),
        ("amount_fen < 1000", False),
        ("amount_fen <= 1000 and amount_fen >= 1000", True),
        ("amount_fen > 999", True),
        ("hour in [1, 12]", True),
        ("hour not in [1, 12]", False),
        ("merchant in ['100002', \"100001\"]", True),
        ("payer = ''", True),
        ("metadata.missing = ''", True),
        ("metadata.shop starts_with 'south'", True),
        ("client_ip starts_with '10.2.'", False),
        ("not weekday = 7", False),
        ("not not weekday = 7", True),
        ("hour = 1 and hour = 2 or weekday = 7", True),  # `and` binds tighter
        ("hour = 1 and (hour = 2 or weekday = 7)", False),
        ("not hour = 1 and hour = 2", False),  # `not` binds tightest
    ],
)
def test_a_condition_holds_or_does_not(text: str, expected: bool) -> None:
    assert holds(parse(text), FACTS) is expected


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 1),
        ("amount_fen >", 13),
        ("amount_fen > 'x'", 14),
        ("amount > 1", 1),
        ("amount_fen = 1 )", 16),
        ("(hour = 1", 10),
        ("payer < 'a'", 7),
        ("hour starts_with 'a'", 6),
        ("payer = 'a", 9),
        ("hour not = 1", 10),
        ("hour in []", 10),
        ("hour = 1 hour = 2", 10),
        ("'text' = payer", 1),
        ("hour = 1; drop", 9),
        ("metadata. = 'x'", 1),
        ("(" * 33 + "hour = 1" + ")" * 33, 34),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, position: int) -> None:
    with pytest.raises(Mistake) as caught:
        parse(text)
    assert caught.value.position == position


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        holds(parse(text), FACTS)
    except Mistake as mistake:
        assert 1 <= mistake.position <= len(text) + 1


words = st.sampled_from(
    ["amount_fen", "hour", "payer", "and", "or", "not", "(", ")", "[", "]", "in", "=", "<", "5"]
)


@given(st.lists(words, max_size=12))
def test_any_words_are_read_or_refused(said: list[str]) -> None:
    test_any_text_is_read_or_refused.hypothesis.inner_test(" ".join(said))  # type: ignore[attr-defined]


def dead(*conditions: str, **given: Any) -> list[tuple[int, str]]:
    return [(f.branch, f.why) for f in unreachable([parse(c) for c in conditions], given)]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (("amount_fen < 100", "amount_fen >= 100 and hour < 8"), []),
        (("amount_fen < 100", "amount_fen < 50"), [(1, "shadowed")]),
        (("amount_fen < 50", "amount_fen < 100"), []),
        (("amount_fen > 10 and amount_fen < 5",), [(0, "contradiction")]),
        (("hour > 23",), [(0, "contradiction")]),
        (("payer = 'a' and payer = 'b'",), [(0, "contradiction")]),
        (("payer starts_with 'a'", "payer = 'abc'"), [(1, "shadowed")]),
        (("payer starts_with 'ab'", "payer starts_with 'a'"), []),
        (("pay_type = 'alipay_qr'",), [(0, "contradiction")]),
        # Shadowed by two earlier branches together, by neither of them alone.
        (("hour < 12", "hour >= 10", "weekday = 3"), [(2, "shadowed"), (3, "default_unreachable")]),
        (("payer = ''", "payer != ''"), [(2, "default_unreachable")]),
    ],
)
def test_dead_branches_are_found(
    conditions: tuple[str, ...], expected: list[tuple[int, str]]
) -> None:
    assert dead(*conditions, pay_type="wechat_native") == expected


def test_what_is_too_large_to_check_is_said() -> None:
    many = [f"metadata.k{n} = 'a'" for n in range(12)]
    assert dead(*many) == [(-1, "too_large_to_check")]


@given(st.integers(1, 300), st.integers(0, 23), st.lists(st.integers(1, 200), min_size=2))
def test_a_branch_called_dead_takes_no_payment(amount: int, hour: int, limits: list[int]) -> None:
    conditions = [f"amount_fen < {limit} and hour >= {limit % 24}" for limit in limits]
    facts = {"amount_fen": amount, "hour": hour}
    taken = [i for i, condition in enumerate(conditions) if holds(parse(condition), facts)]
    assert not taken or taken[0] not in {branch for branch, _ in dead(*conditions)}


def a_rule(**differences: Any) -> RoutingRule:
    usual: dict[str, Any] = {
        "rule_no": "r1",
        "pay_type": "wechat_native",
        "strategy": "weight",
        "channels": [{"channel_no": "aa"}],
    }
    return msgspec.convert(usual | differences, RoutingRule)


OFFERED = {"aa": ["wechat_native"], "bb": ["alipay_qr"]}


@pytest.mark.parametrize(
    ("differences", "param", "reason"),
    [
        ({"channels": []}, "channels", "at least one is needed"),
        ({"channels": [{"channel_no": "xx"}]}, "channels", "there is no channel 'xx'"),
        ({"channels": [{"channel_no": "bb"}]}, "channels", "bb does not offer wechat_native"),
        ({"channels": [{"channel_no": "aa"}] * 2}, "channels", "a channel stands in it twice"),
        (
            {"channels": [{"channel_no": "aa", "weight": 0}]},
            "channels",
            "no channel has any weight",
        ),
        (
            {"strategy": "expressions"},
            "branches",
            "they belong to the strategy `expressions`, which needs some",
        ),
    ],
)
def test_a_rule_that_cannot_work_is_a_mistake(
    differences: dict[str, Any], param: str, reason: str
) -> None:
    found = complaints(a_rule(**differences), OFFERED)
    assert [(c.kind, c.param, c.reason) for c in found] == [("mistake", param, reason)]


def test_a_dead_branch_is_a_warning_and_the_rule_stands() -> None:
    branches = [
        {"when": when, "channels": [{"channel_no": "aa"}]} for when in ("hour < 9", "hour < 8")
    ]
    (found,) = complaints(a_rule(strategy="expressions", branches=branches), OFFERED)
    assert (found.kind, found.param) == ("warning", "branches[1].when")
