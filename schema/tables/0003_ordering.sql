-- Orders and the state of their payments.
-- depends: 0001_bus

-- migrate: apply
CREATE SCHEMA ordering;

CREATE TABLE ordering.payment (
    payment_id         text        PRIMARY KEY,
    merchant_no        text        NOT NULL,
    merchant_order_no  text        NOT NULL,
    state              text        NOT NULL
        CHECK (state IN ('placed', 'pending', 'unknown', 'succeeded', 'failed')),
    amount_fen         bigint      NOT NULL CHECK (amount_fen > 0),
    currency           text        NOT NULL,
    pay_type           text        NOT NULL,
    subject            text        NOT NULL,
    metadata           text        NOT NULL,
    notify_url         text,
    client_ip          text,
    payer_id           text,
    digest             text        NOT NULL,  -- of the request's content: a repeat must match it
    fee_rate_ppm       integer     NOT NULL CHECK (fee_rate_ppm BETWEEN 0 AND 1000000),
    fee_fen            bigint      CHECK (fee_fen BETWEEN 0 AND amount_fen),
    code_url           text,
    channel_no         text,
    channel_trade_no   text,
    funds_flow         text,
    failure            text,                  -- a Refusal as JSON
    decisions          text,                  -- risk's record, and routing's where no attempt has it
    created_at         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    answered_at        timestamptz,           -- when the first answer could be given
    paid_at            timestamptz,
    updated_at         timestamptz NOT NULL,
    UNIQUE (merchant_no, merchant_order_no)
) WITH (fillfactor = 70);

-- The merchant's list, newest first; ids are time-ordered.
CREATE INDEX payment_by_merchant ON ordering.payment (merchant_no, payment_id DESC);

-- migrate: rollback
DROP SCHEMA ordering CASCADE;
