//! What awaits review, as the dynamic view has it once it holds everything that was recorded.

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

/// Reservations that one command looks at, at most.
const MOST: i64 = 1_000_000;

/// Reservations that are looked up at the same time.
const MAX_LOOKED_UP: usize = 16;

/// Which of them.
#[derive(Args)]
pub(super) struct Filter {
    /// Only those of a day
    #[arg(long, value_name = "DATE")]
    date: Option<NaiveDate>,
    /// Only those that were not understood for this reason, such as AMBIGUOUS_HOUR
    #[arg(long, value_name = "REASON", value_parser = parse_reason)]
    reason: Option<Ambiguity>,
}

fn parse_reason(text: &str) -> Result<Ambiguity, String> {
    let found = Ambiguity::ALL.into_iter().find(|reason| reason.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| format!("write one of {}", Ambiguity::ALL.map(Ambiguity::as_str).join(", ")))
}

/// The dynamic view, which alone knows what has no time.
pub(super) struct Waiting {
    queries: Queries,
    generation: Generation,
}

impl Waiting {
    /// Waits until the view holds everything. An engine has to run.
    pub(super) async fn open(backend: &Backend) -> anyhow::Result<Self> {
        let live = backend.views_at(backend.log.head().await?).await?;
        let model = ReadModel::Dynamic;
        let dynamic = live.iter().find(|standing| standing.generation.model == model);
        let generation = dynamic.ok_or(ViewError::NotLive { model })?.generation;
        Ok(Self { queries: Queries::new(backend.config.clone(), backend.pool.clone()), generation })
    }

    pub(super) async fn list(&self, filter: &Filter) -> anyhow::Result<Vec<Unread>> {
        let mut waiting = self.queries.awaiting_review(self.generation, filter.date, MOST).await?.value;
        waiting.retain(|unread| filter.reason.is_none_or(|reason| unread.reason == reason));
        Ok(waiting)
    }

    /// Those that are written alike, but for blanks around it.
    pub(super) async fn written(&self, text: &str) -> anyhow::Result<Vec<Unread>> {
        let mut waiting = self.queries.awaiting_review(self.generation, None, MOST).await?.value;
        waiting.retain(|unread| unread.text.trim() == text.trim());
        Ok(waiting)
    }

    /// The days of reservations, in their order; none where there is no such reservation.
    pub(super) async fn dates(&self, ids: Vec<ReservationId>) -> anyhow::Result<Vec<Option<NaiveDate>>> {
        let date = |id: ReservationId| async move {
            let found = self.queries.reservation(self.generation, &id).await?.value;
            anyhow::Ok(found.map(|found| found.preferred_date))
        };
        let dates = stream::iter(ids).map(date).buffered(MAX_LOOKED_UP).try_collect();
        dates.await.context("the reservations could not be looked up")
    }
}

/// A reservation as a file shows it.
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
