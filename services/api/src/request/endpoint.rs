//! The endpoints of the API. Metrics and logs name a request by the template of its endpoint, which never contains
//! anything from the client.

macro_rules! endpoints {
    ($($endpoint:ident = $template:literal, $methods:literal;)+) => {
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
        }
    };
}

endpoints! {
    PublicReservations = "/api/public/reservations", "POST";
    PublicServices = "/api/public/services", "GET";
    TimeSlots = "/api/public/reservations/time-slots", "GET";
    Availability = "/api/public/reservations/availability", "GET";
    MonthStatus = "/api/public/reservation-status", "GET";
    Check = "/api/public/reservations/check", "GET, POST";
    Reservations = "/api/reservations", "GET";
    Reservation = "/api/reservations/{id}", "GET, PATCH";
    ManualClose = "/api/admin/manual-close", "GET, POST, DELETE";
    Services = "/api/admin/services", "GET, POST, PATCH, DELETE, PUT";
    ServiceLimits = "/api/admin/service-limits", "GET, PUT, PATCH";
    ClinicHours = "/api/admin/clinic-hours", "GET, PUT";
    ReadModel = "/api/admin/read-model", "GET, POST";
    Migration = "/api/admin/migration", "GET, POST";
    MigrationPlan = "/api/admin/migration/plan", "GET";
    Guardrails = "/api/admin/guardrails", "GET";
    Livez = "/livez", "GET";
    Readyz = "/readyz", "GET";
    Metrics = "/metrics", "GET";
    Unknown = "unknown", "";
}
