-- What the views are, which of them serves, and how far each has come.

CREATE SCHEMA control;

-- One generation of one view: a set of tables in a schema of its own, named model_number, such as legacy_4.
-- A flip to another generation is an update of this table and nothing else.
CREATE TABLE control.generations (
    model       text        NOT NULL CHECK (model IN ('legacy', 'dynamic')),
    number      integer     NOT NULL CHECK (number > 0),
    state       text        NOT NULL CHECK (state IN ('building', 'live', 'kept', 'failed')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    promoted_at timestamptz,
    replaced_at timestamptz,
    PRIMARY KEY (model, number)
);
-- Numbers of generations, never given twice.
CREATE SEQUENCE control.legacy_numbers AS integer;
CREATE SEQUENCE control.dynamic_numbers AS integer;
CREATE UNIQUE INDEX generations_one_live ON control.generations (model) WHERE state = 'live';

-- The position in the log up to which a generation holds everything. It moves only together with the rows it
-- stands for, and only from where the batch was read.
CREATE TABLE control.checkpoints (
    model            text        NOT NULL,
    number           integer     NOT NULL,
    commit_position  bigint      NOT NULL,
    prepare_position bigint      NOT NULL,
    updated_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model, number),
    FOREIGN KEY (model, number) REFERENCES control.generations ON DELETE CASCADE
) WITH (fillfactor = 50);
