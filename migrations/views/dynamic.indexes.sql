-- Indexes of the dynamic view, created in parallel after its rows are loaded, the slowest one first. One more is created
-- from dynamic.beside_legacy.sql or dynamic.after_cleanup.sql. Write no semicolon in a comment: the file is split at them.

CREATE INDEX "reservations_serviceId_preferredDate_status_idx"
    ON {schema}.reservations ("serviceId", "preferredDate", status);
CREATE UNIQUE INDEX reservations_pkey ON {schema}.reservations (id);
CREATE INDEX reservations_subject_idx ON {schema}.reservations (subject);
