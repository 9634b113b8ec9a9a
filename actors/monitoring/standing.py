"""What follows from what was seen: alarms, take-downs, probes, recovery. Pure.

Seconds are routing's (its breaker); minutes and people are decided here. A channel that a rule has
taken down is probed after a while: a share of payments is let through, and more of them step by
step, until it is up again or fails and rests for twice as long. What a person has taken down stays
so until a person, or the time that was named, brings it back. No rule takes the last usable channel
of a pay type, unless it says that it may.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from actors.monitoring.board import Alarm, Board, Change, Reason, Standing, spoken
from actors.monitoring.measures import Subject, Tally, calls, failures
from actors.monitoring.rules import AlarmRule, Finding
from schema.messages.monitoring import (
    ChannelAlarmed,
    ChannelRecovered,
    ChannelRestored,
    ChannelTakenDown,
    Figures,
    StandingChanged,
)
from schema.payments import Refusal
from schema.standings import ChannelStanding, TakeDown

SHARES_PPM = (50_000, 200_000, 500_000)
"""What is let through, step by step: one payment of twenty finds out at little cost."""

QUIET_STEPS = 3
"""After so long the next step comes also where few have called: more are then let through."""

PROBES_MIN = 5
PROBE_FAILURES_MIN = 2
PROBE_FAILURE_SHARE = 5
"""Probing has failed with two failures that are a fifth of the calls: one proves nothing."""

DOWN_S_MAX = 3_600
"""However often probes fail, a channel is probed once an hour."""

CLOCK = "clock"


# Rules that are broken, and kept again.


def react(
    board: Board, rules: Iterable[AlarmRule], findings: Sequence[Finding], now: datetime
) -> None:
    """Raises and ends alarms, and takes down what rules say is to be taken down."""
    for finding in findings:
        alarm = board.alarms.get((finding.rule.rule_no, finding.subject))
        is_open = alarm is not None and alarm.recovered_at is None
        if finding.is_broken:
            if not is_open and _has_cooled_down(alarm, finding.rule, now):
                _raise(board, finding, now)
                is_open = True
            if is_open and finding.rule.action == "take_down":
                _take_down_by_rule(board, finding, now)
        elif is_open and alarm is not None and finding.is_kept:
            _recover(board, alarm, finding.figures, now)
    _end_idle(board, rules, findings, now)


def _has_cooled_down(last: Alarm | None, rule: AlarmRule, now: datetime) -> bool:
    return last is None or last.raised_at + timedelta(seconds=rule.cool_down_s) <= now


def _raise(board: Board, finding: Finding, now: datetime) -> None:
    rule, subject, figures = finding.rule, finding.subject, finding.figures
    alarm = Alarm(
        alarm_no=alarm_no(rule.rule_no, subject, now), rule_no=rule.rule_no,
        channel_no=subject.channel_no, pay_type=subject.pay_type, severity=rule.severity,
        figures=figures, raised_at=now,
    )  # fmt: skip
    board.alarm(alarm)
    board.facts.append(ChannelAlarmed(
        alarm_no=alarm.alarm_no, rule_no=rule.rule_no, channel_no=subject.channel_no,
        pay_type=spoken(subject), severity=rule.severity, figures=figures, raised_at=now,
    ))  # fmt: skip


def alarm_no(rule_no: str, subject: Subject, raised_at: datetime) -> str:
    """An alarm's number, the same for whoever sees it raised."""
    text = "\n".join((rule_no, *subject, raised_at.isoformat()))
    return f"alm_{blake2b(text.encode(), digest_size=8).hexdigest()}"


def _recover(board: Board, alarm: Alarm, figures: Figures | None, now: datetime) -> None:
    board.alarm(replace(alarm, recovered_at=now))
    board.facts.append(ChannelRecovered(
        alarm_no=alarm.alarm_no, rule_no=alarm.rule_no, channel_no=alarm.channel_no,
        pay_type=spoken(alarm.subject), figures=figures, raised_at=alarm.raised_at,
        recovered_at=now,
    ))  # fmt: skip


def _end_idle(
    board: Board, rules: Iterable[AlarmRule], findings: Sequence[Finding], now: datetime
) -> None:
    """Alarms of rules that are no more end, and those of channels that nobody asks any more;
    unless nobody asks because the channel was taken down."""
    known = {rule.rule_no: rule for rule in rules if rule.is_enabled}
    seen = {(finding.rule.rule_no, finding.subject) for finding in findings if finding.is_judged}
    for alarm in list(board.alarms.values()):
        if alarm.recovered_at is not None or alarm.key in seen:
            continue
        rule = known.get(alarm.rule_no)
        if rule is None or (_has_cooled_down(alarm, rule, now) and _is_all_up(board, alarm)):
            _recover(board, alarm, None, now)


