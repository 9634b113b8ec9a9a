"""What `make up` ends with: real payments, seen in every room, or a clear failure."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

import aiohttp
import msgspec
from rich.console import Console

from bus import database
from bus.database import Pool
from bus.vault import Vault
from deploy.local.applications import running
from deploy.local.credentials import credentials
from deploy.local.enrolment import Demo, Street, enrol
from deploy.local.problems import Problem
from deploy.local.services import Services
from handlers.merchant_api.signing import hmac_authorization
from handlers.terminal.payment import Story, show, tell
from schema.payments import PaymentRequest
from schema.products import PayType

AMOUNT_FEN = 1_280
PAY_TYPES: tuple[PayType, ...] = ("wechat_native", "alipay_qr", "unionpay_qr", "bank_page")
"""One product of each protocol; the first one's story is told in full."""
END_WAIT_S = 20.0

WHERE_TO_LOOK = """
Tomato runs.
  merchant API and its documents   {tomato}/docs
  simulated wallets, to pay there  {simulator}/
  what the demo merchant received  {receiver}/received
  follow it with `make logs`, look at it with `make status`, stop it with `make down`
"""


def run(backing: Services) -> None:
    """Makes payments and shows the first one's story. Raises Problem unless all was seen."""
    urls = {each.application.name: each.url for each in running(backing.folder)}
    asyncio.run(_run(backing, Street(**urls)))
    print(WHERE_TO_LOOK.format(**urls))


async def _run(backing: Services, street: Street) -> None:
    environment = backing.environment()
    vault = Vault(environment["TOMATO_MASTER_KEY"])
    secret = credentials(backing.folder).webhook_secret
    async with await database.connect(backing.postgres_url, size_max=2, name="demo") as pool:
        demo = await enrol(pool, vault, street, backing.folder, secret)
        async with aiohttp.ClientSession() as client:
            told = [await _pay(client, pool, demo, street, pay_type) for pay_type in PAY_TYPES]
    console = Console(highlight=False, width=110)
    story, received = told[0]
    show(story, console)
    console.print(f"\nWebhook as the merchant received it (signature checked):\n  {received}\n")
    for story, _ in told:
        channel, payment = story.attempts[-1]["channel_no"], story.payment
        console.print(f"  {payment['pay_type']:<14} {payment['payment_id']} paid through {channel}")


async def _pay(
    client: aiohttp.ClientSession, pool: Pool, demo: Demo, street: Street, pay_type: PayType
) -> tuple[Story, str]:
    payment = await _place(client, demo, street, pay_type)
    story = await _told(pool, payment["id"])
    number = story.attempts[-1]["attempt_id"]
    async with client.post(f"{street.simulator}/simulator/pay", json={"number": number}) as paid:
        if paid.status != 200:
            raise Problem(f"the simulator would not pay {number}: {await paid.text()}")
    return await _seen(client, pool, payment["id"], street)


async def _place(
    client: aiohttp.ClientSession, demo: Demo, street: Street, pay_type: PayType
) -> dict[str, Any]:
    request = PaymentRequest(
        merchant_order_no=f"demo-{secrets.token_hex(6)}",
        amount_fen=AMOUNT_FEN,
        pay_type=pay_type,
        subject="A pot of oolong 一壶乌龙",
    )
    body = msgspec.json.encode(request)
    authorization = hmac_authorization(
        demo.merchant_no, demo.key_id, demo.hmac_secret.encode(), "POST", "/v1/payments", body,
        int(time.time()), secrets.token_hex(16),
    )  # fmt: skip
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    url = f"{street.tomato}/v1/payments"
    async with client.post(url, data=body, headers=headers) as answer:
        text = await answer.text()
        if answer.status != 201:
            raise Problem(f"POST /v1/payments answered {answer.status}: {text}")
        payment = msgspec.json.decode(text)
    print(f"POST /v1/payments -> 201, {payment['pay']}")
    return payment


async def _seen(
    client: aiohttp.ClientSession, pool: Pool, payment_id: str, street: Street
) -> tuple[Story, str]:
    """The story once it is complete: succeeded, booked to zero, the webhook in genuine hands."""
    give_up_at = time.monotonic() + END_WAIT_S
    while True:
        story, received = await _told(pool, payment_id), await _received(client, street, payment_id)
        missing = _missing(story, received)
        if not missing:
            assert received is not None
            return story, received
        if time.monotonic() > give_up_at:
            show(story)
            raise Problem(f"after {END_WAIT_S:.0f} s the payment is not complete: {missing}")
        await asyncio.sleep(0.1)


def _missing(story: Story, received: str | None) -> str:
    if story.payment["state"] != "succeeded":
        return f"it is {story.payment['state']}"
    if not story.entries or sum(entry["amount_fen"] for entry in story.entries) != 0:
        return "it is not booked to zero"
    if not any(row["state"] == "delivered" for row in story.notifications) or received is None:
        return "its webhook was not received"
    return ""


async def _received(client: aiohttp.ClientSession, street: Street, payment_id: str) -> str | None:
    async with client.get(f"{street.receiver}/received") as answer:
        arrivals = (await answer.json())["received"]
    genuine = (a["body"] for a in arrivals if a["genuine"] and payment_id in a["body"])
    return next(genuine, None)


async def _told(pool: Pool, payment_id: str) -> Story:
    story = await tell(pool, payment_id)
    if story is None:
        raise Problem(f"payment {payment_id} was answered but is not stored")
    return story
