"""The way back to the merchant, with a result that the merchant can check.

It is signed as webhooks are, with the same secret, so the same library checks it. Its `type` is
that of no webhook: a payer who sends it to the merchant's webhook address tells nobody anything. It
is for the payer's page only: goods are given for the webhook, or for what `GET /v1/payments` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Struct
from yarl import URL

from handlers.cashier.orders import Order
from schema.payments import PaymentState
from schema.webhook_signing import signature


class Result(Struct, frozen=True, kw_only=True):
    """What the payer's browser brings."""

    type: Literal["cashier.returned"] = "cashier.returned"
    payment_id: str
    merchant_order_no: str
    state: PaymentState
    amount_fen: int
    currency: str


def way_back(order: Order, secrets: Sequence[str], now_s: int) -> str | None:
    """The merchant's address with the result; None where the merchant wants nobody back, or has
    given an address that is none."""
    if order.return_url is None:
        return None
    result = Result(
        payment_id=order.payment_id,
        merchant_order_no=order.merchant_order_no,
        state=order.state,
        amount_fen=order.amount_fen,
        currency=order.currency,
    )
    body = msgspec.json.encode(result).decode()
    query = {"result": body, "webhook-id": order.payment_id, "webhook-timestamp": str(now_s)}
    if secrets:
        signatures = (signature(secret, order.payment_id, now_s, body) for secret in secrets)
        query["webhook-signature"] = " ".join(signatures)
    try:
        return str(URL(order.return_url).update_query(query))
    except ValueError:
        return None
