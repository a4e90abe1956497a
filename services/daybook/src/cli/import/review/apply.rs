//! `daybook import review apply`: applies the decisions of a corrected file one by one.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use daybook_migration::import::{CsvOptions, Reason, Reject};
use daybook_migration::review::{CorrectedRow, Decision, read_file};

use super::queue::ReviewQueue;
use super::report::{Report, RequestedDecision};
use crate::cli::import::source::CsvArguments;
use crate::exit::Exit;
use crate::output::{Confirmation, Format, counted};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Corrected file; only its columns `id` and `decision` are read
    file: PathBuf,
    #[command(flatten)]
    csv: CsvArguments,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

#[derive(Default)]
struct CorrectedFile {
    given: Vec<RequestedDecision>,
    rejects: Vec<Reject>,
}

impl CorrectedFile {
    fn read(path: &Path, options: CsvOptions) -> anyhow::Result<Self> {
        let cannot = || format!("cannot read `{}`", path.display());
        let lines =
            File::open(path).map_err(anyhow::Error::from).and_then(|file| Ok(read_file(file, options)?));
        let (mut read, mut seen) = (Self::default(), HashSet::new());
        for line in lines.with_context(cannot)? {
            match line {
                Ok(line) if seen.insert(line.reservation.clone()) => read.given.push(given(line)),
                // Two decisions on one reservation contradict each other.
                Ok(CorrectedRow { place, .. }) => {
                    read.rejects.push(Reject::new(place, Some("id"), Reason::DuplicateId));
                }
                Err(reject) => read.rejects.push(reject),
            }
        }
        Ok(read)
    }

    /// Whether the file has no row at all.
    const fn is_empty(&self) -> bool {
        self.given.is_empty() && self.rejects.is_empty()
    }

    fn describe(&self) -> String {
        let decided = self.given.iter().filter(|given| given.decision != Decision::Keep).count() as u64;
        let kept = self.given.len() as u64 - decided;
        format!(
            "This records a decision on {} and leaves {} in review. Recorded events cannot be removed.",
            counted(decided, "requested time", "requested times"),
            counted(kept, "reservation", "reservations")
        )
    }
}

fn given(CorrectedRow { place, reservation, decision }: CorrectedRow) -> RequestedDecision {
    RequestedDecision { place: Some(place), reservation, decision }
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { file, csv, confirmation, format } = arguments;
    let read = CorrectedFile::read(&file, csv.options())?;
    ensure!(!read.is_empty(), "`{}` has no rows, so nothing was decided", file.display());
    confirmation.require(read.describe()).await?;
    let report =
        with_engine(settings, IfMissing::Refused, async |backend| apply(backend, read).await).await?;
    format.print(&report, || report.describe())?;
    Ok(report.exit())
}

async fn apply(backend: &Backend, read: CorrectedFile) -> anyhow::Result<Report> {
    backend.check_views_not_ahead().await?;
    let waiting = ReviewQueue::open(backend).await?;
    let mut report = Report::apply(backend, &waiting, read.given).await?;
    read.rejects.into_iter().for_each(|reject| report.reject(reject));
    Ok(report)
}
