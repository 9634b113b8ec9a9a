"""`contracts export`: the documents that outsiders build on, out of the types themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bus.contracts import export
from bus.topology import Inlet


def contracts_cli(inlets: Sequence[Inlet], version: str) -> typer.Typer:
    """The commands, for the queues of this installation's rooms."""
    cli = typer.Typer(no_args_is_help=True, help="Message contracts.")

    @cli.callback()
    def contracts() -> None:
        """Message contracts."""

    @cli.command(name="export")
    def export_documents(
        folder: Annotated[Path, typer.Argument(help="Where to.")] = Path("docs/contracts"),
    ) -> None:
        """Write the AsyncAPI document and one JSON Schema per message."""
        written = export(folder, inlets, version)
        typer.echo(f"{len(written)} documents written to {folder}")

    return cli
