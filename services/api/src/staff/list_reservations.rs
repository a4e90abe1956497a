//! `GET /api/reservations?date=&status=&department=&search=&period=&page=&limit=`: a page of reservations.

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_domain::value::{Numbers, Unit};
use daybook_projections::Question;
use daybook_projections::query::ListFilter;
use serde::Serialize;

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
    let page = number(&query, "page", 1, 1..=MAX_PAGE)?;
    let limit = number(&query, "limit", DEFAULT_LIMIT, 1..=MAX_LIMIT)?;
    let filter = ListFilter { offset: (page - 1) * limit, limit, ..filter(&query)? };
    let route = context.route(&state, Some(staff.subject())).await?;
    context.sample_shadow_read(&state, || Question::list(&filter));
    let found = state.queries.list(route.generation, &filter).await?;
    let total = found.value.total;
    let pagination = Pagination { page, limit, total, total_pages: (total + limit - 1) / limit };
    let reservations = found.value.items.iter().map(ReservationResponse::from).collect();
    response::from_view(&found, &ReservationsResponse { success: true, reservations, pagination })
}

fn filter(query: &Query) -> Result<ListFilter, Problem> {
    let search_text = |text: &str| {
        let fits = text.chars().take(MAX_SEARCH + 1).count() <= MAX_SEARCH;
        (fits && !text.chars().any(char::is_control)).then(|| text.to_owned())
    };
    Ok(ListFilter {
        date: query.date("date")?,
        status: query.read("status", Code::InvalidStatus, |text| text.parse().ok())?,
        service_code: query.read("department", Code::InvalidText, search_text)?,
        period: query.read("period", Code::InvalidPeriod, |text| text.parse().ok())?,
        search: query.read("search", Code::InvalidText, search_text)?,
        offset: 0,
        limit: DEFAULT_LIMIT,
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
