-- Indexes of the legacy view, created in parallel after its rows are loaded. Write no semicolon in a comment: the file is
-- split at them.
-- The old system's index on status alone is left out, because six values are not selective and every index slows a rebuild.

CREATE UNIQUE INDEX reservations_pkey ON {schema}.reservations (id);
CREATE INDEX "reservations_preferredDate_service_status_idx"
    ON {schema}.reservations ("preferredDate", service, status);
CREATE INDEX reservations_subject_idx ON {schema}.reservations (subject);
