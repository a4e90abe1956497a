-- What the dynamic service view is asked by while the legacy view is there: the index of the migration plan.

CREATE INDEX "reservations_preferredDate_period_status_idx"
    ON {schema}.reservations ("preferredDate", period, status);
