"""Routing rules 路由规则 in the registry: checked before they are stored, in force at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from actors.merchants import rules, store
from actors.merchants.store import RULES
from bus.database import Pool, queries
from schema.payments import Refusal
from schema.profiles import ChannelProfile, MerchantProfile
from schema.routing import ChannelLimits, RoutingRule, RuleBinding
from schema.rule_checks import Complaint, complaints

SQL = queries(__file__)


async def check(pool: Pool, rule: RoutingRule) -> tuple[Complaint, ...]:
    """All that is wrong with a rule, with the channels as they are now."""
    rows = await pool.fetch(SQL.offered)
    offered = {row["number"]: msgspec.json.decode(row["pay_types"]) for row in rows}
    return complaints(rule, offered)


async def save_rule(
    pool: Pool, document: Mapping[str, Any], *, operator: str = "system"
) -> RoutingRule | Refusal:
    """The rule as it is stored: the first version, or the next. Its first mistake refuses it."""
    rule = rules.fitting(document, RoutingRule)
    if isinstance(rule, Refusal):
        return rule
    mistakes = [c for c in await check(pool, rule) if c.kind == "mistake"]
    if mistakes:
        reason = "; ".join(f"{mistake.param}: {mistake.reason}" for mistake in mistakes)
        return Refusal(code="invalid_value", reason=reason, param=mistakes[0].param)
    if await store.find(pool, RULES, rule.rule_no) is None:
        first = msgspec.to_builtins(replace(rule, version=1))
        return await store._add(pool, RULES, rule.rule_no, first, operator)
    return await _change(pool, rule.rule_no, lambda now: _next(rule, now), "replaced", operator)


async def set_status(
    pool: Pool, rule_no: str, status: str, *, operator: str = "system"
) -> RoutingRule | Refusal:
    """Active, or inactive: then payments go as if the rule were not bound."""
    return await _change(pool, rule_no, rules.with_status(status), status, operator)


async def bind_rule(
    pool: Pool, merchant_no: str, *, operator: str = "system", **binding: Any
) -> MerchantProfile | Refusal:
    """Has a merchant's payments follow a rule; `binding` has the fields of RuleBinding."""
    fitting = rules.fitting(binding, RuleBinding)
    if isinstance(fitting, Refusal):
        return fitting
    change = rules.with_rule_binding(fitting, await store.find(pool, RULES, fitting.rule_no))
    what = f"{fitting.pay_type} by {fitting.rule_no}"
    return await store.change_merchant(pool, merchant_no, change, what, operator)


async def set_limits(
    pool: Pool, channel_no: str, *, operator: str = "system", **limits: Any
) -> ChannelProfile | Refusal:
    """What a channel takes in all and when; `limits` has the fields of ChannelLimits."""
    fitting = rules.fitting(limits, ChannelLimits)
    if isinstance(fitting, Refusal):
        return fitting
    change = rules.with_channel_limits(fitting)
    return await store.change_channel(pool, channel_no, change, "limits", operator)


async def _change(
    pool: Pool, rule_no: str, change: rules.Change[RoutingRule], what: str, operator: str
) -> RoutingRule | Refusal:
    return await store._change(pool, RULES, rule_no, change, what, operator)


def _next(rule: RoutingRule, now: RoutingRule) -> RoutingRule | Refusal:
    return rules.sound(replace(rule, version=now.version))
