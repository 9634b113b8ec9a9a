"""`notification …`: what merchants were told, and telling it again; wishes go through the bus."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer
from msgspec import UNSET, Struct
from rich.console import Console
from rich.table import Table

from bus.database import queries
from bus.jobs import now_utc
from bus.terminal import refuse
from handlers.replaying import say_again
from handlers.terminal.session import Desk, at_desk, unless_refused
from handlers.webhook_forms import ReplayForm, span_refusal
from handlers.webhook_tests import test_event
from handlers.webhook_views import REPLAYED_MAX, NotificationDetails, Wanted, Webhooks
from schema.messages.contract import Message
from schema.messages.doors import ResendNotifications, SaveWebhookEndpoint
from schema.messages.notification import NotificationAnswered, WebhookEndpointAnswered

SQL = queries(__file__)

notification_cli = typer.Typer(no_args_is_help=True, help="Webhooks to merchants, and their tries.")

MerchantNo = Annotated[str, typer.Argument(metavar="MERCHANT_NO", show_default=False)]
EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT_ID", show_default=False)]
Endpoint = Annotated[str | None, typer.Option(help="Only of this endpoint.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Moment = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z"])]


@notification_cli.command("list")
def list_notifications(
    context: typer.Context,
    merchant_no: MerchantNo,
    endpoint: Endpoint = None,
    state: Annotated[str | None, typer.Option(help="Such as exhausted.")] = None,
    since: Moment = None,
    until: Moment = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 50,
    json: Json = False,
) -> None:
    """What a merchant was told, newest first."""
    wanted = Wanted(endpoint_id=endpoint, state=state, since=since, until=until)
    page = at_desk(context, lambda desk: Webhooks(desk.pool).page(merchant_no, wanted, None, limit))
    fields = ("id", "type", "state", "attempts", "endpoint_id", "created_at")
    _show_all(page.items, *fields, as_json=json)


@notification_cli.command()
def show(context: typer.Context, notification_id: str, json: Json = False) -> None:
    """One notification with every try."""
    _show(at_desk(context, lambda desk: _found(desk, notification_id)), as_json=json)


@notification_cli.command()
def resend(context: typer.Context, notification_id: str, json: Json = False) -> None:
    """Make the next try of a notification now, and show what came of it."""

    async def work(desk: Desk) -> NotificationDetails:
        merchant_no = await _merchant_of(desk, notification_id)
        wish = ResendNotifications(
            merchant_no=merchant_no, notification_ids=(notification_id,), acceptance="sync"
        )
        _unless_refused(await desk.ask(wish))
        return await _found(desk, notification_id)

    _show(at_desk(context, work), as_json=json)


@notification_cli.command()
def replay(
    context: typer.Context,
    merchant_no: MerchantNo,
    since: Moment = None,
    until: Moment = None,
    endpoint: Endpoint = None,
    state: Annotated[list[str] | None, typer.Option(help="exhausted and skipped.")] = None,
) -> None:
    """Send again what a merchant was not told in a time; at most 14 days back."""
    states = tuple(state or ("exhausted", "skipped"))
    form = ReplayForm(since=since or UNSET, until=until or UNSET)
    refusal = span_refusal(form, now_utc())
    if refusal is not None:
        refuse(f"{refusal.param}: {refusal.reason}")
    wanted = Wanted(endpoint_id=endpoint, since=since, until=until)

    async def work(desk: Desk) -> int:
        ids = await Webhooks(desk.pool).matching(merchant_no, states, wanted)
        if len(ids) > REPLAYED_MAX:
            refuse(f"more than {REPLAYED_MAX} fit; name a shorter time")
        await say_again(desk.outlet, merchant_no, ids)
        return len(ids)

    typer.echo(f"{at_desk(context, work)} notifications are on their way again")


@notification_cli.command()
def endpoints(context: typer.Context, merchant_no: MerchantNo, json: Json = False) -> None:
    """A merchant's webhook endpoints."""
    page = at_desk(context, lambda desk: Webhooks(desk.pool).endpoints(merchant_no))
    _show_all(page.items, "id", "state", "policy", "event_types", "url", as_json=json)


@notification_cli.command()
def test(
    context: typer.Context, merchant_no: MerchantNo, endpoint_id: EndpointId, json: Json = False
) -> None:
    """Send a test to an endpoint, and show what came of it."""

    async def work(desk: Desk) -> NotificationDetails:
        wish = test_event(merchant_no, endpoint_id)
        _unless_refused(await desk.ask(wish))
        return await _found(desk, f"{wish.event_id}_{endpoint_id}")

    _show(at_desk(context, work), as_json=json)


@notification_cli.command()
def enable(context: typer.Context, merchant_no: MerchantNo, endpoint_id: EndpointId) -> None:
    """Tell an endpoint things again, also one that was disabled by itself."""
    _switch(context, merchant_no, endpoint_id, is_enabled=True)


@notification_cli.command()
def disable(context: typer.Context, merchant_no: MerchantNo, endpoint_id: EndpointId) -> None:
    """Tell an endpoint nothing more; what it would hear is kept for a replay."""
    _switch(context, merchant_no, endpoint_id, is_enabled=False)


def _switch(context: typer.Context, merchant_no: str, id: str, *, is_enabled: bool) -> None:
    async def work(desk: Desk) -> None:
        found = await Webhooks(desk.pool).endpoint(merchant_no, id)
        if found is None:
            refuse(f"the merchant has no endpoint {id}")
        view, terms = found
        wish = SaveWebhookEndpoint(
            merchant_no=merchant_no, endpoint_id=id, version=view.version, terms=terms,
            is_enabled=is_enabled,
        )  # fmt: skip
        _unless_refused(await desk.ask(wish))

    at_desk(context, work)
    typer.echo(f"{id} is {'enabled' if is_enabled else 'disabled'}")


async def _merchant_of(desk: Desk, notification_id: str) -> str:
    number = await desk.pool.fetchval(SQL.merchant_told, notification_id)
    return number if number is not None else refuse(f"no notification {notification_id}")


async def _found(desk: Desk, notification_id: str) -> NotificationDetails:
    merchant_no = await _merchant_of(desk, notification_id)
    details = await Webhooks(desk.pool).notification(merchant_no, notification_id)
    return details if details is not None else refuse(f"no notification {notification_id}")


def _unless_refused(answer: Message) -> None:
    assert isinstance(answer, NotificationAnswered | WebhookEndpointAnswered)
    unless_refused(answer.refusal)


def _show(details: NotificationDetails, *, as_json: bool) -> None:
    document: dict[str, Any] = msgspec.to_builtins(details)
    if as_json:
        typer.echo(_json(document))
        return
    tries = document.pop("tries")
    for field, value in document.items():
        typer.echo(f"{field:<18} {value}")
    columns = ("number", "started_at", "cost_ms", "status", "error", "response_head")
    table = Table(*columns)
    for each in tries:
        table.add_row(*("" if each[name] is None else str(each[name]) for name in columns))
    Console(highlight=False).print(table)


def _show_all(items: list[Any], *fields: str, as_json: bool) -> None:
    documents = [msgspec.to_builtins(item) for item in items if isinstance(item, Struct)]
    if as_json:
        typer.echo(_json(documents))
        return
    table = Table(*fields)
    for document in documents:
        values = (document.get(field) for field in fields)
        table.add_row(*("" if value is None else str(value) for value in values))
    Console(highlight=False).print(table)


def _json(document: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
