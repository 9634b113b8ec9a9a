-- What a channel keeps of a payment by its contract with us: a cost in the books.
-- depends: 0010_ledger

-- migrate: apply
ALTER TABLE ordering.payment ADD COLUMN cost_fen bigint CHECK (cost_fen BETWEEN 0 AND amount_fen);

-- migrate: rollback
ALTER TABLE ordering.payment DROP COLUMN cost_fen;
