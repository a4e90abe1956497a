-- Keys and indexes of the dynamic service view, made after its rows are loaded. One more follows: another one beside the
-- legacy view than after the cleanup.

ALTER TABLE {schema}.reservations ADD CONSTRAINT reservations_pkey PRIMARY KEY (id);
CREATE INDEX "reservations_serviceId_preferredDate_status_idx"
    ON {schema}.reservations ("serviceId", "preferredDate", status);
CREATE INDEX reservations_subject_idx ON {schema}.reservations (subject);
ALTER TABLE {schema}.reservations ADD CONSTRAINT "reservations_serviceId_fkey"
    FOREIGN KEY ("serviceId") REFERENCES {schema}.services (id) ON DELETE RESTRICT;
