-- The continuous proof of the books: how accounts stand by their entries, and how far was looked.
-- depends: 0011_channel_cost

-- migrate: apply

-- Each account as its entries have it, also where its own row is brought up to them later.
CREATE VIEW accounting.standing AS
SELECT a.account_id, a.account_no, a.role, a.kind, a.owner, a.currency, a.bucket, a.state,
    a.booking_mode, a.floor_fen, a.ceiling_fen, a.balance_fen, a.serial, a.out_of_reserve_fen,
    coalesce(e.serial, 0) AS newest_serial, coalesce(e.balance_after_fen, 0) AS standing_fen
FROM accounting.account AS a
LEFT JOIN LATERAL (
    SELECT serial, balance_after_fen FROM accounting.entry
    WHERE account_id = a.account_id ORDER BY serial DESC LIMIT 1
) AS e ON true;

-- Up to here a shard's batches are proved; they can't change or vanish unnoticed any more.
CREATE TABLE accounting.proven_head (
    shard  smallint PRIMARY KEY,
    no     bigint   NOT NULL,
    hash   bytea    NOT NULL
);

-- What runs by the clock, and which round of it was begun last, by one worker among all.
CREATE TABLE accounting.duty (
    name      text        PRIMARY KEY,
    round     text        NOT NULL,              -- such as a day
    begun_at  timestamptz NOT NULL,
    done_at   timestamptz,                       -- NULL: under way, or broken off
    good_at   timestamptz                        -- when it last found nothing wrong
);

-- migrate: rollback
DROP TABLE accounting.duty;
DROP TABLE accounting.proven_head;
DROP VIEW accounting.standing;
