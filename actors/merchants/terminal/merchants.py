"""`merchant …`: merchants 商户 and what each of them may do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from actors.merchants import rules, store
from actors.merchants.store import MERCHANTS
from actors.merchants.terminal.session import Fen, run, without_secrets
from bus.terminal import OPERATOR_DEFAULT, Json, Limit, Operator, refuse, show, show_all
from schema.profiles import MerchantProfile

merchant_cli = typer.Typer(no_args_is_help=True, help="Merchants, their keys, rates and channels.")

MerchantNo = Annotated[str, typer.Argument(metavar="MERCHANT_NO", show_default=False)]
PayType = Annotated[str, typer.Option(help="Such as wechat_native.")]
ChannelNo = Annotated[str, typer.Option(help="The number of a channel that exists.")]


@merchant_cli.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Option()],
    rate: Annotated[list[str] | None, typer.Option(help="PAY_TYPE=PPM, repeatable.")] = None,
    notify_url: Annotated[
        str | None, typer.Option("--notify-url", "--webhook-url", help="Where webhooks go.")
    ] = None,
    json: Json = False,
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Open a merchant. Its two secrets are printed now and never again."""
    rates_ppm = _rates_ppm(rate or ())
    created = run(
        context,
        lambda pool, vault: store.create_merchant(
            pool, vault, name=name, rates_ppm=rates_ppm, notify_url=notify_url, operator=operator
        ),
    )
    show(created, as_json=json)


@merchant_cli.command("list")
def list_merchants(
    context: typer.Context, after: str = "", limit: Limit = 100, json: Json = False
) -> None:
    """List merchants in order of their numbers."""
    found = run(context, lambda pool, _: store.page(pool, MERCHANTS, after=after, limit=limit))
    fields = ("merchant_no", "status", "name", "rates_ppm")
    show_all(map(without_secrets, found), *fields, as_json=json)


@merchant_cli.command("show")
def show_merchant(context: typer.Context, number: MerchantNo, json: Json = False) -> None:
    """Show a merchant's profile, without its secrets."""
    merchant = run(context, lambda pool, _: store.find(pool, MERCHANTS, number))
    if merchant is None:
        refuse(rules.not_found("merchant_no", number).reason)
    show(without_secrets(merchant), as_json=json)


@merchant_cli.command()
def rotate_key(
    context: typer.Context,
    number: MerchantNo,
    rsa_public_key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The merchant's key, PEM.")
    ] = None,
    json: Json = False,
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Give a merchant a further key. The old ones stay good until `revoke-key`."""
    pem = rsa_public_key.read_text() if rsa_public_key else None
    new = run(
        context,
        lambda pool, vault: store.rotate_key(
            pool, vault, number, rsa_public_key_pem=pem, operator=operator
        ),
    )
    show(new, as_json=json)


@merchant_cli.command()
def revoke_key(
    context: typer.Context,
    number: MerchantNo,
    key_id: Annotated[str, typer.Argument()],
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Have a key be good no more."""
    _change(context, number, rules.without_key(key_id), f"key {key_id} revoked", operator)


@merchant_cli.command()
def rotate_webhook_secret(
    context: typer.Context,
    number: MerchantNo,
    keep_old_s: Annotated[
        int, typer.Option(min=0, max=604_800, help="How long the old one signs as well.")
    ] = 86_400,
    json: Json = False,
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Give a merchant a new webhook secret, which is printed now and never again."""
    new = run(
        context,
        lambda pool, vault: store.rotate_webhook_secret(
            pool, vault, number, keep_old_s=keep_old_s, operator=operator
        ),
    )
    show(new, as_json=json)


@merchant_cli.command()
def suspend(
    context: typer.Context, number: MerchantNo, operator: Operator = OPERATOR_DEFAULT
) -> None:
    """Take no more orders from a merchant."""
    _change(context, number, rules.with_status("suspended"), "suspended", operator)


@merchant_cli.command()
def resume(
    context: typer.Context, number: MerchantNo, operator: Operator = OPERATOR_DEFAULT
) -> None:
    """Take a suspended merchant's orders again."""
    _change(context, number, rules.with_status("active"), "resumed", operator)


@merchant_cli.command()
def bind(
    context: typer.Context,
    number: MerchantNo,
    channel: ChannelNo,
    pay_type: PayType,
    tier: Annotated[str, typer.Option(help="default or backup.")] = "default",
    priority: Annotated[int, typer.Option(help="Lower comes first.")] = 100,
    weight: Annotated[int, typer.Option(help="Share among equal priorities.")] = 100,
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Let a merchant use a channel for a pay type."""
    merchant = run(
        context,
        lambda pool, _: store.bind(
            pool, number, channel_no=channel, pay_type=pay_type, tier=tier,
            priority=priority, weight=weight, operator=operator,
        ),
    )  # fmt: skip
    _say_done(merchant)


@merchant_cli.command()
def unbind(
    context: typer.Context,
    number: MerchantNo,
    channel: ChannelNo,
    pay_type: PayType,
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Take a channel away from a merchant."""
    change = rules.without_binding(pay_type, channel)
    _change(context, number, change, f"unbound {channel} for {pay_type}", operator)


@merchant_cli.command()
def allow_ip(
    context: typer.Context,
    number: MerchantNo,
    networks: Annotated[list[str] | None, typer.Argument(metavar="[CIDR]...")] = None,
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Accept requests from these networks only; from anywhere if none is given."""
    change = rules.with_networks(networks or ())
    _change(context, number, change, "networks " + " ".join(networks or ["any"]), operator)


@merchant_cli.command()
def limits(
    context: typer.Context,
    number: MerchantNo,
    single_min: Annotated[int | None, Fen] = None,
    single_max: Annotated[int | None, Fen] = None,
    requests_per_s: Annotated[int | None, typer.Option()] = None,
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Change the limits of a single payment, or of requests; what is left out stays."""
    change = rules.with_limits(
        single_min_fen=single_min, single_max_fen=single_max, requests_per_s_max=requests_per_s
    )
    what = f"limits {single_min} to {single_max} fen, {requests_per_s} requests/s"
    _change(context, number, change, what, operator)


@merchant_cli.command()
def policy(
    context: typer.Context,
    number: MerchantNo,
    late_payment: Annotated[
        str | None, typer.Option(help="Of money that comes after the end: refund or reopen.")
    ] = None,
    short_balance: Annotated[
        str | None, typer.Option(help="Of a refund without the money for it: refuse or queue.")
    ] = None,
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Change what becomes of late money and of refunds without cover; what is left out stays."""
    change = rules.with_policies(late_payment=late_payment, short_balance=short_balance)
    what = f"late payments {late_payment}, short balance {short_balance}"
    _change(context, number, change, what, operator)


def _change(
    context: typer.Context,
    number: str,
    change: rules.Change[MerchantProfile],
    what: str,
    operator: str,
) -> None:
    _say_done(
        run(context, lambda pool, _: store.change_merchant(pool, number, change, what, operator))
    )


def _say_done(merchant: MerchantProfile) -> None:
    typer.echo(f"{merchant.merchant_no} is at version {merchant.version}")


def _rates_ppm(texts: Sequence[str]) -> dict[str, int]:
    rates_ppm: dict[str, int] = {}
    for text in texts:
        pay_type, _, rate_ppm = text.partition("=")
        if not rate_ppm.isdecimal():
            raise typer.BadParameter(f"rate: {text!r} is not PAY_TYPE=PPM")
        rates_ppm[pay_type] = int(rate_ppm)
    return rates_ppm
