"""Endpoints: secrets that are replaced, and what makes an endpoint be disabled."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from actors.notification.endpoint import (
    APART,
    DISABLED_AFTER,
    after_exhaustion,
    after_success,
    changed,
    rotated,
)
from schema.messages.doors import SaveWebhookEndpoint
from schema.payments import Refusal
from schema.webhooks import OLD_SECRETS_MAX, EndpointTerms, SealedSecret
from tests.examples import MERCHANT_NO, NOW
from tests.notifications import ENDPOINT_ID, an_endpoint

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def a_secret(name: str = "first") -> SealedSecret:
    return SealedSecret(sealed=name, created_at=NOW)


def names(secrets: tuple[SealedSecret, ...]) -> list[str]:
    return [secret.sealed for secret in secrets]


def test_an_old_secret_signs_beside_the_new_one_until_its_time_is_over() -> None:
    endpoint = rotated(an_endpoint(secrets=(a_secret(),)), a_secret("second"), 3_600, NOW)
    assert names(endpoint.signing(NOW + HOUR - timedelta(seconds=1))) == ["second", "first"]
    assert names(endpoint.signing(NOW + HOUR)) == ["second"]


def test_an_old_secret_may_end_at_once() -> None:
    endpoint = rotated(an_endpoint(secrets=(a_secret(),)), a_secret("second"), 0, NOW)
    assert names(endpoint.signing(NOW)) == ["second"]


def test_a_further_rotation_makes_no_old_secret_live_longer() -> None:
    endpoint = rotated(an_endpoint(secrets=(a_secret(),)), a_secret("second"), 3_600, NOW)
    endpoint = rotated(endpoint, a_secret("third"), 604_800, NOW)
    assert names(endpoint.signing(NOW + HOUR)) == ["third", "second"]


def test_only_so_many_old_secrets_are_kept() -> None:
    endpoint = an_endpoint(secrets=(a_secret("0"),))
    for n in range(1, 30):
        endpoint = rotated(endpoint, a_secret(str(n)), 604_800, NOW)
    assert len(endpoint.secrets) == OLD_SECRETS_MAX + 1
    assert endpoint.secrets[0].sealed == "29"


def test_an_endpoint_that_fails_for_five_days_is_disabled() -> None:
    endpoint, now = an_endpoint(), NOW
    while now - NOW < DISABLED_AFTER:
        endpoint = after_exhaustion(endpoint, now)
        assert endpoint.is_enabled
        now += APART / 2
    ended = after_exhaustion(endpoint, now)
    assert (ended.state, ended.reason) == ("disabled", "nothing was acknowledged for five days")


def test_failures_that_lie_far_apart_disable_nothing() -> None:
    endpoint, now = an_endpoint(), NOW
    for _ in range(30):
        endpoint = after_exhaustion(endpoint, now)
        now += APART + HOUR
    assert endpoint.is_enabled


def test_one_success_clears_all_failures_before_it() -> None:
    failing = after_exhaustion(an_endpoint(), NOW)
    assert failing.failing_since == NOW
    assert after_success(failing) == an_endpoint()


def save(version: int = 1, **differences: object) -> SaveWebhookEndpoint:
    terms = EndpointTerms(**{"url": "https://shop.test/hooks", **differences})  # type: ignore
    return SaveWebhookEndpoint(
        merchant_no=MERCHANT_NO, endpoint_id=ENDPOINT_ID, version=version, terms=terms
    )


def test_who_is_enabled_again_begins_without_failures() -> None:
    failing = replace(after_exhaustion(an_endpoint(), NOW), state="disabled", reason="why")
    woken = changed(failing, save(), NOW)
    assert not isinstance(woken, Refusal)
    assert (woken.state, woken.reason, woken.failing_since) == ("enabled", None, None)


def test_a_password_given_for_one_host_is_not_sent_to_another() -> None:
    sealed = {"header_names": ("authorization",), "sealed_headers": "for shop.test"}
    endpoint = an_endpoint(**sealed)
    moved = changed(endpoint, save(url="https://other.test/", **sealed), NOW)
    stayed = changed(endpoint, save(url="https://shop.test/elsewhere", **sealed), NOW)
    given = {"header_names": ("authorization",), "sealed_headers": "for other.test"}
    told_anew = changed(endpoint, save(url="https://other.test/", **given), NOW)
    assert not isinstance(moved, Refusal) and moved.terms.sealed_headers is None
    assert not isinstance(stayed, Refusal) and stayed.terms.sealed_headers == "for shop.test"
    assert not isinstance(told_anew, Refusal) and told_anew.terms.sealed_headers is not None
