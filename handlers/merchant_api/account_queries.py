"""What may be asked about an account, and what about it can't be answered. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from handlers.merchant_api.cursors import place_in
from handlers.merchant_api.parameters import LIMIT_DEFAULT, Limit, wrong, wrong_cursor
from handlers.merchant_api.problems import Problem
from schema.days import day_of
from schema.events import Moment

FIRST_DAY = date(2000, 1, 1)
"""There are no books from before. Days near the years 1 and 9999 can't be reckoned with."""

FIRST_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
LAST_MOMENT = datetime(9000, 1, 1, tzinfo=UTC)

DAYS_MAX = 31
"""A month. A day that is not closed costs twenty looks into an account of a million entries."""

SERIAL_MAX = 2**62
"""After every entry: where a list begins that has no cursor."""


class Query(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of an address that takes none."""

    def objection(self, now: datetime) -> Problem | None:
        """Why this can't be answered."""
        return None


class BalanceQuery(Query, frozen=True, kw_only=True):
    """The query of `GET /v1/accounts/{account_no}/balance`."""

    at: Moment

    def objection(self, now: datetime) -> Problem | None:
        """Balances are known of the past."""
        return _objection_to_moment("at", self.at, now)


class EntriesQuery(Query, frozen=True, kw_only=True):
    """The query of `GET /v1/accounts/{account_no}/entries`."""

    begin: Moment | None = field(name="from", default=None)
    end: Moment | None = field(name="to", default=None)
    limit: Limit = LIMIT_DEFAULT
    cursor: str | None = None

    @property
    def before_serial(self) -> int | None:
        """The serial of the entry that the list goes on after; None: nobody gave this cursor."""
        if self.cursor is None:
            return SERIAL_MAX
        try:
            return msgspec.convert(place_in(self.cursor), _Serial, strict=False)
        except ValueError:  # not base64, not UTF-8, or not a serial
            return None

    def objection(self, now: datetime) -> Problem | None:
        """A list may go on into the future; it ends where it does."""
        if self.before_serial is None:
            return wrong_cursor()
        if self.begin is not None and (problem := _objection_to_moment("from", self.begin, now)):
            return problem
        if self.end is None or (self.begin or FIRST_MOMENT) <= self.end < LAST_MOMENT:
            return None
        return wrong("to", "it lies before the list begins, or thousands of years ahead")


class DaysQuery(Query, frozen=True, kw_only=True):
    """The query of `GET /v1/accounts/{account_no}/days`; both days are meant too."""

    first: date = field(name="from")
    last: date = field(name="to")

    def objection(self, now: datetime) -> Problem | None:
        """A month of days that have begun."""
        problem = objection_to_day("from", self.first, now)
        problem = problem or objection_to_day("to", self.last, now)
        if problem is None and not 0 <= (self.last - self.first).days < DAYS_MAX:
            return wrong("to", f"it ends a list of 1 to {DAYS_MAX} days")
        return problem


class StatementQuery(Query, frozen=True, kw_only=True):
    """The query of `GET /v1/accounts/{account_no}/statement`."""

    day: date
    format: Literal["csv", "json"] = "csv"

    def objection(self, now: datetime) -> Problem | None:
        """A day that has begun."""
        return objection_to_day("day", self.day, now)


_Serial = Annotated[int, Meta(ge=1, le=SERIAL_MAX)]


def _objection_to_moment(name: str, moment: datetime, now: datetime) -> Problem | None:
    if moment < FIRST_MOMENT:
        return wrong(name, f"there are no books from before {FIRST_MOMENT:%Y-%m-%dT%H:%M:%SZ}")
    return wrong(name, "this moment is still to come") if moment > now else None


def objection_to_day(name: str, day: date, now: datetime) -> Problem | None:
    """Why nothing can be told of a day: it is out of reach, or has not begun."""
    if day < FIRST_DAY:
        return wrong(name, f"there are no books from before {FIRST_DAY}")
    return wrong(name, "this day has not begun in China") if day > day_of(now) else None
