"""What comes with time: balances booked later, the reserve of each day, and the day's end. Pure.

The daily duties go through the accounts in pages. A page's message says the next one, so a duty
that dies in the middle goes on where it stood.
"""

from __future__ import annotations

from datetime import datetime

from actors.accounting import account as accounts
from actors.accounting.account import Account
from actors.accounting.ledger import Applied, ClosedDay, Ledger
from bus.decider import Decision
from bus.effects import Publish
from schema.messages.accounting import CloseDay, ReckonReserve


def applied(ledger: Ledger) -> Decision:
    """Every account that is booked later gets the balance of its newest entry."""
    later = (account for account in ledger.accounts if account.booking_mode == "async")
    return Decision(changes=tuple(row for a in later for row in (a, Applied(a.account_id))))


def reckoned(ledger: Ledger, order: ReckonReserve) -> Decision:
    """The reserve of a page of accounts for this day; an earlier day changes nothing any more."""
    page = ledger.pages[order]
    changes: list[Account | Applied] = []
    for account_id, in_reserve_fen in page.in_reserve_fen.items():
        account = ledger.account(account_id)
        if account.reserved_on is None or account.reserved_on <= order.day:
            since = accounts.reserve_begins(account, order.day)
            fresh_fen = ledger.traded_since(account_id, since)
            after = accounts.reckoned(account, in_reserve_fen + fresh_fen, order.day)
            changes += (after, Applied(account_id))
    if page.next_account_id is None:
        return Decision(changes=tuple(changes))
    following = ReckonReserve(day=order.day, after_account_id=page.next_account_id)
    return Decision(changes=tuple(changes), effects=(Publish(following),))


def closed(ledger: Ledger, order: CloseDay, now: datetime) -> Decision:
    """The balances of a page of accounts at a day's end; with the last page the day is closed."""
    page = ledger.pages[order]
    lines = (*page.balances, *page.collects)
    if page.next_account_id is None:
        return Decision(changes=(*lines, ClosedDay(day=order.day, closed_at=now)))
    following = CloseDay(day=order.day, after_account_id=page.next_account_id)
    return Decision(changes=lines, effects=(Publish(following),))
