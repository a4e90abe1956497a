-- From which event log the views of this database are built: positions of one log mean nothing in another.
-- Written at the first start that finds an event; never changed by a migration.

CREATE TABLE control.log (
    is_the_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_the_only_row),
    kind            text NOT NULL CHECK (kind IN ('postgres', 'eventstore')),
    first_event     uuid NOT NULL
);
