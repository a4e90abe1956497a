-- Indexes of the legacy enum view, made after its rows are loaded, each beside the others.
-- The old system's index on status alone is left out: six values select nothing, and every index slows a rebuild.

CREATE UNIQUE INDEX reservations_pkey ON {schema}.reservations (id);
CREATE INDEX "reservations_preferredDate_service_status_idx"
    ON {schema}.reservations ("preferredDate", service, status);
CREATE INDEX reservations_subject_idx ON {schema}.reservations (subject);
