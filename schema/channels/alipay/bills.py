"""Alipay's bills 对账单: a ZIP of two CSV files in GBK, the lines of a day and their summary.

    #支付宝业务明细查询                          four lines that begin with #
    #账号：[2088…]
    #起始日期：[…]   终止日期：[…]
    #-----业务明细列表-----
    支付宝交易号,商户订单号,业务类型,…           the names of the columns
    2026…\t,01jx…\t,交易\t,…                   the lines; texts end with a tab
    #-----业务明细列表结束-----
    #交易合计：2笔，商家实收共39.98元，…          what has to fit the lines
    #退款合计：1笔，商家实收退款共-5.00元，…

The bill of funds 账务明细 is the same with 收入合计 and 支出合计. Columns are found by their names.
Source: opendocs.alipay.com, "reading bill files".
"""

from __future__ import annotations

import csv
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from io import BytesIO
from typing import TypeVar

from msgspec import Struct

from schema.channels.alipay.texts import fen, moment
from schema.channels.bills import FundBill, FundLine, TradeBill, TradeLine
from schema.channels.http import ProtocolError

ENCODING = "gb18030"
"""GBK and all that came after it."""

BILL_BYTES_MAX = 512 * 1024 * 1024
"""Unpacked: a day of three million trades. A file that claims more is no bill."""
ENTRIES_MAX = 8
SUMMARY = "汇总"

TRADE_COLUMNS: tuple[str, ...] = (
    "支付宝交易号", "商户订单号", "业务类型", "商品名称", "创建时间", "完成时间",
    "门店编号", "门店名称", "操作员", "终端号", "对方账户", "订单金额（元）",
    "商家实收（元）", "支付宝红包（元）", "集分宝（元）", "支付宝优惠（元）",
    "商家优惠（元）", "券核销金额（元）", "券名称", "商家红包消费金额（元）",
    "卡消费金额（元）", "退款批次号/请求号", "服务费（元）", "分润（元）", "备注",
)  # fmt: skip
FUND_COLUMNS: tuple[str, ...] = (
    "账务流水号", "业务流水号", "商户订单号", "商品名称", "发生时间", "对方账号", "收入金额（+元）",
    "支出金额（-元）", "账户余额（元）", "交易渠道", "业务类型", "备注",
)  # fmt: skip

PAYMENT, REFUND = "交易", "退款"

_DAY = re.compile(r"起始日期：\[(\d{4})年(\d\d)月(\d\d)日", re.ASCII)
_TOTAL = re.compile(r"#*\s*(\S{2})合计[：:](\d{1,9})笔\D*?共(-?[\d,]+(?:\.\d{1,2})?)元", re.ASCII)

Row = Mapping[str, str]
L = TypeVar("L")


class Sheet(Struct, frozen=True, kw_only=True):
    """A bill's file, taken apart: what the lines before and after say, and the rows by column."""

    day: date | None
    rows: list[Row]
    totals: dict[str, tuple[int, int]]
    """Count and amount in fen by what is totalled."""


def read_trade_bill(packed: bytes) -> TradeBill:
    """All trades of a bill whose footer fits. Raises ProtocolError."""
    sheet = _sheet(_unpacked(packed))
    lines = tuple(_trade_line(row) for row in sheet.rows)
    for business in (PAYMENT, REFUND):
        rows = [row for row in sheet.rows if row["业务类型"] == business]
        _compare(sheet, business, [fen(row.get("商家实收（元）", "")) for row in rows])
    return TradeBill(day=sheet.day, lines=lines)


def read_fund_bill(packed: bytes) -> FundBill:
    """All movements of a bill whose footer fits. Raises ProtocolError."""
    sheet = _sheet(_unpacked(packed))
    lines = tuple(_fund_line(row) for row in sheet.rows)
    _compare(sheet, "收入", [line.amount_fen for line in lines if line.amount_fen > 0])
    _compare(sheet, "支出", [line.amount_fen for line in lines if line.amount_fen < 0])
    return FundBill(day=sheet.day, lines=lines)


def _compare(sheet: Sheet, what: str, amounts: Sequence[int]) -> None:
    if what not in sheet.totals:
        raise ProtocolError(f"the footer has no total of {what}")
    if sheet.totals[what] != (len(amounts), sum(amounts)):
        raise ProtocolError(f"the total of {what} in the footer does not fit the lines")


