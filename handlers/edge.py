"""The edge: all doors to the street in one process, wired from what the process shares.

/v1/payments, /v1/refunds,         merchants, signed          merchant_api/
/v1/statements/{day}.csv
/v1/balances, /v1/accounts/{account_no}/…
/v1/webhook_endpoints
/v1/notifications
/channels/{channel_no}/notify      channels, signed           callbacks.py
/cashier/…                         payers                     cashier/
/docs, /docs/openapi.json          whoever wants to read      merchant_api/pages.py
/healthz, /readyz, /metrics        operators                  operations.py
AMQP exchange tomato.upstream      systems next door          upstream.py
"""

from __future__ import annotations

from aiohttp import web

from bus.process import Shared
from bus.replies import Replies
from handlers.asking import Asking
from handlers.callbacks import NOTIFY, Callbacks, Languages
from handlers.cashier.door import Cashier
from handlers.cashier.links import links_of
from handlers.doorstep import doorstep
from handlers.merchant_api import day_statements, endpoints, notifications, refunds
from handlers.merchant_api.account_books import Books
from handlers.merchant_api.accounts import ACCOUNT, BALANCES, AccountDoor
from handlers.merchant_api.authentication import Gate
from handlers.merchant_api.day_statements import DayBook, DayStatementDoor
from handlers.merchant_api.endpoints import EndpointDoor
from handlers.merchant_api.events import EventDoor, TimeLines
from handlers.merchant_api.guard import Guard
from handlers.merchant_api.notifications import NotificationDoor
from handlers.merchant_api.pages import add_pages
from handlers.merchant_api.payments import PATH, PaymentDoor
from handlers.merchant_api.refund_views import Refunds
from handlers.merchant_api.refunds import RefundDoor
from handlers.merchant_api.views import Payments
from handlers.operations import add_operations
from handlers.outlet import Outlet
from handlers.site import Site
from handlers.upstream import Upstream
from handlers.webhook_forms import Drafting
from handlers.webhook_views import Webhooks


