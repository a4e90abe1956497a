-- What the dynamic service view is asked by once the legacy view is retired: the index of the plan's cleanup, in place of
-- the shorter one. {concurrently} is empty for tables that nobody reads yet. One statement: it may have to stand alone.

CREATE INDEX {concurrently} "reservations_preferredDate_period_serviceId_status_idx"
    ON {schema}.reservations ("preferredDate", period, "serviceId", status);
