-- find_by_number
-- Payments under merchants' own order numbers; nothing is locked, since a repeat changes nothing.
SELECT p.* FROM unnest($1::text[], $2::text[]) AS asked (merchant_no, merchant_order_no)
JOIN ordering.payment AS p USING (merchant_no, merchant_order_no);

-- lock_payments
-- Payments by id, locked in the order of their ids.
SELECT * FROM ordering.payment WHERE payment_id = ANY($1::text[]) ORDER BY payment_id FOR UPDATE;

-- add_payments
-- Stores new payments, given as a JSON array of rows; in key order, so that two batches that have
-- the same orders wait for each other and can't deadlock.
INSERT INTO ordering.payment
SELECT * FROM json_populate_recordset(NULL::ordering.payment, $1::json)
ORDER BY merchant_no, merchant_order_no;

-- change_payments
-- Stores what became of payments, given as a JSON array of rows.
UPDATE ordering.payment AS p SET
    state = n.state, fee_fen = n.fee_fen, offer = n.offer, channel_no = n.channel_no,
    channel_trade_no = n.channel_trade_no, funds_flow = n.funds_flow, failure = n.failure,
    decisions = n.decisions, answered_at = n.answered_at, paid_at = n.paid_at,
    updated_at = n.updated_at, cost_fen = n.cost_fen
FROM json_populate_recordset(NULL::ordering.payment, $1::json) AS n
WHERE p.payment_id = n.payment_id;