def _is_all_up(board: Board, alarm: Alarm) -> bool:
    return all(board.is_up(subject) for subject in _targets(board, alarm.subject))


def _targets(board: Board, subject: Subject) -> list[Subject]:
    """The pay types that something is about."""
    if subject.pay_type:
        return [subject]
    channel = board.channels.get(subject.channel_no)
    offered = channel.pay_types if channel is not None else ()
    return [Subject(subject.channel_no, pay_type) for pay_type in offered]


# Taken down, by a rule or by a person.


def _take_down_by_rule(board: Board, finding: Finding, now: datetime) -> None:
    rule = finding.rule
    channel = board.channels.get(finding.subject.channel_no)
    if channel is None or channel.status != "active":
        return
    for target in _targets(board, finding.subject):
        if not board.is_up(target) or not _may_go_again(board, target, rule, now):
            continue
        if rule.may_take_last or any(_others(board, target)):
            _down_by_rule(board, finding, target, now)
        else:
            _note_kept(board, finding, target, now)


def _may_go_again(board: Board, target: Subject, rule: AlarmRule, now: datetime) -> bool:
    """What was restored is left alone for the rule's cool-down, whoever has restored it."""
    rests = timedelta(seconds=rule.cool_down_s)
    both = (board.standings.get(each) for each in {target, Subject(target.channel_no)})
    return all(standing is None or standing.since + rests <= now for standing in both)


def _others(board: Board, target: Subject) -> Iterator[str]:
    """The other channels that take payments of a pay type at present."""
    for channel in board.channels.values():
        another = Subject(channel.channel_no, target.pay_type)
        offers = channel.status == "active" and target.pay_type in channel.pay_types
        if another != target and offers and board.is_up(another):
            yield channel.channel_no


def _down_by_rule(board: Board, finding: Finding, target: Subject, now: datetime) -> None:
    rule, figures = finding.rule, finding.figures
    standing = Standing(
        channel_no=target.channel_no, pay_type=target.pay_type, state="down",
        by=f"rule:{rule.rule_no}", reason=_told(figures), since=now,
        probe_at=now + timedelta(seconds=rule.down_s), down_s=rule.down_s, step_s=rule.step_s,
    )  # fmt: skip
    _down(board, standing, figures)


def _down(board: Board, standing: Standing, figures: Figures | None) -> None:
    board.stand(standing, "taken_down", figures)
    board.facts.append(ChannelTakenDown(
        channel_no=standing.channel_no, pay_type=spoken(standing.subject), by=standing.by,
        reason=standing.reason, figures=figures, until=standing.until, taken_at=standing.since,
    ))  # fmt: skip


def _note_kept(board: Board, finding: Finding, target: Subject, now: datetime) -> None:
    """Says once per alarm that the channel stays, since nothing would be left without it."""
    alarm = board.alarms[finding.rule.rule_no, finding.subject]
    note = f"kept: the last usable channel of {target.pay_type}"
    if note in alarm.note:
        return
    board.alarm(replace(alarm, note=f"{alarm.note}; {note}".removeprefix("; ")))
    board.changes.append(Change(
        subject=target.channel_no, pay_type=target.pay_type, what="kept",
        by=f"rule:{finding.rule.rule_no}", reason=f"{_told(finding.figures)}; {note}",
        figures=finding.figures, changed_at=now,
    ))  # fmt: skip


def _told(figures: Figures) -> str:
    seen = f"{figures.calls} calls in {figures.window_s} s"
    return f"{figures.metric} {figures.value}, threshold {figures.threshold}, {seen}"


def take_down(
    board: Board, subject: Subject, by: str, reason: str, until: datetime | None, now: datetime
) -> Refusal | None:
    """An operator takes a channel down, or one pay type of it; also the last one."""
    refusal = _refused(board, subject, reason)
    if refusal is not None:
        return refusal
    if until is not None and until <= now:
        return _no("until", f"until: {until.isoformat()} is over")
    standing = Standing(
        channel_no=subject.channel_no, pay_type=subject.pay_type, state="down", by=by,
        reason=reason, since=now, until=until,
    )  # fmt: skip
    _down(board, standing, None)
    return None


