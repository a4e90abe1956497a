-- The dynamic view's index once the legacy view is retired, which the runbook's cleanup asks for (docs/legacy-system.md). It
-- replaces the shorter one. {concurrently} is empty for tables that nobody reads yet. Keep this file to one statement,
-- because CREATE INDEX CONCURRENTLY cannot run together with others.

CREATE INDEX {concurrently} "reservations_preferredDate_period_serviceId_status_idx"
    ON {schema}.reservations ("preferredDate", period, "serviceId", status);
