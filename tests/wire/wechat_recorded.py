"""Bytes that crossed the wire once, and the public keys of whoever signed them.

The private keys are gone, so nobody can make these again: what still verifies them keeps to the
same rules as on the day they were made, 2026-03-01 at 04:05:06 UTC, the `NOW` of `wechat_pair`.
Ours were written by our own side, theirs by the simulator's.
"""

# ruff: noqa: E501

from __future__ import annotations

from schema.channels import HttpAnswer, HttpRequest

API_V3_KEY = "pfi35Y5ZtGZLY9sHd2TXC01xunSg9TUZ"
"""Of the recorded merchant, whom nobody serves any more."""

MERCHANT_SERIAL = "14B5F1DB4E298F64EFA7444562B2D3DFA506F71A"
PUBLIC_KEY_ID = "PUB_KEY_ID_65419615810220617898689307581377"

MERCHANT_PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA6Gddde1JB6Lj1XijXXd3
f8XTUHBuvy94cX4Gk/V28KdYiQtQ2MCAJcnTBnpnwA6qOcIvudHY8zZ6JvisTaxh
+xBjeGfoy2syAYXdytXyu9slXMl9+pfv6o4XECngZ20jqJJmomdNBJD+ZYYUPEo0
OuDpeeHBgiOjjJLfcoYgAlNpC/mlCUeG25uLFJIFbl/UY3jkBB3L9Difmfdh1PsA
4N9GXm3xn0taG6WqH3F8hr7wTg4ynobelU3HcX67SW3lDO/TSQR9v1UD/qK3AgcR
O1c9L+kg7zqqM7XmUvsfR6FYXeTsdtZHTqFGKacy/LSmp99kAMtoB8Gsf2KC6rsD
bQIDAQAB
-----END PUBLIC KEY-----
"""

PLATFORM_PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA92pFSQDmcqGyfPchU9GF
g6BAEbaouwfFOZQGNFumNZd+m9RlA3Wcy1kDqXSyX6hyWeJtJHfVr3tV1kNFm0lU
Uf+nP8fezF4Y8ox08W8Uzgzps5Wn8BxL0xzrrzw4iw5L1lX4w7suk9QXiRpCnXZB
Dy5i7Km5LhadpklERJ708f6NHyyBZtZbisuY5nelN5PVAdao4E2pT4kKSSLY5g2E
MJ+QcjZQBpTj+6HOVbHmhOFwaHDTYHVHXxxN31g0OJ28Zq9o46nE06Cb6fGoiNs8
hSOuHVX5S48OvPu26esbfVF2aSvr0uW5GxNmYqvpEfts9FIdAAJMTG1DlKrZ8dUi
SwIDAQAB
-----END PUBLIC KEY-----
"""

CREATE = HttpRequest(
    method="POST",
    path="/v3/pay/transactions/native",
    headers={
        "Authorization": 'WECHATPAY2-SHA256-RSA2048 mchid="1900000001",nonce_str="593BEC0C930BF1AFEB40B4A08C8FB242",signature="UGHna3Asx3BjfiTgKH4YRxnw/7vT60+g4NGB6Y8VFVadWjHKhgq58+vVDo/swR7DnNnKrLahzecN3xiHPOg5ZUBjJOMPMAanFedKTVhoosxUO6Z5KXeWy2r3bnYyKmmdxQvknXi3I39pkajl/6jVWlbRRkuFqekivRxDD6P600MFKsaJmWdqqn/EcMrvncU4U81E29RdxWP+LK+v68YnBn7OTzI5Na4/HES5TRkovKDXrr5pnihniYlRIAakGCwlEDiOFHLog8Uh2UW1JRAz3GywzQwa5eksvMNOe7F5Ag0xlCDDY3NEOS9igakzdU02OQTgnx0wKgirgJAUuFxavA==",timestamp="1772337906",serial_no="14B5F1DB4E298F64EFA7444562B2D3DFA506F71A"',
        "Accept": "application/json",
        "Content-Type": "application/json",
        "User-Agent": "tomato",
        "Wechatpay-Serial": "PUB_KEY_ID_65419615810220617898689307581377",
    },
    body=b'{"appid":"wx1234567890abcdef","mchid":"1900000001","description":"\xe4\xb8\xa4\xe6\x96\xa4\xe7\x95\xaa\xe8\x8c\x84","out_trade_no":"01jx3k5m7n9p2q4r6s8t0v2w01","amount":{"total":1999,"currency":"CNY"},"notify_url":"https://tomato.test/notices/1","time_expire":"2026-03-01T12:10:06+08:00"}',
)