def _unpacked(packed: bytes) -> str:
    """The file with the lines, out of the ZIP."""
    try:
        with zipfile.ZipFile(BytesIO(packed)) as archive:
            entries = archive.infolist()
            if len(entries) > ENTRIES_MAX or sum(e.file_size for e in entries) > BILL_BYTES_MAX:
                raise ProtocolError("larger than any bill")
            details = [e for e in entries if e.filename and SUMMARY not in entry_name(e)]
            if len(details) != 1:
                raise ProtocolError("not one file of lines in the ZIP")
            with archive.open(details[0]) as file:
                return file.read(BILL_BYTES_MAX).decode(ENCODING)
    except (zipfile.BadZipFile, zlib.error, UnicodeDecodeError) as error:
        raise ProtocolError("not a ZIP of GBK files") from error
    except (EOFError, OSError, ValueError, LookupError, RuntimeError, OverflowError) as error:
        if isinstance(error, ProtocolError):
            raise
        # zipfile's answers to bytes that only look like a ZIP: encrypted, an unknown packing, cut.
        raise ProtocolError("a ZIP that can't be read") from error


def entry_name(entry: zipfile.ZipInfo) -> str:
    """The name of a file in a ZIP, which may be in GBK without saying so."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode(ENCODING)
    except UnicodeError:
        return entry.filename


def _sheet(text: str) -> Sheet:
    written = text.replace("\r\n", "\n").split("\n")
    remarks = [line for line in written if line.startswith("#")]
    table = [line for line in written if line.strip() and not line.startswith("#")]
    try:
        header, *rows = list(csv.reader(table))
    except (csv.Error, ValueError) as error:  # ValueError: not even a header
        raise ProtocolError("not a table") from error
    names = [name.strip() for name in header]
    if len(set(names)) < len(names) or any(len(row) != len(names) for row in rows):
        raise ProtocolError("the lines do not fit the names of their columns")
    return Sheet(
        day=_day(remarks),
        rows=[dict(zip(names, (value.strip() for value in row), strict=True)) for row in rows],
        totals={what: (count, amount) for what, count, amount in _totals(remarks)},
    )


def _totals(remarks: Sequence[str]) -> list[tuple[str, int, int]]:
    """Thousands may stand apart by commas here, and only here."""
    found = (_TOTAL.match(remark) for remark in remarks)
    return [(each[1], int(each[2]), fen(each[3].replace(",", ""))) for each in found if each]


def _day(remarks: Sequence[str]) -> date | None:
    found = [day for remark in remarks if (day := _DAY.search(remark))]
    try:
        return date(*(int(part) for part in found[0].groups())) if found else None
    except ValueError as error:
        raise ProtocolError("not a day") from error


def _trade_line(row: Row) -> TradeLine:
    return _line(row, _as_trade)


def _fund_line(row: Row) -> FundLine:
    return _line(row, _as_movement)


def _line(row: Row, understand: Callable[[Row], L]) -> L:
    try:
        return understand(row)
    except KeyError as missing:
        raise ProtocolError(f"no column {missing.args[0]}") from None


def _as_trade(row: Row) -> TradeLine:
    """Amounts of a refund are below zero there; its fee is what is given back of one."""
    business = row["业务类型"]
    if business not in (PAYMENT, REFUND):
        raise ProtocolError("a line that is neither a payment nor a refund")
    is_refund = business == REFUND
    return TradeLine(
        kind="refund" if is_refund else "payment",
        number=row["退款批次号/请求号"] if is_refund else row["商户订单号"],
        order_number=row["商户订单号"],
        channel_number=row["支付宝交易号"],
        channel_payment_id=row["支付宝交易号"],
        amount_fen=abs(fen(row["订单金额（元）"])),
        fee_fen=-fen(row["服务费（元）"] or "0"),
        state=business,
        happened_at=moment(row["完成时间"]),
        payer_id=row.get("对方账户", ""),
    )


def _as_movement(row: Row) -> FundLine:
    received, spent = fen(row["收入金额（+元）"] or "0"), fen(row["支出金额（-元）"] or "0")
    if spent > 0 or received < 0 or (received and spent):
        raise ProtocolError("a movement that goes both ways")
    return FundLine(
        channel_number=row["账务流水号"],
        business_number=row["业务流水号"],
        number=row["商户订单号"],
        business=row["业务类型"],
        amount_fen=received + spent,
        balance_fen=fen(row["账户余额（元）"]),
        happened_at=moment(row["发生时间"]),
        remark=row.get("备注", ""),
    )
