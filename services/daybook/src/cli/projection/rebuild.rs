//! `daybook projection rebuild`: views built anew from the whole log, while the live ones go on serving.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use daybook_domain::ReadModel;
use daybook_projections::{Phase, Progress, RebuildReport};

use crate::exit::Exit;
use crate::output::{Align, Consent, Format, Meter, Table, counted};
use crate::settings::Settings;
use crate::wiring::{Backend, Beginning};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Which view
    #[arg(value_enum, default_value_t = Which::All)]
    which: Which,
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
    let tell = |progress: Progress| match progress.phase {
        Phase::Reading => meter.tell("reading the log", progress.events, Some(progress.read_fraction)),
        Phase::Loading => meter.enter("copying rows"),
        Phase::Indexing => meter.enter("making keys and indexes"),
        Phase::CatchingUp => meter.enter("catching up"),
        Phase::Promoting => meter.enter("comparing and promoting"),
    };
    let rebuilt = backend.rebuild().run(models, &tell).await;
    drop(meter);
    engine.stop().await;
    backend.close().await?;
    let report = rebuilt?;
    arguments.format.print(&report, || describe(&report))?;
    Ok(Exit::Done)
}

fn describe(report: &RebuildReport) -> String {
    let mut text = String::new();
    let mut put = |line: String| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{line}");
    };
    let seconds: f64 = report.seconds.values().sum();
    let phases: Vec<String> = report
        .seconds
        .iter()
        .map(|(phase, seconds)| format!("{} {seconds:.2} s", phase.replace('_', " ")))
        .collect();
    put(format!(
        "{} and {} in {seconds:.2} s ({}), promoted at position {}.",
        counted(report.events, "event", "events"),
        counted(report.reservations, "reservation", "reservations"),
        phases.join(", "),
        report.position
    ));
    let mut table = Table::new(&[("view", Align::Left), ("digest", Align::Left), ("", Align::Left)]);
    for (generation, digest) in &report.digests {
        let new = report.generations.iter().any(|new| new.schema() == *generation);
        table.row([generation.clone(), digest.to_string(), if new { "new" } else { "" }.to_owned()]);
    }
    put(table.to_string().trim_end().to_owned());
    if !report.compared {
        put("There was no other view to compare with.".to_owned());
    }
    if !report.people_views_refreshed {
        put("The schemas `legacy` and `dynamic` still show the former generation: somebody reads them."
            .to_owned());
    }
    text
}
