"""What we ask WeChat Pay for, to the byte, and what the payer's side gets: in both modes."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from schema.channels import (
    ClientCall,
    Language,
    Pending,
    QrCode,
    Redirect,
    SurelyNotPaid,
    SurelyNotTransferred,
    Unknown,
)
from schema.channels.wechat import Card, SceneReport, WechatKeys, WechatLanguage
from schema.channels.wechat.documents import Payer, Prepared
from schema.channels.wechat.payments import pay_message
from schema.channels.wechat.platform import opened_secret
from schema.channels.wechat.signing import is_signed_by
from schema.products import PRODUCTS, PayType
from tests.wire.wechat_pair import (
    APPID,
    MCHID,
    NONCE,
    NOW,
    OPENID,
    ORDER_NO,
    STAMP,
    SUB_APPID,
    SUB_MCHID,
    Pair,
    a_refund,
    a_share,
    a_transaction,
    a_transfer,
    an_order,
    asked,
)

AUTH_CODE = "130612345678901234"


def provider(pair: Pair, **changed: Any) -> WechatLanguage:
    """The same merchant as a service provider for one sub-merchant."""
    account = replace(pair.ours.account, sub_mchid=SUB_MCHID, **changed)
    return WechatLanguage(WechatKeys.of(account))


def body_of(question: object) -> dict[str, Any]:
    return msgspec.json.decode(asked(question).request.body)


def offer_of(pair: Pair, language: WechatLanguage, prepared: Prepared, **order: Any) -> Any:
    question = asked(language.create(an_order(**order), STAMP))
    verdict = question.read(pair.answer(prepared), NOW)
    assert isinstance(verdict, Pending)
    return verdict.offer


def test_the_language_says_everything_that_a_language_can(pair: Pair) -> None:
    language: Language = pair.language
    assert language.base_url == pair.ours.account.base_url
    assert language.renew(STAMP) is None  # a static key does not rotate


def test_a_create_call_says_exactly_what_the_order_is(pair: Pair) -> None:
    request = asked(pair.language.create(an_order(), STAMP)).request
    assert (request.method, request.path) == ("POST", "/v3/pay/transactions/native")
    assert request.body.decode() == (
        '{"appid":"wx1234567890abcdef","mchid":"1900000001","description":"两斤番茄",'
        f'"out_trade_no":"{ORDER_NO}","amount":{{"total":1999,"currency":"CNY"}},'
        '"notify_url":"https://tomato.test/notices/1",'
        '"time_expire":"2026-03-01T12:10:06+08:00"}'
    )
    assert request.headers["Wechatpay-Serial"] == pair.ours.account.public_key_id


@pytest.mark.parametrize(
    ("pay_type", "kind", "order", "said"),
    [
        ("wechat_jsapi", "jsapi", {"payer_id": OPENID}, {"payer": {"openid": OPENID}}),
        ("wechat_mini", "jsapi", {"payer_id": OPENID}, {"payer": {"openid": OPENID}}),
        (
            "wechat_h5",
            "h5",
            {"client_ip": "192.0.2.7"},
            {"scene_info": {"payer_client_ip": "192.0.2.7", "h5_info": {"type": "Wap"}}},
        ),
        ("wechat_app", "app", {}, {}),
        (
            "wechat_barcode",
            "codepay",
            {"auth_code": AUTH_CODE},
            {"payer": {"auth_code": AUTH_CODE}, "scene_info": {"store_info": {"id": "0001"}}},
        ),
    ],
)
def test_each_kind_of_payment_says_what_it_needs(
    pair: Pair, pay_type: PayType, kind: str, order: dict[str, str], said: dict[str, Any]
) -> None:
    question = pair.language.create(an_order(pay_type=pay_type, **order), STAMP)
    document = body_of(question)
    assert asked(question).request.path == f"/v3/pay/transactions/{kind}"
    assert {name: document[name] for name in said} == said
    assert ("notify_url" in document, "time_expire" in document) == (kind != "codepay",) * 2


def test_money_that_will_be_shared_is_held(pair: Pair) -> None:
    document = body_of(pair.language.create(an_order(shares_profit=True), STAMP))
    assert document["settle_info"] == {"profit_sharing": True}


@pytest.mark.parametrize("pay_type", [each for each in PRODUCTS if each.startswith("wechat")])
def test_a_payment_that_lacks_what_it_needs_is_not_asked_for(pair: Pair, pay_type: PayType) -> None:
    if PRODUCTS[pay_type].needs:
        verdict = pair.language.create(an_order(pay_type=pay_type), STAMP)
        assert isinstance(verdict, SurelyNotPaid)
        assert (verdict.code, verdict.cause) == ("incomplete", "platform")


def test_what_the_channel_does_not_offer_is_known_without_asking(pair: Pair) -> None:
    language = pair.language
    created = language.create(an_order(pay_type="alipay_qr"), STAMP)
    assert isinstance(created, SurelyNotPaid) and created.code == "not_offered"
    card = replace(a_transfer().payee, kind="bank_card")
    sent = language.transfer(a_transfer(payee=card), STAMP)
    assert isinstance(sent, SurelyNotTransferred) and sent.code == "not_offered"
    # Whether a payment by QR code was made is not settled by our inability to reverse it.
    taken_back = language.reverse(an_order(), STAMP)
    assert isinstance(taken_back, Unknown) and taken_back.code == "not_offered"


def test_a_page_or_mini_program_gets_signed_parameters(pair: Pair) -> None:
    prepared = Prepared(prepay_id="wx201410272009395522657a690389285100")
    order = {"pay_type": "wechat_jsapi", "payer_id": OPENID}
    offer = offer_of(pair, pair.language, prepared, **order)
    assert isinstance(offer, ClientCall)
    signature = offer.parameters["paySign"]
    package = "prepay_id=wx201410272009395522657a690389285100"
    assert offer.parameters == {
        "appId": APPID,
        "timeStamp": str(int(NOW.timestamp())),
        "nonceStr": NONCE,
        "package": package,
        "signType": "RSA",
        "paySign": signature,
    }
    message = f"{APPID}\n{int(NOW.timestamp())}\n{NONCE}\n{package}\n".encode()
    assert is_signed_by(pair.theirs.peer_key, message, signature)


def test_an_app_gets_them_under_the_names_that_apps_use(pair: Pair) -> None:
    offer = offer_of(pair, pair.language, Prepared(prepay_id="wx2014"), pay_type="wechat_app")
    assert isinstance(offer, ClientCall)
    timestamp = str(int(NOW.timestamp()))
    assert offer.parameters == {
        "appid": APPID,
        "partnerid": MCHID,
        "prepayid": "wx2014",
        "package": "Sign=WXPay",
        "noncestr": NONCE,
        "timestamp": timestamp,
        "sign": offer.parameters["sign"],
    }
    message = pay_message(APPID, timestamp, NONCE, "wx2014")
    assert is_signed_by(pair.theirs.peer_key, message, offer.parameters["sign"])


def test_an_h5_payer_is_sent_to_wechat_and_back(pair: Pair) -> None:
    url = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx2016&package=1"
    order = {"pay_type": "wechat_h5", "client_ip": "192.0.2.7"}
    prepared = Prepared(h5_url=url)
    assert offer_of(pair, pair.language, prepared, **order) == Redirect(url=url)
    order["return_url"] = "https://shop.test/thanks?order=1&x=é"
    back = "&redirect_url=https%3A%2F%2Fshop.test%2Fthanks%3Forder%3D1%26x%3D%C3%A9"
    assert offer_of(pair, pair.language, prepared, **order) == Redirect(url=url + back)


def test_a_qr_code_is_shown_as_it_came(pair: Pair) -> None:
    prepared = Prepared(code_url="weixin://wxpay/bizpayurl?pr=p4lpSuKzz")
    assert offer_of(pair, pair.language, prepared) == QrCode(url=prepared.code_url)


# A service provider.


def test_a_service_provider_names_itself_and_its_sub_merchant_everywhere(pair: Pair) -> None:
    language = provider(pair, sub_appid=SUB_APPID)
    order = an_order(pay_type="wechat_jsapi", payer_id=OPENID)
    created = language.create(order, STAMP)
    document = body_of(created)
    assert asked(created).request.path == "/v3/pay/partner/transactions/jsapi"
    names = ("sp_appid", "sp_mchid", "sub_appid", "sub_mchid", "payer")
    said = [APPID, MCHID, SUB_APPID, SUB_MCHID, {"sub_openid": OPENID}]
    assert [document[name] for name in names] == said
    assert "mchid" not in document and "appid" not in document
    query = asked(language.query(order, STAMP)).request.path
    assert query.endswith(f"/{ORDER_NO}?sp_mchid={MCHID}&sub_mchid={SUB_MCHID}")
    assert body_of(language.close(order, STAMP)) == {"sp_mchid": MCHID, "sub_mchid": SUB_MCHID}
    assert body_of(language.refund(a_refund(), STAMP))["sub_mchid"] == SUB_MCHID
    assert body_of(language.share(a_share(), STAMP))["sub_mchid"] == SUB_MCHID
    for question in (
        language.query_refund(a_refund(), STAMP),
        language.query_share(a_share(), STAMP),
    ):
        assert f"sub_mchid={SUB_MCHID}" in asked(question).request.path


def test_without_an_app_of_its_own_the_sub_merchant_uses_the_providers(pair: Pair) -> None:
    order = {"pay_type": "wechat_jsapi", "payer_id": OPENID}
    document = body_of(provider(pair).create(an_order(**order), STAMP))
    assert document["payer"] == {"sp_openid": OPENID} and "sub_appid" not in document
    prepared = Prepared(prepay_id="wx2014")
    own = provider(pair, sub_appid=SUB_APPID)
    assert offer_of(pair, provider(pair), prepared, **order).parameters["appId"] == APPID
    assert offer_of(pair, own, prepared, **order).parameters["appId"] == SUB_APPID


def test_a_payment_of_another_sub_merchant_is_not_ours(pair: Pair) -> None:
    whose = {"appid": "", "mchid": "", "sp_appid": APPID, "sp_mchid": MCHID, "sub_mchid": SUB_MCHID}
    payer = Payer(sp_openid="sp", sub_openid="sub")
    question = asked(provider(pair).query(an_order(), STAMP))
    paid = question.read(pair.answer(a_transaction(**whose, payer=payer)), NOW)
    assert paid.amount_fen == 1999 and paid.payer_id == "sub"
    others = a_transaction(**whose | {"sub_mchid": "1900000010"})
    for transaction in (others, a_transaction()):
        assert question.read(pair.answer(transaction), NOW).why == "other_order"


# Refunds, transfers and shares.


def test_a_refund_names_the_payment_and_both_amounts(pair: Pair) -> None:
    refund = a_refund()
    assert body_of(pair.language.refund(refund, STAMP)) == {
        "transaction_id": refund.channel_payment_id,
        "out_refund_no": refund.number,
        "reason": "一斤烂了",
        "notify_url": "https://tomato.test/notices/1",
        "amount": {"refund": 500, "total": 1999, "currency": "CNY"},
    }
    by_ours = body_of(pair.language.refund(a_refund(channel_payment_id=""), STAMP))
    assert by_ours["out_trade_no"] == ORDER_NO and "transaction_id" not in by_ours


def test_money_that_could_not_reach_the_payer_goes_to_a_card_whose_number_is_secret(
    pair: Pair,
) -> None:
    card = Card(bank="ICBC_DEBIT", account="6222600000000000000", name="张三")
    assert "6222" not in repr(card) and "张三" not in repr(card)
    asking = pair.language.apply_abnormal_refund
    question = asked(asking(a_refund(), "503000", STAMP, to="payer", card=card))
    document, key_id = body_of(question), pair.ours.account.public_key_id
    assert question.request.path.endswith("/refunds/503000/apply-abnormal-refund")
    secrets = (document["bank_account"], document["real_name"])
    opened = [opened_secret(pair.theirs, key_id, each, "/x") for each in secrets]
    assert opened == [card.account, card.name]
    to_merchant = body_of(asking(a_refund(), "503000", STAMP, to="merchant"))
    assert to_merchant["type"] == "MERCHANT_BANK_CARD" and "real_name" not in to_merchant
    assert isinstance(asking(a_refund(), "503000", STAMP, to="payer"), Unknown)


def test_a_transfer_of_2000_yuan_needs_a_name_which_travels_encrypted(pair: Pair) -> None:
    large = a_transfer(amount_fen=200_000)
    refused = pair.language.transfer(large, STAMP)
    assert isinstance(refused, SurelyNotTransferred) and refused.code == "incomplete"
    named = replace(large, payee=replace(large.payee, name="张三"))
    question = asked(pair.language.transfer(named, STAMP))
    name, serial = body_of(question)["user_name"], question.request.headers["Wechatpay-Serial"]
    assert len(b64decode(name)) == 256 and "张三" not in question.request.body.decode()
    assert opened_secret(pair.theirs, serial, name, "/user_name") == "张三"


def test_below_30_fen_a_transfer_says_no_name(pair: Pair) -> None:
    small = a_transfer(amount_fen=29, payee=replace(a_transfer().payee, name="张三"))
    assert "user_name" not in body_of(pair.language.transfer(small, STAMP))


def test_a_transfer_reports_its_occasion(pair: Pair) -> None:
    document = body_of(pair.language.transfer(a_transfer(), STAMP))
    assert document["transfer_scene_id"] == "1000"
    assert [each["info_content"] for each in document["transfer_scene_report_infos"]] == [
        "新会员奖励",
        "三月",
    ]
    reports = (SceneReport(info_type="岗位类型", info_content="外卖员"),)
    account = replace(pair.ours.account, transfer_scene_id="1005", transfer_scene_reports=reports)
    document = body_of(WechatLanguage.of(account).transfer(a_transfer(), STAMP))
    assert document["transfer_scene_id"] == "1005"
    assert document["transfer_scene_report_infos"][0]["info_type"] == "岗位类型"


def test_a_transfer_can_be_given_up(pair: Pair) -> None:
    request = asked(pair.language.cancel_transfer(a_transfer(), STAMP)).request
    assert request.path.endswith(f"/out-bill-no/{a_transfer().number}/cancel")
    assert request.body == b""


def test_a_share_names_its_receivers_and_what_is_left_can_be_given_free(pair: Pair) -> None:
    document = body_of(pair.language.share(a_share(), STAMP))
    merchant, person = document["receivers"]
    serial = pair.ours.account.public_key_id
    assert opened_secret(pair.theirs, serial, merchant.pop("name"), "/name") == "番茄农场"
    assert merchant == {
        "type": "MERCHANT_ID", "account": "1900000008", "amount": 300, "description": "种的",
    }  # fmt: skip
    assert person["type"] == "PERSONAL_OPENID" and document["unfreeze_unsplit"] is True
    free = asked(pair.language.share(a_share(parts=()), STAMP)).request
    assert free.path == "/v3/profitsharing/orders/unfreeze"


def test_a_part_can_be_taken_back(pair: Pair) -> None:
    part = a_share().parts[0]
    question = asked(pair.language.return_share(a_share(), part, "back-1", STAMP))
    assert body_of(question)["return_mchid"] == "1900000008"
    path = asked(pair.language.query_return(a_share(), "back-1", STAMP)).request.path
    assert path == f"/v3/profitsharing/return-orders/back-1?out_order_no={a_share().number}"


def test_accounts_and_keys_show_no_secret(pair: Pair) -> None:
    for shown in (repr(pair.ours.account), repr(pair.theirs.account), str(pair.language)):
        assert "PRIVATE" not in shown and pair.ours.account.api_v3_key not in shown


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"merchant_private_key_pem": "x"}, "merchant_private_key_pem"),
        ({"public_key_pem": "x"}, "public_key_pem"),
        ({"public_key_id": ""}, "public_key_id"),
        ({"platform_certificates_pem": ("x",)}, "platform_certificates_pem"),
        ({"api_v3_key": "short"}, "api_v3_key"),
    ],
)
def test_an_account_with_a_wrong_key_is_refused_by_the_fields_name(
    pair: Pair, changed: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        WechatLanguage.of(replace(pair.ours.account, **changed))
