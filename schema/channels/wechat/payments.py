"""Our side of payments: asking for money, looking, closing, taking back.

A transaction counts as ours only if its number, merchant and app are those that we asked about.
"""

from __future__ import annotations

from functools import partial
from typing import Literal
from urllib.parse import quote

from schema.channels import (
    AtTheTill,
    ClientCall,
    HttpRequest,
    Offer,
    Order,
    Paid,
    Pending,
    ProtocolError,
    QrCode,
    Question,
    Redirect,
    Stamp,
    SurelyNotPaid,
    Unknown,
    Verdict,
)
from schema.channels.reading import plain, read
from schema.channels.wechat.asking import (
    NOT_OFFERED,
    in_path,
    other,
    parameters,
    question,
    signed_request,
    unlisted,
)
from schema.channels.wechat.documents import (
    ERROR,
    PREPARED,
    TRANSACTION,
    WHOSE,
    Amount,
    H5Scene,
    OrderDocument,
    PayerDocument,
    Prepared,
    SceneDocument,
    SettleDocument,
    StoreScene,
    Transaction,
    WhoseDocument,
    china_time,
    written,
)
from schema.channels.wechat.keys import WechatAccount, WechatKeys
from schema.channels.wechat.signing import sign
from schema.channels.wechat.tables import TRADE_STATES
from schema.money import AMOUNT_FEN_MAX
from schema.products import PRODUCTS, PayType

Kind = Literal["native", "jsapi", "h5", "app", "codepay"]
"""The last step of the create call's path."""

KINDS: dict[PayType, Kind] = {
    "wechat_native": "native",
    "wechat_jsapi": "jsapi",
    "wechat_mini": "jsapi",
    "wechat_h5": "h5",
    "wechat_app": "app",
    "wechat_barcode": "codepay",
}

TYPING = "USERPAYING"


