-- find_order
-- An order whose payer chooses how to pay, as its page shows it.
SELECT payment_id, merchant_no, merchant_order_no, state, amount_fen, currency, pay_type, subject,
    offer, failure, payer_id, return_url, close_reason, expires_at, updated_at
FROM ordering.payment WHERE payment_id = $1 AND rounds IS NOT NULL;

-- find_versions
-- Which of its versions each of these orders is at.
SELECT payment_id, state, updated_at FROM ordering.payment WHERE payment_id = ANY($1::text[]);
