"""Attempts that wait in their channel's lane, and what becomes of them. Pure.

Nothing was sent for an attempt that waits: until somebody takes it out of the lane, it is known to
be surely not paid. What waits longer than anybody would pay for is never sent.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from actors.channels.attempts.attempt import Attempt, AttemptState
from actors.channels.ladders import is_at_the_till, query_time
from bus.effects import Effect, Publish
from schema.channels import SurelyNotPaid
from schema.messages.channels import CallAttempt
from schema.profiles import ChannelProfile

NEVER_SENT = SurelyNotPaid(
    code="never_sent", message="it waited for the channel until its time was over", cause="payer"
)
"""Whoever was to pay has gone: no other channel is worth asking."""


def put_in_line(attempt: Attempt, profile: ChannelProfile, now: datetime) -> Attempt:
    """The attempt as it waits in the lane. It is looked at again when its time is over."""
    return replace(
        attempt,
        state=AttemptState.WAITING,
        query_at=waits_until(attempt, profile),
        updated_at=now,
    )


def taken_out(attempt: Attempt, now: datetime) -> Attempt:
    """The attempt as it is about to be made. From now on nobody knows that nothing was sent."""
    return replace(
        attempt,
        state=AttemptState.OPENED,
        query_at=query_time(0, now, attempt.terms.pay_type),
        updated_at=now,
    )


def ended_in_line(attempt: Attempt, now: datetime) -> Attempt:
    """The attempt when nobody shall pay its order any more; there is nothing to look at."""
    return replace(
        attempt,
        state=AttemptState.CLOSED,
        channel_code=NEVER_SENT.code,
        channel_message="its order ended while it waited for the channel",
        query_at=None,
        updated_at=now,
    )


def waits_until(attempt: Attempt, profile: ChannelProfile) -> datetime:
    """How long it may wait: as long as the order lives, and at the till as long as the payer."""
    ends_at = attempt.terms.expires_at
    if is_at_the_till(attempt.terms.pay_type):
        return min(ends_at, attempt.opened_at + timedelta(seconds=profile.barcode_wait_s))
    return ends_at


def in_lane(attempt: Attempt) -> Effect:
    """Has the attempt made when its channel's lane comes to it."""
    wish = CallAttempt(
        attempt_id=attempt.attempt_id,
        channel_no=attempt.channel_no,
        auth_code=attempt.terms.auth_code,
    )
    return Publish(wish, subject=attempt.payment_id, lane=attempt.channel_no)
