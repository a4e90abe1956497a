-- What an operator decided about rows that an import cannot reconcile by itself. A decision holds for exactly what was open
-- then: for a conflict, the row by a keyed hash; for a rejected row, its reason and column. No text of a row is here.
CREATE TABLE control.import_resolutions (
    reservation text        PRIMARY KEY,
    kind        text        NOT NULL CHECK (kind IN ('conflict', 'rejected', 'missing')),
    about       text        NOT NULL,
    reason      text        NOT NULL CHECK (btrim(reason) <> ''),
    actor       text        NOT NULL,
    decided_at  timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE control.import_resolutions IS 'Rows of the old system that an operator kept as they are in Daybook or left out, and why';
