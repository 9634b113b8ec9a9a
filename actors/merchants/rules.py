"""Changes of profiles: each gives the next profile, or a Refusal that names the field and value.

Whatever leaves this file decodes strictly as its type, so the doors and the other rooms can rely on
every stored profile. Secrets are sealed before they get here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from schema.payments import Refusal
from schema.profiles import ApiKey, Binding, ChannelProfile, MerchantProfile, OldSecret
from schema.routing import ChannelLimits, RoutingRule, RuleBinding
from schema.text import MerchantNo, PayerId
from schema.webhooks import OLD_SECRETS_MAX

S = TypeVar("S", bound=Struct)
Profile = TypeVar("Profile", MerchantProfile, ChannelProfile, RoutingRule)
Change = Callable[[Profile], Profile | Refusal]
"""One change of one profile, given the profile as it is under its lock."""

BlockedKind = Literal["merchant", "payer", "ip"]

HOME = ZoneInfo("Asia/Shanghai")
"""Merchant numbers carry the day as the merchant's calendar has it."""

API_KEYS_MAX = 10
"""Each request is tried against one key by its id, but a forgotten key is an open door: revoke."""

NETWORKS_MAX = 100

POLICIES = {"late_payment": ("refund", "reopen"), "short_balance": ("refuse", "queue")}


def merchant_no(now: datetime, serial: int) -> str:
    """The merchant number 商户号: "10", the day, and a serial of seven digits."""
    assert 0 < serial <= 9_999_999
    return f"10{now.astimezone(HOME):%Y%m%d}{serial:07d}"


def fitting(document: Mapping[str, Any], kind: type[S]) -> S | Refusal:
    """The document as its type, decoded as strictly as every reader decodes it.

    A field that the type does not have is refused too: here it can only be a slip of the pen.
    """
    for field in document.keys() - set(kind.__struct_fields__):
        return invalid(field, document[field], f"{kind.__name__} has no such field")
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        why, _, where = str(error).rpartition(" - at ")
        return invalid(*_place(where, document), why) if why else _incomplete(kind, where)


def sound(profile: Profile) -> Profile | Refusal:
    """The profile itself if it can be read back and its limits leave room for a payment."""
    if isinstance(profile, RoutingRule):
        return fitting(msgspec.to_builtins(profile), RoutingRule)
    limits = profile.risk_limits if isinstance(profile, MerchantProfile) else profile
    if limits.single_min_fen > limits.single_max_fen:
        too_small = f"the least amount, {limits.single_min_fen}, is above it"
        return invalid("single_max_fen", limits.single_max_fen, too_small)
    return fitting(msgspec.to_builtins(profile), type(profile))


def with_status(status: str) -> Change[Profile]:
    """Active, or not: a merchant is then `suspended`, a channel `inactive`."""
    return lambda profile: sound(replace(profile, status=status))


def with_rate(pay_type: str, rate_ppm: int) -> Change[MerchantProfile]:
    """Enables a pay type at this fee rate, or changes its rate."""

    def change(merchant: MerchantProfile) -> MerchantProfile | Refusal:
        return sound(replace(merchant, rates_ppm={**merchant.rates_ppm, pay_type: rate_ppm}))

    return change


def with_binding(binding: Binding, channel: ChannelProfile | None) -> Change[MerchantProfile]:
    """Lets the merchant use a channel for a pay type; a binding of the same pair is replaced."""

    def change(merchant: MerchantProfile) -> MerchantProfile | Refusal:
        if channel is None:
            return not_found("channel_no", binding.channel_no)
        if binding.pay_type not in channel.pay_types:
            return invalid("pay_type", binding.pay_type, f"{channel.channel_no} does not offer it")
        others = _others(merchant, binding.pay_type, binding.channel_no)
        return sound(replace(merchant, bindings=(*others, binding)))

    return change


def without_binding(pay_type: str, channel_no: str) -> Change[MerchantProfile]:
    """Takes a channel away from the merchant for a pay type."""

    def change(merchant: MerchantProfile) -> MerchantProfile | Refusal:
        others = _others(merchant, pay_type, channel_no)
        if len(others) == len(merchant.bindings):
            return not_found("channel_no", channel_no)
        return sound(replace(merchant, bindings=others))

    return change


def with_rule_binding(binding: RuleBinding, rule: RoutingRule | None) -> Change[MerchantProfile]:
    """Has the merchant's payments of a pay type follow a rule, in place of another one."""

    def change(merchant: MerchantProfile) -> MerchantProfile | Refusal:
        if rule is None:
            return not_found("rule_no", binding.rule_no)
        if rule.pay_type != binding.pay_type:
            return invalid("pay_type", binding.pay_type, f"the rule is for {rule.pay_type}")
        others = _other_rules(merchant, binding.pay_type, binding.tier)
        return sound(replace(merchant, rule_bindings=(*others, binding)))

    return change


def without_rule_binding(pay_type: str, tier: str) -> Change[MerchantProfile]:
    """Has the merchant's payments go by its direct bindings again."""

    def change(merchant: MerchantProfile) -> MerchantProfile | Refusal:
        others = _other_rules(merchant, pay_type, tier)
        if len(others) == len(merchant.rule_bindings):
            return not_found("rule binding", f"{pay_type} {tier}")
        return sound(replace(merchant, rule_bindings=others))

    return change


def with_channel_limits(limits: ChannelLimits) -> Change[ChannelProfile]:
    """What a channel takes in all and when, in place of what was set before."""
    return lambda channel: sound(replace(channel, limits=limits))


