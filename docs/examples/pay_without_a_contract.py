"""A merchant of a WeChat Pay that is only simulated, with a public SDK: no contract, no money.

python runner.py simulator --port 7071 --config my-simulator.json
python docs/examples/pay_without_a_contract.py http://127.0.0.1:7071
"""

import json
import sys

import requests
from wechatpayv3 import WeChatPay, WeChatPayType

simulator = sys.argv[1]
account = requests.post(
    f"{simulator}/simulator/accounts/new",
    json={
        "protocol": "wechat",
        "account_no": "1900000109",
        "notify_url": "http://127.0.0.1:9/notices",
    },
    timeout=10,
).json()

client = WeChatPay(
    wechatpay_type=WeChatPayType.NATIVE,
    mchid=account["mchid"],
    appid=account["appid"],
    private_key=account["merchant_private_key_pem"],
    cert_serial_no=account["merchant_serial"],
    apiv3_key=account["api_v3_key"],
    notify_url=account["notify_url"],
    public_key=account["public_key_pem"],
    public_key_id=account["public_key_id"],
)
client._core._gate_way = simulator  # the SDK has no setting for another host

order = {"out_trade_no": "tomatoes-1", "description": "两斤番茄", "amount": {"total": 1999}}
_, created = client.pay(**order)
print(json.loads(created)["code_url"])

requests.post(f"{simulator}/simulator/pay", json={"number": "tomatoes-1"}, timeout=10)
_, queried = client.query(out_trade_no="tomatoes-1")
print(json.loads(queried)["trade_state"])
