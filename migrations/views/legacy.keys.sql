-- Keys of the legacy enum view, made once their indexes are there.

ALTER TABLE {schema}.reservations ADD CONSTRAINT reservations_pkey PRIMARY KEY USING INDEX reservations_pkey;