def restore(board: Board, subject: Subject, by: str, reason: str, now: datetime) -> Refusal | None:
    """An operator restores what is taken down of a channel, or one pay type of it."""
    refusal = _refused(board, subject, reason)
    if refusal is not None:
        return refusal
    found = [
        standing
        for standing in board.standings.values()
        if standing.channel_no == subject.channel_no and standing.state != "up"
        and subject.pay_type in ("", standing.pay_type)
    ]  # fmt: skip
    if not found:
        return _no("channel_no", f"{subject.channel_no}: nothing of it is taken down")
    for standing in found:
        _restore(board, standing, by, reason, now)
    return None


def _refused(board: Board, subject: Subject, reason: str) -> Refusal | None:
    try:
        msgspec.convert(reason, Reason)
    except msgspec.ValidationError as error:
        return _no("reason", f"reason: {error}")
    channel = board.channels.get(subject.channel_no)
    if channel is None:
        return _no("channel_no", f"channel_no: there is no {subject.channel_no!r}")
    if subject.pay_type and subject.pay_type not in channel.pay_types:
        return _no("pay_type", f"pay_type: {subject.channel_no} has no {subject.pay_type!r}")
    return None


def _no(field: str, reason: str) -> Refusal:
    return Refusal(code="invalid_value", reason=reason, param=field)


# Up again.


def progress(board: Board, probes: Mapping[Subject, Tally], now: datetime) -> None:
    """Brings on whatever is taken down; `probes` has the calls since each began to be probed."""
    for standing in list(board.standings.values()):
        if standing.state == "up":
            continue
        if standing.until is not None and standing.until <= now:
            _restore(board, standing, CLOCK, "its time is over", now)
        elif standing.state == "down":
            if standing.probe_at is not None and standing.probe_at <= now:
                _probe(board, standing, SHARES_PPM[0], now)
        else:
            _judge_probes(board, standing, probes.get(standing.subject, {}), now)


def _probe(board: Board, standing: Standing, share_ppm: int, now: datetime) -> None:
    probing = replace(standing, state="probing", share_ppm=share_ppm, since=now, probe_at=None)
    board.stand(probing, f"probing {share_ppm // 10_000} %")


def _judge_probes(board: Board, standing: Standing, tally: Tally, now: datetime) -> None:
    seen, failed = calls(tally), failures(tally)
    if failed >= PROBE_FAILURES_MIN and failed * PROBE_FAILURE_SHARE >= seen:
        _down_again(board, standing, f"{failed} of {seen} calls failed", now)
        return
    age, step = now - standing.since, timedelta(seconds=standing.step_s)
    is_clean = failed * PROBE_FAILURE_SHARE < seen or not failed
    is_tried = seen >= PROBES_MIN or age >= step * QUIET_STEPS
    if age >= step and is_clean and is_tried:
        _step_up(board, standing, f"{seen - failed} of {seen} calls went well", now)


def _step_up(board: Board, standing: Standing, seen: str, now: datetime) -> None:
    larger = [share for share in SHARES_PPM if share > standing.share_ppm]
    if larger:
        _probe(board, standing, larger[0], now)
    else:
        _restore(board, standing, standing.by, f"probed: {seen}", now)


def _down_again(board: Board, standing: Standing, seen: str, now: datetime) -> None:
    down_s = min(standing.down_s * 2, DOWN_S_MAX)
    probe_at = now + timedelta(seconds=down_s)
    down = replace(
        standing, state="down", share_ppm=0, since=now, probe_at=probe_at, down_s=down_s
    )  # fmt: skip
    board.stand(down, f"down again: {seen}")


def _restore(board: Board, standing: Standing, by: str, reason: str, now: datetime) -> None:
    up = replace(
        standing, state="up", share_ppm=0, by=by, reason=reason, since=now, until=None,
        probe_at=None,
    )  # fmt: skip
    board.stand(up, "restored")
    board.facts.append(ChannelRestored(
        channel_no=up.channel_no, pay_type=spoken(up.subject), by=by, reason=reason,
        restored_at=now,
    ))  # fmt: skip


# What others are told.


def published(board: Board, channel_no: str, version: int) -> ChannelStanding:
    """How a channel stands, for those who choose channels."""
    take_downs = tuple(
        _take_down(standing)
        for subject, standing in sorted(board.standings.items())
        if subject.channel_no == channel_no and standing.state != "up"
    )
    return ChannelStanding(channel_no=channel_no, version=version, take_downs=take_downs)


def _take_down(standing: Standing) -> TakeDown:
    return TakeDown(
        pay_type=spoken(standing.subject),
        state="probing" if standing.state == "probing" else "down",
        share_ppm=standing.share_ppm,
        until=standing.until,
        reason=standing.reason,
    )


def changed(standing: ChannelStanding) -> StandingChanged:
    """What every process is told."""
    return StandingChanged(channel_no=standing.channel_no, version=standing.version)
