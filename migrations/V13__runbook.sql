-- Where the tables of the migration's runbook are found by people: views over the generations that serve. They are made anew
-- with each promotion, outside of the migrations, because a generation's types are its own.

CREATE SCHEMA IF NOT EXISTS runbook;
