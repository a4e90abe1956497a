-- Full comparisons of a generation of either view. The gate of parity rests on the last one of the generations that serve;
-- how old it is, is reckoned by the database's clock alone.

CREATE TABLE control.verdicts (
    made_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Numbers of the generations that were compared.
    legacy           integer     NOT NULL CHECK (legacy > 0),
    dynamic          integer     NOT NULL CHECK (dynamic > 0),
    commit_position  bigint      NOT NULL,
    prepare_position bigint      NOT NULL,
    legacy_rows      bigint      NOT NULL CHECK (legacy_rows >= 0),
    dynamic_rows     bigint      NOT NULL CHECK (dynamic_rows >= 0),
    legacy_digest    uuid        NOT NULL,
    dynamic_digest   uuid        NOT NULL,
    rules_version    integer     NOT NULL CHECK (rules_version > 0),
    -- Reservations that differ, days that do, and days whose kept digest was not that of their rows.
    differing        bigint      NOT NULL CHECK (differing >= 0),
    differing_days   bigint      NOT NULL CHECK (differing_days >= 0),
    wrong_digests    bigint      NOT NULL CHECK (wrong_digests >= 0),
    -- What the views cannot say alike, counted by kind.
    declared         jsonb       NOT NULL,
    PRIMARY KEY (legacy, dynamic, made_at)
);
CREATE INDEX verdicts_made_at_idx ON control.verdicts (made_at);

COMMENT ON TABLE control.verdicts IS 'What full comparisons of both views found; kept for a year';
