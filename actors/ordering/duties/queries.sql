-- sum_unclear
-- Payments and refunds of which nobody could say before a moment how they end, by state.
SELECT 'payment' AS what, state, count(*) AS count, sum(amount_fen)::bigint AS amount_fen
FROM ordering.payment
WHERE close_at IS NOT NULL AND state IN ('unknown', 'closing') AND ordering.unclear_since(
    state, created_at, answered_at, expires_at, updated_at) <= $1
GROUP BY state
UNION ALL
SELECT 'refund', state, count(*), sum(amount_fen)::bigint FROM ordering.refund
WHERE state IN ('unknown', 'abnormal') AND updated_at <= $1
GROUP BY state;
