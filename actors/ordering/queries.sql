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
    updated_at = n.updated_at, cost_fen = n.cost_fen, attempt_id = n.attempt_id,
    is_late = n.is_late, refunding_fen = n.refunding_fen, refunded_fen = n.refunded_fen,
    close_at = n.close_at, close_reason = n.close_reason, closed_at = n.closed_at,
    pay_type = n.pay_type, fee_rate_ppm = n.fee_rate_ppm, rounds = n.rounds
FROM json_populate_recordset(NULL::ordering.payment, $1::json) AS n
WHERE p.payment_id = n.payment_id;

-- find_refunds
-- Refunds by id, or under merchants' own refund numbers.
SELECT * FROM ordering.refund WHERE refund_id = ANY($1::text[])
UNION
SELECT r.* FROM unnest($2::text[], $3::text[]) AS asked (merchant_no, merchant_refund_no)
JOIN ordering.refund AS r USING (merchant_no, merchant_refund_no);

-- add_refunds
-- Stores new refunds, given as a JSON array of rows, in key order.
INSERT INTO ordering.refund
SELECT * FROM json_populate_recordset(NULL::ordering.refund, $1::json)
ORDER BY merchant_no, merchant_refund_no;

-- change_refunds
-- Stores what became of refunds, given as a JSON array of rows.
UPDATE ordering.refund AS r SET
    state = n.state, tries = n.tries, channel_refund_no = n.channel_refund_no,
    failure = n.failure, refunded_at = n.refunded_at, updated_at = n.updated_at
FROM json_populate_recordset(NULL::ordering.refund, $1::json) AS n
WHERE r.refund_id = n.refund_id;

-- postpone_ends
-- Takes payments whose end is due and puts them off, so that nobody else sees to them now.
UPDATE ordering.payment AS p SET close_at = $1::timestamptz + interval '30 seconds'
FROM (
    SELECT payment_id FROM ordering.payment WHERE close_at <= $1
    ORDER BY close_at LIMIT $2 FOR UPDATE SKIP LOCKED
) AS due
WHERE p.payment_id = due.payment_id
RETURNING p.payment_id;
