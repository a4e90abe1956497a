//! `daybook projection verify`: two generations reduced to the same facts and compared at one position, and proofs of what
//! they held.

mod proof;
mod report;

use std::path::PathBuf;

use clap::Args;
use daybook_projections::{Comparison, Generation, Mode, Proof, Verdict, compare, prove};

use crate::exit::Exit;
use crate::failure::UsageError;
use crate::output::{Format, say};
use crate::part::check_free;
use crate::settings::Settings;
use crate::wiring::{IfMissing, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Two generations, such as legacy_3 legacy_4; none for the two views that serve
    #[arg(value_name = "GENERATION", num_args = 2)]
    generations: Vec<Generation>,
    /// Compare the digests that are kept of every day, and read rows only of days that differ
    #[arg(long, conflicts_with = "proof")]
    quick: bool,
    /// Write what both hold to a file that proves it, if they agree
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// Replace the file where there is one
    #[arg(long, requires = "proof")]
    force: bool,
    /// Hold a proof against an exported log, without a database
    #[arg(long, value_name = "FILE", requires = "log", conflicts_with_all = ["generations", "quick", "proof"])]
    check: Option<PathBuf>,
    /// The log, as `daybook events export` has written it
    #[arg(long, value_name = "EXPORT", requires = "check")]
    log: Option<PathBuf>,
    /// Check patients' details too, with the keys that the database keeps
    #[arg(long, requires = "check")]
    with_keys: bool,
    #[command(flatten)]
    format: Format,
}

/// What comparing and proving are for, and what a proof is worth.
pub(in crate::cli) const PROOFS: &str = "\
A proof holds no word of a reservation: positions, numbers and digests by day. Whoever has it and an exported log can fold \
the log anew and see that both views held just that, without keys and without a database: all but patients' details, which \
are sealed. With --with-keys those are checked as well. Keep a proof as you keep the log: from a digest one can tell whether \
a guess at all that a day holds was right.";

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
    let (verdict, proof) = look(settings, Comparison { mode, generations }, wants_proof).await?;
    arguments.format.print(&report::Shown::from(&verdict), || report::describe(&verdict))?;
    match (&arguments.proof, proof) {
        (Some(file), Some(proof)) => proof::write(file, &proof, arguments.force)?,
        (Some(_), None) => say("No proof was written: there is none of what does not agree."),
        (None, _) => {}
    }
    Ok(if verdict.agrees() { Exit::Done } else { Exit::Failed })
}

fn pair(generations: &[Generation]) -> Result<Option<[Generation; 2]>, UsageError> {
    match generations {
        [] => Ok(None),
        [left, right] if left != right => Ok(Some([*left, *right])),
        _ => Err(UsageError(
            "name two generations that are not the same; `daybook projection list` shows them".to_owned(),
        )),
    }
}

async fn look(
    settings: &Settings,
    comparison: Comparison,
    wants_proof: bool,
) -> anyhow::Result<(Verdict, Option<Proof>)> {
    with_engine(settings, IfMissing::Refused, async |backend| {
        let (log, vault, pool) = (&*backend.log, &backend.vault, &backend.pool);
        Ok(match wants_proof {
            true => prove(log, vault, pool, comparison.generations).await?,
            false => (compare(log, vault, pool, comparison).await?, None),
        })
    })
    .await
}
