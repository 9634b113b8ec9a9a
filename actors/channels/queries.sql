-- open_attempts
-- Stores attempts that are about to be made, in key order; one that is there stays as it is.
INSERT INTO channels.attempt
SELECT * FROM json_populate_recordset(NULL::channels.attempt, $1::json) ORDER BY attempt_id
ON CONFLICT (attempt_id) DO NOTHING
RETURNING attempt_id;

-- find_last_attempts
-- The newest attempt of each of these rounds of payments; its number is the round's and a digit.
SELECT DISTINCT ON (asked.round_no) asked.round_no, a.*
FROM unnest($1::text[], $2::text[]) AS asked (round_no, payment_id)
JOIN channels.attempt AS a
    ON a.payment_id = asked.payment_id AND left(a.attempt_id, -1) = asked.round_no
ORDER BY asked.round_no, a.attempt_id DESC;

-- lock_attempts
-- Attempts by id, locked in the order of their ids.
SELECT * FROM channels.attempt WHERE attempt_id = ANY($1::text[]) ORDER BY attempt_id FOR UPDATE;

-- change_attempts
-- Stores what became of attempts, given as a JSON array of rows.
UPDATE channels.attempt AS a SET
    state = n.state, offer = n.offer, channel_trade_no = n.channel_trade_no,
    paid_fen = n.paid_fen, mispaid = n.mispaid,
    channel_code = n.channel_code, channel_message = n.channel_message, queries = n.queries, query_at = n.query_at, answered_at = n.answered_at,
    paid_at = n.paid_at, updated_at = n.updated_at
FROM json_populate_recordset(NULL::channels.attempt, $1::json) AS n
WHERE a.attempt_id = n.attempt_id;

-- keep_notices
-- Stores notices as they came, in key order; a notice that a channel repeats is one row.
INSERT INTO channels.notice (channel_no, notice_id, body, encoding, received_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
ORDER BY 1, 2
ON CONFLICT DO NOTHING;

-- postpone_queries
-- Takes attempts that are due to be asked about and puts them off, so that nobody else asks now.
UPDATE channels.attempt AS a SET query_at = $1::timestamptz + interval '30 seconds'
FROM (
    SELECT attempt_id FROM channels.attempt WHERE query_at <= $1
    ORDER BY query_at LIMIT $2 FOR UPDATE SKIP LOCKED
) AS due
WHERE a.attempt_id = due.attempt_id
RETURNING a.attempt_id, a.channel_no, a.payment_id;

-- open_repayments
-- Stores refunds that are about to be asked for, in key order; one that is there stays as it is.
INSERT INTO channels.repayment
SELECT * FROM json_populate_recordset(NULL::channels.repayment, $1::json) ORDER BY refund_id
ON CONFLICT (refund_id) DO NOTHING
RETURNING refund_id;

-- lock_repayments
-- Repayments by refund id, locked in the order of their ids.
SELECT * FROM channels.repayment WHERE refund_id = ANY($1::text[]) ORDER BY refund_id FOR UPDATE;

-- change_repayments
-- Stores what became of repayments, given as a JSON array of rows.
UPDATE channels.repayment AS r SET
    state = n.state, numbers = n.numbers, number_is_spent = n.number_is_spent,
    repaid_ordinal = n.repaid_ordinal, channel_refund_no = n.channel_refund_no,
    channel_code = n.channel_code, channel_message = n.channel_message, queries = n.queries,
    query_at = n.query_at, opened_at = n.opened_at, refunded_at = n.refunded_at,
    updated_at = n.updated_at
FROM json_populate_recordset(NULL::channels.repayment, $1::json) AS n
WHERE r.refund_id = n.refund_id;

-- postpone_refund_queries
-- Takes repayments that are due to be asked about and puts them off, so that nobody else asks now.
UPDATE channels.repayment AS r SET query_at = $1::timestamptz + interval '30 seconds'
FROM (
    SELECT refund_id FROM channels.repayment WHERE query_at <= $1
    ORDER BY query_at LIMIT $2 FOR UPDATE SKIP LOCKED
) AS due
WHERE r.refund_id = due.refund_id
RETURNING r.refund_id, r.channel_no, r.payment_id;
