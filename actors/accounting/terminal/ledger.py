"""`ledger …`: the root of the books' commands."""

from __future__ import annotations

import typer

ledger_cli = typer.Typer(no_args_is_help=True, help="The books 账户系统: look, prove, change.")
