//! Which service a client means: by code, as enum clients say it, or by id.

use chrono::{Days, NaiveDate, NaiveDateTime};
use daybook_domain::ServiceId;
use daybook_domain::catalog::{Catalog, Service};
use daybook_domain::schedule::MAX_DAYS_AHEAD;

use crate::problem::{Code, Problem};

/// The service of this code or id, active or not.
pub(crate) fn find_service<'a>(catalog: &'a Catalog, text: &str) -> Option<&'a Service> {
    let by_id = || ServiceId::parse(text).ok().and_then(|id| catalog.get(&id));
    catalog.by_code(text).or_else(by_id)
}

/// The service of this code or id that can be booked.
pub(super) fn bookable<'a>(catalog: &'a Catalog, text: &str) -> Result<&'a Service, Problem> {
    let service = find_service(catalog, text).filter(|service| service.is_active);
    service.ok_or_else(|| Problem::of(Code::ServiceNotFound))
}

/// Why a day cannot be searched, if so: nobody could book what would be found there.
pub(super) fn search_problem(date: NaiveDate, now: NaiveDateTime) -> Option<Problem> {
    let last = now.date().checked_add_days(Days::new(MAX_DAYS_AHEAD));
    last.is_some_and(|last| date > last).then(|| Problem::of(Code::DateTooFar))
}
