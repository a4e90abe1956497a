-- One generation of the dynamic view: services are rows, times are slots.
-- Only this view's projection writes here. {schema} is the generation's schema.
--
-- Columns that the runbook does not have (docs/legacy-system.md): "requestedTime" is the requested time as the patient
-- typed it, for staff to review; subject and version are Daybook's own.

CREATE SCHEMA {schema};

CREATE TYPE {schema}."ReservationStatus" AS ENUM
    ('PENDING', 'CONFIRMED', 'CANCELLED', 'COMPLETED', 'NO_SHOW', 'REJECTED');
CREATE TYPE {schema}."Gender" AS ENUM ('MALE', 'FEMALE');
CREATE TYPE {schema}."TreatmentType" AS ENUM ('FIRST_VISIT', 'FOLLOW_UP');
CREATE TYPE {schema}."Period" AS ENUM ('MORNING', 'AFTERNOON');

CREATE TABLE {schema}.services (
    id                  text         PRIMARY KEY,
    code                text         NOT NULL UNIQUE,
    name                text         NOT NULL,
    "nameEn"            text,
    description         text,
    category            text,
    "durationMinutes"   integer      NOT NULL,
    "bufferMinutes"     integer      NOT NULL,
    "basePrice"         integer,
    "isActive"          boolean      NOT NULL,
    "isVisible"         boolean      NOT NULL,
    "displayOrder"      integer      NOT NULL,
    "createdAt"         timestamp(3) NOT NULL,
    "updatedAt"         timestamp(3) NOT NULL,
    "deletedAt"         timestamp(3),
    "legacyServiceType" text
);

CREATE TABLE {schema}.reservations (
    id                  text                          NOT NULL,
    "patientName"       text                          NOT NULL,
    phone               text                          NOT NULL,
    email               text,
    "birthDate"         timestamp(3),
    gender              {schema}."Gender",
    "treatmentType"     {schema}."TreatmentType",
    "preferredDate"     date                          NOT NULL,
    "requestedTime"     text,
    status              {schema}."ReservationStatus"  NOT NULL,
    notes               text,
    "adminNotes"        text,
    "createdAt"         timestamp(3)                  NOT NULL,
    "updatedAt"         timestamp(3)                  NOT NULL,
    "statusChangedAt"   timestamp(3)                  NOT NULL,
    "statusChangedBy"   text,
    "serviceId"         text                          NOT NULL,
    "serviceName"       text                          NOT NULL,
    "estimatedDuration" integer                       NOT NULL,
    period              {schema}."Period",
    "timeSlotStart"     text,
    "timeSlotEnd"       text,
    subject             uuid                          NOT NULL,
    version             integer                       NOT NULL
);

CREATE TABLE {schema}.service_reservation_limits (
    id                  text         PRIMARY KEY,
    "serviceId"         text         NOT NULL UNIQUE REFERENCES {schema}.services ON DELETE RESTRICT,
    "isActive"          boolean      NOT NULL,
    "createdAt"         timestamp(3) NOT NULL,
    "updatedAt"         timestamp(3) NOT NULL,
    "dailyLimit"        integer      NOT NULL,
    "dailyLimitMinutes" integer,
    reason              text,
    "updatedBy"         text
);
