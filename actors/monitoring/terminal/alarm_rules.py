"""`channel alarm-rule …`: what is called unusual, and what is done then."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from actors.monitoring import store
from actors.monitoring.rules import AlarmRule
from actors.monitoring.terminal.session import look
from bus.database import Pool
from bus.jobs import now_utc
from bus.terminal import OPERATOR_DEFAULT, Json, Operator, refuse, show, show_all
from schema.payments import Refusal

alarm_rule_cli = typer.Typer(no_args_is_help=True, help="When a channel is called unwell.")

RuleNo = Annotated[str, typer.Argument(metavar="RULE_NO", show_default=False)]
Fields = Annotated[
    list[str], typer.Argument(metavar="FIELD=VALUE…", help="Such as threshold=30 action=take_down.")
]


@alarm_rule_cli.command("list")
def list_rules(context: typer.Context, json: Json = False) -> None:
    """List all rules."""
    found = look(context, lambda pool, _: store.rules_now(pool))
    fields = ("rule_no", "is_enabled", "severity", "metric", "threshold", "window_s", "volume_min",
              "action", "channel_no", "pay_type")  # fmt: skip
    show_all(found, *fields, as_json=json)


@alarm_rule_cli.command("show")
def show_rule(context: typer.Context, number: RuleNo, json: Json = False) -> None:
    """Show a rule with all its fields."""
    show(look(context, lambda pool, _: _found(pool, number)), as_json=json)


@alarm_rule_cli.command("set")
def set_rule(
    context: typer.Context,
    number: RuleNo,
    fields: Fields,
    operator: Operator = OPERATOR_DEFAULT,
    json: Json = False,
) -> None:
    """Add a rule, or change the named fields of one. It holds from the next look on."""
    wanted = dict(map(_field, fields))
    rule = look(
        context,
        lambda pool, _: store.save_rule(pool, number, wanted, operator=operator, now=now_utc()),
    )
    show(rule, as_json=json)


@alarm_rule_cli.command()
def drop(context: typer.Context, number: RuleNo, operator: Operator = OPERATOR_DEFAULT) -> None:
    """Forget a rule; its open alarms end."""
    look(context, lambda pool, _: store.drop_rule(pool, number, operator=operator, now=now_utc()))
    typer.echo(f"{number} is dropped")


async def _found(pool: Pool, number: str) -> AlarmRule | Refusal:
    for rule in await store.rules_now(pool):
        if rule.rule_no == number:
            return rule
    return Refusal(code="not_found", reason=f"rule_no: there is no {number!r}", param="rule_no")


def _field(typed: str) -> tuple[str, Any]:
    """A field and its value: JSON where it is JSON, a list by commas, else a text."""
    name, equals, value = typed.partition("=")
    if not equals:
        refuse(f"{typed!r} is not FIELD=VALUE")
    if name == "operations":
        return name, [each for each in value.split(",") if each]
    try:
        return name, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return name, value