PAID = HttpAnswer(
    status=200,
    headers={
        "Content-Type": "application/json; charset=utf-8",
        "Wechatpay-Timestamp": "1772337906",
        "Wechatpay-Nonce": "593BEC0C930BF1AFEB40B4A08C8FB242",
        "Wechatpay-Signature": "1gZMTuWfvi3D6dSYBYEppsy+Q+HbC7XEuDbX+RIBxD1TnddwIB9hmgsFiloW61pkRWPAl/Nso8kq42D1gGm4xZyDhODAio5MJ0BCc1o33JzrLg96fR9it7iMyNBFOvlMTpJediYDW1gdAv1CBLlsDBX/eawbKIXz3wPK8QBnBw1SDjQ5WXj00YSL9M8VlwVNaG1WOwZgUOHLGpOfGvW2OzrrGn/h5yGhoM4V4QVNk7Lp85tF8yVmg3Qu6Vf4X6v+6NZsV7WxdsQ1KCbz4AJpizhvQjbOQnVjUqCKKf+tnZE/MmfpXX2AcSkYo2/NfLWbq5xrz2UnEJ0nT23lPDN6Vw==",
        "Wechatpay-Serial": "PUB_KEY_ID_65419615810220617898689307581377",
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
    },
    body=b'{"appid":"wx1234567890abcdef","mchid":"1900000001","out_trade_no":"01jx3k5m7n9p2q4r6s8t0v2w01","trade_state":"SUCCESS","trade_state_desc":"\xe6\x94\xaf\xe4\xbb\x98\xe6\x88\x90\xe5\x8a\x9f","transaction_id":"4200002026030100001234567890","trade_type":"NATIVE","bank_type":"OTHERS","success_time":"2026-03-01T12:05:06+08:00","payer":{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},"amount":{"total":1999,"payer_total":1999,"currency":"CNY","payer_currency":"CNY"}}',
)

CERTIFICATES = HttpAnswer(
    status=200,
    headers={
        "Content-Type": "application/json; charset=utf-8",
        "Wechatpay-Timestamp": "1772337906",
        "Wechatpay-Nonce": "593BEC0C930BF1AFEB40B4A08C8FB242",
        "Wechatpay-Signature": "tBRogBzr7P4wiRQB4uJMzzVgejCmDKt8LSDY6pNLjOhWIdfq3RODCp+7u5PB6x8KjzfHOPZk1cryFI/IYEbVm+OGBLtVZZntc/4VAKDdbZ9A3hhijTFeNEXuwRzeZUfg5pkWfA25pnWqwxaYkLgTyL2wQQ3mp8/EPJQfBoNTbXMOMp7TJoYOlvwm9X0Mgh5HhyBcIxERrw8wB5ijazRjh4SIB1PDQKx4ngg4b1/Qpv0pMsmmzUW/MZma8v/yG9xQuI9WrFqlYi+yAlWbvEvg8e+Uxnxz5PDUOHu3NMAJjajS43hOt2nuXr3tE55FZNxvaPa3bSAcXzWqNtsVGgLvmA==",
        "Wechatpay-Serial": "631CEDB86F0F60BB4C0925027D6816402C80274A",
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
    },
    body=b'{"data":[{"serial_no":"631CEDB86F0F60BB4C0925027D6816402C80274A","effective_time":"2026-02-28T12:05:06+08:00","expire_time":"2028-11-25T12:05:06+08:00","encrypt_certificate":{"algorithm":"AEAD_AES_256_GCM","nonce":"fdasflkja48a","associated_data":"certificate","ciphertext":"dMQXeQuJ0OT8+CIU5FjKskYhTsykqqVkv1bf0gOnUMMYTMOP9hBKmvJFZ3Qj5ZzJ/sWGmzpuwpsT+olJlhMiRwi9JIIhUPusVGKopoeK8f5dkQDFiUqSBLprL+q8LyuitQGhWPCs0SNrCsZMh9OSu1aNX5TxybMjNBpEYmOQf5AGi721luHAKRa0ak0ygqQeRi/sCi5km9YS3yNoONeDuGw/fcE+MupL00sFlRyvfhHWYzkpgW0WOSF7hFG/TZyhqJTnVNIRR50bAfl3U7sHIKJ+pAkymDOlCC3eA3lc5+nBdRvG1oI6rOZX8oxnHxY1UXZO0QkLANrPAm9lABXu9nyzCRyRsLWZ5tf0vScWlrtsAhFFJhxBqfqO3VhPfXxuPudDpHb+R4M1iLmIHdB/4olVWR2kZmEMdXfuQK8BDXxqhTEnxJ4df9ig6lJO2cqgjsqPxcYjWD92P/R/50rqPlKsNsPxq5DH1UYOWjTRCneLGQZCTwkDWeql9kHY+UnSVQebhlxqtHapkxTJg1N5zbZllZl13/sI1jfBsStx17MFREg6jC1UryeHTcn2+nCeK0AqCKNbxNh4VWdKrIaW5/GV9ZbySfQfU+G7w3b1JU+yu5MiDaKZohqB539CVIPfL3RQb6up+pGP9zrYNgO8ddn87m6OOVTMcf//wgkY1XeCOfXRfCS2PRftrgkOxwecDBBeU7DQn/wuNmrO8zcamu1CMqZUdeAZEgllqtKxQGdwTugMkpYDKdxsTuLl7Z5i1HswHGjS7m43MgeC6/D30+wQfuhIHd8Rad58dCF6KSr7BGhUKgrtP9SX7jgmfJes4kYZp3J3w+tB2RtHcvWgfHHlzMMTvoDSUocZp3bBNPPIpkOJKlz+t2XMFnLji31JzpUegIsTgD9tz6pXUgyncAkUcsM++FyUDd8GK/L5OGokYiaypRsgXv8ZX6BTkENjnztL+Qa+0dk6sJpQaj53quUYYpS5Eesgh/merwgUP5QA2tt66bVOXzVdtsAw7YJ9P4cHRfB8Y0km2Yp73fIyUj+BYkjn5dxG8Gf+9nwIX8nFGiyNxfH3yKLRJiZngqGOHNp/0uixXxQsqdFL6OYOo998u9DycDm8MwXzicl7lbBOCLZCIz3EXWHI6xGZVYGCG7TxKJ3ARWnd0Z9NphhnLVKgiHu3zZ4OGr6IMJ6gmCdJlrACaxtaJCoh0ug2mu8Q2gVBunlJEAnVZU7WKeVRi1/Vf6J/cTtIXOFhz+jhf5oWMR7V8C5v1dmJ3TCMrEw7GvwJPS4aBiUKS7puEx4Pehvn4dZFOtUQWQAFChZAchasZ1523iSiZGQyIWt5Hb1kzHkNUMxZH+xG84JHR88OnYCwtRhG"}}]}',
)

