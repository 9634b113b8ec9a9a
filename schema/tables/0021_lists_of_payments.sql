-- What was paid and refunded on a merchant's day, and what nobody can say how it ended.
-- depends: 0019_refunds_in_the_books

-- migrate: apply
CREATE INDEX payment_by_day ON ordering.payment (merchant_no, paid_at, payment_id)
    WHERE paid_at IS NOT NULL;
CREATE INDEX refund_by_day ON ordering.refund (merchant_no, refunded_at, refund_id)
    WHERE refunded_at IS NOT NULL;
CREATE INDEX refund_open ON ordering.refund (updated_at)
    WHERE state NOT IN ('succeeded', 'failed');

-- migrate: rollback
DROP INDEX ordering.refund_open;
DROP INDEX ordering.refund_by_day;
DROP INDEX ordering.payment_by_day;
