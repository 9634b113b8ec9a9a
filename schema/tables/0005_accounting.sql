-- The books: accounts, bookings, and entries that sum to zero and are never changed.
-- depends: 0001_bus

-- migrate: apply
CREATE SCHEMA accounting;

CREATE TABLE accounting.account (
    account_id   text        PRIMARY KEY,        -- kind:owner:currency
    kind         text        NOT NULL,
    owner        text        NOT NULL,
    currency     text        NOT NULL,
    balance_fen  bigint      NOT NULL DEFAULT 0, -- positive: we owe it; negative: it is owed to us
    serial       bigint      NOT NULL DEFAULT 0, -- of the account's newest entry
    opened_at    timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 40);

CREATE TABLE accounting.booking (
    booking_key  text        PRIMARY KEY,        -- what is booked, such as pay:<payment id>
    kind         text        NOT NULL,
    payment_id   text        NOT NULL,
    booked_at    timestamptz NOT NULL
);
CREATE INDEX booking_by_payment ON accounting.booking (payment_id);

CREATE TABLE accounting.entry (
    account_id         text    NOT NULL,
    serial             bigint  NOT NULL,
    booking_key        text    NOT NULL,
    amount_fen         bigint  NOT NULL CHECK (amount_fen <> 0),
    balance_after_fen  bigint  NOT NULL,
    currency           text    NOT NULL,
    PRIMARY KEY (account_id, serial)
);
CREATE INDEX entry_by_booking ON accounting.entry (booking_key);

-- One check per statement, not per row: a deferred per-row constraint costs a third of the speed.
CREATE FUNCTION accounting.refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    unbalanced text;
BEGIN
    SELECT booking_key INTO unbalanced FROM added
    GROUP BY booking_key, currency HAVING sum(amount_fen) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'booking % does not sum to zero', unbalanced USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER entries_sum_to_zero AFTER INSERT ON accounting.entry
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION accounting.refuse_unbalanced();

CREATE FUNCTION accounting.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = '42501';
END $$;

CREATE TRIGGER entries_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounting.entry
    FOR EACH STATEMENT EXECUTE FUNCTION accounting.refuse_change();
CREATE TRIGGER bookings_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounting.booking
    FOR EACH STATEMENT EXECUTE FUNCTION accounting.refuse_change();

-- migrate: rollback
DROP SCHEMA accounting CASCADE;
