"""A webhook endpoint: what it hears, with which secrets it is signed to, and when it is disabled.

Pure: every change gives the next endpoint, or a Refusal.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from schema.messages.doors import SaveWebhookEndpoint
from schema.payments import Refusal
from schema.webhooks import OLD_SECRETS_MAX, EndpointTerms, SealedSecret, signs_at

ENDPOINTS_MAX = 16
"""Of one merchant: each one multiplies all that is told to him."""

DISABLED_AFTER = timedelta(hours=120)
"""Five days without one success, each notification tried to its end: nobody is listening there."""

APART = timedelta(hours=24)
"""Failures further from each other than this are no continuous failure."""

WARNED_AT_PERCENT = (50, 70, 90)
"""Of the time after which an endpoint is disabled: its owner's operators can still do something."""

GONE = "it answered 410 Gone"
UNHEARD = "nothing was acknowledged for five days"
BY_WISH = "as its owner wished"


class EndpointState(StrEnum):
    """Whether an endpoint is told anything."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    REMOVED = "removed"


class Endpoint(Struct, frozen=True, kw_only=True):
    """One address of a merchant; field names are the columns of `notification.endpoint`."""

    endpoint_id: str
    merchant_no: str
    state: EndpointState = EndpointState.ENABLED
    reason: str | None = None
    terms: EndpointTerms
    secrets: tuple[SealedSecret, ...] = ()
    """The newest first."""
    version: int = 1
    failing_since: datetime | None = None
    failed_at: datetime | None = None
    warned_percent: int = 0
    """What operators were told last of the time that is up; 0 while nothing fails."""
    created_at: datetime
    updated_at: datetime

    @property
    def is_enabled(self) -> bool:
        return self.state is EndpointState.ENABLED

    def signing(self, moment: datetime) -> tuple[SealedSecret, ...]:
        """The secrets that sign what is sent at this moment."""
        return tuple(secret for secret in self.secrets if signs_at(secret, moment))


def no_such(endpoint_id: str) -> Refusal:
    return Refusal(code="endpoint_not_found", reason=f"the merchant has no endpoint {endpoint_id}")


def opened(wish: SaveWebhookEndpoint, count: int, now: datetime) -> Endpoint | Refusal:
    """A new endpoint; `count` is how many the merchant has."""
    if count >= ENDPOINTS_MAX:
        reason = f"a merchant has {ENDPOINTS_MAX} endpoints at most"
        return Refusal(code="too_many_endpoints", reason=reason)
    return Endpoint(
        endpoint_id=wish.endpoint_id,
        merchant_no=wish.merchant_no,
        state=EndpointState.ENABLED if wish.is_enabled else EndpointState.DISABLED,
        reason=None if wish.is_enabled else BY_WISH,
        terms=wish.terms,
        secrets=(wish.secret,) if wish.secret else (),
        created_at=now,
        updated_at=now,
    )


def changed(endpoint: Endpoint, wish: SaveWebhookEndpoint, now: datetime) -> Endpoint | Refusal:
    """The endpoint with these terms, unless somebody else has changed it meanwhile."""
    if wish.version != endpoint.version:
        reason = f"it is at version {endpoint.version} by now; read it and change it again"
        return Refusal(code="endpoint_changed", reason=reason)
    enabled = EndpointState.ENABLED if wish.is_enabled else EndpointState.DISABLED
    is_woken = wish.is_enabled and not endpoint.is_enabled
    return _next(
        endpoint,
        now,
        terms=_without_foreign_headers(endpoint.terms, wish.terms),
        state=enabled,
        reason=None if wish.is_enabled else endpoint.reason or BY_WISH,
        failing_since=None if is_woken else endpoint.failing_since,
        failed_at=None if is_woken else endpoint.failed_at,
        warned_percent=0 if is_woken else endpoint.warned_percent,
    )


def rotated(endpoint: Endpoint, secret: SealedSecret, keep_old_s: int, now: datetime) -> Endpoint:
    """The endpoint with a new secret. Present ones sign for `keep_old_s` more, never for longer
    than they would have."""
    until = now + timedelta(seconds=keep_old_s)
    old = [
        replace(each, expires_at=min(until, each.expires_at or until)) for each in endpoint.secrets
    ]
    kept = [each for each in old if signs_at(each, now)][:OLD_SECRETS_MAX]
    return _next(endpoint, now, secrets=(secret, *kept))


def removed(endpoint: Endpoint, now: datetime) -> Endpoint:
    """What is left of an endpoint: a name for what was sent to it."""
    nothing = EndpointTerms(url="https://removed.invalid/")
    return _next(
        endpoint, now, state=EndpointState.REMOVED, terms=nothing, secrets=(), reason=BY_WISH
    )


def disabled(endpoint: Endpoint, reason: str, now: datetime) -> Endpoint:
    """An endpoint that is told nothing until its owner enables it again."""
    return _next(endpoint, now, state=EndpointState.DISABLED, reason=reason)


def after_success(endpoint: Endpoint) -> Endpoint:
    """One success clears what failed before it."""
    return replace(endpoint, failing_since=None, failed_at=None, warned_percent=0)


def after_exhaustion(endpoint: Endpoint, now: datetime) -> Endpoint:
    """One more was tried to its end in vain; after five days of that it is disabled."""
    last = endpoint.failed_at
    is_apart = last is None or now - last > APART
    since = now if is_apart else endpoint.failing_since or now
    failing = replace(
        endpoint,
        failing_since=since,
        failed_at=now,
        warned_percent=max(warned_percent(since, now), 0 if is_apart else endpoint.warned_percent),
    )
    return disabled(failing, UNHEARD, now) if failing.warned_percent == 100 else failing


def warned_percent(since: datetime, now: datetime) -> int:
    """The highest threshold that was reached of the time after which an endpoint is disabled."""
    passed = 100 * (now - since) // DISABLED_AFTER
    return max((at for at in (*WARNED_AT_PERCENT, 100) if at <= passed), default=0)


def _next(endpoint: Endpoint, now: datetime, **changes: object) -> Endpoint:
    return replace(endpoint, version=endpoint.version + 1, updated_at=now, **changes)


def _without_foreign_headers(before: EndpointTerms, terms: EndpointTerms) -> EndpointTerms:
    """A password that was given for one host is not sent to another one: whoever moves the
    endpoint has to give the headers again."""
    is_same_host = urlsplit(before.url).netloc == urlsplit(terms.url).netloc
    if is_same_host or terms.sealed_headers != before.sealed_headers:
        return terms
    return replace(terms, header_names=(), sealed_headers=None)
