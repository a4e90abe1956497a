-- Keys and indexes of the legacy enum view, made after its rows are loaded.
-- The old system's index on status alone is left out: six values select nothing, and every index slows a rebuild.

ALTER TABLE {schema}.reservations ADD CONSTRAINT reservations_pkey PRIMARY KEY (id);
CREATE INDEX "reservations_preferredDate_service_status_idx"
    ON {schema}.reservations ("preferredDate", service, status);
CREATE INDEX reservations_subject_idx ON {schema}.reservations (subject);
