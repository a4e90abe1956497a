-- Keys of patients' sealed details. The details themselves stand sealed in the log; destroying a key here makes them
-- unreadable wherever they are, in backups of the log too.

CREATE SCHEMA privacy;

CREATE TABLE privacy.keys (
    created_at timestamptz NOT NULL DEFAULT now(),
    destroyed_at timestamptz,
    key_id uuid NOT NULL,
    subject bytea NOT NULL,
    wrapped_key bytea,
    CONSTRAINT keys_pkey PRIMARY KEY (key_id),
    CONSTRAINT keys_subject_check CHECK (octet_length(subject) = 16),
    -- A key that is destroyed is gone, and a key that is there is not destroyed.
    CONSTRAINT keys_destroyed_check CHECK ((wrapped_key IS NULL) = (destroyed_at IS NOT NULL))
) WITH (
    -- A destroyed key leaves its old row behind until the next vacuum, so one dead row is reason enough for it.
    autovacuum_vacuum_threshold = 0,
    autovacuum_vacuum_scale_factor = 0
);

-- One live key a subject: whoever comes second finds the first one's.
CREATE UNIQUE INDEX keys_live_subject_key ON privacy.keys (subject) WHERE destroyed_at IS NULL;

COMMENT ON SCHEMA privacy IS 'Who can still be read';
COMMENT ON TABLE privacy.keys IS 'One key per subject, wrapped by the master key. Never leave this table out of a backup, and let old backups of it expire';
COMMENT ON COLUMN privacy.keys.subject IS 'First 16 bytes of a keyed hash of the normalised phone number';
COMMENT ON COLUMN privacy.keys.wrapped_key IS 'Nonce and sealed key; null once destroyed';
