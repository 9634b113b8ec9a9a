"""The words of webhooks: what is heard, who hears it, how it is acknowledged and tried again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from schema.events import Moment
from schema.messages.contract import Part
from schema.text import PRINTABLE

EVENT_TYPES = (
    "payment.succeeded", "payment.failed", "payment.closed", "payment.late_paid",
    "refund.succeeded", "refund.failed", "refund.abnormal",
    "payout.succeeded", "payout.failed", "payout.returned",
    "settlement.completed", "settlement.failed",
    "account.alarmed",
    "webhook.tested",
)  # fmt: skip
"""Every final change that a merchant can hear of, and the test that he sends to himself."""

TEST_TYPE = "webhook.tested"

WebhookType = Annotated[
    str,
    Meta(pattern=r"^[a-z]{1,20}\.[a-z_]{1,32}$(?!\n)", description="Such as payment.succeeded."),
]
EventFilter = Annotated[
    str,
    Meta(
        pattern=r"^(\*|(payment|refund|payout|settlement|account|webhook)\.(\*|[a-z_]{1,32}))$(?!\n)",
        description="An event type, or a family such as payment.*, or * for all.",
    ),
]
EndpointId = Annotated[
    str, Meta(pattern=r"^we_[0-9a-z]{16}$(?!\n)", description="Number of a webhook endpoint.")
]
EventId = Annotated[
    str, Meta(pattern=r"^evt_[0-9a-z_]{1,70}$(?!\n)", description="Number of an event: webhook-id.")
]
NotificationId = Annotated[
    str,
    Meta(
        pattern=r"^evt_[0-9a-z_]{1,100}$(?!\n)",
        description="That of its event, and of its endpoint.",
    ),
]
WebhookUrl = Annotated[
    str,
    Meta(
        max_length=2_048,
        pattern=r"^https?://[^\x00-\x20\x7f\"<>\\^`{|}@#]+$(?!\n)",
        description="An https address that can be reached from the internet.",
    ),
]
ExpectedBody = Annotated[str, Meta(min_length=1, max_length=64, pattern=PRINTABLE)]
DeadlineMs = Annotated[
    int, Meta(ge=1_000, le=30_000, description="For a whole try, its answer included.")
]
RequestsPerS = Annotated[int, Meta(ge=1, le=1_000)]
LadderS = Annotated[
    tuple[Annotated[int, Meta(ge=1, le=86_400)], ...],
    Meta(max_length=30, description="Seconds between tries; an empty list means one try only."),
]
Description = Annotated[str, Meta(max_length=200, pattern=PRINTABLE)]

Acknowledgement = Literal["http_2xx", "body_equals"]
"""`http_2xx`: any 2xx status. `body_equals`: a 2xx whose trimmed body is the expected word, in any
case, as Alipay and the founding document ask for."""

Acceptance = Literal["sync", "async"]
"""`sync`: the first try is made before the answer. `async`: the answer says that it is stored."""

Policy = Literal["tomato", "standard", "wechat", "alipay", "founding"]

LADDERS_S: dict[Policy, tuple[int, ...]] = {
    "tomato": (5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200),
    "standard": (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400),
    "wechat": (15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600, 10_800, 10_800, 10_800,
               21_600, 21_600),
    "alipay": (240, 600, 600, 3_600, 7_200, 21_600, 54_000),
    "founding": (30, 60, 90, 120, 150),
}  # fmt: skip
"""Waits between tries; the first try is made at once.

`tomato` is ours (ten tries in 23 h), `standard` that of Standard Webhooks, `wechat` and `alipay`
theirs towards merchants, `founding` the six tries of the founding document, n times 30 s.
"""

EndpointState = Literal["enabled", "disabled", "removed"]
NotificationStateName = Literal["waiting", "delivered", "exhausted", "skipped", "superseded"]

SecretKind = Literal["hmac", "ed25519"]

OLD_SECRETS_MAX = 10
"""A forgotten rotation script must not grow the signature header without end."""


class EndpointTerms(Part, frozen=True, kw_only=True):
    """What a merchant has settled for one of his webhook addresses."""

    url: WebhookUrl
    description: Description = ""
    event_types: tuple[EventFilter, ...] = ()
    """What is told here; nothing listed: everything."""
    acknowledgement: Acknowledgement = "http_2xx"
    expected_body: ExpectedBody = "success"
    policy: Policy = "standard"
    ladder_s: LadderS | None = None
    """A ladder of his own, instead of the policy's."""
    deadline_ms: DeadlineMs = 10_000
    requests_per_s_max: RequestsPerS | None = None
    in_order: bool = False
    """What is told of one thing (a payment) waits until what happened before is told."""
    latest_only: bool = False
    """Of one thing only the newest is told; older ones that still wait are superseded."""
    header_names: tuple[str, ...] = ()
    sealed_headers: str | None = None
    """Headers of the merchant's own, as one sealed document: they may hold a password."""


class SealedSecret(Part, frozen=True, kw_only=True):
    """One signing secret of an endpoint, sealed; it signs until it expires."""

    kind: SecretKind = "hmac"
    sealed: str
    public_key: str | None = None
    """`whpk_…` of an ed25519 key, for the merchant to check with."""
    created_at: Moment
    expires_at: Moment | None = None


def is_wanted(filters: Iterable[str], type: str) -> bool:
    """Whether an endpoint with these filters hears this type. No filter hears all."""
    family = type.partition(".")[0]
    return any(wanted in ("*", type, f"{family}.*") for wanted in filters or ("*",))


def signs_at(secret: SealedSecret, moment: datetime) -> bool:
    """Whether a secret still signs what is sent at this moment."""
    return secret.expires_at is None or moment < secret.expires_at
