//! `daybook projection rebuild`: views built anew from the whole log, while the live ones go on serving.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use daybook_domain::ReadModel;
use daybook_projections::{KEEP, Progress, Trial};

use super::report::{describe, tell};
use crate::exit::Exit;
use crate::output::{Align, Consent, Format, Meter, Table, counted, grouped};
use crate::settings::Settings;
use crate::wiring::{Backend, Beginning};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Which view
    #[arg(value_enum, default_value_t = Which::All)]
    which: Which,
    /// Only read and fold the log: how long it takes, what there would be, and whether every event can be taken in
    #[arg(long)]
    dry_run: bool,
    /// Former generations of each view to keep; one that is kept can be promoted again
    #[arg(long, value_name = "NUMBER", default_value_t = KEEP)]
    keep: usize,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Which {
    /// The legacy enum view
    Legacy,
    /// The dynamic service view
    Dynamic,
    /// Both
    All,
}

impl Which {
    const fn models(self) -> &'static [ReadModel] {
        match self {
            Self::Legacy => &[ReadModel::Legacy],
            Self::Dynamic => &[ReadModel::Dynamic],
            Self::All => &ReadModel::ALL,
        }
    }
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    if arguments.dry_run {
        return try_out(settings, arguments).await;
    }
    let models = arguments.which.models();
    let names: Vec<&str> = models.iter().map(|model| model.as_str()).collect();
    let what = format!(
        "This builds a new generation of the view: {}. Reads are answered by the live one until the new one holds the same \
         and takes over.",
        names.join(", ")
    );
    arguments.consent.to(what).await?;
    let backend = Backend::open(settings, Beginning::Refused).await?;
    // A promotion waits for the live views to keep up, with or without a running service.
    let engine = backend.start_engine();
    let meter = Meter::new("events");
    let progress = |progress: Progress| tell(&meter, progress);
    let rebuilt = backend.rebuild_keeping(arguments.keep).run(models, &progress).await;
    drop(meter);
    engine.stop().await;
    backend.close().await?;
    let report = rebuilt?;
    arguments.format.print(&report, || describe(&report))?;
    Ok(Exit::Done)
}

async fn try_out(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let backend = Backend::open(settings, Beginning::Refused).await?;
    let meter = Meter::new("events");
    let tried = backend.rebuild().try_out(arguments.which.models(), &|progress| tell(&meter, progress)).await;
    drop(meter);
    backend.close().await?;
    let trial = tried?;
    arguments.format.print(&trial, || describe_trial(&trial))?;
    Ok(Exit::Done)
}

fn describe_trial(trial: &Trial) -> String {
    let rate = (trial.events as f64 / trial.seconds.max(f64::EPSILON)) as u64;
    let mut text = format!(
        "{} up to position {} read and folded in {:.2} s, {} a second. Every one of them can be taken in; nothing was \
         written.\n",
        counted(trial.events, "event", "events"),
        trial.position,
        trial.seconds,
        grouped(rate),
    );
    let mut table = Table::new(&[
        ("view", Align::Left),
        ("reservations", Align::Right),
        ("closures", Align::Right),
        ("bytes without indexes", Align::Right),
        ("digest", Align::Left),
    ]);
    for view in &trial.views {
        table.row([
            view.view.to_string(),
            grouped(view.reservations as u64),
            grouped(view.closures as u64),
            grouped(view.bytes),
            view.digest.to_string(),
        ]);
    }
    // Writing into a String cannot fail.
    let _ = write!(text, "{table}");
    text
}
