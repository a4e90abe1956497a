-- Keys of the dynamic view, added once their indexes exist.

ALTER TABLE {schema}.reservations ADD CONSTRAINT reservations_pkey PRIMARY KEY USING INDEX reservations_pkey;
ALTER TABLE {schema}.reservations ADD CONSTRAINT "reservations_serviceId_fkey"
    FOREIGN KEY ("serviceId") REFERENCES {schema}.services (id) ON DELETE RESTRICT;
