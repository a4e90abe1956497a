-- Events that a view could not take in. The event that failed is parked, and so is whatever later is about the same
-- reservation; everything else goes on.

CREATE TABLE control.parked_events (
    model            text        NOT NULL,
    number           integer     NOT NULL,
    commit_position  bigint      NOT NULL,
    prepare_position bigint      NOT NULL,
    stream           text        NOT NULL,
    -- Where in its stream: by that it is read again.
    revision         bigint      NOT NULL,
    kind             text        NOT NULL,
    -- What is held up: a reservation's id, or, where the event does not tell one, its stream or itself.
    held_up          text        NOT NULL,
    -- Why it failed, without a word of what it says; null for one that only stands behind another.
    cause            text,
    parked_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model, number, commit_position, prepare_position),
    FOREIGN KEY (model, number) REFERENCES control.generations ON DELETE CASCADE
);
CREATE INDEX parked_events_held_up_idx ON control.parked_events (model, number, held_up);

-- How many of them there are, beside the checkpoint: who moves the checkpoint on holds this row anyway, and sees whether
-- something is parked, or was taken in since, without a look at the table.
ALTER TABLE control.checkpoints ADD COLUMN parked integer NOT NULL DEFAULT 0 CHECK (parked >= 0);

-- Events that somebody decided to leave out. They hold for every generation, live and rebuilt alike.
CREATE TABLE control.discarded_events (
    commit_position  bigint      NOT NULL,
    prepare_position bigint      NOT NULL,
    stream           text        NOT NULL,
    revision         bigint      NOT NULL,
    kind             text        NOT NULL,
    held_up          text        NOT NULL,
    cause            text        NOT NULL,
    actor            text        NOT NULL,
    reason           text        NOT NULL CHECK (btrim(reason) <> ''),
    discarded_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (commit_position, prepare_position)
);

COMMENT ON COLUMN control.checkpoints.parked IS 'Rows of control.parked_events for this generation';
COMMENT ON TABLE control.parked_events IS 'Events that a generation could not take in, and those that wait behind them';
COMMENT ON TABLE control.discarded_events IS 'Events that every view leaves out, with who decided so and why';
