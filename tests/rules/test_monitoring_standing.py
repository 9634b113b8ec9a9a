"""Alarms and take-downs: when they come, when they end, and what no rule may do by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from actors.monitoring.board import Alarm, Board, Standing
from actors.monitoring.measures import Subject, Tally
from actors.monitoring.rules import AlarmRule, Finding
from actors.monitoring.standing import (
    DOWN_S_MAX,
    SHARES_PPM,
    progress,
    published,
    react,
    restore,
    take_down,
)
from schema.messages.monitoring import (
    ChannelAlarmed,
    ChannelRecovered,
    ChannelRestored,
    ChannelTakenDown,
    Figures,
)
from schema.payments import Refusal
from schema.standings import WHOLE_PPM, ChannelStanding, TakeDown, barred, is_probe
from tests.examples import NOW, a_channel

STEP_S, STEP_QUIET_S = 20, 60
A, B = Subject("wechat_a", "wechat_native"), Subject("wechat_b", "wechat_native")
RULE = AlarmRule(
    rule_no="failing", metric="failure_percent", threshold=50, cool_down_s=300, down_s=60,
    action="take_down",
)  # fmt: skip
ALARM_ONLY = AlarmRule(rule_no="failing", metric="failure_percent", threshold=50, cool_down_s=300)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_board(*channel_nos: str, **differences: Any) -> Board:
    """Channels of these numbers, all of them up."""
    numbers = channel_nos or ("wechat_a", "wechat_b")
    channels = {number: a_channel(channel_no=number, **differences) for number in numbers}
    return Board(channels=channels, alarms={}, standings={})


def a_finding(
    value: int = 60, *, rule: AlarmRule = RULE, subject: Subject = A, calls: int = 20
) -> Finding:
    figures = Figures(metric=rule.metric, value=value, threshold=50, calls=calls, window_s=60)
    return Finding(rule=rule, subject=subject, figures=figures, is_over=value >= 50)


def look(board: Board, *findings: Finding, at: float = 0, rules: Sequence[AlarmRule] = ()) -> None:
    """One round of judging."""
    known = rules or [finding.rule for finding in findings] or [RULE]
    react(board, known, findings, after(at))


def said(board: Board, kind: type[Any]) -> list[Any]:
    return [fact for fact in board.facts if isinstance(fact, kind)]


def only_alarm(board: Board) -> Alarm:
    [alarm] = board.alarms.values()
    return alarm


def states(board: Board) -> dict[str, str]:
    return {subject.channel_no: standing.state for subject, standing in board.standings.items()}


# Alarms.


def test_a_broken_rule_raises_one_alarm_with_its_figures() -> None:
    board = a_board()
    for at in (0, 2, 4):
        look(board, a_finding(rule=ALARM_ONLY), at=at)
    [alarmed] = said(board, ChannelAlarmed)
    assert (alarmed.channel_no, alarmed.pay_type) == A
    assert (alarmed.figures.value, alarmed.raised_at) == (60, NOW)
    assert (board.standings, only_alarm(board).alarm_no) == ({}, alarmed.alarm_no)


def test_an_alarm_ends_when_the_rule_is_kept_and_not_when_there_is_nothing_to_judge() -> None:
    board = a_board()
    look(board, a_finding(rule=ALARM_ONLY))
    look(board, a_finding(0, rule=ALARM_ONLY, calls=0), at=2)
    look(board, a_finding(60, rule=ALARM_ONLY, calls=3), at=4)
    assert only_alarm(board).recovered_at is None, "few calls that fail are no recovery"
    look(board, a_finding(49, rule=ALARM_ONLY, calls=3), at=6)
    [recovered] = said(board, ChannelRecovered)
    assert (recovered.raised_at, recovered.recovered_at) == (NOW, after(6))


def test_an_alarm_that_comes_and_goes_is_raised_once_in_its_cool_down() -> None:
    board = a_board()
    for at in range(0, 300, 2):
        look(board, a_finding(60 if at % 4 else 10, rule=ALARM_ONLY), at=at)
    assert len(said(board, ChannelAlarmed)) == 1
    look(board, a_finding(rule=ALARM_ONLY), at=302)
    assert len(said(board, ChannelAlarmed)) == 2


def test_an_alarm_ends_with_its_rule_or_when_nobody_asks_the_channel_any_more() -> None:
    for rules, at in (([], 2), ([ALARM_ONLY], 300)):
        board = a_board()
        look(board, a_finding(rule=ALARM_ONLY))
        react(board, rules, [], after(at - 1))
        assert (only_alarm(board).recovered_at is None) == bool(rules)
        react(board, rules, [], after(at))
        assert only_alarm(board).recovered_at is not None


def test_alarms_of_two_channels_have_nothing_to_do_with_each_other() -> None:
    board = a_board()
    look(board, a_finding(rule=ALARM_ONLY), a_finding(0, rule=ALARM_ONLY, subject=B))
    look(board, a_finding(rule=ALARM_ONLY), a_finding(rule=ALARM_ONLY, subject=B), at=2)
    assert [fact.channel_no for fact in said(board, ChannelAlarmed)] == ["wechat_a", "wechat_b"]


# Taken down by a rule.


def test_a_rule_that_may_takes_the_channel_down_once_and_says_why() -> None:
    board = a_board()
    for at in (0, 2):
        look(board, a_finding(), at=at)
    [down] = said(board, ChannelTakenDown)
    assert (down.channel_no, down.pay_type, down.by) == (*A, "rule:failing")
    assert down.reason == "failure_percent 60, threshold 50, 20 calls in 60 s"
    assert [(c.what, c.by, c.figures) for c in board.changes] == [
        ("taken_down", "rule:failing", a_finding().figures)
    ]
    assert board.standings[A].probe_at == after(60)


@pytest.mark.parametrize("other", [None, "inactive", "down", "probing", "other pay type"])
def test_the_last_usable_channel_stays_and_the_alarm_says_so_once(other: str | None) -> None:
    board = a_board(*(["wechat_a"] if other is None else []))
    if other == "inactive":
        board.channels = {**board.channels, "wechat_b": a_channel(
            channel_no="wechat_b", status="inactive")}  # fmt: skip
    if other == "other pay type":
        board.channels = {**board.channels, "wechat_b": a_channel(
            channel_no="wechat_b", pay_types=("wechat_h5",))}  # fmt: skip
    if other in ("down", "probing"):
        board.standings[B] = Standing(
            channel_no=B.channel_no, pay_type=B.pay_type, state=other, by="carol", reason="",
            since=NOW,
        )  # fmt: skip
    for at in (0, 2, 4):
        look(board, a_finding(), at=at)
    assert (said(board, ChannelTakenDown), A in board.standings) == ([], False)
    assert only_alarm(board).note == "kept: the last usable channel of wechat_native"
    assert [change.what for change in board.changes] == ["kept"]


def test_a_rule_that_may_take_the_last_channel_does() -> None:
    board = a_board("wechat_a")
    rule = AlarmRule(
        rule_no="failing", metric="failure_percent", threshold=50, action="take_down",
        may_take_last=True,
    )  # fmt: skip
    look(board, a_finding(rule=rule))
    assert states(board) == {"wechat_a": "down"}


def test_two_channels_that_fail_together_do_not_both_go() -> None:
    board = a_board()
    look(board, a_finding(), a_finding(subject=B))
    assert states(board) == {"wechat_a": "down"}


def test_a_channel_that_was_kept_goes_when_another_one_is_back() -> None:
    board = a_board()
    assert take_down(board, B, "carol", "moving", None, NOW) is None
    look(board, a_finding(), at=2)
    assert states(board) == {"wechat_b": "down"}
    assert restore(board, B, "carol", "moved", after(3)) is None
    look(board, a_finding(), at=4)
    assert states(board) == {"wechat_a": "down", "wechat_b": "up"}


def test_a_rule_about_a_whole_channel_takes_only_the_pay_types_that_others_have() -> None:
    board = a_board()
    both = ("wechat_native", "wechat_h5")
    board.channels = {**board.channels, "wechat_a": a_channel(pay_types=both)}
    look(board, a_finding(subject=Subject("wechat_a")))
    assert set(board.standings) == {A}
    assert only_alarm(board).note == "kept: the last usable channel of wechat_h5"


# Up again.


def probe(board: Board, at: float, tally: Tally) -> Standing:
    """One round of probing."""
    progress(board, {A: tally}, after(at))
    return board.standings[A]


def a_probed_board() -> Board:
    """The channel was taken down a minute ago, and the first probes are let through."""
    board = a_board()
    look(board, a_finding())
    assert probe(board, 59, {}).state == "down"
    assert (probe(board, 60, {}).state, board.standings[A].share_ppm) == ("probing", SHARES_PPM[0])
    return board


def test_a_channel_that_does_well_comes_back_step_by_step() -> None:
    board, at, shares = a_probed_board(), 60, []
    while board.standings[A].state == "probing":
        shares.append(board.standings[A].share_ppm)
        assert probe(board, at + STEP_S - 1, {"ok": 5}).since == after(at), "not so fast"
        at += STEP_S
        probe(board, at, {"ok": 5})
    assert (tuple(shares), states(board)) == (SHARES_PPM, {"wechat_a": "up"})
    [restored] = said(board, ChannelRestored)
    assert (restored.by, restored.reason) == (
        "rule:failing", "probed: 5 of 5 calls went well",
    )  # fmt: skip


def test_a_channel_that_fails_its_probes_rests_twice_as_long_each_time() -> None:
    board, at, rests = a_probed_board(), 60.0, []
    for _ in range(8):
        down = probe(board, at, {"no_answer": 2})
        assert (down.state, down.share_ppm) == ("down", 0)
        assert down.probe_at is not None
        rests.append((down.probe_at - down.since).total_seconds())
        at = (down.probe_at - NOW).total_seconds()
        probe(board, at, {})
    assert rests == [120, 240, 480, 960, 1_920, DOWN_S_MAX, DOWN_S_MAX, DOWN_S_MAX]
    assert len(said(board, ChannelTakenDown)) == 1, "it was never restored in between"


def test_one_failed_probe_among_few_waits_for_more_and_among_many_is_no_matter() -> None:
    board = a_probed_board()
    assert probe(board, 200, {"no_answer": 1}).share_ppm == SHARES_PPM[0]
    assert probe(board, 200, {"no_answer": 1, "ok": 9}).share_ppm == SHARES_PPM[1]


def test_where_few_call_time_brings_the_next_step() -> None:
    board = a_probed_board()
    assert probe(board, 60 + STEP_QUIET_S - 1, {"ok": 1}).share_ppm == SHARES_PPM[0]
    assert probe(board, 60 + STEP_QUIET_S, {"ok": 1}).share_ppm == SHARES_PPM[1]


def test_what_was_restored_is_left_alone_for_the_cool_down() -> None:
    board = a_board()
    look(board, a_finding())
    restore(board, A, "carol", "it is well", after(10))
    look(board, a_finding(), at=309)
    assert states(board) == {"wechat_a": "up"}
    look(board, a_finding(), at=310)
    assert states(board) == {"wechat_a": "down"}


# By hand.


def test_what_a_person_takes_down_stays_until_a_person_restores_it() -> None:
    board = a_board("wechat_a")
    assert take_down(board, Subject("wechat_a"), "carol", "contract ended", None, NOW) is None
    progress(board, {}, after(10**6))
    assert states(board) == {"wechat_a": "down"}
    assert restore(board, Subject("wechat_a"), "dave", "renewed", after(10**6)) is None
    assert [(change.what, change.by) for change in board.changes] == [
        ("taken_down", "carol"), ("restored", "dave"),
    ]  # fmt: skip


def test_a_take_down_with_an_end_ends_by_itself() -> None:
    board = a_board()
    take_down(board, A, "carol", "maintenance", after(600), NOW)
    progress(board, {}, after(599))
    assert states(board) == {"wechat_a": "down"}
    progress(board, {}, after(600))
    [restored] = said(board, ChannelRestored)
    assert (restored.by, restored.reason) == ("clock", "its time is over")


def test_a_person_overrules_a_rule_and_no_probe_follows() -> None:
    board = a_board()
    look(board, a_finding())
    take_down(board, A, "carol", "we look into it", None, after(5))
    progress(board, {}, after(10**5))
    assert (board.standings[A].state, board.standings[A].by) == ("down", "carol")


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"subject": Subject("nobody")}, "channel_no"),
        ({"subject": Subject("wechat_a", "wechat_h5")}, "pay_type"),
        ({"until": NOW}, "until"),
        ({"reason": ""}, "reason"),
        ({"reason": "a\nforged line"}, "reason"),
        ({"reason": "x" * 201}, "reason"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_and_changes_nothing(
    wish: dict[str, Any], param: str
) -> None:
    board = a_board()
    usual: dict[str, Any] = {"subject": A, "by": "carol", "reason": "moving", "until": None}
    refusal = take_down(board, **usual | wish, now=NOW)
    assert isinstance(refusal, Refusal) and refusal.param == param
    assert not board.is_changed and board.changes == []


def test_what_is_not_taken_down_can_not_be_restored() -> None:
    refusal = restore(a_board(), A, "carol", "why not", NOW)
    assert refusal is not None and "nothing of it is taken down" in refusal.reason


# What choosers of channels see.


def test_a_channel_is_barred_for_what_is_taken_down_and_for_nothing_else() -> None:
    board = a_board()
    take_down(board, A, "carol", "moving", after(60), NOW)
    standing = published(board, "wechat_a", 1)
    assert barred(standing, "wechat_native", "pay_1", NOW) == "taken down: down: moving"
    assert barred(standing, "wechat_h5", "pay_1", NOW) is None
    assert barred(standing, "wechat_native", "pay_1", after(60)) is None
    assert barred(None, "wechat_native", "pay_1", NOW) is None
    restore(board, A, "carol", "moved", NOW)
    assert published(board, "wechat_a", 2).take_downs == ()


def test_probes_are_the_same_payments_each_time_and_about_the_share() -> None:
    probing = TakeDown(state="probing", share_ppm=SHARES_PPM[0])
    standing = ChannelStanding(channel_no="wechat_a", version=1, take_downs=(probing,))
    seeds = [f"pay_{number}" for number in range(2_000)]
    drawn = [barred(standing, "wechat_native", seed, NOW) is None for seed in seeds]
    assert drawn == [barred(standing, "wechat_native", seed, NOW) is None for seed in seeds]
    assert 60 < sum(drawn) < 140, "a twentieth of 2,000"
    assert all(is_probe(seed, "wechat_a", WHOLE_PPM) for seed in seeds)
    assert drawn != [is_probe(seed, "wechat_b", SHARES_PPM[0]) for seed in seeds]
