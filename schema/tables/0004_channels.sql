-- Attempts to have a payment paid through a channel, and the channels' notices as they came.
-- depends: 0001_bus

-- migrate: apply
CREATE SCHEMA channels;

CREATE TABLE channels.attempt (
    attempt_id        text        PRIMARY KEY,   -- also our number at the channel (out_trade_no)
    payment_id        text        NOT NULL,
    channel_no        text        NOT NULL,
    rank              smallint    NOT NULL CHECK (rank >= 1),
    state             text        NOT NULL
        CHECK (state IN ('opened', 'pending', 'unknown', 'succeeded', 'failed')),
    terms             text        NOT NULL,      -- PaymentTerms as JSON
    decisions         text        NOT NULL,      -- risk's and routing's records as JSON
    code_url          text,
    channel_trade_no  text,
    paid_fen          bigint,
    channel_code      text,                      -- the channel's own words for what happened
    channel_message   text,
    queries           smallint    NOT NULL DEFAULT 0,
    query_at          timestamptz,               -- when to ask the channel next; NULL: never again
    opened_at         timestamptz NOT NULL,
    answered_at       timestamptz,
    paid_at           timestamptz,
    updated_at        timestamptz NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX attempt_by_payment ON channels.attempt (payment_id);
CREATE INDEX attempt_to_query ON channels.attempt (query_at) WHERE query_at IS NOT NULL;

-- What a channel sent us, stored before it is believed; a repeat of a notice is one row.
CREATE TABLE channels.notice (
    channel_no   text        NOT NULL,
    notice_id    text        NOT NULL,
    body         text        NOT NULL,
    received_at  timestamptz NOT NULL,
    PRIMARY KEY (channel_no, notice_id)
);

-- migrate: rollback
DROP SCHEMA channels CASCADE;
