"""Whatever the document allows, and much that it does not, is answered as it says; never by 5xx."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from requests.auth import AuthBase
from schemathesis import APIOperation, Case, CheckContext, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bus.jobs import now_utc
from handlers.merchant_api.openapi import openapi
from tests.doors.books import Bookkeeper
from tests.doors.rows import a_paid_payment, a_refund
from tests.doors.street import Merchant, Street

SCHEMA = schemathesis.openapi.from_dict(openapi("http://tomato.test"))
OPERATIONS = {
    operation.label: operation
    for operation in (result.ok() for result in SCHEMA.get_all_operations())
}
CASES = [
    (label, mode)
    for label, operation in OPERATIONS.items()
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE
    or operation.definition.raw.keys() & {"parameters", "requestBody"}
]
"""Where nothing may be asked, nothing can be asked wrongly."""

EXAMPLES = 40
"""Some twenty operations, twice so many requests each: half a minute."""


def is_let_in(_: CheckContext, response: Response, __: Case) -> None:
    """A request that its signature does not bring in would test nothing behind the gate."""
    assert response.status_code != 401, response.text


ALWAYS = [
    is_let_in,
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OF_ORDERS = [negative_data_rejection]
"""Only a body is described to the last letter: a cursor is any text there, and ours here. (That all
it allows is accepted can't be said either: to JSON Schema, 5.0 is an integer, to us it is not.)"""


class Signature(AuthBase):
    """Signs a request as it will be sent, whatever it was made to be."""

    def __init__(self, merchant: Merchant) -> None:
        self._merchant = merchant

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        request.headers["Authorization"] = self._merchant.authorization(
            str(request.method), request.path_url, body
        )
        return request


@pytest.mark.parametrize(
    ("label", "mode"), CASES, ids=[f"{label}-{mode.value}" for label, mode in CASES]
)
async def test_the_doors_do_as_the_document_says(
    street: Street, merchant: Merchant, label: str, mode: GenerationMode
) -> None:
    """The merchant has an account, a payment and a refund. Well-formed questions are about them:
    an account number that is made up has no fitting check digit."""
    books, now = Bookkeeper(street.shared.pool, merchant.merchant_no), now_utc()
    await books.hear(now, *(books.paid(now) for _ in range(3)))
    own = {} if mode is GenerationMode.NEGATIVE else await numbers(street, merchant, books)
    checks = [*ALWAYS, *(OF_ORDERS if label.startswith("POST") else [])]
    ask = asker(OPERATIONS[label], mode, street.edge.url, Signature(merchant), checks, own)
    await asyncio.to_thread(ask)


async def numbers(street: Street, merchant: Merchant, books: Bookkeeper) -> dict[str, str]:
    """What the merchant has, by the name of the parameter."""
    payment = await a_paid_payment(street, merchant, "o-1")
    refund = await a_refund(street, merchant, payment, "r-1")
    account_no = await books.account_no()
    return {"account_no": account_no, "payment_id": payment, "refund_id": refund}


def asker(
    operation: APIOperation,
    mode: GenerationMode,
    url: str,
    signature: Signature,
    checks: list[Any],
    own: dict[str, str],
) -> Any:
    """A function that asks for the operation in many ways and checks each answer."""
    session = requests.Session()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        case.path_parameters |= {n: v for n, v in own.items() if n in case.path_parameters}
        case.call_and_validate(base_url=url, session=session, auth=signature, checks=checks)

    return ask
