//! The endpoints of the API. Metrics and logs name a request by the template of its endpoint, which never contains
//! anything from the client.

macro_rules! endpoints {
    ($($endpoint:ident = $template:literal, $methods:literal, [$($parameter:literal),*];)+) => {
        /// One endpoint.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(not(feature = "migration"), allow(dead_code, reason = "some addresses belong to the migration"))]
        pub(crate) enum Endpoint { $($endpoint),+ }

        impl Endpoint {
            /// The path, with `{name}` for each parameter.
            pub(crate) const fn template(self) -> &'static str {
                match self { $(Self::$endpoint => $template),+ }
            }

            /// The allowed methods, as the `Allow` header lists them.
            pub(crate) const fn methods(self) -> &'static str {
                match self { $(Self::$endpoint => $methods),+ }
            }

            /// Whether everybody may ask, without a token.
            pub(crate) fn is_public(self) -> bool {
                self.template().starts_with("/api/public/")
            }

            /// The query parameters of all its methods. Others are refused.
            pub(crate) const fn parameters(self) -> &'static [&'static str] {
                match self { $(Self::$endpoint => &[$($parameter),*]),+ }
            }
        }
    };
}

endpoints! {
    PublicReservations = "/api/public/reservations", "POST", [];
    PublicServices = "/api/public/services", "GET", ["code", "active"];
    TimeSlots = "/api/public/reservations/time-slots", "GET", ["service", "date"];
    Availability = "/api/public/reservations/availability", "GET", ["date", "serviceType", "service"];
    MonthStatus = "/api/public/reservation-status", "GET", ["year", "month", "service"];
    Check = "/api/public/reservations/check", "GET, POST", ["phone", "birth_date"];
    Reservations = "/api/reservations", "GET", ["date", "status", "department", "search", "period", "page", "limit", "cursor"];
    Reservation = "/api/reservations/{id}", "GET, PATCH", [];
    ManualClose = "/api/admin/manual-close", "GET, POST, DELETE", ["id", "date"];
    Services = "/api/admin/services", "GET, POST, PATCH, DELETE, PUT", ["id"];
    ServiceLimits = "/api/admin/service-limits", "GET, PUT, PATCH", [];
    ClinicHours = "/api/admin/clinic-hours", "GET, PUT", [];
    ReadModel = "/api/admin/read-model", "GET, POST", [];
    Migration = "/api/admin/migration", "GET, POST", [];
    MigrationPlan = "/api/admin/migration/plan", "GET", ["to"];
    Guardrails = "/api/admin/guardrails", "GET", [];
    Livez = "/livez", "GET", [];
    Readyz = "/readyz", "GET", [];
    Metrics = "/metrics", "GET", [];
    Unknown = "unknown", "", [];
}
