-- What was paid and refunded on a merchant's day, and what nobody can say how it ended.
-- depends: 0019_refunds_in_the_books

-- migrate: apply
CREATE INDEX payment_by_day ON ordering.payment (merchant_no, paid_at, payment_id)
    WHERE paid_at IS NOT NULL;
CREATE INDEX refund_by_day ON ordering.refund (merchant_no, refunded_at, refund_id)
    WHERE refunded_at IS NOT NULL;
CREATE INDEX refund_open ON ordering.refund (updated_at)
    WHERE state IN ('unknown', 'abnormal');

-- Since when nobody can say how a payment ends. A closing payment is reminded from time to time, so
-- its last change says nothing; one that was never answered has been unclear all its life.
CREATE FUNCTION ordering.unclear_since(
    state text, created_at timestamptz, answered_at timestamptz, expires_at timestamptz,
    updated_at timestamptz
) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
    WHEN state = 'unknown' THEN updated_at
    WHEN answered_at IS NULL THEN created_at
    ELSE least(updated_at, expires_at)
END;

-- migrate: rollback
DROP FUNCTION ordering.unclear_since(text, timestamptz, timestamptz, timestamptz, timestamptz);
DROP INDEX ordering.refund_open;
DROP INDEX ordering.refund_by_day;
DROP INDEX ordering.payment_by_day;
