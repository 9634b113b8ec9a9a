"""Who asks: the checks that a request passes before anybody looks into its body.

They go from cheap to dear and say little to one who has not proved who he is: the size of the
body, the form of the header, the clock, the key and the signature (one answer for whichever is
wrong), the address, and at last nonce and rate, which cost a trip to Redis.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from bus.directory import Directory
from bus.vault import Vault
from handlers.doorstep import read_body, request_id_of
from handlers.merchant_api.addresses import client_address, is_allowed
from handlers.merchant_api.guard import Guard, Objection
from handlers.merchant_api.problems import Problem, response_of
from handlers.merchant_api.signing import (
    HMAC_SCHEME,
    RSA_SCHEME,
    WINDOW_S,
    is_hmac_signature,
    is_rsa_signature,
    string_to_sign,
)
from schema.profiles import MerchantProfile


@dataclass(frozen=True, slots=True)
class Authorization:
    """What the header of a request says, not yet believed."""

    scheme: str
    merchant_no: str
    key_id: str
    timestamp: str
    nonce: str
    signature: str


@dataclass(frozen=True, slots=True)
class Call:
    """A request that is proven to be this merchant's."""

    request: web.Request
    request_id: str
    merchant: MerchantProfile
    body: bytes


Act = Callable[[Call], Awaitable[web.StreamResponse | Problem]]

_FORMS = {
    "merchant": re.compile('"([0-9]{6,20})"'),
    "key": re.compile('"([A-Za-z0-9_.-]{1,64})"'),
    "timestamp": re.compile('"([0-9]{1,12})"'),
    "nonce": re.compile('"([A-Za-z0-9_-]{8,64})"'),
    "signature": re.compile('"([A-Za-z0-9+/=]{1,1400})"'),
}
"""1400: a signature of the largest RSA key in use, 8192 bits, in base64."""

_UNAUTHORIZED = Problem("unauthorized", "merchant, key and signature do not belong together")
_OBJECTIONS: dict[Objection, str] = {
    "nonce_used": "sign the request anew, with a nonce of its own",
    "too_many_requests": "the limit of requests per second is reached",
}


class Gate:
    """Lets a merchant's signed requests in."""

    def __init__(
        self, directory: Directory, vault: Vault, guard: Guard, *, trust_proxy: bool
    ) -> None:
        self._merchants = directory.merchants
        self._vault = vault
        self._guard = guard
        self._trust_proxy = trust_proxy

    def before(self, act: Act) -> Handler:
        """The HTTP handler that does `act` for those who may come in."""

        async def handle(request: web.Request) -> web.StreamResponse:
            call = await self.enter(request)
            answer = call if isinstance(call, Problem) else await act(call)
            if isinstance(answer, Problem):
                return response_of(answer, request_id_of(request))
            return answer

        return handle

    async def enter(self, request: web.Request) -> Call | Problem:
        """Who asks for what, proven; or why he is not let in."""
        body = await read_body(request)
        words = read_authorization(request.headers.get("Authorization", ""))
        if isinstance(words, Problem):
            return words
        if abs(int(words.timestamp) - time.time()) > WINDOW_S:
            return Problem("stale_timestamp", f"more than {WINDOW_S} s from our clock")
        merchant = await self._merchants.get(words.merchant_no)
        if merchant is None or not self._is_signed_by(merchant, words, request, body):
            return _UNAUTHORIZED
        address = client_address(request, trust_proxy=self._trust_proxy)
        if not is_allowed(address, merchant.ip_allow_list):
            return Problem("ip_not_allowed", f"the request comes from {address!a}")
        objection = await self._guard.objection(
            merchant.merchant_no, words.nonce, merchant.requests_per_s_max
        )
        if objection:
            return Problem(objection, _OBJECTIONS[objection])
        return Call(request, request_id_of(request), merchant, body)

    def _is_signed_by(
        self, merchant: MerchantProfile, words: Authorization, request: web.Request, body: bytes
    ) -> bool:
        key = next((key for key in merchant.api_keys if key.key_id == words.key_id), None)
        if key is None:
            return False
        signed = string_to_sign(
            request.method, request.raw_path, words.timestamp, words.nonce, body
        )
        if words.scheme == RSA_SCHEME:
            pem = key.rsa_public_key_pem
            return pem is not None and is_rsa_signature(pem, signed, words.signature)
        if key.hmac_secret is None:
            return False
        purpose = f"hmac:{merchant.merchant_no}:{key.key_id}"
        secret = self._vault.open(key.hmac_secret, purpose)
        return is_hmac_signature(secret, signed, words.signature)


def read_authorization(header: str) -> Authorization | Problem:
    """What the header says: each of the five fields once, in any order."""
    scheme, _, rest = header.partition(" ")
    if scheme not in (HMAC_SCHEME, RSA_SCHEME):
        return _malformed(f"the scheme is {HMAC_SCHEME} or {RSA_SCHEME}")
    fields = {name.strip(): text for name, _, text in (f.partition("=") for f in rest.split(","))}
    values: list[str] = []
    for name, form in _FORMS.items():
        found = form.fullmatch(fields.pop(name, ""))
        if found is None:
            return _malformed(f"{name} is missing or not of the form {form.pattern}")
        values.append(found[1])
    return _malformed("a field too many") if fields else Authorization(scheme, *values)


def _malformed(detail: str) -> Problem:
    return Problem("malformed_authorization", detail)
