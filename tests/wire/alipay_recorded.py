"""What both ends of Alipay once said, byte for byte. The private keys exist no more."""

from __future__ import annotations

APP_PUBLIC_KEY = (
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA+fHD9YJsTZbNccBnpUC22eMgxIsK5D+0wtnQDQWD"
    "sIv91v9F5xMqU/n1rm26yo82WFxdtJEZO4alC58lejbnNpWFtMu2B72ZP84xV+t4g/qUjgi3CqZqb00iL/d8"
    "USq8V4seA745joGcT0e42xdrQUG6HFibzfzpmCTxVr5xx9TT7/K/cXvNm8NtOAlmgQouYb3tknjRprmPYups"
    "Lj9GH2r3C+BO7Ao+A4+2CKdzZ1ep83+GTYtl1EoAnEk1h92KXqs64TjfCjnyZLjD7IAQuE9qSYohHK6RWcGd"
    "3VN4rFPzFQfwMAmebnxJ8gsx8tMpCn4dp6Tz4isZ49zXKMgRzQIDAQAB"
)
"""The app's, as Alipay's tools show it."""

ALIPAY_PUBLIC_KEY = (
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqoVTeHFSdnJFK8bWc6NtLikfe0XHEOyDlnP9aJVL"
    "jNJ2zgJXf2UsvMH6n4idwchVxhSp/+Z7CYG+ki/qXt2PWavH5MZzmLWZynvqRSPCS5cUPm9CDYY+Ms3g3JZJ"
    "vRj5QRHrb/UWViKPzpsJ6cFjzrePbcSLQmfcYt0l6tI/D9RbkYmeCgfEw7vEyuqHYXQlU6wOHndn9FBDOI3T"
    "WQHpyCQrtrLCHiDr8sDLfGCH7i2JhF0r8ac8Nju8YjktLhtUPFV+ps3bOk11n0aCn6CvQg8031tcmXU8bXHf"
    "2/qKSCLMz624dw5p1Htxog6Ev9vpof+vVtEEa/bNvbFqA5HVfQIDAQAB"
)
"""The platform's."""

REQUEST = (
    "app_id=2021000000000001&method=alipay.trade.query&format=JSON&charset=utf-8&sign_typ"
    "e=RSA2&timestamp=2026-03-01+12%3A05%3A06&version=1.0&biz_content=%7B%22out_trade_no%"
    "22%3A%2201jx3k5m7n9p2q4r6s8t0v2w01%22%7D&sign=ayPenoaiWKx08g4juzXQ4QfvzjV0ojDDqLE7Wz"
    "g328ED6pXfgMW%2F%2BMfduQsasFyTYq9XPNMZYLZR4nsy5yqu7UG3QAVkpLVpJ%2BX1r5ax9O%2ByoEx8RO"
    "Irsx9oz79texkTWS1KF4bgr1Ucma7aEXEmPbnS8PJoFcQJOitWLyqjCYCvcOwtki9HuN6Z1zkkn8kXRaIIm4"
    "SNfAN4vaeAJc7abAtahyTvTMnx%2BjYJPuyY6tOqMPRqEIb6W8IBbEfW4Wb8K5YE5mWid7CMepb9WCPOD9i%"
    "2F1wHptCv%2Fl2iPaVP6Tijq271O%2FYZmPsu3mBZt%2FUEtGm1FPOqqRQVhY8136Pr9JA%3D%3D"
)
"""The body of our query."""