def create(keys: WechatKeys, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
    """Asks a payer for money; at the till the payer's code is charged at once."""
    kind = KINDS.get(order.pay_type)
    if kind is None:
        return _not_asked(NOT_OFFERED, f"no {order.pay_type} here")
    lacking = [need for need in PRODUCTS[order.pay_type].needs if not getattr(order, need)]
    if lacking:
        return _not_asked("incomplete", f"{order.pay_type} needs {lacking[0]}")
    assert 1 <= order.amount_fen <= AMOUNT_FEN_MAX
    body = written(order_document(keys.account, kind, order))
    request = signed_request(keys, "POST", f"{base(keys.account)}/{kind}", body, stamp)
    if kind == "codepay":
        charged = {200: partial(_transaction, keys, order), 202: _at_the_till}
        return question(keys, "codepay", request, SurelyNotPaid, charged)
    prepared = {200: partial(_prepared, keys, kind, order, stamp)}
    return question(keys, "create", request, SurelyNotPaid, prepared)


def query(keys: WechatKeys, order: Order, stamp: Stamp) -> Question[Verdict]:
    """Asks how our order stands."""
    account = keys.account
    names = (
        parameters(sp_mchid=account.mchid, sub_mchid=account.sub_mchid)
        if account.sub_mchid
        else parameters(mchid=account.mchid)
    )
    request = signed_request(keys, "GET", order_path(account, order) + names, b"", stamp)
    stands = {200: partial(_transaction, keys, order)}
    return question(keys, "query", request, SurelyNotPaid, stands)


def close(keys: WechatKeys, order: Order, stamp: Stamp) -> Question[Verdict]:
    """Asks that our order can't be paid any more."""
    account = keys.account
    whose = (
        WhoseDocument(sp_mchid=account.mchid, sub_mchid=account.sub_mchid)
        if account.sub_mchid
        else WhoseDocument(mchid=account.mchid)
    )
    request = _order_request(keys, order, "close", whose, stamp)
    return question(keys, "close", request, SurelyNotPaid, {204: _closed})


def reverse(keys: WechatKeys, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
    """Takes back what was asked of a payment code; what was paid goes back to the payer."""
    if order.pay_type != "wechat_barcode":
        message = "only payments by payment code can be reversed"
        return Unknown(why="ambiguous", code=NOT_OFFERED, message=message, cause="platform")
    whose = WhoseDocument(**whose_order(keys.account))
    request = _order_request(keys, order, "reverse", whose, stamp)
    reversed_ = {200: partial(_reversed, order), 204: partial(_reversed, order)}
    return question(keys, "reverse", request, SurelyNotPaid, reversed_)


def base(account: WechatAccount) -> str:
    """Where the orders of this kind of merchant live."""
    return "/v3/pay/partner/transactions" if account.sub_mchid else "/v3/pay/transactions"


def order_path(account: WechatAccount, order: Order) -> str:
    """Where this order lives."""
    return f"{base(account)}/out-trade-no/{in_path(order.number)}"


def whose_order(account: WechatAccount) -> dict[str, str]:
    """The fields that say whose order it is."""
    if not account.sub_mchid:
        return {"appid": account.appid, "mchid": account.mchid}
    sub = {"sub_mchid": account.sub_mchid, "sub_appid": account.sub_appid}
    return {"sp_appid": account.appid, "sp_mchid": account.mchid} | sub


def order_document(account: WechatAccount, kind: Kind, order: Order) -> OrderDocument:
    """The order in the platform's words. A payment code is charged at once, so such an order has
    neither an end nor an address to call back."""
    at_once = kind == "codepay"
    return OrderDocument(
        **whose_order(account),
        description=order.subject,
        out_trade_no=order.number,
        amount=Amount(total=order.amount_fen),
        notify_url=None if at_once else account.notify_url,
        time_expire=None if at_once else china_time(order.expires_at),
        payer=_payer(account, kind, order),
        scene_info=_scene(account, kind, order),
        settle_info=SettleDocument(profit_sharing=True) if order.shares_profit else None,
    )


def verdict_of(account: WechatAccount, transaction: Transaction) -> Verdict:
    """What a transaction that is proven to be the platform's word says about our money."""
    if not is_ours(account, transaction):
        return other("the answer is about another merchant or app")
    state, text = transaction.trade_state, plain(transaction.trade_state_desc)
    match TRADE_STATES.get(state):
        case "paid":
            return _paid(transaction)
        case "pending":
            return Pending(code=state, message=text)
        case "ended":
            return SurelyNotPaid(code=state, message=text, cause="payer")
        case None:
            return unlisted(state, text)


def is_ours(account: WechatAccount, transaction: Transaction) -> bool:
    """Whether it is an order of this merchant, under this app."""
    if account.sub_mchid:
        said = (transaction.sp_mchid, transaction.sp_appid, transaction.sub_mchid)
        return said == (account.mchid, account.appid, account.sub_mchid)
    return (transaction.mchid, transaction.appid) == (account.mchid, account.appid)


def client_call(keys: WechatKeys, kind: Kind, prepay_id: str, stamp: Stamp) -> ClientCall:
    """What the page, mini program or app hands to WeChat, signed by us. In service-provider mode
    the app is the sub-merchant's, where they have one."""
    account, timestamp = keys.account, str(int(stamp.now.timestamp()))
    appid = account.sub_appid if account.sub_mchid and account.sub_appid else account.appid
    if kind == "app":
        signed = sign(keys.private_key, pay_message(appid, timestamp, stamp.nonce, prepay_id))
        return ClientCall(
            parameters={
                "appid": appid,
                "partnerid": account.sub_mchid or account.mchid,
                "prepayid": prepay_id,
                "package": "Sign=WXPay",
                "noncestr": stamp.nonce,
                "timestamp": timestamp,
                "sign": signed,
            }
        )
    package = f"prepay_id={prepay_id}"
    return ClientCall(
        parameters={
            "appId": appid,
            "timeStamp": timestamp,
            "nonceStr": stamp.nonce,
            "package": package,
            "signType": "RSA",
            "paySign": sign(keys.private_key, pay_message(appid, timestamp, stamp.nonce, package)),
        }
    )


def pay_message(appid: str, timestamp: str, nonce: str, package: str) -> bytes:
    """What the signature of a client call covers; `package` is the bare id for apps."""
    return f"{appid}\n{timestamp}\n{nonce}\n{package}\n".encode()


def _not_asked(code: str, message: str) -> SurelyNotPaid:
    return SurelyNotPaid(code=code, message=message, cause="platform")


def _order_request(
    keys: WechatKeys, order: Order, verb: str, whose: WhoseDocument, stamp: Stamp
) -> HttpRequest:
    path = f"{order_path(keys.account, order)}/{verb}"
    return signed_request(keys, "POST", path, written(whose), stamp)


def _payer(account: WechatAccount, kind: Kind, order: Order) -> PayerDocument | None:
    if kind == "codepay":
        return PayerDocument(auth_code=order.auth_code)
    if kind != "jsapi":
        return None
    if not account.sub_mchid:
        return PayerDocument(openid=order.payer_id)
    if account.sub_appid:
        return PayerDocument(sub_openid=order.payer_id)
    return PayerDocument(sp_openid=order.payer_id)


def _scene(account: WechatAccount, kind: Kind, order: Order) -> SceneDocument | None:
    if kind == "h5":
        return SceneDocument(payer_client_ip=order.client_ip, h5_info=H5Scene(type="Wap"))
    if kind == "codepay":
        store = StoreScene(id=account.store_id)
        return SceneDocument(payer_client_ip=order.client_ip, store_info=store)
    return SceneDocument(payer_client_ip=order.client_ip) if order.client_ip else None


def _prepared(keys: WechatKeys, kind: Kind, order: Order, stamp: Stamp, body: bytes) -> Verdict:
    return Pending(offer=_offer(keys, kind, order, stamp, read(PREPARED, body)))


def _offer(keys: WechatKeys, kind: Kind, order: Order, stamp: Stamp, prepared: Prepared) -> Offer:
    if kind == "native" and prepared.code_url:
        return QrCode(url=prepared.code_url)
    if kind == "h5" and prepared.h5_url:
        back = f"&redirect_url={quote(order.return_url, safe='')}" if order.return_url else ""
        return Redirect(url=prepared.h5_url + back)
    if kind in ("jsapi", "app") and prepared.prepay_id:
        return client_call(keys, kind, prepared.prepay_id, stamp)
    raise ProtocolError(f"nothing to pay {kind} with")


def _transaction(keys: WechatKeys, order: Order, body: bytes) -> Verdict:
    transaction = read(TRANSACTION, body)
    if transaction.out_trade_no != order.number:
        return other("the answer is about another order")
    return verdict_of(keys.account, transaction)


def _at_the_till(body: bytes) -> Verdict:
    code, message = TYPING, ""
    if body:
        words = read(ERROR, body)
        code, message = plain(words.code) or TYPING, plain(words.message)
    return Pending(offer=AtTheTill(), code=code, message=message)


def _paid(transaction: Transaction) -> Verdict:
    number, amount = transaction.transaction_id, transaction.amount
    paid_at, payer = transaction.success_time, transaction.payer
    if number is None or amount is None or paid_at is None:
        return Unknown(
            why="unparsable",
            code=transaction.trade_state,
            message="a payment without its number, amount or time",
        )
    known_as = payer.openid or payer.sub_openid or payer.sp_openid if payer else ""
    return Paid(
        channel_payment_id=number,
        amount_fen=amount.total,
        currency=amount.currency,
        paid_at=paid_at,
        payer_id=plain(known_as),
        is_refunded=transaction.trade_state == "REFUND",
    )


def _closed(body: bytes) -> Verdict:
    if body:
        raise ProtocolError("a confirmed close has no body")
    return SurelyNotPaid(code="CLOSED", message="closed at our request", cause="payer")


def _reversed(order: Order, body: bytes) -> Verdict:
    if body and read(WHOSE, body).out_trade_no not in ("", order.number):
        return other("the answer is about another order")
    return SurelyNotPaid(code="REVOKED", message="reversed at our request", cause="payer")
