"""The cashier's doors: what did not go through leads back to where it can be tried again."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import aiohttp
import pytest

from bus.jobs import now_utc
from handlers import outlet
from handlers.cashier.links import links_of
from tests.doors.rows import a_payment
from tests.doors.street import PATH, Merchant, Street

WAY_BACK = "Back to the ways to pay"


async def a_page(street: Street, merchant: Merchant) -> str:
    """The path of the page of an order whose payer may choose."""
    later, chosen = now_utc() + timedelta(minutes=5), {"rounds": "[]", "pay_type": "cashier"}
    number = await a_payment(street, merchant, "o-1", state="placed", expires_at=later, **chosen)
    return urlsplit((await street.get(merchant, f"{PATH}/{number}")).json["cashier_url"]).path


async def choose(street: Street, path: str, pay_type: str) -> tuple[int, str]:
    form = aiohttp.FormData({"pay_type": pay_type})
    async with street.session.post(f"{street.edge.url}{path}?lang=en", data=form) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize(
    ("pay_type", "status", "words"),
    [("wechat_native", 409, "Please choose another way."), ("barter", 400, "Please try again")],
)
async def test_a_choice_that_is_refused_leads_back_to_the_choices(
    street: Street, merchant: Merchant, pay_type: str, status: int, words: str
) -> None:
    path = await a_page(street, merchant)
    answered, page = await choose(street, path, pay_type)
    assert answered == status and words in page and WAY_BACK in page
    assert f'href="{path}?lang=en"' in page


async def test_a_choice_that_nobody_can_be_told_of_leads_back_to_the_choices(
    street: Street, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await a_page(street, merchant)
    monkeypatch.setattr(outlet, "WAITING_MAX", 0)
    status, page = await choose(street, path, "wechat_native")
    assert status == 503 and "Please try again" in page
    assert f'href="{path}?lang=en"' in page and WAY_BACK in page


async def type_amount(street: Street, merchant: Merchant, form_no: str) -> tuple[int, str]:
    links = links_of(street.shared.settings, street.shared.vault)
    path = urlsplit(links.shop_url(merchant.merchant_no)).path
    form = aiohttp.FormData({"form_no": form_no, "amount": "12.50"})
    async with street.session.post(f"{street.edge.url}{path}?lang=en", data=form) as answer:
        return answer.status, await answer.text()


async def test_an_amount_that_may_have_been_placed_is_typed_again_under_the_same_number(
    street: Street, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlet, "WAITING_MAX", 0)
    status, page = await type_amount(street, merchant, "f" * 24)
    assert status == 503 and "Please try again" in page
    assert f'name="form_no" value="{"f" * 24}"' in page, "sent once more, it is the same order"


async def test_an_amount_under_a_number_that_is_used_is_typed_again_under_another_one(
    street: Street, merchant: Merchant
) -> None:
    status, page = await type_amount(street, merchant, "0" * 24)
    assert status == 409 and "Please try again" in page
    assert 'name="form_no"' in page and "0" * 24 not in page
