-- How an order ends that nobody pays, and what of a payment goes back.
-- depends: 0014_channel_offers

-- migrate: apply
ALTER TABLE ordering.payment
    DROP CONSTRAINT payment_state_check,
    ADD CONSTRAINT payment_state_check CHECK (state IN (
        'placed', 'screening', 'routing', 'pending', 'unknown', 'succeeded', 'failed',
        'closing', 'closed', 'late_paid', 'partially_refunded', 'refunded')),
    ADD COLUMN attempt_id    text,                     -- what was paid: our number at the channel
    ADD COLUMN late_payment  text    NOT NULL DEFAULT 'refund'
        CHECK (late_payment IN ('refund', 'reopen')),  -- the merchant's policy of that day
    ADD COLUMN is_late       boolean NOT NULL DEFAULT false,
    ADD COLUMN refunding_fen bigint  NOT NULL DEFAULT 0 CHECK (refunding_fen >= 0),
    ADD COLUMN refunded_fen  bigint  NOT NULL DEFAULT 0 CHECK (refunded_fen >= 0),
    ADD COLUMN close_at      timestamptz,              -- when to see to its end; NULL: never again
    ADD COLUMN close_reason  text,
    ADD COLUMN closed_at     timestamptz,
    -- What no race and no mistake of ours may break: nobody gets back more than was paid.
    ADD CONSTRAINT payment_refunds_check CHECK (refunding_fen + refunded_fen <= amount_fen);

-- Orders from before have no attempt; their channels' rows know it.
UPDATE ordering.payment AS p SET attempt_id = a.attempt_id FROM channels.attempt AS a
WHERE a.payment_id = p.payment_id AND a.state = 'succeeded' AND p.state = 'succeeded';
UPDATE ordering.payment SET state = 'screening' WHERE state = 'placed';
UPDATE ordering.payment SET close_at = expires_at
WHERE state IN ('screening', 'pending', 'unknown');

CREATE INDEX payment_to_end ON ordering.payment (close_at) WHERE close_at IS NOT NULL;

CREATE TABLE ordering.refund (
    refund_id           text        PRIMARY KEY,  -- without its prefix also our number there
    merchant_no         text        NOT NULL,
    merchant_refund_no  text        NOT NULL,
    kind                text        NOT NULL CHECK (kind IN ('merchant', 'late', 'duplicate')),
    payment_id          text        NOT NULL,
    merchant_order_no   text        NOT NULL,
    state               text        NOT NULL CHECK (state IN (
        'reserved', 'queued', 'asked', 'pending', 'unknown', 'abnormal', 'succeeded', 'failed')),
    amount_fen          bigint      NOT NULL CHECK (amount_fen BETWEEN 1 AND paid_fen),
    currency            text        NOT NULL,
    reason              text,
    metadata            text        NOT NULL,
    notify_url          text,
    digest              text        NOT NULL,     -- of the request's content
    attempt_id          text        NOT NULL,     -- what was paid: our number at the channel
    channel_no          text        NOT NULL,
    channel_trade_no    text        NOT NULL,
    funds_flow          text        NOT NULL CHECK (funds_flow IN ('platform', 'direct')),
    pay_type            text        NOT NULL,
    paid_fen            bigint      NOT NULL,
    paid_at             timestamptz NOT NULL,
    tries               smallint    NOT NULL,     -- how often the books could not fund it
    channel_refund_no   text,
    failure             text,                     -- a Refusal as JSON
    created_at          timestamptz NOT NULL,
    refunded_at         timestamptz,
    updated_at          timestamptz NOT NULL,
    UNIQUE (merchant_no, merchant_refund_no)
) WITH (fillfactor = 70);

CREATE INDEX refund_by_payment ON ordering.refund (payment_id);
CREATE INDEX refund_by_merchant ON ordering.refund (merchant_no, refund_id DESC);

ALTER TABLE channels.attempt
    DROP CONSTRAINT attempt_state_check,
    ADD CONSTRAINT attempt_state_check CHECK (state IN (
        'opened', 'pending', 'unknown', 'closing', 'succeeded', 'failed', 'closed'));

-- Refunds that channels are asked for; without its prefix the refund's id is our number there.
CREATE TABLE channels.repayment (
    refund_id          text        PRIMARY KEY,
    payment_id         text        NOT NULL,
    channel_no         text        NOT NULL,
    state              text        NOT NULL CHECK (state IN (
        'opened', 'pending', 'unknown', 'abnormal', 'succeeded', 'failed')),
    terms              text        NOT NULL,     -- RefundTerms as JSON
    channel_refund_no  text,
    channel_code       text,
    channel_message    text,
    queries            smallint    NOT NULL DEFAULT 0,
    query_at           timestamptz,              -- when to ask the channel next; NULL: never again
    order_opened_at    timestamptz NOT NULL,
    opened_at          timestamptz NOT NULL,
    refunded_at        timestamptz,
    updated_at         timestamptz NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX repayment_to_query ON channels.repayment (query_at) WHERE query_at IS NOT NULL;

-- migrate: rollback
DROP TABLE channels.repayment;
DROP TABLE ordering.refund;
