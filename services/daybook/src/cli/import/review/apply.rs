//! `daybook import review apply`: the decisions of a corrected file, each carried out for itself.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use daybook_migration::import::{Reason, Reject};
use daybook_migration::review::{CorrectedFile, Decision, read_file};

use super::outcome::{Given, Report};
use super::waiting::Waiting;
use crate::exit::Exit;
use crate::output::{Confirmation, Format, counted};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// The corrected file: of its columns `id` and `decision` are read
    file: PathBuf,
    #[command(flatten)]
    consent: Confirmation,
    #[command(flatten)]
    format: Format,
}

/// A file, read.
#[derive(Default)]
struct Read {
    given: Vec<Given>,
    rejects: Vec<Reject>,
}

impl Read {
    fn file(path: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("cannot read `{}`", path.display());
        let lines = File::open(path).map_err(anyhow::Error::from).and_then(|file| Ok(read_file(file)?));
        let (mut read, mut seen) = (Self::default(), HashSet::new());
        for line in lines.with_context(cannot)? {
            match line {
                Ok(line) if seen.insert(line.reservation.clone()) => read.given.push(given(line)),
                // Of two decisions on one reservation nobody could say which is meant.
                Ok(CorrectedFile { place, .. }) => {
                    read.rejects.push(Reject { place, field: Some("id"), reason: Reason::DuplicateId });
                }
                Err(reject) => read.rejects.push(reject),
            }
        }
        Ok(read)
    }

    fn describe(&self) -> String {
        let decided = self.given.iter().filter(|given| given.decision != Decision::Keep).count() as u64;
        let kept = self.given.len() as u64 - decided;
        format!(
            "This records what {} meant, and leaves {} in review. The event log keeps for ever what is recorded.",
            counted(decided, "wish was", "wishes were"),
            counted(kept, "reservation", "reservations")
        )
    }
}

fn given(CorrectedFile { place, reservation, decision }: CorrectedFile) -> Given {
    Given { place: Some(place), reservation, decision }
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { file, consent, format } = arguments;
    let read = Read::file(&file)?;
    consent.to(read.describe()).await?;
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    let engine = backend.start_engine();
    let report = apply(&backend, read).await;
    engine.stop().await;
    backend.close().await?;
    let report = report?;
    format.print(&report, || report.describe())?;
    Ok(report.exit())
}

async fn apply(backend: &Backend, read: Read) -> anyhow::Result<Report> {
    backend.check_views_not_ahead().await?;
    let waiting = Waiting::open(backend).await?;
    let mut report = Report::of(backend, &waiting, read.given).await?;
    read.rejects.into_iter().for_each(|reject| report.reject(reject));
    Ok(report)
}
