-- Tables that both views have: clinic hours, closed times, and day digests.

CREATE TABLE {schema}.clinic_time_slots (
    id               text              PRIMARY KEY,
    "dayOfWeek"      integer           NOT NULL,
    period           {schema}."Period" NOT NULL,
    "startTime"      text              NOT NULL,
    "endTime"        text              NOT NULL,
    "totalMinutes"   integer           NOT NULL,
    "isActive"       boolean           NOT NULL,
    "slotInterval"   integer           NOT NULL,
    "maxConcurrent"  integer           NOT NULL,
    "serviceId"      text,
    "effectiveFrom"  date,
    "effectiveUntil" date,
    "createdAt"      timestamp(3)      NOT NULL,
    "updatedAt"      timestamp(3)      NOT NULL
);

CREATE TABLE {schema}.manual_time_closures (
    id          text         PRIMARY KEY,
    date        date         NOT NULL,
    period      {schema}."Period" NOT NULL,
    "startTime" text         NOT NULL,
    "endTime"   text         NOT NULL,
    "serviceId" text,
    reason      text,
    "createdBy" text         NOT NULL,
    "createdAt" timestamp(3) NOT NULL,
    "updatedAt" timestamp(3) NOT NULL,
    "isActive"  boolean      NOT NULL
);
CREATE INDEX manual_time_closures_date_idx ON {schema}.manual_time_closures (date) WHERE "isActive";

-- For each clinic day: the number of reservations, and the sum of the hashes of the canonical reservations. Updated in the
-- same transaction as the rows, so that two views can be compared by day without reading their reservations.
CREATE TABLE {schema}.day_digests (
    date         date    PRIMARY KEY,
    reservations bigint  NOT NULL,
    digest       uuid    NOT NULL
);