NOTICE_HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Wechatpay-Timestamp": "1772337906",
    "Wechatpay-Nonce": "593BEC0C930BF1AFEB40B4A08C8FB242",
    "Wechatpay-Signature": "2Vcktr1ASwkc2OIKT1VI/bLIZ3OiXD102jktWlHQ+WJuxSwjHbR26pp3+c+KEG6gcY6EgzKfPiN7oXAWBcZSKk0o/XiuH8eul2yZfbI+HI0hP3OOEoB0f/I5kZrjQPbzfgnNPwZu7xhRqp+usGnxrp4MtAX6GmR1PEjL7pVUijrGPNcb9DlC5XNfdb90rDHUe0c+19Ql1Eo5LltCl2IBbFYmZXddGJlzFOejTd4nZ0HMw2Exa45608DFgpaJe28nOX5x6UUBEQvtIna7cJ7Uyf8475R3wYJG1ADeF805bzQBEYrgvM7gzkcWSK96J831PCdggc7l7dTNhF24rC0G7A==",
    "Wechatpay-Serial": "PUB_KEY_ID_65419615810220617898689307581377",
    "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
}

NOTICE = b'{"id":"EV-2018022511223320873","create_time":"2026-03-01T12:05:06+08:00","event_type":"TRANSACTION.SUCCESS","resource_type":"encrypt-resource","resource":{"algorithm":"AEAD_AES_256_GCM","ciphertext":"f/xLA0jXZ9ZAz/al/VzUC0RGuppH6vpDYQVKM1rfmxnl8yH8/n7I6dtGQUZPGeLKeREwYq5REYSUOaCSnr88QIimYtHovvZSAs9YYRK5IYWsccUaCgIrK5xC1QT0RuceZCyc78KbMFEWcqjZ8+sGCNTTeYN7BFm+ACrcmOC2ajScmemYHmD4dfV9g1/tDTAG6UQJqr2+JO30Eopc+GNfzH/fyWYJUs4JG1QdK8/hmxS8ZdR2eBWRVy2hrrwPlOzJRrh8jGixOp213b1PPc2+ZxG4E8YdteubXpgoEVRWssX2osIdA6UkUFvcAfaF8ggBelSC7tKqxR8/OpZptytyZt/gMzWe6P4n2YAs/kuLn28fE32rr+SA9sG6rbzXTyA217BzP27235vM3O3CDmfDONeIdi/kxPkuGIWox4fLhmEmyhEaAlmBlzOxaR0ir4Um2OsfCIkxKP+rH8t8TZ3f941zWLEfBVCY4zLqAbEnYuOdxuz7HfVbOXx1BFeeUk/AxnEzMLj55IAjEtF0IX/hEd5SeJfTJRG90tJ33g6EWiL0ZmUdFoXrslGwyLyw5jpCJJdTGg==","nonce":"fdasflkja484","associated_data":"transaction","original_type":"transaction"},"summary":"\xe6\x94\xaf\xe4\xbb\x98\xe6\x88\x90\xe5\x8a\x9f"}'
