-- Indexes of the dynamic service view, made after its rows are loaded, each beside the others. One more follows: another one
-- beside the legacy view than after the cleanup. The one that takes longest stands first.

CREATE INDEX "reservations_serviceId_preferredDate_status_idx"
    ON {schema}.reservations ("serviceId", "preferredDate", status);
CREATE UNIQUE INDEX reservations_pkey ON {schema}.reservations (id);
CREATE INDEX reservations_subject_idx ON {schema}.reservations (subject);