class Edge:
    """Opens every door on `start` and closes them on `stop`, without breaking off a request.

    Made before the broker starts, so that the upstream queue is among its subscriptions.
    """

    def __init__(self, shared: Shared, languages: Languages, *, share_port: bool = False) -> None:
        settings = shared.settings
        self._replies = Replies(shared.broker)
        self._guard = Guard(shared.redis)
        self._languages = languages
        # Apart from each other, so that orders nobody takes do not hold up notices.
        self._orders = _outlet(shared, "orders")
        self._notices = _outlet(shared, "notices")
        self._wishes = _outlet(shared, "wishes")
        self._asking = Asking(self._wishes, self._replies, wait_ms=settings.answer_wait_ms)
        self._payments = Payments(shared.pool, links_of(settings, shared.vault))
        self._drafting = Drafting(settings.reach(), shared.vault)
        Upstream(shared.broker, shared.directory, prefetch=settings.prefetch)
        self.app = web.Application(middlewares=[doorstep], client_max_size=settings.body_bytes_max)
        self._open_merchant_api(shared)
        self.app.router.add_post(NOTIFY, Callbacks(languages, self._notices).take)
        self._cashier = Cashier(shared, self._asking)
        self._cashier.open(self.app)
        add_pages(self.app, public_url=settings.public_url)
        add_operations(self.app, shared)
        self._site = Site(
            self.app, host=settings.http_host, port=settings.http_port, share_port=share_port
        )

    async def start(self) -> None:
        for part in (
            self._replies,
            self._guard,
            self._languages,
            *self._outlets,
            self._cashier,
            self._site,
        ):
            await part.start()

    async def stop(self) -> None:
        """The site first: the requests in hand still need all the rest."""
        for part in (
            self._site,
            self._cashier,
            *self._outlets,
            self._languages,
            self._guard,
            self._replies,
        ):
            await part.stop()
        await self._drafting.close()

    @property
    def _outlets(self) -> tuple[Outlet, ...]:
        return self._orders, self._notices, self._wishes

    @property
    def url(self) -> str:
        """Where the doors are, once they are open."""
        return self._site.url

    def _open_merchant_api(self, shared: Shared) -> None:
        settings = shared.settings
        gate = Gate(shared.directory, shared.vault, self._guard, trust_proxy=settings.trust_proxy)
        door = PaymentDoor(
            self._payments,
            self._orders,
            self._replies,
            settings.reach(),
            self._asking,
            answer_wait_ms=settings.answer_wait_ms,
        )
        routes = self.app.router
        routes.add_post(PATH, gate.before(door.place))
        routes.add_post(f"{PATH}/{{payment_id}}/close", gate.before(door.close))
        routes.add_get(PATH, gate.before(door.search))
        routes.add_get(f"{PATH}/{{payment_id}}", gate.before(door.find))
        self._open_refunds(shared, gate)
        self._open_accounts(gate, AccountDoor(Books(shared.pool)))
        self._open_webhooks(shared, gate)

    def _open_refunds(self, shared: Shared, gate: Gate) -> None:
        pool, reach, routes = shared.pool, shared.settings.reach(), self.app.router
        door = RefundDoor(Refunds(pool), self._payments, self._asking, reach)
        events, statements = EventDoor(TimeLines(pool)), DayStatementDoor(DayBook(pool))
        routes.add_get(f"{PATH}/{{payment_id}}/refunds", gate.before(door.of_payment))
        routes.add_get(f"{PATH}/{{payment_id}}/events", gate.before(events.find))
        routes.add_get(day_statements.PATH, gate.before(statements.hand_out))
        routes.add_post(refunds.PATH, gate.before(door.place))
        routes.add_get(refunds.PATH, gate.before(door.search))
        routes.add_get(f"{refunds.PATH}/{{refund_id}}", gate.before(door.find))

    def _open_accounts(self, gate: Gate, door: AccountDoor) -> None:
        routes = self.app.router
        routes.add_get(BALANCES, gate.before(door.balances))
        routes.add_get(ACCOUNT, gate.before(door.find))
        routes.add_get(f"{ACCOUNT}/balance", gate.before(door.balance))
        routes.add_get(f"{ACCOUNT}/entries", gate.before(door.entries))
        routes.add_get(f"{ACCOUNT}/days", gate.before(door.days))
        routes.add_get(f"{ACCOUNT}/statement", gate.before(door.statement))

    def _open_webhooks(self, shared: Shared, gate: Gate) -> None:
        webhooks = Webhooks(shared.pool)
        door = EndpointDoor(webhooks, self._asking, self._drafting, shared.vault)
        told = NotificationDoor(webhooks, self._asking, self._wishes)
        one, routes = f"{endpoints.PATH}/{{endpoint_id}}", self.app.router
        routes.add_post(endpoints.PATH, gate.before(door.create))
        routes.add_get(endpoints.PATH, gate.before(door.search))
        routes.add_get(one, gate.before(door.find))
        routes.add_patch(one, gate.before(door.change))
        routes.add_delete(one, gate.before(door.remove))
        routes.add_post(f"{one}/secrets", gate.before(door.rotate))
        routes.add_post(f"{one}/test", gate.before(door.test))
        one = f"{notifications.PATH}/{{notification_id}}"
        routes.add_get(notifications.PATH, gate.before(told.search))
        routes.add_post(f"{notifications.PATH}/replay", gate.before(told.replay))
        routes.add_get(one, gate.before(told.find))
        routes.add_post(f"{one}/resend", gate.before(told.resend))


def _outlet(shared: Shared, name: str) -> Outlet:
    settings = shared.settings
    return Outlet(
        shared.broker, linger_ms=settings.linger_ms, batch_max=settings.batch_max, name=name
    )
