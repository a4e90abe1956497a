-- The dynamic view's index while the legacy view exists, as the runbook names it (docs/legacy-system.md).

CREATE INDEX "reservations_preferredDate_period_status_idx"
    ON {schema}.reservations ("preferredDate", period, status);
