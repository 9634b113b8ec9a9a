"""`routing rules …`: how payments are spread over channels. Changes are in force at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from actors.merchants import routing_rules, rules, store
from actors.merchants.store import RULES
from actors.merchants.terminal.session import run
from bus.database import Pool
from bus.terminal import OPERATOR_DEFAULT, Json, Limit, Operator, refuse, show, show_all
from schema.payments import Refusal
from schema.routing import RoutingRule
from schema.rule_checks import Complaint

rules_cli = typer.Typer(no_args_is_help=True, help="Routing rules 路由规则.")

RuleFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The rule, JSON.")]
RuleNo = Annotated[str, typer.Argument(metavar="RULE_NO", show_default=False)]


@rules_cli.command()
def add(context: typer.Context, file: RuleFile, operator: Operator = OPERATOR_DEFAULT) -> None:
    """Store a rule, or its next version. A rule with a mistake is refused; warnings are printed."""
    document = _document(file)
    rule = run(context, lambda pool, _: routing_rules.save_rule(pool, document, operator=operator))
    _say_done(rule)
    for complaint in run(context, lambda pool, _: routing_rules.check(pool, rule)):
        typer.echo(_said(complaint), err=True)


@rules_cli.command()
def check(context: typer.Context, file: RuleFile) -> None:
    """Say what is wrong with a rule: mistakes with their place, branches that are never reached."""
    document = _document(file)

    async def work(pool: Pool, _: object) -> tuple[Complaint, ...] | Refusal:
        rule = rules.fitting(document, RoutingRule)
        return rule if isinstance(rule, Refusal) else await routing_rules.check(pool, rule)

    found = run(context, work)
    for complaint in found:
        typer.echo(_said(complaint))
    if any(complaint.kind == "mistake" for complaint in found):
        raise typer.Exit(1)
    typer.echo("nothing is wrong" if not found else "only warnings")


@rules_cli.command("show")
def show_rule(context: typer.Context, number: RuleNo, json: Json = False) -> None:
    """Show a rule."""
    rule = run(context, lambda pool, _: store.find(pool, RULES, number))
    if rule is None:
        refuse(rules.not_found("rule_no", number).reason)
    show(rule, as_json=json)


@rules_cli.command("list")
def list_rules(
    context: typer.Context, after: str = "", limit: Limit = 100, json: Json = False
) -> None:
    """List rules in order of their numbers."""
    found = run(context, lambda pool, _: store.page(pool, RULES, after=after, limit=limit))
    show_all(found, "rule_no", "status", "pay_type", "strategy", "name", as_json=json)


@rules_cli.command()
def enable(context: typer.Context, number: RuleNo, operator: Operator = OPERATOR_DEFAULT) -> None:
    """Put a rule in force again."""
    _set_status(context, number, "active", operator)


@rules_cli.command()
def disable(context: typer.Context, number: RuleNo, operator: Operator = OPERATOR_DEFAULT) -> None:
    """Have payments go as if the rule were not bound."""
    _set_status(context, number, "inactive", operator)


@rules_cli.command()
def bind(
    context: typer.Context,
    number: RuleNo,
    merchant: Annotated[str, typer.Option(help="The merchant's number.")],
    pay_type: Annotated[str, typer.Option(help="Such as wechat_native.")],
    tier: Annotated[str, typer.Option(help="default or backup.")] = "default",
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Have a merchant's payments of a pay type follow a rule."""
    changed = run(
        context,
        lambda pool, _: routing_rules.bind_rule(
            pool, merchant, rule_no=number, pay_type=pay_type, tier=tier, operator=operator
        ),
    )
    typer.echo(f"{changed.merchant_no} is at version {changed.version}")


@rules_cli.command()
def unbind(
    context: typer.Context,
    merchant: Annotated[str, typer.Option(help="The merchant's number.")],
    pay_type: Annotated[str, typer.Option(help="Such as wechat_native.")],
    tier: Annotated[str, typer.Option(help="default or backup.")] = "default",
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Have a merchant's payments go by its direct bindings again."""
    change, what = rules.without_rule_binding(pay_type, tier), f"{pay_type} by no rule"
    changed = run(
        context, lambda pool, _: store.change_merchant(pool, merchant, change, what, operator)
    )
    typer.echo(f"{changed.merchant_no} is at version {changed.version}")


def _set_status(context: typer.Context, number: str, status: str, operator: str) -> None:
    _say_done(
        run(
            context,
            lambda pool, _: routing_rules.set_status(pool, number, status, operator=operator),
        )
    )


def _document(file: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        refuse(f"{file}: {error}")


def _say_done(rule: RoutingRule) -> None:
    typer.echo(f"{rule.rule_no} is at version {rule.version}, {rule.status}")


def _said(complaint: Complaint) -> str:
    return f"{complaint.kind}: {complaint.param}: {complaint.reason}"
