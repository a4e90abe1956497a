//! The endpoints of the API. Metrics and logs name a request by the template of its endpoint, which never contains
//! anything from the client.

use actix_web::http::Method;

macro_rules! endpoints {
    ($($endpoint:ident = $template:literal, $methods:literal, [$($parameter:literal),*];)+) => {
        /// One endpoint.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(not(feature = "migration"), allow(dead_code, reason = "some addresses belong to the migration"))]
        pub(crate) enum Endpoint { $($endpoint),+ }

        impl Endpoint {
            const ALL: &[Self] = &[$(Self::$endpoint),+];

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

/// The path of every route, with `{name}` for each parameter, and its methods as the `Allow` header lists them.
pub fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let known = Endpoint::ALL.iter().filter(|endpoint| **endpoint != Endpoint::Unknown);
    known.map(|endpoint| (endpoint.template(), endpoint.methods()))
}

impl Endpoint {
    /// The endpoint of a path that has been decoded, as the router compares it. Each request is looked up, so it compares whole
    /// templates: only one has a parameter.
    pub(crate) fn at(path: &str) -> Option<Self> {
        let is_id = |id: &str| !id.is_empty() && !id.contains('/');
        let of_reservation = || path.strip_prefix("/api/reservations/").filter(|id| is_id(id));
        let exact = Self::ALL.iter().copied().find(|endpoint| endpoint.template() == path);
        exact.or_else(|| of_reservation().map(|_| Self::Reservation))
    }

    /// Whether it is always answered, even under overload.
    pub(crate) const fn needs_no_place(self) -> bool {
        matches!(self, Self::Livez | Self::Readyz | Self::Metrics)
    }

    /// The query parameters of one of its methods. On the others they would have no effect.
    pub(super) fn parameters_of(self, method: &Method) -> &'static [&'static str] {
        match (self, method) {
            (Self::ManualClose, &Method::GET) => &["date"],
            (Self::ManualClose, &Method::DELETE) | (Self::Services, &Method::DELETE) => self.parameters(),
            (Self::Check, &Method::POST) | (Self::ManualClose | Self::Services, _) => &[],
            (_, _) => self.parameters(),
        }
    }
}

endpoints! {
    PublicReservations = "/api/public/reservations", "POST", [];
    PublicServices = "/api/public/services", "GET, HEAD", ["code", "active"];
    TimeSlots = "/api/public/reservations/time-slots", "GET, HEAD", ["service", "date"];
    Availability = "/api/public/reservations/availability", "GET, HEAD", ["date", "serviceType", "service"];
    MonthStatus = "/api/public/reservation-status", "GET, HEAD", ["year", "month", "service"];
    Check = "/api/public/reservations/check", "GET, HEAD, POST", ["phone", "birth_date"];
    Reservations = "/api/reservations", "GET, HEAD", ["date", "status", "department", "search", "period", "page", "limit", "cursor"];
    Reservation = "/api/reservations/{id}", "GET, HEAD, PATCH", [];
    ManualClose = "/api/admin/manual-close", "GET, HEAD, POST, DELETE", ["id", "date"];
    Services = "/api/admin/services", "GET, HEAD, POST, PATCH, DELETE, PUT", ["id"];
    ServiceLimits = "/api/admin/service-limits", "GET, HEAD, PUT, PATCH", [];
    ClinicHours = "/api/admin/clinic-hours", "GET, HEAD, PUT", [];
    ReadModel = "/api/admin/read-model", "GET, HEAD, POST", [];
    RevokedTokens = "/api/admin/revoked-tokens", "GET, HEAD, POST", [];
    Migration = "/api/admin/migration", "GET, HEAD, POST", [];
    MigrationPlan = "/api/admin/migration/plan", "GET, HEAD", ["to"];
    Guardrails = "/api/admin/guardrails", "GET, HEAD", [];
    Livez = "/livez", "GET, HEAD", [];
    Readyz = "/readyz", "GET, HEAD", [];
    Metrics = "/metrics", "GET, HEAD", [];
    Unknown = "unknown", "", [];
}
