-- What both views hold alike: the clinic's hours, closed times, and the digests of the days.

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

-- Per clinic day: how many reservations there are and the sum of the hashes of their canonical facts. Kept up with
-- the rows, in their transaction, so that two views can be compared by day without reading their reservations.
CREATE TABLE {schema}.day_digests (
    date         date    PRIMARY KEY,
    reservations bigint  NOT NULL,
    digest       uuid    NOT NULL
);

