-- Keys of the legacy view, added once their indexes exist.

ALTER TABLE {schema}.reservations ADD CONSTRAINT reservations_pkey PRIMARY KEY USING INDEX reservations_pkey;
