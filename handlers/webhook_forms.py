"""What merchants write about webhooks: bodies, decoded strictly, and checked where decoders can't.

Whatever leaves this file may be stored: the address can be called, the headers can be sent.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from bus.outbound import GuardedResolver, names_objection
from bus.vault import Vault
from schema.events import Moment
from schema.headers import headers_objection
from schema.payments import Refusal
from schema.reach import Reach, objection
from schema.webhooks import (
    Acknowledgement,
    DeadlineMs,
    Description,
    EndpointId,
    EndpointTerms,
    EventFilter,
    ExpectedBody,
    LadderS,
    NotificationId,
    NotificationStateName,
    Policy,
    RequestsPerS,
    SecretKind,
    WebhookUrl,
)

REPLAYED_SPAN_MAX = timedelta(days=14)


class _Form(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    description: Description | UnsetType = UNSET
    event_types: Annotated[tuple[EventFilter, ...], Meta(max_length=50)] | UnsetType = UNSET
    acknowledgement: Acknowledgement | UnsetType = UNSET
    expected_body: ExpectedBody | UnsetType = UNSET
    policy: Policy | UnsetType = UNSET
    ladder_s: LadderS | UnsetType | None = UNSET
    deadline_ms: DeadlineMs | UnsetType = UNSET
    requests_per_s_max: RequestsPerS | UnsetType | None = UNSET
    in_order: bool | UnsetType = UNSET
    latest_only: bool | UnsetType = UNSET
    headers: dict[str, str] | UnsetType = UNSET
    """Sent with every webhook, and shown to nobody: they may hold a password."""
    enabled: bool | UnsetType = UNSET


class EndpointForm(_Form, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of an endpoint shall change; what is left out stays as it is."""

    url: WebhookUrl | UnsetType = UNSET


class NewEndpointForm(_Form, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new endpoint; what is left out has its default."""

    url: WebhookUrl
    secret_kind: SecretKind = "hmac"  # noqa: S105 - a kind, not a secret


class SecretForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new secret, beside which the old ones sign for some time more."""

    kind: SecretKind = "hmac"
    keep_old_s: Annotated[int, Meta(ge=0, le=604_800)] = 86_400


class ReplayForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall be sent again: these, or all of a time that are in one of these states."""

    notification_ids: Annotated[
        tuple[NotificationId, ...], Meta(min_length=1, max_length=500)
    ] | UnsetType = UNSET  # fmt: skip
    endpoint_id: EndpointId | None = None
    since: Moment | UnsetType = UNSET
    until: Moment | UnsetType = UNSET
    states: Annotated[tuple[NotificationStateName, ...], Meta(min_length=1, max_length=5)] = (
        "exhausted",
        "skipped",
    )


class ReplayAccepted(Struct, frozen=True, kw_only=True):
    """So many are on their way again."""

    count: int


class Saved(Struct, frozen=True, kw_only=True):
    """What an endpoint's form comes to."""

    terms: EndpointTerms
    is_enabled: bool


class Drafting:
    """Turns forms into terms that may be stored."""

    def __init__(self, reach: Reach, vault: Vault) -> None:
        self._reach = reach
        self._vault = vault
        self._resolver = GuardedResolver(reach)

    async def close(self) -> None:
        await self._resolver.close()

    async def draft(
        self,
        endpoint_id: str,
        form: EndpointForm | NewEndpointForm,
        before: EndpointTerms | None,
        is_enabled: bool,
    ) -> Saved | Refusal:
        """The terms after this form, or what can't be. An address is looked up when it changes."""
        terms = _merged(form, before)
        if isinstance(form.headers, dict):
            wrong = headers_objection(form.headers)
            if wrong is not None:
                return Refusal(
                    code="invalid_header", reason=wrong[1], param=_of("headers", wrong[0])
                )
            terms = self._with_headers(endpoint_id, terms, form.headers)
        if form.url is not UNSET:
            refusal = await self.url_refusal(terms.url)
            if refusal is not None:
                return refusal
        enabled = is_enabled if form.enabled is UNSET else form.enabled
        return Saved(terms=terms, is_enabled=enabled)

    async def url_refusal(self, url: str, param: str = "url") -> Refusal | None:
        """Why webhooks can't go there; the same rules hold each time that one is sent."""
        reason = objection(url, self._reach)
        if reason is None:
            reason = await names_objection(urlsplit(url).hostname or "", self._resolver)
        return (
            None if reason is None else Refusal(code="url_not_allowed", reason=reason, param=param)
        )

    def _with_headers(
        self, endpoint_id: str, terms: EndpointTerms, headers: dict[str, str]
    ) -> EndpointTerms:
        document = msgspec.json.encode(headers)
        sealed = self._vault.seal(document, f"webhook-headers:{endpoint_id}") if headers else None
        return msgspec.structs.replace(
            terms, header_names=tuple(sorted(headers)), sealed_headers=sealed
        )


def span_refusal(form: ReplayForm, now: datetime) -> Refusal | None:
    """Why this time can't be replayed."""
    if form.since is UNSET or form.until is UNSET:
        param = "since" if form.since is UNSET else "until"
        reason = "name notification_ids, or since and until"
        return Refusal(code="missing_field", reason=reason, param=param)
    if form.since >= form.until:
        return Refusal(code="invalid_field", reason="it ends before it begins", param="until")
    if now - form.since > REPLAYED_SPAN_MAX:
        reason = f"{REPLAYED_SPAN_MAX.days} days back at most"
        return Refusal(code="replay_too_long", reason=reason, param="since")
    return None


def _merged(form: EndpointForm | NewEndpointForm, before: EndpointTerms | None) -> EndpointTerms:
    told = {
        name: value
        for name in EndpointTerms.__struct_fields__
        if (value := getattr(form, name, UNSET)) is not UNSET
    }
    return EndpointTerms(**told) if before is None else msgspec.structs.replace(before, **told)


def _of(field: str, name: str) -> str:
    return f"{field}.{name}" if name else field
