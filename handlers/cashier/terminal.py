"""`cashier`: the addresses that merchants print."""

from __future__ import annotations

from typing import Annotated

import msgspec
import segno
import typer

from bus.vault import Vault
from handlers.cashier.links import links_of
from schema.settings import Settings
from schema.text import MerchantNo

cashier_cli = typer.Typer(no_args_is_help=True, help="The pages on which payers choose how to pay.")


@cashier_cli.callback()
def pages() -> None:
    """The pages on which payers choose how to pay."""


@cashier_cli.command()
def code(
    context: typer.Context,
    merchant_no: Annotated[str, typer.Argument(help="Whose payers type what they are to pay.")],
) -> None:
    """A merchant's own code 静态码: its address, and the QR code to print."""
    try:
        number = msgspec.convert(merchant_no, MerchantNo)
    except msgspec.ValidationError:
        raise typer.BadParameter(f"{merchant_no!r} can't be a merchant") from None
    settings: Settings = context.obj()
    url = links_of(settings, Vault(settings.master_key)).shop_url(number)
    typer.echo(url)
    segno.make(url, error="m", micro=False).terminal(compact=True)
