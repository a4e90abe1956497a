//! `GET|POST /api/public/reservations/check`: somebody's own reservations, by phone number **and** birth date.
//!
//! Whoever knows a number alone learns nothing: no such patient, a wrong birth date and a patient without reservations
//! are one answer, after the same work. POST is to be preferred, since a URL ends up in logs of others.

use std::time::Instant;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use daybook_domain::Status;
use daybook_domain::phone::Phone;
use daybook_domain::requested_time::{self, ParsedTime};
use daybook_domain::routing::RoutedSubject;
use daybook_projections::Question;
use daybook_projections::query::Reservation;
use serde::Serialize;

use super::mask;
use super::post_reservation::form;
use crate::edge::json::Object;
use crate::edge::query::Query;
use crate::edge::{RequestContext, answer, body};
use crate::problem::{Code, Details, Problem};
use crate::state::State;

/// How far back reservations are shown.
const DAYS_BACK: i64 = 90;

/// Reservations that are shown, at most.
const MAX_SHOWN: usize = 10;

/// Reservations of a number that are looked through: a family may share one.
const MAX_LOOKED_AT: i64 = 200;

#[derive(Serialize)]
struct Body {
    success: bool,
    reservations: Vec<Entry>,
    count: usize,
}

#[derive(Serialize)]
struct Entry {
    id: String,
    patient_name: String,
    status: Status,
    service: Option<String>,
    service_name: Option<String>,
    preferred_date: NaiveDate,
    preferred_time: Option<String>,
    created_at: String,
}

/// The caller's reservations of the last 90 days, newest first.
pub(crate) async fn check_reservations(
    state: web::Data<State>,
    edge: RequestContext,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (phone, birth_date) = if *request.method() == Method::POST {
        let mut sent = Object::parse(&body::read(payload).await?)?;
        (sent.text("phone")?, sent.text("birth_date")?)
    } else {
        let query = Query::of(&request)?;
        let text = |name| query.text(name).map(str::to_owned);
        (text("phone"), text("birth_date"))
    };
    let (phone, birth_date) = who(phone, birth_date, state.commands.now_local())?;
    let subject = state.commands.subject(&phone);
    let peer = request.peer_addr().map(|address| address.ip());
    if let Err(pause) = state.checks.enter(peer, subject, Instant::now()) {
        return Err(Problem::of(Code::RateLimited).retry_after(pause));
    }
    let route = edge.route(&state, Some(&RoutedSubject::patient(subject))).await?;
    let since = (state.clock.now() - TimeDelta::days(DAYS_BACK)).naive_utc();
    edge.ask_other(&state, || Some(Question::Patient { subject, since, most: MAX_LOOKED_AT }));
    let found = state.queries.reservations_of(route.generation, subject, since, MAX_LOOKED_AT).await?;
    let own = found.value.iter().filter(|reservation| reservation.birth_date == Some(birth_date));
    let reservations: Vec<Entry> = own.take(MAX_SHOWN).map(entry).collect();
    answer::viewed(&found, &Body { success: true, count: reservations.len(), reservations })
}

fn who(
    phone: Option<String>,
    birth_date: Option<String>,
    now: NaiveDateTime,
) -> Result<(Phone, NaiveDate), Problem> {
    match (phone, birth_date) {
        (Some(phone), Some(birth_date)) => {
            Ok((form::phone(&phone)?, form::birth_date(&birth_date, now.date())?))
        }
        (phone, birth_date) => {
            let missing = [("phone", phone.is_none()), ("birth_date", birth_date.is_none())];
            let fields = missing.into_iter().filter(|(_, is_missing)| *is_missing).map(|(name, _)| name);
            Err(Problem::with(Code::MissingFields, Details::Fields { fields: fields.collect() }))
        }
    }
}

fn entry(reservation: &Reservation) -> Entry {
    // A wish that nobody understood may say anything, and stays with the clinic.
    let understood = match requested_time::read(&reservation.preferred_time) {
        ParsedTime::At(_) | ParsedTime::Period(_) => Some(reservation.preferred_time.clone()),
        ParsedTime::Ambiguous(_) => None,
    };
    Entry {
        id: reservation.id.clone(),
        patient_name: mask::name(&reservation.patient_name),
        status: reservation.status,
        service: reservation.service_code.clone(),
        service_name: reservation.service_name.clone(),
        preferred_date: reservation.preferred_date,
        preferred_time: understood,
        created_at: crate::staff::instant(reservation.created_at),
    }
}
