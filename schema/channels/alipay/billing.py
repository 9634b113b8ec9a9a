"""Our side of bills: where one is, and fetching it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from urllib.parse import urlsplit

from schema.channels.alipay.asking import (
    open_answer,
    posted,
    said,
    signed_parameters,
    unlisted,
)
from schema.channels.alipay.bills import read_fund_bill, read_trade_bill
from schema.channels.alipay.documents import BILL_PLACE, BillDocument
from schema.channels.alipay.keys import AlipayKeys
from schema.channels.alipay.tables import BILL_CODES, DONE, UNWELL
from schema.channels.alipay.texts import CHINA
from schema.channels.bills import BillAt, BillNotReady, BillPlace, BillRead, NoBill
from schema.channels.http import HttpAnswer, HttpRequest, ProtocolError, Question, Stamp
from schema.channels.reading import plain, read
from schema.channels.verdicts import Unknown
from schema.channels.wishes import BillWish

METHOD = "alipay.data.dataservice.bill.downloadurl.query"
KINDS = {"trades": "trade", "funds": "signcustomer"}
READY_AT = time(10)
"""Bills of a day are there at ten the next morning: an absent one was not written for nothing."""


def find_bill(keys: AlipayKeys, wish: BillWish, stamp: Stamp) -> Question[BillPlace]:
    """Asks where a day's bill can be fetched, for about half a minute."""
    document = BillDocument(bill_type=KINDS[wish.kind], bill_date=wish.day.isoformat())
    parameters = signed_parameters(keys, METHOD, document, stamp)

    def heard(answer: HttpAnswer, now: datetime) -> BillPlace:
        opened = open_answer(keys, METHOD, answer)
        if isinstance(opened, Unknown):
            return opened
        if opened.fault:
            return Unknown(why="bad_signature", message=opened.fault)
        code = said(opened.words)
        if opened.words.code != DONE:
            return _no_place(wish.day, code, now)
        try:
            return BillAt(url=read(BILL_PLACE, opened.node).bill_download_url)
        except ProtocolError as error:
            return Unknown(why="unparsable", message=plain(str(error)))

    return Question(request=posted(parameters), read=heard)


def fetch_bill(wish: BillWish, place: BillAt) -> Question[BillRead]:
    """Fetches and reads a bill. The address is the proof: it came signed, and is good once."""
    understand = read_trade_bill if wish.kind == "trades" else read_fund_bill

    def heard(answer: HttpAnswer, now: datetime) -> BillRead:
        if answer.status != 200:
            why = "server_error" if answer.status >= 500 else "unparsable"
            return Unknown(why=why, message=f"status {answer.status} instead of a bill")
        try:
            bill = understand(answer.body)
        except ProtocolError as error:
            return Unknown(why="unparsable", message=plain(str(error)))
        if bill.day not in (None, wish.day):
            return Unknown(why="other_order", message="the bill of another day")
        return bill

    return Question(request=_request(place.url), read=heard)


def _no_place(day: date, code: str, now: datetime) -> BillPlace:
    means = BILL_CODES.get(code)
    if means == "nothing":
        return NoBill(code=code)
    if means == "absent":
        ready_at = datetime.combine(day + timedelta(days=1), READY_AT, tzinfo=CHINA)
        return BillNotReady(code=code) if now < ready_at else NoBill(code=code)
    return Unknown(why=UNWELL[code], code=code) if code in UNWELL else unlisted(code)


def _request(url: str) -> HttpRequest:
    """A plain GET of an address; one that is none is asked of our own gateway, and not found."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HttpRequest(method="GET", path="/", headers={}, body=b"")
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    is_web = parts.scheme in ("http", "https") and bool(parts.netloc)
    origin = f"{parts.scheme}://{parts.netloc}" if is_web else ""
    return HttpRequest(method="GET", path=path, headers={}, body=b"", origin=origin)
