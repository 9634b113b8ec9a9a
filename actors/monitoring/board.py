"""What decisions about channels rest on and make: alarms, standings, history. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from actors.monitoring.measures import Subject
from schema.messages.contract import Message
from schema.messages.monitoring import Figures, Severity
from schema.products import PayType
from schema.profiles import ChannelProfile
from schema.standings import StandingState
from schema.text import PRINTABLE

Reason = Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE)]


class Alarm(Struct, frozen=True, kw_only=True):
    """A rule that is or was broken."""

    alarm_no: str
    rule_no: str
    channel_no: str
    pay_type: str
    severity: Severity
    figures: Figures
    note: str = ""
    raised_at: datetime
    recovered_at: datetime | None = None

    @property
    def subject(self) -> Subject:
        return Subject(self.channel_no, self.pay_type)

    @property
    def key(self) -> tuple[str, Subject]:
        return self.rule_no, self.subject


class Standing(Struct, frozen=True, kw_only=True):
    """How a channel stands for a pay type ('': for all of them)."""

    channel_no: str
    pay_type: str
    state: StandingState
    share_ppm: int = 0
    by: str
    reason: str
    since: datetime
    until: datetime | None = None
    probe_at: datetime | None = None
    down_s: int = 0
    step_s: int = 0

    @property
    def subject(self) -> Subject:
        return Subject(self.channel_no, self.pay_type)


class Change(Struct, frozen=True, kw_only=True):
    """A line of history."""

    subject: str
    pay_type: str = ""
    what: str
    by: str
    reason: str
    figures: Figures | None = None
    changed_at: datetime


class Board(Struct, kw_only=True):
    """What is known when something is decided, and what the decisions have made of it."""

    channels: Mapping[str, ChannelProfile]
    alarms: dict[tuple[str, Subject], Alarm]
    """The newest of each rule and subject."""
    standings: dict[Subject, Standing]
    new_alarms: dict[str, Alarm] = field(default_factory=dict[str, Alarm])
    new_standings: dict[Subject, Standing] = field(default_factory=dict[Subject, Standing])
    changes: list[Change] = field(default_factory=list[Change])
    facts: list[Message] = field(default_factory=list[Message])

    @property
    def is_changed(self) -> bool:
        return bool(self.new_alarms or self.new_standings)

    def alarm(self, alarm: Alarm) -> None:
        """The alarm is now so."""
        self.alarms[alarm.key] = self.new_alarms[alarm.alarm_no] = alarm

    def stand(self, standing: Standing, what: str, figures: Figures | None = None) -> None:
        """The channel now stands so; history remembers it."""
        self.standings[standing.subject] = self.new_standings[standing.subject] = standing
        change = Change(
            subject=standing.channel_no, pay_type=standing.pay_type, what=what, by=standing.by,
            reason=standing.reason, figures=figures, changed_at=standing.since,
        )  # fmt: skip
        self.changes.append(change)

    def is_up(self, subject: Subject) -> bool:
        """Whether the channel takes all payments of a pay type, as far as monitoring goes."""
        both = (self.standings.get(each) for each in {subject, Subject(subject.channel_no)})
        return all(standing is None or standing.state == "up" for standing in both)


def spoken(subject: Subject) -> PayType | None:
    """A subject's pay type as messages have it."""
    return msgspec.convert(subject.pay_type, PayType) if subject.pay_type else None
