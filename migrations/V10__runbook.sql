-- The tables of the migration's runbook, for people: views over the generations that serve. They are made anew with each
-- promotion, outside of the migrations, because a generation's types are its own.

CREATE SCHEMA IF NOT EXISTS runbook;

COMMENT ON SCHEMA runbook IS 'What the SELECTs of the migration''s runbook read; views over what serves, refreshed by each promotion';
