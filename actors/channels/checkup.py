"""What an operator asks of a channel by hand: whether its account works, and a day's bill."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from msgspec import Struct

from actors.channels.talk.account import Account
from actors.channels.talk.keyring import Keyring
from actors.channels.talk.sender import new_stamp
from bus.jobs import now_utc
from schema.channels import (
    Bill,
    BillAt,
    BillNotReady,
    BillWish,
    HttpAnswer,
    NoBill,
    NotKnownThere,
    Order,
    Paid,
    Pending,
    Question,
    SurelyNotPaid,
    Unknown,
    Verdict,
)

CLOCK_SKEW_S_MAX = 60
"""WeChat Pay refuses requests that are five minutes off; a minute is a clock that nobody sets."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    what: str
    is_right: bool | None
    """None: this answer does not tell."""
    words: str


async def check(keyring: Keyring, account: Account) -> list[Finding]:
    """Asks about an order that nobody made, which moves nothing, and reads what that proves."""
    language = await keyring.newest(account)
    order = a_strange_order(account, now_utc())
    question = language.query(order, new_stamp())
    if not isinstance(question, Question):
        return [Finding(what="address", is_right=None, words="this channel can't be asked")]
    answers: list[HttpAnswer] = []

    def read(answer: HttpAnswer, now: datetime) -> Verdict:
        answers.append(answer)
        return question.read(answer, now)

    heard = await keyring.sender.ask(
        language.base_url, Question(request=question.request, read=read)
    )
    return list(_findings(language.base_url, answers, heard.verdict, heard.cost_ms))


def a_strange_order(account: Account, now: datetime) -> Order:
    """An order whose number was never given to anybody."""
    return Order(
        number=f"check{os.urandom(10).hex()}0",
        pay_type=account.profile.pay_types[0],
        subject="check",
        amount_fen=1,
        opened_at=now,
        expires_at=now + timedelta(minutes=5),
    )


def _findings(
    url: str, answers: list[HttpAnswer], verdict: Verdict, cost_ms: int
) -> Iterable[Finding]:
    if not answers:
        words = f"{url} does not answer ({verdict.message if isinstance(verdict, Unknown) else ''})"
        yield Finding(what="address", is_right=False, words=words)
        return
    yield Finding(what="address", is_right=True, words=f"{url} answers in {cost_ms} ms")
    yield _clock(answers[0])
    yield from _keys(verdict)


def _clock(answer: HttpAnswer) -> Finding:
    """By the Date of the answer, which every HTTP server sends."""
    said = {name.lower(): value for name, value in answer.headers.items()}.get("date", "")
    try:
        theirs = parsedate_to_datetime(said)
    except ValueError:
        return Finding(what="clock", is_right=None, words="the answer has no date")
    skew_s = round((now_utc() - theirs.replace(tzinfo=theirs.tzinfo or UTC)).total_seconds())
    words = f"ours is {abs(skew_s)} s {'ahead of' if skew_s >= 0 else 'behind'} theirs"
    return Finding(what="clock", is_right=abs(skew_s) <= CLOCK_SKEW_S_MAX, words=words)


def _keys(verdict: Verdict) -> Iterable[Finding]:
    """Ours are right where the question was understood, theirs where an answer was signed."""
    match verdict:
        case NotKnownThere(code=code):
            yield Finding(what="our keys", is_right=True, words=f"we are known there ({code})")
        case Paid() | Pending() | SurelyNotPaid():
            yield Finding(what="our keys", is_right=True, words="we are known there")
            yield Finding(what="their keys", is_right=True, words="their signature is good")
        case Unknown(why="bad_signature", message=words):
            words = f"the answer is not signed by the key that we know of them: {words}"
            yield Finding(what="keys", is_right=False, words=words)
        case Unknown(why="server_error" | "rate_limited" as why, code=code):
            yield Finding(what="our keys", is_right=None, words=f"{why} {code}".strip())
        case Unknown(why=why, code=code, message=words):
            yield Finding(what="our keys", is_right=False, words=f"{code or why}: {words}")


async def fetch_bill(
    keyring: Keyring, account: Account, wish: BillWish
) -> Bill | BillNotReady | NoBill | Unknown:
    """A day's bill, proved by its digest, its footer, or whatever the channel proves it by."""
    language = await keyring.newest(account)
    sender, url = keyring.sender, language.base_url
    place = (await sender.ask(url, language.find_bill(wish, new_stamp()))).verdict
    if not isinstance(place, BillAt):
        return place
    return (await sender.fetch(url, language.fetch_bill(wish, place, new_stamp()))).verdict
