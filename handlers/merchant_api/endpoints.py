"""`/v1/webhook_endpoints`: where a merchant hears what happens, and how."""

from __future__ import annotations

from aiohttp import web
from msgspec import Struct

from bus.jobs import now_utc
from bus.vault import Vault
from handlers.asking import Asking
from handlers.forms import has_form
from handlers.merchant_api.answers import document, read_form
from handlers.merchant_api.authentication import Call
from handlers.merchant_api.problems import Problem, refused
from handlers.trace import accepted_trace
from handlers.webhook_forms import Drafting, EndpointForm, NewEndpointForm, SecretForm
from handlers.webhook_secrets import new_endpoint_id, new_secret
from handlers.webhook_tests import test_event
from handlers.webhook_views import (
    EndpointView,
    NotificationDetails,
    Webhooks,
)
from schema.messages.contract import Message
from schema.messages.doors import (
    RemoveWebhookEndpoint,
    RotateWebhookSecret,
    SaveWebhookEndpoint,
)
from schema.messages.notification import NotificationAnswered, WebhookEndpointAnswered
from schema.payments import Refusal
from schema.webhooks import EndpointId, EndpointTerms

PATH = "/v1/webhook_endpoints"


class EndpointWithSecret(Struct, frozen=True, kw_only=True):
    """An endpoint with its new secret, which is shown this once."""

    endpoint: EndpointView
    secret: str
    """`whsec_…` to check with, or the public half `whpk_…` of an ed25519 key."""


class EndpointDoor:
    """The endpoints' endpoints, for those whom the gate has let in."""

    def __init__(
        self, webhooks: Webhooks, asking: Asking, drafting: Drafting, vault: Vault
    ) -> None:
        self._webhooks = webhooks
        self._asking = asking
        self._drafting = drafting
        self._vault = vault

    async def create(self, call: Call) -> web.Response | Problem:
        """A new endpoint, with its secret."""
        form = read_form(call.body, NewEndpointForm)
        if isinstance(form, Problem):
            return form
        endpoint_id = new_endpoint_id()
        saved = await self._drafting.draft(endpoint_id, form, None, True)
        if isinstance(saved, Refusal):
            return refused(saved)
        secret = new_secret(self._vault, endpoint_id, form.secret_kind, now_utc())
        wish = SaveWebhookEndpoint(
            merchant_no=call.merchant.merchant_no,
            endpoint_id=endpoint_id,
            version=0,
            terms=saved.terms,
            secret=secret.stored,
            is_enabled=saved.is_enabled,
        )
        return await self._with_secret(call, wish, secret.shown, status=201)

    async def search(self, call: Call) -> web.Response | Problem:
        """All endpoints of the merchant."""
        if call.request.query:
            return Problem("invalid_parameter", "none is known here")
        return document(await self._webhooks.endpoints(call.merchant.merchant_no))

    async def find(self, call: Call) -> web.Response | Problem:
        """One endpoint."""
        found = await self._found(call)
        return found if isinstance(found, Problem) else document(found[0])

    async def change(self, call: Call) -> web.Response | Problem:
        """Some of an endpoint's terms, if nobody has changed it meanwhile."""
        form = read_form(call.body, EndpointForm)
        if isinstance(form, Problem):
            return form
        found = await self._found(call)
        if isinstance(found, Problem):
            return found
        view, terms = found
        saved = await self._drafting.draft(view.id, form, terms, view.state == "enabled")
        if isinstance(saved, Refusal):
            return refused(saved)
        wish = SaveWebhookEndpoint(
            merchant_no=call.merchant.merchant_no,
            endpoint_id=view.id,
            version=view.version,
            terms=saved.terms,
            is_enabled=saved.is_enabled,
        )
        problem = await self._ask(call, wish)
        return problem or await self.find(call)

    async def remove(self, call: Call) -> web.Response | Problem:
        """The endpoint is told nothing more."""
        found = await self._found(call)
        if isinstance(found, Problem):
            return found
        wish = RemoveWebhookEndpoint(merchant_no=call.merchant.merchant_no, endpoint_id=found[0].id)
        return await self._ask(call, wish) or web.Response(status=204)

    async def rotate(self, call: Call) -> web.Response | Problem:
        """A new secret; the old ones sign beside it for some time."""
        form = read_form(call.body or b"{}", SecretForm)
        if isinstance(form, Problem):
            return form
        found = await self._found(call)
        if isinstance(found, Problem):
            return found
        secret = new_secret(self._vault, found[0].id, form.kind, now_utc())
        wish = RotateWebhookSecret(
            merchant_no=call.merchant.merchant_no,
            endpoint_id=found[0].id,
            secret=secret.stored,
            keep_old_s=form.keep_old_s,
        )
        return await self._with_secret(call, wish, secret.shown, status=201)

    async def test(self, call: Call) -> web.Response | Problem:
        """Sends a test, and shows what came of it; 202 where that takes long."""
        found = await self._found(call)
        if isinstance(found, Problem):
            return found
        wish = test_event(call.merchant.merchant_no, found[0].id)
        answer = await self._asked(call, wish)
        if isinstance(answer, NotificationAnswered) and answer.refusal is not None:
            return refused(answer.refusal)
        id = f"{wish.event_id}_{found[0].id}"
        details = await self._webhooks.notification(call.merchant.merchant_no, id)
        return shown_tried(details, is_answered=answer is not None)

    async def _with_secret(
        self, call: Call, wish: SaveWebhookEndpoint | RotateWebhookSecret, secret: str, status: int
    ) -> web.Response | Problem:
        problem = await self._ask(call, wish)
        if problem is not None:
            return problem
        found = await self._webhooks.endpoint(wish.merchant_no, wish.endpoint_id)
        if found is None:
            return _not_there(wish.endpoint_id)
        location = f"{PATH}/{wish.endpoint_id}"
        answer = EndpointWithSecret(endpoint=found[0], secret=secret)
        return document(answer, status=status, location=location)

    async def _found(self, call: Call) -> tuple[EndpointView, EndpointTerms] | Problem:
        endpoint_id = call.request.match_info["endpoint_id"]
        if not has_form(endpoint_id, EndpointId):
            return _not_there(endpoint_id)
        found = await self._webhooks.endpoint(call.merchant.merchant_no, endpoint_id)
        return _not_there(endpoint_id) if found is None else found

    async def _ask(self, call: Call, wish: Message) -> Problem | None:
        """Why the wish is not fulfilled; None if it is."""
        answer = await self._asked(call, wish)
        if answer is None:
            return Problem("try_again", "it takes longer than usual; look again in a moment")
        assert isinstance(answer, WebhookEndpointAnswered)
        return None if answer.refusal is None else refused(answer.refusal)

    async def _asked(self, call: Call, wish: Message) -> Message | None:
        traceparent = accepted_trace(call.request.headers.get("traceparent"))
        return await self._asking.ask(wish, call.request_id, traceparent=traceparent)


def shown_tried(
    details: NotificationDetails | None, *, is_answered: bool
) -> web.Response | Problem:
    """A notification after a try that was waited for; 202 while the try is not over."""
    if details is None:
        return Problem("try_again", "it takes longer than usual; look again in a moment")
    location = f"/v1/notifications/{details.id}"
    return document(details, status=200 if is_answered else 202, location=location)


def _not_there(endpoint_id: str) -> Problem:
    return Problem("endpoint_not_found", f"the merchant has no endpoint {endpoint_id!a:.80}")
