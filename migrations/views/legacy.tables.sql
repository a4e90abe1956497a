-- One generation of the legacy view: the old system's tables with their names, types and columns.
-- Only this view's projection writes here. {schema} is the generation's schema.
--
-- Differences from the old system: the erased columns of a forgotten patient are null, and each reservation has four
-- columns of Daybook's own after the old ones (subject, version, minutes, readAs).

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
    -- The result of a clinic's own rule for "preferredTime": HH:MM, MORNING, AFTERNOON or REVIEW. Null if the built-in
    -- grammar reads the text.
    "readAs"          text
);

-- Names and durations of the six enum values. The old system has them in its code.
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
