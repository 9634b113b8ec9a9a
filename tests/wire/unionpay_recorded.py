"""Bytes of both roles as they were once sent. The private keys behind them were thrown away."""

from __future__ import annotations

PROVIDER_KEY = b"""-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAumC1DEdoMd9+HePUvOYH
tIAGfYJ3Kj9fm868TG7PNdQ81CKnvkV+MMy3UI0wAFA06jdjRwSu9wN2Bt70wmcD
2S/9AL0F+FADrTwEUcQ1B6bm3NVGeIr5qxOifJ0BR1EsQhQ/20bsyHFGhD/Xvx+g
dLVsA8Jl/JBzV5PHg3ge1PzQbLasR0SL1S682vQDoaHs4IpvNazvmirjSELwAlpx
Z4AkjmC06+KWlDAkP2EVcF31ZMSHFjOzuH6S+iwLwQdjMoMtQ864oxRwGYTGu9pO
klJnpRrGDbmV9JQQ3i7AMZw+9EjiZpAl9wVDsJ7b8ZwJFc9i0DI2lg6jDEphm277
pQIDAQAB
-----END PUBLIC KEY-----
"""
PLATFORM_KEY = b"""-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArjwubFAiIqStoGRcnmFV
DbN/+3WFas1XzRy9HVsdSn5e7rvPAkTEjHM6gcWgKj0vm7EUrNaqJyuJD/+VeBK+
6hSrSuFzYW/JMbIaLYjZD0t/FKzIkZIJNsACdoU4OPfeouLQ1fnixeCXrPajDNCi
nLv3j4Fk1srJpVlnODFxe+wccfEI3N/2HvCgWMGEeCxEf2MUriYBr296wmuYIUej
nnPxQAsWckHJHKm6p81MQ4ZoODvZ4l7BpzeflIZjsb/bkPTlOY/PziQMWoPYUJ9I
eVfv4OsNt/LUoTfSKThIrzA4TY8ghqRdON/6C+1hTW8TaHd6kal0uniSjJmtoXkx
bwIDAQAB
-----END PUBLIC KEY-----
"""

REQUEST = (
    '{"orderNo":"01jx3k5m7n9p2q4r6s8t0v2w01","orderTime":"20260301120506","txnAmt":"1'
    '999","currencyCode":"156","orderInfo":"两斤番茄","customerIp":"203.0.113.7","termInf'
    'o":"{\\"ip\\": \\"203.0.113.7\\"}","backUrl":"https://tomato.test/notices/u1","front'
    'Url":"https://shop.test/thanks","orderType":"unionpay","termId":"01","serProvId"'
    ':"T00000000000001","merId":"898000000000001","signature":"BX7D5Me9Ftgv4qlHoiAXJz'
    "Yli2dycGDJtn9fZrhTANGdX7gVc3s/OL4DrFu/ko5Wa2kHeicgJgsPKdgcd0w55yU3G2Rdyuwxk4Ckim"
    "O2GX8qCOC7pLfsKWMzDvo8HkR2szYN3RgCSp4Y33qoUP8YuDC15OIm/W+WdLSDmuMxgiDa56bZRh90wI"
    "euBl4JQzSq7r+bB2Lmc9tTjw78auw/s7ac0nP7qLkQkwQmPZQ+LNvJ3AeYu2VOPJW2TZQ9JkMVmSD22P"
    "U8b3Aa6qiLUIEzTrr3iiGhgvI7JuoUW//uQR7mFxbiHmZBrdTI04Imr2InkTlax2QoGb8h/Ft10bib1g"
    '=="}'
).encode()

REQUEST_TEXT = (
    "backUrl=https://tomato.test/notices/u1&currencyCode=156&customerIp=203.0.113.7&f"
    "rontUrl=https://shop.test/thanks&merId=898000000000001&orderInfo=两斤番茄&orderNo=01"
    "jx3k5m7n9p2q4r6s8t0v2w01&orderTime=20260301120506&orderType=unionpay&serProvId=T"
    '00000000000001&termId=01&termInfo={"ip": "203.0.113.7"}&txnAmt=1999'
)

NOTICE = (
    '{"serProvId":"T00000000000001","merId":"898000000000001","orderNo":"01jx3k5m7n9p'
    '2q4r6s8t0v2w01","orderTime":"20260301120506","txnAmt":"1999","currencyCode":"156'
    '","origRespCode":"00","origRespMsg":"支付成功","transIndex":"20260301120506000000007'
    '7","payTime":"20260301120636","payerInfo":"pingguo","signature":"Ns3+2zZXuaPrGsJ'
    "45EQ2QMDCg4ovmQalnMj/u9QIjKmQHWx+nS3rgTpzDNs90TsmL4aB/t/fcJ5kvCe/H761oBVdxxiNbDk"
    "GN0OFfBszvcxWnju3xy7hQHFdUhMTB7Iccip8eGB81QHGQuC/VjVrhH60V3FVXS3V7l3Z38NasRTn9PY"
    "PMrYGA4FudjoniDhZrRyLhdnPiJeq4+1J4BkMvcLm02uEw8wDRPD5RtIDc3VKsHxO6lWj2/hFTVJOiJo"
    "mUsbJB3jMgpevMAI7es+n7heEGyn5qi6etBbyIkEJWzPKqsdbBkZMCP6WsgY2vZSYjCq02xMi5/jzkBF"
    'dJ59GaA=="}'
).encode()

NOTICE_ID = "a80f6e1585f704dec7f6a65ed5a826b3"
