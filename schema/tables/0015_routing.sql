-- Routing: which payment counts against which channel's limits.
-- depends: 0012_proof

-- migrate: apply
CREATE SCHEMA routing;

-- Routing rules are published beside the profiles that they concern.
ALTER TABLE directory.profile DROP CONSTRAINT profile_kind_check;
ALTER TABLE directory.profile ADD CONSTRAINT profile_kind_check
    CHECK (kind IN ('merchant', 'channel', 'rule', 'standing'));

-- A payment counts against one channel: the one that was asked for it last. Redis holds the sums
-- of these rows, and they are made from them again when it has lost them.
CREATE TABLE routing.taken (
    payment_id  text    PRIMARY KEY,
    channel_no  text    NOT NULL,
    day         date    NOT NULL,                -- China's, when the payment was routed
    amount_fen  bigint  NOT NULL CHECK (amount_fen > 0)
);

CREATE INDEX taken_by_channel ON routing.taken (channel_no, day);

-- What payments took that are too old to be given back, so that sums stay quick.
CREATE TABLE routing.taken_before (
    channel_no  text    PRIMARY KEY,
    total_fen   bigint  NOT NULL
);

-- migrate: rollback
DROP SCHEMA routing CASCADE;
DELETE FROM directory.profile WHERE kind IN ('rule', 'standing');
ALTER TABLE directory.profile DROP CONSTRAINT profile_kind_check;
ALTER TABLE directory.profile ADD CONSTRAINT profile_kind_check
    CHECK (kind IN ('merchant', 'channel'));
