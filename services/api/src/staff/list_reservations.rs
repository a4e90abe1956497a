//! `GET /api/reservations?date=&status=&department=&search=&period=&page=&limit=&cursor=`: a page of reservations.
//!
//! `page` counts rows, so rows that arrive meanwhile move between pages. `cursor` continues after the last row of a page.

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_domain::phone::Phone;
use daybook_domain::value::{self, Numbers, Range, Relation, Text, Unit, is_visible};
use daybook_projections::Question;
use daybook_projections::query::{ListFilter, Search};
use serde::Serialize;

use super::list_cursor::Cursor;
use super::permission::Permission;
use super::reservation_response::ReservationResponse;
use super::token::Staff;
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::form::Form;
use crate::response;
use crate::state::State;

/// Reservations per page.
const LIMITS: Numbers = Numbers { min: 1, max: 100, unit: Unit::Count };

/// Default number of reservations per page.
const DEFAULT_LIMIT: i64 = 20;

/// Page numbers.
const PAGES: Numbers = Numbers { min: 1, max: 100_000, unit: Unit::Count };

/// A text to search for.
const SEARCH: Text = Text::line(1, 100);

#[derive(Serialize)]
struct ReservationsResponse<'a> {
    success: bool,
    reservations: Vec<ReservationResponse<'a>>,
    pagination: Pagination,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    page: i64,
    limit: i64,
    total: i64,
    total_pages: i64,
    /// The `cursor` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Lists reservations, latest day first.
pub(crate) async fn list_reservations(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Read)?;
    let mut form = Form::from_query(&request)?;
    let cursor = cursor(&mut form);
    let page = number(&mut form, "page", PAGES);
    let page = cursor.as_ref().map(|cursor| cursor.page).or(page).unwrap_or(1);
    let limit = number(&mut form, "limit", LIMITS).unwrap_or(DEFAULT_LIMIT);
    let filter = filter(&state, &mut form);
    let (service_code, is_told_apart) = department(&state, text(&mut form, "department"));
    form.finish_ignoring_unknown()?;
    let position = cursor.as_ref().map(|cursor| cursor.position);
    let after = cursor.map(|cursor| cursor.after);
    let offset = if after.is_some() { 0 } else { (page - 1) * limit };
    let filter = ListFilter { offset, limit, after, service_code, ..filter };
    // Another view must not lack rows that the last page's view had.
    let route = if is_told_apart {
        context.sample_shadow_read(&state, || Question::list(&filter));
        context.route_from(&state, Some(staff.subject()), position).await?
    } else {
        context.route_to_dynamic(&state, position).await?
    };
    let found = state.queries.list(route.generation, &filter).await?;
    let total = found.value.total;
    let next = found.value.next.clone();
    let next = next.map(|after| Cursor { page: page.saturating_add(1), position: found.position, after });
    let next_cursor = next.as_ref().map(Cursor::to_text);
    let pagination = Pagination { page, limit, total, total_pages: (total + limit - 1) / limit, next_cursor };
    let reservations = found.value.items.iter().map(ReservationResponse::from).collect();
    response::from_view(&found, &ReservationsResponse { success: true, reservations, pagination })
}

/// The cursor, which replaces the page.
fn cursor(form: &mut Form) -> Option<Cursor> {
    if form.has("cursor") && form.has("page") {
        form.fault("page", Code::InvalidField, Some(Range::Relation(Relation::NoCursor)));
    }
    let next = Range::Relation(Relation::NextCursor);
    form.parsed("cursor", Code::InvalidField, Some(next), Cursor::parse)
}

/// A part of a name or a number. A whole number also finds bookings under its former spellings.
fn search(state: &State, text: String) -> Search {
    let region = state.settings.region;
    let phone = Phone::parse_known_in(region, &text).ok();
    Search {
        digits: Phone::search_digits(region, &text),
        subjects: phone.map(|phone| state.commands.subjects(&phone)).unwrap_or_default(),
        text,
    }
}

fn filter(state: &State, form: &mut Form) -> ListFilter {
    ListFilter {
        date: form.date_parameter("date", value::CLINIC_DAYS),
        status: form.parsed("status", Code::InvalidStatus, None, |text| text.parse().ok()),
        period: form.parsed("period", Code::InvalidPeriod, None, |text| text.parse().ok()),
        search: shown_text(form, "search").map(|text| search(state, text)),
        ..ListFilter::default()
    }
}

/// The code of the service whose reservations are listed, and whether both views can tell them from the others.
fn department(state: &State, text: Option<String>) -> (Option<String>, bool) {
    let catalog = state.commands.catalog();
    match text.as_deref().and_then(|text| catalog.find(text)) {
        Some(service) => (Some(service.code.clone().into()), catalog.is_told_apart_by_legacy_view(service)),
        None => (text, true),
    }
}

/// A text to look for.
fn text(form: &mut Form, name: &'static str) -> Option<String> {
    form.parsed(name, Code::InvalidText, Some(SEARCH.range()), search_text)
}

/// The same, for a part of a name. One in which nothing shows would be a part of every name.
fn shown_text(form: &mut Form, name: &'static str) -> Option<String> {
    let shown = |text: &str| search_text(text).filter(|text| text.chars().any(is_visible));
    form.parsed(name, Code::InvalidText, Some(SEARCH.range()), shown)
}

fn search_text(text: &str) -> Option<String> {
    let fits = text.chars().take(SEARCH.max + 1).count() <= SEARCH.max;
    (fits && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

fn number(form: &mut Form, name: &'static str, allowed: Numbers) -> Option<i64> {
    let in_range = |text: &str| text.parse().ok().filter(|number| allowed.check(*number).is_ok());
    form.parsed(name, Code::InvalidField, Some(allowed.range()), in_range).map(i64::from)
}
