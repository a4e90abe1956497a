//! The review queue: reservations without a readable time, read from the dynamic view once it has reached the head of the log.

use anyhow::Context;
use chrono::NaiveDate;
use clap::Args;
use daybook_domain::requested_time::Ambiguity;
use daybook_domain::{ReadModel, ReservationId};
use daybook_migration::review::FileRow;
use daybook_projections::query::{Queries, Unread};
use daybook_projections::{Generation, ViewError};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::wiring::Backend;

/// Longest queue that one command reads.
const MOST: i64 = 1_000_000;

/// Concurrent lookups.
const MAX_LOOKED_UP: usize = 16;

#[derive(Args)]
pub(super) struct Filter {
    /// Only reservations of this date
    #[arg(long, value_name = "DATE")]
    date: Option<NaiveDate>,
    /// Only reservations with this reason, such as AMBIGUOUS_HOUR
    #[arg(long, value_name = "REASON", value_parser = parse_reason)]
    reason: Option<Ambiguity>,
}

fn parse_reason(text: &str) -> Result<Ambiguity, String> {
    let found = Ambiguity::ALL.into_iter().find(|reason| reason.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| format!("use one of {}", Ambiguity::ALL.map(Ambiguity::as_str).join(", ")))
}

/// Reads the dynamic view: the legacy view does not know which times need review.
pub(super) struct ReviewQueue {
    queries: Queries,
    generation: Generation,
}

impl ReviewQueue {
    /// Waits until the view has reached the head of the log. An engine has to run.
    pub(super) async fn open(backend: &Backend) -> anyhow::Result<Self> {
        let live = backend.views_at(backend.log.head().await?).await?;
        let model = ReadModel::Dynamic;
        let dynamic = live.iter().find(|status| status.generation.model == model);
        let generation = dynamic.ok_or(ViewError::NotLive { model })?.generation;
        Ok(Self { queries: Queries::new(backend.config.clone(), backend.pool.clone()), generation })
    }

    pub(super) async fn list(&self, filter: &Filter) -> anyhow::Result<Vec<Unread>> {
        let mut unread_times = self.queries.awaiting_review(self.generation, filter.date, MOST).await?.value;
        unread_times.retain(|unread| filter.reason.is_none_or(|reason| unread.reason == reason));
        Ok(unread_times)
    }

    /// Reservations with this text, apart from surrounding spaces.
    pub(super) async fn with_text(&self, text: &str) -> anyhow::Result<Vec<Unread>> {
        let mut unread_times = self.queries.awaiting_review(self.generation, None, MOST).await?.value;
        unread_times.retain(|unread| unread.text.trim() == text.trim());
        Ok(unread_times)
    }

    /// The dates of reservations, in their order; none for an unknown reservation.
    pub(super) async fn dates(&self, ids: Vec<ReservationId>) -> anyhow::Result<Vec<Option<NaiveDate>>> {
        let date = |id: ReservationId| async move {
            let found = self.queries.reservation(self.generation, &id).await?.value;
            anyhow::Ok(found.map(|found| found.preferred_date))
        };
        let dates = stream::iter(ids).map(date).buffered(MAX_LOOKED_UP).try_collect();
        dates.await.context("the reservations could not be looked up")
    }
}

/// A reservation as a row of the CSV file.
pub(super) fn file_row(unread: &Unread) -> FileRow<'_> {
    FileRow {
        reservation: &unread.id,
        date: unread.date,
        service: &unread.service,
        status: unread.status,
        text: &unread.text,
        reason: unread.reason,
    }
}
