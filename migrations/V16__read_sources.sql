-- Of the requests that failed, and of those that took longer than the latency limit, the ones of the client that had the most:
-- a guardrail trips only if a limit is exceeded without that client. Windows of earlier releases did not count them.
ALTER TABLE control.read_windows
    ADD COLUMN failed_most bigint NOT NULL DEFAULT 0,
    ADD COLUMN slow_most   bigint NOT NULL DEFAULT 0;
