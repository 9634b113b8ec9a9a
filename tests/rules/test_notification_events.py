"""Which facts of the books merchants are told, and who hears what no merchant can."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from actors.notification.events import WebhookBody
from actors.notification.notification import NotificationState, next_wish
from actors.notification.rules import IN_LANE_MAX, Outbox, decide, decide_wish, event_id
from bus.effects import Publish
from schema.messages.accounting import (
    LedgerBroken,
    PayoutHasArrived,
    PayoutHasReturned,
    PayoutView,
)
from schema.messages.doors import ResendNotifications
from schema.messages.notification import AlarmUnheard, DeliverNotification
from schema.webhooks import EVENT_TYPES, EventId
from tests.contracts.examples import EXAMPLES
from tests.examples import MERCHANT_NO, NOW, a_merchant
from tests.notifications import HOOK, a_notification


def an_outbox(notify_url: str | None = HOOK) -> Outbox:
    return Outbox((), {MERCHANT_NO: a_merchant(notify_url=notify_url)})


def a_payout(kind: str = "withdrawal", **differences: Any) -> PayoutView:
    usual: dict[str, Any] = {"role": "merchant", "owner": MERCHANT_NO, "currency": "CNY"}
    usual |= {"payout_no": f"{kind}:W-1.a", "kind": kind, "amount_fen": 500, "ended_at": NOW}
    return PayoutView(**usual | differences)


@pytest.mark.parametrize(
    ("fact", "type"),
    [
        (PayoutHasArrived(payout=a_payout()), "payout.succeeded"),
        (PayoutHasReturned(payout=a_payout()), "payout.returned"),
        (PayoutHasArrived(payout=a_payout("settlement")), "settlement.completed"),
        (PayoutHasReturned(payout=a_payout("settlement")), "settlement.failed"),
    ],
)
def test_a_merchant_is_told_how_a_payout_ended(
    fact: PayoutHasArrived | PayoutHasReturned, type: str
) -> None:
    (written,) = decide(an_outbox(), fact, NOW).changes
    body = msgspec.json.decode(written.body, type=WebhookBody[PayoutView])
    assert body == WebhookBody(type=type, timestamp=NOW, data=fact.payout)
    assert type in EVENT_TYPES and written.subject == fact.payout.payout_no
    msgspec.convert(written.event_id, EventId)


def test_two_payouts_are_two_events_however_their_numbers_are_written() -> None:
    numbers = ("withdrawal:W-1", "withdrawal:w-1", "withdrawal:w.1", "settlement:w-1")
    assert len({event_id(number, "payout.succeeded") for number in numbers}) == 4


@pytest.mark.parametrize("name", ["refund.succeeded", "refund.failed", "refund.abnormal"])
def test_each_refund_of_a_payment_is_an_event_of_its_own(name: str) -> None:
    example: Any = EXAMPLES[name]
    other = replace(example, refund=replace(example.refund, id="ref_01k2x4m8qv7h3dp1ra9e0001"))
    events = [decide(an_outbox(), fact, NOW).changes[0] for fact in (example, example, other)]
    assert len({each.event_id for each in events}) == 2
    assert {each.subject for each in events} == {example.refund.payment_id}


BROKEN = LedgerBroken(
    alarm_no="alm_0123456789abcdef", check_name="fold", role="merchant", owner=MERCHANT_NO,
    account_no="1" * 21, detail="balance 5, entries 4",
)  # fmt: skip


def test_the_owner_of_an_account_that_fails_its_proof_is_told_and_not_what_was_found() -> None:
    decision = decide(an_outbox(), BROKEN, NOW)
    (written,) = decision.changes
    assert written.type == "account.alarmed" in EVENT_TYPES
    told = msgspec.json.decode(written.body)["data"]
    assert told == {
        "alarm_no": BROKEN.alarm_no, "account_no": "1" * 21, "payouts_are_stopped": True,
    }  # fmt: skip
    assert [type(e.message) for e in decision.effects if isinstance(e, Publish)] == [
        DeliverNotification
    ]


@pytest.mark.parametrize(
    ("outbox", "broken"),
    [
        (an_outbox(), replace(BROKEN, role="platform", owner="platform")),
        (an_outbox(), replace(BROKEN, role="agent", owner="agent_7")),
        (an_outbox(notify_url=None), BROKEN),
    ],
    ids=["ours", "an agent's", "without an address"],
)
def test_operators_hear_of_an_alarm_that_no_merchant_can_hear(
    outbox: Outbox, broken: LedgerBroken
) -> None:
    decision = decide(outbox, broken, NOW)
    told = AlarmUnheard(
        alarm_no=broken.alarm_no, check_name="fold", role=broken.role, owner=broken.owner,
        account_no=broken.account_no,
    )  # fmt: skip
    assert (decision.changes, decision.effects) == ((), (Publish(told, subject=broken.alarm_no),))


# What a lane has no room for.


def test_a_replay_of_more_than_a_lane_may_have_keeps_the_rest_back() -> None:
    rows = [
        a_notification(notification_id=f"evt_{n:03d}", state=NotificationState.EXHAUSTED)
        for n in range(5)
    ]
    outbox = Outbox(rows, {MERCHANT_NO: a_merchant()}, {rows[0].lane: 3})
    wish = ResendNotifications(
        merchant_no=MERCHANT_NO, notification_ids=tuple(row.notification_id for row in rows)
    )
    decision = decide_wish(outbox, wish, NOW)
    assert [row.is_kept_back for row in decision.changes] == [False] * 3 + [True] * 2
    said = [e.message for e in decision.effects if isinstance(e, Publish)]
    assert said == [next_wish(row) for row in decision.changes[:3]]


def test_after_the_first_that_finds_no_room_everything_waits_behind_it() -> None:
    outbox = Outbox((), {}, {f"m{MERCHANT_NO}": 1})
    outbox.put(a_notification(is_kept_back=True))
    assert outbox.room_in(f"m{MERCHANT_NO}") == 0
    assert outbox.room_in("m1") == IN_LANE_MAX
