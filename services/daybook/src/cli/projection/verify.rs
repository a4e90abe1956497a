//! `daybook projection verify`: compares two generations at one position, and writes and checks proofs.

mod proof;
mod report;

use std::path::PathBuf;

use clap::Args;
use daybook_commands::LateBooking;
use daybook_projections::{Comparison, Generation, Mode, Proof, Verdict, compare, prove};

use crate::atomic_file::check_free;
use crate::error::UsageError;
use crate::exit::Exit;
use crate::output::{Format, say};
use crate::settings::Settings;
use crate::wiring::{IfMissing, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Two generations, such as legacy_3 legacy_4 [default: the live generations of both views]
    #[arg(value_name = "GENERATION", num_args = 2)]
    generations: Vec<Generation>,
    /// Compare the stored digests of all days, and read rows only of days that differ
    #[arg(long, conflicts_with = "proof")]
    quick: bool,
    /// If they agree, write a proof to this file
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long, requires = "proof")]
    force: bool,
    /// Check this proof against an exported log, without a database
    #[arg(long, value_name = "FILE", requires = "log", conflicts_with_all = ["generations", "quick", "proof"])]
    check: Option<PathBuf>,
    /// Log that `daybook events export` wrote
    #[arg(long, value_name = "EXPORT", requires = "check")]
    log: Option<PathBuf>,
    /// Also check patients' details, with the keys of the database
    #[arg(long, requires = "check")]
    with_keys: bool,
    #[command(flatten)]
    format: Format,
}

pub(in crate::cli) const PROOFS: &str = "\
A proof contains positions, counts and digests per day, and nothing of a reservation. With a proof and an exported log, \
anybody can check what both views held, without keys and without a database. Patients' details are sealed and therefore left \
out; --with-keys checks them too. Protect a proof like the log: with a digest, a guess at the contents of a day can be checked.";

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    if let (Some(proof), Some(log)) = (&arguments.check, &arguments.log) {
        return proof::check(settings, proof, log, arguments.with_keys, arguments.format).await;
    }
    let generations = pair(&arguments.generations)?;
    if let Some(file) = &arguments.proof {
        check_free(file, arguments.force)?;
    }
    let mode = if arguments.quick { Mode::Quick } else { Mode::Full };
    let wants_proof = arguments.proof.is_some();
    let Compared { verdict, proof, late_bookings } =
        compare_or_prove(settings, Comparison { mode, generations }, wants_proof).await?;
    let report = report::VerdictReport::new(&verdict, &late_bookings);
    arguments.format.print(&report, || report.describe())?;
    match (&arguments.proof, proof) {
        (Some(file), Some(proof)) => proof::write(file, &proof, arguments.force)?,
        (Some(_), None) if verdict.agrees() => {
            say("No proof was written, because the views lack parked events.")
        }
        (Some(_), None) => say("No proof was written, because the views differ."),
        (None, _) => {}
    }
    Ok(if verdict.agrees() { Exit::Done } else { Exit::Failed })
}

fn pair(generations: &[Generation]) -> Result<Option<[Generation; 2]>, UsageError> {
    match generations {
        [] => Ok(None),
        [left, right] if left != right => Ok(Some([*left, *right])),
        _ => {
            Err(UsageError("use two different generations; `daybook projection list` shows them".to_owned()))
        }
    }
}

/// The result of a comparison, and what the log accepted too late.
struct Compared {
    verdict: Verdict,
    proof: Option<Proof>,
    late_bookings: Vec<LateBooking>,
}

async fn compare_or_prove(
    settings: &Settings,
    comparison: Comparison,
    wants_proof: bool,
) -> anyhow::Result<Compared> {
    with_engine(settings, IfMissing::Refused, async |backend| {
        let (log, vault, pool) = (&*backend.log, &backend.vault, &backend.pool);
        let (verdict, proof) = match wants_proof {
            true => prove(log, vault, pool, comparison.generations).await?,
            false => (compare(log, vault, pool, comparison).await?, None),
        };
        // Whatever the log: this one may have been imported from one that does not compare streams on append.
        let late_bookings = backend.commands.late_bookings().await?;
        Ok(Compared { verdict, proof, late_bookings })
    })
    .await
}
