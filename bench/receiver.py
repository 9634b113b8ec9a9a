"""The merchants' end: takes webhooks, checks a sample of their signatures, notes when they came.

Signatures are checked with the reference library of Standard Webhooks, not with our own code.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
from aiohttp import web
from msgspec import Struct
from standardwebhooks import Webhook, WebhookVerificationError

from bench.orders import Hook, Merchant, OrderBook


class Payment(Struct):
    """What the receiver reads of the payment in a webhook."""

    id: str
    merchant_no: str
    merchant_order_no: str
    amount_fen: int


class HookBody(Struct):
    """What the receiver reads of a webhook."""

    type: str
    data: Payment


_decode = msgspec.json.Decoder(HookBody).decode


class Receiver:
    """Notes webhooks in the book and answers 204, whoever they are from."""

    def __init__(
        self, book: OrderBook, merchants: Sequence[Merchant], *, verify_every: int
    ) -> None:
        self._book = book
        self._verifiers = {each.merchant_no: Webhook(each.webhook_secret) for each in merchants}
        self._verify_every = verify_every
        self._count = 0
        self.verified = 0
        self.forged: list[str] = []
        """Ids of sampled webhooks whose signature is wrong, or that name another merchant."""

    async def take(self, request: web.Request) -> web.Response:
        """One webhook."""
        body, now = await request.read(), time.monotonic()
        hook = _decode(body)
        payment = hook.data
        self._count += 1
        if self._count % self._verify_every == 0:
            self._verify(request, payment, body)
        webhook_id = request.headers.get("webhook-id", "")
        noted = Hook(webhook_id, hook.type, payment.id, payment.amount_fen, now)
        self._book.note(payment.merchant_no, payment.merchant_order_no, noted)
        return web.Response(status=204)

    def _verify(self, request: web.Request, payment: Payment, body: bytes) -> None:
        """The address tells whose webhook it should be; its secret must fit."""
        merchant_no = request.match_info["merchant_no"]
        try:
            if merchant_no != payment.merchant_no:
                raise WebhookVerificationError("sent to another merchant")
            self._verifiers[merchant_no].verify(body, dict(request.headers))
        except WebhookVerificationError:
            self.forged.append(request.headers.get("webhook-id", ""))
        else:
            self.verified += 1
