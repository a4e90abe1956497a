-- A generation can hold the past up to a moment, under a name; it is known by which rules it was folded, and, while it is
-- being built, how far that is.

ALTER TABLE control.generations DROP CONSTRAINT generations_state_check;
ALTER TABLE control.generations
    ADD CONSTRAINT generations_state_check CHECK (state IN ('building', 'live', 'kept', 'past', 'failed')),
    ADD COLUMN name          text CHECK (octet_length(name) BETWEEN 1 AND 40),
    -- All views that were built before this column was there were folded by the first rules.
    ADD COLUMN rules_version integer NOT NULL DEFAULT 1 CHECK (rules_version > 0),
    ADD COLUMN phase         text,
    ADD COLUMN events        bigint CHECK (events >= 0),
    ADD COLUMN phase_at      timestamptz;
ALTER TABLE control.generations ALTER COLUMN rules_version DROP DEFAULT;
CREATE UNIQUE INDEX generations_name_key ON control.generations (model, name);

COMMENT ON COLUMN control.generations.name IS 'Given by who had it built; a generation of the past has one, others none';
COMMENT ON COLUMN control.generations.rules_version IS 'Version of the rules by which events were folded into its rows; digests of two versions cannot be compared';
COMMENT ON COLUMN control.generations.phase IS 'What the rebuild of it is doing, or did last';
COMMENT ON COLUMN control.generations.events IS 'Events that the rebuild of it has read';
COMMENT ON COLUMN control.generations.phase_at IS 'When the rebuild of it last said so';
