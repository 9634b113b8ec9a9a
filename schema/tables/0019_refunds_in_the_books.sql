-- Refunds that wait for their channels 退款在途.
-- depends: 0018_life_of_a_payment

-- migrate: apply
CREATE TABLE accounting.refund (
    refund_no         text        PRIMARY KEY,
    payment_id        text        NOT NULL,
    merchant_no       text        NOT NULL,
    currency          text        NOT NULL,
    funds_flow        text        NOT NULL CHECK (funds_flow IN ('platform', 'direct')),
    amount_fen        bigint      NOT NULL CHECK (amount_fen >= 0), -- 0: it never came to the books
    fee_fen           bigint      NOT NULL,  -- its cost less what the trade's fee gives back
    fee_returned_fen  bigint      NOT NULL CHECK (fee_returned_fen >= 0),
    state             text        NOT NULL CHECK (state IN ('waiting', 'completed', 'returned')),
    begun_at          timestamptz NOT NULL,
    changed_at        timestamptz NOT NULL
);

CREATE INDEX refund_waiting ON accounting.refund (merchant_no) WHERE state = 'waiting';
GRANT SELECT, INSERT, UPDATE ON accounting.refund TO tomato_bookkeeper;

-- migrate: rollback
DROP TABLE accounting.refund;
