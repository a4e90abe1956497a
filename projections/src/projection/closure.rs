//! A closure as a view's table contains it. Both views have the same row.

use chrono::NaiveDate;
use daybook_domain::ClockTime;
use daybook_domain::schedule::event::TimeClosed;
use daybook_domain::time::Period;
use serde::{Deserialize, Serialize};

use crate::projection::change::EventMeta;

/// A row of `manual_time_closures`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClosureRow {
    pub(crate) id: Box<str>,
    pub(crate) date: NaiveDate,
    pub(crate) period: Box<str>,
    pub(crate) start_time: Box<str>,
    pub(crate) end_time: Box<str>,
    pub(crate) service_id: Option<Box<str>>,
    pub(crate) reason: Option<Box<str>>,
    pub(crate) created_by: Box<str>,
    pub(crate) created_at: chrono::NaiveDateTime,
    pub(crate) updated_at: chrono::NaiveDateTime,
    pub(crate) is_active: bool,
}

impl ClosureRow {
    /// The row of a new closure.
    pub(crate) fn new(closed: &TimeClosed, meta: &EventMeta) -> Self {
        let text = |time: ClockTime| time.to_string().into();
        Self {
            id: closed.closure.as_str().into(),
            date: closed.date,
            period: Period::by_clock(closed.span.start).as_str().into(),
            start_time: text(closed.span.start),
            end_time: text(closed.span.end),
            service_id: closed.service.as_ref().map(|service| service.as_str().into()),
            reason: closed.reason.clone(),
            created_by: meta.actor.as_ref().into(),
            created_at: meta.at,
            updated_at: meta.at,
            is_active: true,
        }
    }

    /// Marks the closure as lifted.
    pub(crate) fn reopen(&mut self, meta: &EventMeta) {
        self.is_active = false;
        self.updated_at = meta.at;
    }
}
