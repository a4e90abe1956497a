//! The codes of all problems. Clients depend on the strings, so they never change.

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $text:literal, $title:literal;)+) => {
        /// The code of a problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(not(feature = "migration"), allow(dead_code, reason = "some codes belong to the migration"))]
        pub(crate) enum Code { $($(#[$doc])* $code),+ }

        impl Code {
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$code),+];

            /// The code in responses, logs and metrics.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$code => $text),+ }
            }

            /// A short English title.
            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$code => $title),+ }
            }
        }
    };
}

codes! {
    // The request.
    RouteNotFound = "ROUTE_NOT_FOUND", "Not found";
    MethodNotAllowed = "METHOD_NOT_ALLOWED", "Method not allowed";
    PayloadTooLarge = "PAYLOAD_TOO_LARGE", "Payload too large";
    BodyTimeout = "REQUEST_TIMEOUT", "Request timeout";
    InvalidJson = "INVALID_JSON", "Invalid JSON";
    InvalidQuery = "INVALID_QUERY", "Invalid query";
    InvalidHeader = "INVALID_HEADER", "Invalid header";
    MissingFields = "MISSING_FIELDS", "Missing fields";
    InvalidField = "INVALID_FIELD", "Invalid field";
    InvalidText = "INVALID_TEXT", "Invalid text";
    InvalidDateFormat = "INVALID_DATE_FORMAT", "Invalid date format";
    InvalidDate = "INVALID_DATE", "Invalid date";
    InvalidTime = "INVALID_TIME", "Invalid time";
    InvalidPeriod = "INVALID_PERIOD", "Invalid period";
    InvalidPhone = "INVALID_PHONE", "Invalid phone number";
    InvalidEmail = "INVALID_EMAIL", "Invalid e-mail address";
    InvalidGender = "INVALID_GENDER", "Invalid gender";
    InvalidTreatmentType = "INVALID_TREATMENT_TYPE", "Invalid treatment type";
    InvalidStatus = "INVALID_STATUS", "Invalid status";
    InvalidAction = "INVALID_ACTION", "Invalid action";
    InvalidPercentage = "INVALID_PERCENTAGE", "Invalid percentage";
    InvalidStage = "INVALID_STAGE", "Invalid stage";
    ReasonRequired = "REASON_REQUIRED", "Reason required";
    NothingToChange = "NOTHING_TO_CHANGE", "Nothing to change";
    UnknownFields = "UNKNOWN_FIELDS", "Unknown fields";
    UnknownParameters = "UNKNOWN_PARAMETERS", "Unknown query parameters";
    // The client.
    Unauthenticated = "UNAUTHENTICATED", "Unauthenticated";
    Forbidden = "FORBIDDEN", "Forbidden";
    OriginNotAllowed = "ORIGIN_NOT_ALLOWED", "Origin not allowed";
    RateLimited = "RATE_LIMITED", "Too many requests";
    // Booking.
    UnknownService = "UNKNOWN_SERVICE", "Unknown service";
    ServiceNotFound = "SERVICE_NOT_FOUND", "Service not found";
    ServiceInactive = "SERVICE_INACTIVE", "Service inactive";
    DateInPast = "DATE_IN_PAST", "Date in the past";
    DateTooFar = "DATE_TOO_FAR", "Date too far ahead";
    TimeInPast = "TIME_IN_PAST", "Time in the past";
    NoClinicHours = "NO_CLINIC_HOURS", "Clinic closed";
    OutsideClinicHours = "OUTSIDE_CLINIC_HOURS", "Outside clinic hours";
    TimeSlotTooShort = "TIME_SLOT_TOO_SHORT", "Time slot too short";
    TimeSlotFull = "TIME_SLOT_FULL", "Time slot full";
    TimeSlotManuallyClosed = "TIME_SLOT_MANUALLY_CLOSED", "Time slot closed";
    DailyLimitExceeded = "DAILY_LIMIT_EXCEEDED", "Daily limit exceeded";
    ReservationFull = "RESERVATION_FULL", "Fully booked";
    DayScheduleFull = "PAGE_FULL", "Day full";
    OverlappingBooking = "OVERLAPPING_BOOKING", "Overlapping booking";
    PatientLimitReached = "PATIENT_LIMIT_REACHED", "Too many open reservations of the patient";
    NumberLimitReached = "NUMBER_LIMIT_REACHED", "Too many new reservations of the phone number";
    NetworkLimitReached = "NETWORK_LIMIT_REACHED", "Too many open reservations from the network";
    ClinicLimitReached = "CLINIC_LIMIT_REACHED", "Too many open reservations";
    DayLimitReached = "DAY_LIMIT_REACHED", "Too many open reservations on the day";
    IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED", "Idempotency key reused";
    // Staff.
    ReservationNotFound = "RESERVATION_NOT_FOUND", "Reservation not found";
    VersionMismatch = "VERSION_MISMATCH", "Version mismatch";
    InvalidTransition = "INVALID_TRANSITION", "Invalid transition";
    NotMovable = "NOT_MOVABLE", "Not movable";
    StatusStands = "STATUS_STANDS", "Status stands";
    NotBegun = "NOT_BEGUN", "Not begun";
    TimeNotRead = "TIME_NOT_READ", "Time not read";
    AlreadyRequested = "ALREADY_REQUESTED", "Already requested";
    ClosureNotFound = "CLOSURE_NOT_FOUND", "Closure not found";
    ClosureEmpty = "CLOSURE_EMPTY", "Closure empty";
    // Admin.
    ValueTaken = "VALUE_TAKEN", "Value taken";
    OrderIncomplete = "ORDER_INCOMPLETE", "Order incomplete";
    CatalogFull = "CATALOG_FULL", "Catalog full";
    SlotIdTaken = "SLOT_ID_TAKEN", "Slot id taken";
    HoursOverlap = "HOURS_OVERLAP", "Clinic hours overlap";
    ForcedListFull = "FORCED_LIST_FULL", "Forced list full";
    ViewRetired = "VIEW_RETIRED", "View retired";
    StageOutOfOrder = "STAGE_OUT_OF_ORDER", "Stage out of order";
    GatesNotMet = "GATES_SHUT", "Gates not met";
    RetirementRefused = "RETIREMENT_REFUSED", "Retirement refused";
    // Failures inside Daybook.
    ViewBehind = "VIEW_BEHIND", "View behind";
    Busy = "BUSY", "Busy";
    Overloaded = "OVERLOADED", "Overloaded";
    Unavailable = "UNAVAILABLE", "Unavailable";
    OutcomeUnknown = "OUTCOME_UNKNOWN", "Outcome unknown";
    UnreadableEvent = "UNREADABLE_EVENT", "Unreadable event";
    Internal = "INTERNAL_ERROR", "Internal error";
}
