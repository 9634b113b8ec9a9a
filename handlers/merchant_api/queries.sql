-- find_payment
-- One payment of a merchant by our number.
SELECT * FROM ordering.payment WHERE merchant_no = $1 AND payment_id = $2;

-- find_order
-- One payment of a merchant by the merchant's own order number.
SELECT * FROM ordering.payment WHERE merchant_no = $1 AND merchant_order_no = $2;

-- list_payments
-- A merchant's payments older than the one named, newest first: ids are ordered by time.
SELECT * FROM ordering.payment WHERE merchant_no = $1 AND payment_id < $2
ORDER BY payment_id DESC LIMIT $3;
