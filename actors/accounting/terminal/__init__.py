"""Terminal commands of the books, mounted by `runner.py`.

The root command sets `context.obj` to a function that reads the settings. Whatever only looks asks
PostgreSQL; whatever changes something is a command through the bus, which accounting answers.
"""

from actors.accounting.terminal.accounts import account_cli
from actors.accounting.terminal.adjustments import adjust_cli
from actors.accounting.terminal.alarms import alarm_cli
from actors.accounting.terminal.balances import balance, days, entries, statement
from actors.accounting.terminal.bookings import post
from actors.accounting.terminal.holds import hold_cli
from actors.accounting.terminal.ledger import ledger_cli
from actors.accounting.terminal.proofs import anchor, check, verify
from actors.accounting.terminal.rates import rate_cli

for command in (check, verify, anchor, balance, entries, statement, days, post):
    ledger_cli.command()(command)
for name, sub_cli in {
    "account": account_cli,
    "hold": hold_cli,
    "rate": rate_cli,
    "adjust": adjust_cli,
    "alarm": alarm_cli,
}.items():
    ledger_cli.add_typer(sub_cli, name=name)

__all__ = ["ledger_cli"]
