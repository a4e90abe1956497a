//! `GET /api/reservations?date=&status=&department=&search=&period=&page=&limit=&cursor=`: a page of reservations.
//!
//! `page` counts rows, so rows that arrive meanwhile move between pages. `cursor` continues after the last row of a page.

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_domain::phone::Phone;
use daybook_domain::value::{Numbers, Range, Relation, Unit, is_visible};
use daybook_projections::Question;
use daybook_projections::query::{ListFilter, Search};
use serde::Serialize;

use super::list_cursor::Cursor;
use super::reservation_response::ReservationResponse;
use super::role::Role;
use super::token::Staff;
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::request::query::Query;
use crate::response;
use crate::state::State;

/// Most reservations per page.
const MAX_LIMIT: i64 = 100;

/// Default number of reservations per page.
const DEFAULT_LIMIT: i64 = 20;

/// Highest page number.
const MAX_PAGE: i64 = 100_000;

/// Longest search text, in characters.
const MAX_SEARCH: usize = 100;

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
    staff.require(Role::Editor)?;
    let query = Query::from_request(&request)?;
    let cursor = cursor(&query)?;
    let page = match &cursor {
        Some(cursor) => cursor.page,
        None => number(&query, "page", 1, 1..=MAX_PAGE)?,
    };
    let limit = number(&query, "limit", DEFAULT_LIMIT, 1..=MAX_LIMIT)?;
    let position = cursor.as_ref().map(|cursor| cursor.position);
    let after = cursor.map(|cursor| cursor.after);
    let offset = if after.is_some() { 0 } else { (page - 1) * limit };
    let filter = ListFilter { offset, limit, after, ..filter(&state, &query)? };
    // Another view must not lack rows that the last page's view had.
    let route = context.route_from(&state, Some(staff.subject()), position).await?;
    context.sample_shadow_read(&state, || Question::list(&filter));
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
fn cursor(query: &Query) -> Result<Option<Cursor>, Problem> {
    let Some(text) = query.text("cursor") else { return Ok(None) };
    let refused = |field, relation| Problem::out_of_range(field, Range::Relation(relation));
    if query.text("page").is_some() {
        return Err(refused("page", Relation::NoCursor));
    }
    Cursor::parse(text).map(Some).ok_or_else(|| refused("cursor", Relation::NextCursor))
}

/// A part of a name or a number. A whole number also finds bookings under its former spellings.
fn search(state: &State, text: String) -> Search {
    let region = state.settings.region;
    let phone = Phone::parse_in(region, &text).ok();
    Search {
        digits: Phone::search_digits(region, &text),
        subjects: phone.map(|phone| state.commands.subjects(&phone)).unwrap_or_default(),
        text,
    }
}

fn filter(state: &State, query: &Query) -> Result<ListFilter, Problem> {
    let search_text = |text: &str| {
        let fits = text.chars().take(MAX_SEARCH + 1).count() <= MAX_SEARCH;
        (fits && !text.chars().any(char::is_control)).then(|| text.to_owned())
    };
    // A text in which nothing shows would be a part of every name.
    let shown_text = |text: &str| search_text(text).filter(|text| text.chars().any(is_visible));
    Ok(ListFilter {
        date: query.date("date")?,
        status: query.read("status", Code::InvalidStatus, |text| text.parse().ok())?,
        service_code: query.read("department", Code::InvalidText, search_text)?,
        period: query.read("period", Code::InvalidPeriod, |text| text.parse().ok())?,
        search: query.read("search", Code::InvalidText, shown_text)?.map(|text| search(state, text)),
        ..ListFilter::default()
    })
}

fn number(
    query: &Query,
    name: &'static str,
    default: i64,
    allowed: std::ops::RangeInclusive<i64>,
) -> Result<i64, Problem> {
    let Some(text) = query.text(name) else { return Ok(default) };
    let number = text.parse().ok().filter(|number| allowed.contains(number));
    let bound = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    let (min, max) = (bound(*allowed.start()), bound(*allowed.end()));
    let range = Numbers { min, max, unit: Unit::Count }.range();
    number.ok_or_else(|| Problem::out_of_range(name, range))
}
