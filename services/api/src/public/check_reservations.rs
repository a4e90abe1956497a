//! `GET|POST /api/public/reservations/check`: a patient's own reservations, by phone number **and** birth date.
//!
//! A phone number alone reveals nothing: an unknown patient, a wrong birth date and a patient without reservations get the
//! same response after the same time. Clients should prefer POST, because URLs end up in proxy logs.

use std::time::Instant;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{NaiveDate, TimeDelta};
use daybook_domain::catalog::Catalog;
use daybook_domain::phone::{Phone, Region};
use daybook_domain::routing::RoutedSubject;
use daybook_domain::{ServiceId, Status};
use daybook_projections::Question;
use daybook_projections::query::Reservation;
use serde::Serialize;

use super::check_limiter::Lookup;
use super::mask;
use super::post_reservation::booking_form;
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::client_network::ClientNetwork;
use crate::request::form::Form;
use crate::response;
use crate::state::State;
use crate::texts::Language;

/// The age in days up to which reservations are shown.
const DAYS_BACK: i64 = 90;

/// Most reservations in a response.
const MAX_SHOWN: usize = 10;

/// Most reservations that are read for a phone number, which a family may share.
const MAX_READ: i64 = 200;

#[derive(Serialize)]
struct OwnReservationsResponse {
    success: bool,
    reservations: Vec<OwnReservation>,
    count: usize,
}

#[derive(Serialize)]
struct OwnReservation {
    id: String,
    patient_name: String,
    status: Status,
    service: Option<String>,
    service_name: Option<String>,
    preferred_date: NaiveDate,
    preferred_time: Option<String>,
    created_at: String,
    #[serde(rename = "needsReview", skip_serializing_if = "std::ops::Not::not")]
    needs_review: bool,
}

/// Lists the reservations of the last 90 days, newest first.
pub(crate) async fn check_reservations(
    state: web::Data<State>,
    context: RequestContext,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let form = match *request.method() {
        Method::POST => Form::read(payload).await?,
        _ => Form::from_query(&request)?,
    };
    let (phone, birth_date) = credentials(form, state.settings.region, state.commands.now_local().date())?;
    let subject = state.commands.subject(&phone);
    let network = ClientNetwork::find(&request, &state.settings.trusted_proxies);
    let lookup = Lookup { network, subject, patient: state.commands.patient(subject, birth_date) };
    let admitted = state.checks.admit(lookup, Instant::now());
    let admitted = admitted.map_err(|wait| Problem::rate_limited(wait, state.clock.now()))?;
    let started = tokio::time::Instant::now();
    let route = context.route(&state, Some(&RoutedSubject::patient(subject))).await?;
    let since = (state.clock.now() - TimeDelta::days(DAYS_BACK)).naive_utc();
    let subjects = state.commands.subjects(&phone);
    let found = state.queries.reservations_of(route.generation, &subjects, since, MAX_READ).await?;
    context.sample_shadow_read(&state, || Some(Question::Patient { subjects, since, most: MAX_READ }));
    let own = found.value.iter().filter(|reservation| reservation.birth_date == Some(birth_date));
    let (catalog, language) = (state.commands.catalog(), context.language);
    let shown = own.take(MAX_SHOWN).map(|reservation| OwnReservation::new(reservation, &catalog, language));
    let reservations: Vec<OwnReservation> = shown.collect();
    if !reservations.is_empty() {
        state.checks.found(admitted, Instant::now());
    }
    let body = OwnReservationsResponse { success: true, count: reservations.len(), reservations };
    let response = response::from_view(&found, &body);
    super::wait_for_response_time(started, &context).await;
    response
}

fn credentials(mut form: Form, region: Region, today: NaiveDate) -> Result<(Phone, NaiveDate), Problem> {
    let phone = form.string("phone");
    let phone = form.required("phone", phone);
    let parse = |text: &str| Phone::parse_known_in(region, text);
    let phone = phone.and_then(|text| form.accept(booking_form::phone(&text, parse)));
    let birth_date = form.string("birth_date");
    let birth_date = form.required("birth_date", birth_date);
    let birth_date = birth_date.and_then(|text| form.accept(booking_form::birth_date(&text, today)));
    form.finish_ignoring_unknown()?;
    phone.zip(birth_date).ok_or_else(|| Problem::new(Code::MissingFields))
}

impl OwnReservation {
    /// The service has the name under which it was booked; in English, its present one.
    fn new(reservation: &Reservation, catalog: &Catalog, language: Language) -> Self {
        let english = || {
            let id = ServiceId::parse(reservation.service_id.as_deref()?).ok()?;
            catalog.get(&id)?.name_en.as_deref().map(str::to_owned)
        };
        let service_name = match language {
            Language::Korean => None,
            Language::English => english(),
        };
        // An unreadable time text may contain personal details, so it is not shown.
        let preferred_time = Some(&reservation.preferred_time).filter(|_| reservation.is_time_read());
        Self {
            id: reservation.id.clone(),
            patient_name: mask::name(&reservation.patient_name),
            status: reservation.status,
            service: reservation.service_code.clone(),
            service_name: service_name.or_else(|| reservation.service_name.clone()),
            preferred_date: reservation.preferred_date,
            preferred_time: preferred_time.cloned(),
            created_at: crate::staff::format_utc(reservation.created_at),
            needs_review: reservation.needs_review,
        }
    }
}