def with_key(key: ApiKey) -> Change[MerchantProfile]:
    """One more way to sign; the older keys stay good until they are revoked."""

    def change(merchant: MerchantProfile) -> MerchantProfile | Refusal:
        if len(merchant.api_keys) >= API_KEYS_MAX:
            return invalid("api_keys", len(merchant.api_keys), "revoke a key that is not in use")
        return sound(replace(merchant, api_keys=(*merchant.api_keys, key)))

    return change


def with_webhook_secret(sealed: str, keep_old_s: int, now: datetime) -> Change[MerchantProfile]:
    """A new webhook secret. Present ones sign for `keep_old_s` more, never for longer than they
    would have."""
    until = now + timedelta(seconds=keep_old_s)

    def change(merchant: MerchantProfile) -> MerchantProfile | Refusal:
        present = merchant.webhook_secret
        former = [OldSecret(webhook_secret=present, expires_at=until)] if present else []
        older = [
            replace(each, expires_at=min(until, each.expires_at))
            for each in merchant.old_webhook_secrets
        ]
        old = [each for each in (*former, *older) if now < each.expires_at][:OLD_SECRETS_MAX]
        return sound(replace(merchant, webhook_secret=sealed, old_webhook_secrets=tuple(old)))

    return change


def without_key(key_id: str) -> Change[MerchantProfile]:
    """A key that is good no more. The last key stays: to lock a merchant out, suspend it."""

    def change(merchant: MerchantProfile) -> MerchantProfile | Refusal:
        rest = tuple(key for key in merchant.api_keys if key.key_id != key_id)
        if len(rest) == len(merchant.api_keys):
            return not_found("key_id", key_id)
        if not rest:
            return invalid("key_id", key_id, "it is the last key: rotate first, or suspend")
        return sound(replace(merchant, api_keys=rest))

    return change


def with_networks(networks: Sequence[str]) -> Change[MerchantProfile]:
    """Requests may come from these networks only; from anywhere if there are none."""

    def change(merchant: MerchantProfile) -> MerchantProfile | Refusal:
        if len(networks) > NETWORKS_MAX:
            return invalid("ip_allow_list", len(networks), f"{NETWORKS_MAX} networks at most")
        try:
            written = tuple(str(ip_network(network)) for network in networks)
        except ValueError as error:
            return invalid("ip_allow_list", ", ".join(networks), str(error))
        return sound(replace(merchant, ip_allow_list=written))

    return change


def with_limits(**limits: int | None) -> Change[MerchantProfile]:
    """New limits of a single payment, in fen, or of requests; what is None stays as it is."""

    def change(merchant: MerchantProfile) -> MerchantProfile | Refusal:
        given = {name: limit for name, limit in limits.items() if limit is not None}
        requests = given.pop("requests_per_s_max", merchant.requests_per_s_max)
        single = replace(merchant.risk_limits, **given)
        return sound(replace(merchant, risk_limits=single, requests_per_s_max=requests))

    return change


def with_policies(**policies: str | None) -> Change[MerchantProfile]:
    """What becomes of money that comes late, and of refunds without cover; None stays as it is."""

    def change(merchant: MerchantProfile) -> MerchantProfile | Refusal:
        given = {name: policy for name, policy in policies.items() if policy is not None}
        for name, policy in given.items():
            if policy not in POLICIES[name]:
                return invalid(name, policy, f"{' or '.join(POLICIES[name])} is needed")
        return sound(replace(merchant, **given))

    return change


def blockable(kind: str, value: str) -> tuple[BlockedKind, str] | Refusal:
    """What the blacklist can hold: its kind and value, addresses in their shortest form."""
    try:
        match kind:
            case "merchant":
                return kind, msgspec.convert(value, MerchantNo)
            case "payer":
                return kind, msgspec.convert(value, PayerId)
            case "ip":
                return kind, str(ip_address(value))
            case _:
                return invalid("kind", kind, "merchant, payer or ip is needed")
    except ValueError as error:
        return invalid("value", value, str(error))


def invalid(field: str, value: object, why: str) -> Refusal:
    """A value that a field can't take."""
    return Refusal(
        code="invalid_value", reason=f"{field}: {value!r} is refused: {why}", param=field
    )


def not_found(field: str, number: str) -> Refusal:
    """A number that nobody has."""
    return Refusal(code="not_found", reason=f"{field}: there is no {number!r}", param=field)


def taken(field: str, number: str) -> Refusal:
    """A number that somebody has."""
    return Refusal(code="already_exists", reason=f"{field}: {number!r} is taken", param=field)


def _others(merchant: MerchantProfile, pay_type: str, channel_no: str) -> tuple[Binding, ...]:
    pair = (pay_type, channel_no)
    return tuple(b for b in merchant.bindings if (b.pay_type, b.channel_no) != pair)


def _other_rules(merchant: MerchantProfile, pay_type: str, tier: str) -> tuple[RuleBinding, ...]:
    place = (pay_type, tier)
    return tuple(b for b in merchant.rule_bindings if (b.pay_type, b.tier) != place)


def _incomplete(kind: type[Struct], why: str) -> Refusal:
    return Refusal(code="invalid_value", reason=f"{kind.__name__}: {why}")


def _place(where: str, document: Mapping[str, Any]) -> tuple[str, object]:
    """The field at a msgspec path such as `$.bindings[0].tier`, and its value.

    A mapping's keys and values have no step of their own: there the whole mapping is the value.
    """
    path = where[where.index("$") :].strip("`")
    value: Any = document
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        value = value[name] if name else value[int(index)]
    return path.removeprefix("$.").removesuffix("[...]"), value
