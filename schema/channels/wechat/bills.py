"""Our side of bills: where one lies, fetching it, and reading it down to its foot.

A bill that does not fit its own hash or foot is unknown as a whole: a line that is missing would
look like a payment that never was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha1
from urllib.parse import urlsplit

from schema.channels import (
    BillAt,
    BillNotReady,
    BillPlace,
    BillRead,
    BillWish,
    FundBill,
    FundLine,
    HttpAnswer,
    NoBill,
    ProtocolError,
    Question,
    Stamp,
    TradeBill,
    TradeLine,
    Unknown,
)
from schema.channels.reading import plain, read
from schema.channels.wechat.asking import (
    believed,
    error_words,
    parameters,
    signed_request,
    why_unknown,
)
from schema.channels.wechat.documents import BILL_PLACE
from schema.channels.wechat.keys import WechatKeys
from schema.channels.wechat.sheets import Row, Sheet, cell, fen, moment, read_sheet, unpacked
from schema.channels.wechat.tables import BILL_CODES

TRADE_BILL = "/v3/bill/tradebill"
FUND_BILL = "/v3/bill/fundflowbill"

# What each total of a foot adds up, by columns of the lines; the older names stand behind.
TRADE_TOTALS: dict[str, tuple[str, ...]] = {
    "应结订单总金额": ("应结订单金额",),
    "退款总金额": ("退款金额",),
    "充值券退款总金额": ("充值券退款金额",),
    "手续费总金额": ("手续费",),
    "订单总金额": ("订单金额",),
    "申请退款总金额": ("申请退款金额",),
}
REFUND_WORDS = frozenset({"REFUND", "REVOKED"})
IN, OUT = "收入", "支出"


def find_bill(keys: WechatKeys, wish: BillWish, stamp: Stamp) -> Question[BillPlace]:
    """Asks where the bill of a day lies: all trades, or the movements on the basic account."""
    day, packed = wish.day.isoformat(), "GZIP"
    if wish.kind == "trades":
        sub = keys.account.sub_mchid
        names = parameters(bill_date=day, bill_type="ALL", tar_type=packed, sub_mchid=sub)
        path = TRADE_BILL + names
    else:
        path = FUND_BILL + parameters(bill_date=day, account_type="BASIC", tar_type=packed)
    request = signed_request(keys, "GET", path, b"", stamp)
    return Question(request=request, read=partial(_placed, keys))


def fetch_bill(keys: WechatKeys, wish: BillWish, place: BillAt, stamp: Stamp) -> Question[BillRead]:
    """Fetches it from there; the answer is not signed, but its content has the hash that was."""
    parts = urlsplit(place.url)
    origin = f"{parts.scheme}://{parts.netloc}"
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    elsewhere = "" if origin == keys.account.base_url else origin
    request = signed_request(keys, "GET", path, b"", stamp, elsewhere)
    return Question(request=request, read=partial(_fetched, wish, place))


def read_bill(wish: BillWish, content: bytes) -> TradeBill | FundBill:
    """What is in a bill. Raises ProtocolError where it can't be read or contradicts itself."""
    sheet = read_sheet(content)
    if wish.kind == "trades":
        _compare(sheet, "总交易单数", len(sheet.rows), TRADE_TOTALS)
        return TradeBill(day=wish.day, lines=tuple(_trade_line(row) for row in sheet.rows))
    lines = tuple(_fund_line(row) for row in sheet.rows)
    _compare_funds(sheet, lines)
    return FundBill(day=wish.day, lines=lines)


def _placed(keys: WechatKeys, answer: HttpAnswer, now: datetime) -> BillPlace:
    return believed(keys, _place, answer, now) if answer.status == 200 else _without(answer)


def _place(body: bytes) -> BillPlace:
    place = read(BILL_PLACE, body)
    if place.hash_type != "SHA1":
        return Unknown(why="unlisted", code=plain(place.hash_type), message="an unknown hash")
    if _host(place.download_url) is None:
        return Unknown(why="unparsable", message="the bill's address is none")
    return BillAt(url=place.download_url, digest=place.hash_value.lower(), digest_kind="sha1")


