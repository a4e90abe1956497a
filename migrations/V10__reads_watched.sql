-- What each process saw of the reads and bookings it answered, a window at a time. Guardrails judge the last windows of all
-- processes together, and gates compare windows of different stages. No column holds anything of a patient.
CREATE TABLE control.read_windows (
    process    uuid             NOT NULL,
    model      text             NOT NULL CHECK (model IN ('legacy', 'dynamic')),
    started_at timestamptz      NOT NULL,
    ended_at   timestamptz      NOT NULL,
    -- Requests that the model answered, and those of them that failed by the service's own fault.
    requests   bigint           NOT NULL,
    failed     bigint           NOT NULL,
    -- Upper bound of the time within which 99 of 100 were answered; null where nothing was asked.
    p99_ms     double precision,
    -- Requests by how long they took, in steps, from the fastest to the last that has any: what can be added up.
    durations  bigint[]         NOT NULL DEFAULT '{}',
    -- Requests by subjects whose share decided, and about how many subjects those are: for the check that each model got its
    -- part.
    by_share   bigint           NOT NULL,
    subjects   bigint           NOT NULL DEFAULT 0,
    -- Sampled reads that both models answered, and those of them that they answered differently.
    compared   bigint           NOT NULL,
    mismatched bigint           NOT NULL,
    PRIMARY KEY (process, model, started_at)
);
CREATE INDEX read_windows_ended_at_idx ON control.read_windows (ended_at);

-- Reads that the models answered differently, a row a field. What could say something of a patient is left out of both values.
CREATE TABLE control.shadow_differences (
    found_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    route       text        NOT NULL,
    -- None where it is no reservation that differs, but the order of a list, a closure, a service or an hour.
    reservation text,
    field       text        NOT NULL,
    legacy      text        NOT NULL,
    dynamic     text        NOT NULL,
    -- The commit part of the position at which both were read.
    position    bigint      NOT NULL
);
CREATE INDEX shadow_differences_found_at_idx ON control.shadow_differences (found_at);
