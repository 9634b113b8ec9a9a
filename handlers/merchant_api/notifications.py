"""`/v1/notifications`: what a merchant was told, every try of it, and telling it again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from aiohttp import web
from msgspec import UNSET, Meta, Struct

from bus.jobs import now_utc
from handlers.asking import Asking
from handlers.forms import has_form
from handlers.merchant_api.answers import document, read_form
from handlers.merchant_api.authentication import Call
from handlers.merchant_api.endpoints import shown_tried
from handlers.merchant_api.parameters import LIMIT_DEFAULT, Limit, read_query, wrong_cursor
from handlers.merchant_api.problems import Problem, refused
from handlers.outlet import Outlet
from handlers.replaying import say_again
from handlers.webhook_forms import ReplayAccepted, ReplayForm, span_refusal
from handlers.webhook_views import REPLAYED_MAX, Wanted, Webhooks, read_cursor
from schema.messages.doors import ResendNotifications
from schema.messages.notification import NotificationAnswered
from schema.webhooks import EndpointId, NotificationId, NotificationStateName, WebhookType

PATH = "/v1/notifications"


class Search(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of `GET /v1/notifications`."""

    endpoint_id: EndpointId | None = None
    state: NotificationStateName | None = None
    type: WebhookType | None = None
    subject: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None
    limit: Limit = LIMIT_DEFAULT
    cursor: str | None = None


class NotificationDoor:
    """The endpoints of notifications, for those whom the gate has let in."""

    def __init__(self, webhooks: Webhooks, asking: Asking, outlet: Outlet) -> None:
        self._webhooks = webhooks
        self._asking = asking
        self._outlet = outlet

    async def search(self, call: Call) -> web.Response | Problem:
        """A page of notifications that fit, newest first."""
        search = read_query(call.request, Search)
        if isinstance(search, Problem):
            return search
        after = None if search.cursor is None else read_cursor(search.cursor)
        if after is None and search.cursor is not None:
            return wrong_cursor()
        wanted = Wanted(**{name: getattr(search, name) for name in Wanted.__struct_fields__})
        number, limit = call.merchant.merchant_no, int(search.limit)
        return document(await self._webhooks.page(number, wanted, after, limit))

    async def find(self, call: Call) -> web.Response | Problem:
        """One notification with its tries."""
        notification_id = call.request.match_info["notification_id"]
        if not has_form(notification_id, NotificationId):
            return _not_there(notification_id)
        details = await self._webhooks.notification(call.merchant.merchant_no, notification_id)
        return _not_there(notification_id) if details is None else document(details)

    async def resend(self, call: Call) -> web.Response | Problem:
        """Makes the next try now, and shows what came of it; 202 where that takes long."""
        notification_id = call.request.match_info["notification_id"]
        if not has_form(notification_id, NotificationId):
            return _not_there(notification_id)
        number = call.merchant.merchant_no
        wish = ResendNotifications(
            merchant_no=number, notification_ids=(notification_id,), acceptance="sync"
        )
        answer = await self._asking.ask(wish, call.request_id)
        if isinstance(answer, NotificationAnswered) and answer.refusal is not None:
            return refused(answer.refusal)
        details = await self._webhooks.notification(number, notification_id)
        return shown_tried(details, is_answered=answer is not None)

    async def replay(self, call: Call) -> web.Response | Problem:
        """Has many sent again: named ones, or those of a time."""
        form = read_form(call.body, ReplayForm)
        if isinstance(form, Problem):
            return form
        ids = await self._to_replay(call, form)
        if isinstance(ids, Problem):
            return ids
        await say_again(self._outlet, call.merchant.merchant_no, ids)
        return document(ReplayAccepted(count=len(ids)), status=202)

    async def _to_replay(self, call: Call, form: ReplayForm) -> list[str] | Problem:
        if form.notification_ids is not UNSET:
            return list(dict.fromkeys(form.notification_ids))
        refusal = span_refusal(form, now_utc())
        if refusal is not None:
            return refused(refusal)
        wanted = Wanted(
            endpoint_id=form.endpoint_id, since=form.since or None, until=form.until or None
        )
        number = call.merchant.merchant_no
        ids = await self._webhooks.matching(number, form.states, wanted)
        if len(ids) > REPLAYED_MAX:
            detail = f"more than {REPLAYED_MAX} notifications fit; name a shorter time"
            return Problem("replay_too_long", detail, "since")
        return ids


def _not_there(number: str) -> Problem:
    detail = f"the merchant has no notification {number!a:.120}"
    return Problem("notification_not_found", detail)
