-- A view that was retired: what it was when its tables were dropped. A view that is restored has to come to the same.

CREATE TABLE control.retirements (
    model            text        NOT NULL CHECK (model IN ('legacy', 'dynamic')),
    number           integer     NOT NULL CHECK (number > 0),
    commit_position  bigint      NOT NULL,
    prepare_position bigint      NOT NULL,
    reservations     bigint      NOT NULL CHECK (reservations >= 0),
    digest           uuid        NOT NULL,
    rules_version    integer     NOT NULL CHECK (rules_version > 0),
    -- What the other view cannot say alike, counted by kind.
    declared         jsonb       NOT NULL,
    -- Ids of reservations that no other view shows.
    only_here        text[]      NOT NULL,
    actor            text        NOT NULL,
    reason           text        NOT NULL CHECK (btrim(reason) <> ''),
    retired_at       timestamptz NOT NULL DEFAULT now(),
    -- Null while its tables may still be there.
    dropped_at       timestamptz,
    restored_at      timestamptz,
    PRIMARY KEY (model, number)
);
CREATE UNIQUE INDEX retirements_one_open ON control.retirements (model) WHERE restored_at IS NULL;

COMMENT ON TABLE control.retirements IS 'Views whose tables were dropped on purpose, and what they were';
COMMENT ON COLUMN control.retirements.number IS 'The generation that served last';
