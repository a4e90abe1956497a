-- The legacy enum view, one generation of it: the old system's tables with their names, types and columns.
-- Only the projection of this view writes here. {schema} is the generation's schema.
--
-- Against the old system: what a forgotten patient leaves behind is null, and each reservation carries four columns
-- of Daybook's own (subject, version, minutes, readAs), which follow the old ones.

CREATE SCHEMA {schema};

CREATE TYPE {schema}."ServiceType" AS ENUM
    ('WRINKLE_BOTOX', 'VOLUME_LIFTING', 'SKIN_CARE', 'REMOVAL_PROCEDURE', 'BODY_CARE', 'OTHER_CONSULTATION');
CREATE TYPE {schema}."ReservationStatus" AS ENUM
    ('PENDING', 'CONFIRMED', 'CANCELLED', 'COMPLETED', 'NO_SHOW', 'REJECTED');
CREATE TYPE {schema}."Gender" AS ENUM ('MALE', 'FEMALE');
CREATE TYPE {schema}."TreatmentType" AS ENUM ('FIRST_VISIT', 'FOLLOW_UP');
CREATE TYPE {schema}."Period" AS ENUM ('MORNING', 'AFTERNOON');

CREATE TABLE {schema}.reservations (
    id                text                          NOT NULL,
    "patientName"     text                          NOT NULL,
    phone             text                          NOT NULL,
    email             text,
    "birthDate"       timestamp(3),
    gender            {schema}."Gender",
    "treatmentType"   {schema}."TreatmentType",
    "preferredDate"   date                          NOT NULL,
    "preferredTime"   text                          NOT NULL,
    status            {schema}."ReservationStatus"  NOT NULL,
    notes             text,
    "adminNotes"      text,
    "createdAt"       timestamp(3)                  NOT NULL,
    "updatedAt"       timestamp(3)                  NOT NULL,
    service           {schema}."ServiceType"        NOT NULL,
    "statusChangedAt" timestamp(3)                  NOT NULL,
    "statusChangedBy" text,
    subject           uuid                          NOT NULL,
    version           integer                       NOT NULL,
    minutes           integer                       NOT NULL,
    -- What a rule of the clinic's own read "preferredTime" as: HH:MM, MORNING, AFTERNOON or REVIEW. Null where the text
    -- says it itself.
    "readAs"          text
);

-- The names and times of the six enum values, which the old system has in its code.
CREATE TABLE {schema}.services (
    id                text                   PRIMARY KEY,
    "serviceType"     {schema}."ServiceType" NOT NULL UNIQUE,
    code              text                   NOT NULL,
    name              text                   NOT NULL,
    "nameEn"          text,
    description       text,
    category          text,
    "durationMinutes" integer                NOT NULL,
    "bufferMinutes"   integer                NOT NULL,
    "basePrice"       integer,
    "isActive"        boolean                NOT NULL,
    "displayOrder"    integer                NOT NULL,
    "createdAt"       timestamp(3)           NOT NULL,
    "updatedAt"       timestamp(3)           NOT NULL
);

CREATE TABLE {schema}.service_reservation_limits (
    id                  text                   PRIMARY KEY,
    "serviceType"       {schema}."ServiceType" NOT NULL UNIQUE,
    "isActive"          boolean                NOT NULL,
    "createdAt"         timestamp(3)           NOT NULL,
    "updatedAt"         timestamp(3)           NOT NULL,
    "dailyLimit"        integer                NOT NULL,
    "dailyLimitMinutes" integer
);