def _host(url: str) -> str | None:
    """The host of an address, or None where it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.netloc if parts.scheme in ("http", "https") and parts.netloc else None


def _without(answer: HttpAnswer) -> BillPlace:
    words = error_words(answer)
    code, message = plain(words.code), plain(words.message)
    why_none = BILL_CODES.get(code) if 400 <= answer.status < 500 else None
    if why_none == "not_ready":
        return BillNotReady(code=code)
    if why_none == "nothing":
        return NoBill(code=code)
    return Unknown(why=why_unknown(answer.status, words.code), code=code, message=message)


def _fetched(wish: BillWish, place: BillAt, answer: HttpAnswer, now: datetime) -> BillRead:
    if answer.status != 200:
        words = error_words(answer)
        why = why_unknown(answer.status, words.code)
        return Unknown(why=why, code=plain(words.code), message=plain(words.message))
    try:
        content = unpacked(answer.body)
        if sha1(content, usedforsecurity=False).hexdigest() != place.digest:
            return Unknown(why="bad_signature", message="the bill does not have its hash")
        return read_bill(wish, content)
    except ProtocolError as error:
        return Unknown(why="unparsable", message=plain(str(error)))


def _trade_line(row: Row) -> TradeLine:
    state = cell(row, "交易状态") if "交易状态" in row else "REFUND"
    order_number, payment = cell(row, "商户订单号"), cell(row, "微信订单号")
    is_refund = state in REFUND_WORDS
    number, theirs, amount_fen, refund_state = order_number, payment, 0, state
    if is_refund:
        number, theirs = cell(row, "商户退款单号"), cell(row, "微信退款单号")
        amount_fen, refund_state = fen(cell(row, "申请退款金额", "退款金额")), cell(row, "退款状态")
    else:
        amount_fen = fen(cell(row, "订单金额", "应结订单金额", "总金额"))
    return TradeLine(
        kind="refund" if is_refund else "payment",
        number=number,
        order_number=order_number,
        channel_number=theirs,
        channel_payment_id=payment,
        amount_fen=amount_fen,
        fee_fen=fen(cell(row, "手续费")),
        state=refund_state,
        happened_at=_happened_at(row, is_refund),
        payer_id=row.get("用户标识", ""),
    )


def _happened_at(row: Row, is_refund: bool) -> datetime:
    """A refund's own time, where the bill has it."""
    own = ("退款成功时间", "退款申请时间") if is_refund else ()
    for name in own:
        if row.get(name):
            return moment(row[name])
    return moment(cell(row, "交易时间"))


def _fund_line(row: Row) -> FundLine:
    way, amount_fen = cell(row, "收支类型"), fen(cell(row, "收支金额(元)", "收支金额（元）"))
    if way not in (IN, OUT):
        raise ProtocolError("a movement is neither in nor out")
    return FundLine(
        channel_number=cell(row, "资金流水单号"),
        business_number=cell(row, "微信支付业务单号"),
        number=row.get("业务凭证号", ""),
        business=cell(row, "业务类型"),
        amount_fen=amount_fen if way == IN else -amount_fen,
        balance_fen=fen(cell(row, "账户结余(元)", "账户结余（元）")),
        happened_at=moment(cell(row, "记账时间")),
        remark=row.get("备注", ""),
    )


def _compare(sheet: Sheet, count: str, lines: int, totals: dict[str, tuple[str, ...]]) -> None:
    _same(sheet, count, str(lines), str)
    for name, columns in totals.items():
        if columns[0] in sheet.columns:
            _same(sheet, name, sum(fen(row[columns[0]]) for row in sheet.rows), fen)


def _compare_funds(sheet: Sheet, lines: Sequence[FundLine]) -> None:
    came = [line.amount_fen for line in lines if line.amount_fen > 0]
    went = [-line.amount_fen for line in lines if line.amount_fen < 0]
    _same(sheet, "资金流水总笔数", str(len(lines)), str)
    for way, amounts_fen in ((IN, came), (OUT, went)):
        _same(sheet, f"{way}笔数", str(len(amounts_fen)), str)
        _same(sheet, f"{way}金额", sum(amounts_fen), fen)


def _same(sheet: Sheet, name: str, reckoned: object, read_as: Callable[[str], object]) -> None:
    if read_as(cell(sheet.totals, name)) != reckoned:
        raise ProtocolError(f"the foot's {name} is not what the lines say")
