-- The old system's table, as far as an import reads it.
CREATE TYPE "ServiceType" AS ENUM ('WRINKLE_BOTOX', 'VOLUME_LIFTING', 'SKIN_CARE', 'REMOVAL_PROCEDURE', 'BODY_CARE', 'OTHER_CONSULTATION');
CREATE TYPE "ReservationStatus" AS ENUM ('PENDING', 'CONFIRMED', 'CANCELLED', 'COMPLETED', 'NO_SHOW', 'REJECTED');
CREATE TYPE "Gender" AS ENUM ('MALE', 'FEMALE');
CREATE TYPE "TreatmentType" AS ENUM ('FIRST_VISIT', 'FOLLOW_UP');

CREATE TABLE reservations (
  id text PRIMARY KEY,
  "patientName" text NOT NULL,
  phone text NOT NULL,
  email text,
  "birthDate" timestamp(3) NOT NULL,
  gender "Gender" NOT NULL,
  "treatmentType" "TreatmentType" NOT NULL,
  "preferredDate" date NOT NULL,
  "preferredTime" text NOT NULL,
  status "ReservationStatus" NOT NULL DEFAULT 'PENDING',
  notes text,
  "adminNotes" text,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" timestamp(3) NOT NULL,
  service "ServiceType" NOT NULL,
  "statusChangedAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "statusChangedBy" text
);