ANSWER = (
    '{"alipay_trade_query_response":{"code":"10000","msg":"Success","trade_no":"202603012'
    '2001000000000000001","out_trade_no":"01jx3k5m7n9p2q4r6s8t0v2w01","trade_status":"TRA'
    'DE_SUCCESS","total_amount":"19.99","buyer_logon_id":"{\\"*茄\\"}","buyer_user_id":"2088'
    '000000000009","send_pay_date":"2026-03-01 12:05:06"},"sign":"f3yPcUp83ASV3F+NI7wtv+u'
    "sQOWb1VApFVvL87x3MQa/awUaRapC96/oR/1tJ7Q7SxQVl7ogZl+XFxNzhpf5uC5j1yDD//ILpu8M50XjbsC"
    "BAMuLx0/HLAIt+ov6xT/tW13RhsL7d1Nlj1sFPFFUElPQFUITf8E36WtA7V/75isjyeyZVAcedYUII9z7Yj/"
    "JhMSU4p6MvbF1UTvu6cLPac1gBJmZwvm+y/nCTEzx/0LrTvMbaK5khiamKaG7qpEDpElBbHlWWP4bOfBsILm"
    'OXF5J9ok9YNxMmcL4pSGQiStfsaA4RF/Sg5uLNKWOiogvdGDs5LAifWJAUMTY40TysQ=="}'
)
"""What the platform answered: paid, and the payer's name has odd braces."""

REFUSAL = (
    '{"alipay_trade_query_response":{"code":"40004","msg":"Business Failed","sub_code":"A'
    'CQ.TRADE_NOT_EXIST","sub_msg":"said no"},"sign":"nsg3TpaEH3XVCYIyCymHhT4gL1Qj/Fb6Yk+'
    "itWy6MfypzpHyjYaCDyJ29K6/eBfXtdx4Y6Xr2icHbdNeOMTFDp09USZHJk4ILnYne9uo7LrS6vjiLbKRHA9"
    "AEFq5ORP8Y6f4fe4Uu9F56iSRhEBPQJXiRQHIUuhyv8cX0EBhHtvqv1DfHAgipMJcG9cM6a2FOcIl6OI8iN6"
    "gnyw7lmEsS40AxPP1P3PghAggxNStQ1M4T3SWxIhMGWt/8+oRFu9tevzMhPISHEcUMnxSLoRX4vcY29IcTyz"
    'TxylxVFg2aGCS/oq65hA5C8GEzEYY+bNFjyH2Su+VviNubQp9DIJUcQ=="}'
)
"""What it answered about a trade that its payer had not opened."""

NOTICE = (
    "notify_id=2026030100222120506033341449276012&notify_type=trade_status_sync&notify_ti"
    "me=2026-03-01+12%3A05%3A07&app_id=2021000000000001&auth_app_id=2021000000000001&sell"
    "er_id=2088000000000001&charset=utf-8&version=1.0&trade_no=20260301220010000000000000"
    "01&out_trade_no=01jx3k5m7n9p2q4r6s8t0v2w01&out_biz_no=&body=&subject=%E4%B8%A4%E6%96"
    "%A4%E7%95%AA%E8%8C%84+%26+%7B%E5%8D%8A&buyer_id=2088000000000009&trade_status=TRADE_"
    "SUCCESS&total_amount=19.99&gmt_create=2026-03-01+12%3A05%3A00&gmt_payment=2026-03-01"
    "+12%3A05%3A06&refund_fee=&sign_type=RSA2&sign=lv0SLrrB9oLkAZS%2FXhodOVZaQ97oDo%2FthC"
    "S1XXHxsGUfZp4w2Kgk37BbFcrwqNCQi3vrwv0r7y05C9aFNpudl0a7RR8fmAMpTS41%2BbPcHyWlSyCAMCsz"
    "OCfsC3XMun%2BkChupd5g9dt952BqxRqRTwny3UGU1IM8A7jpvXuv2stsYfG5vYgponJ5Y8kbO1E3EdlPJoh"
    "%2BId%2FhDhRK0%2FwlDOpv1ToSnOZHP4BX57E8dxJNS8QHKtdoKASjOVS62eFbTo8J17bMVfD1nggEzwjFb"
    "w%2FPU3TVrWOBS0Fw%2BHSaJzQuB60JwEqGY6phgLkpBONjzgl1DnJ0repcaiyGWIggy3Q%3D%3D"
)
"""What it told by itself."""
