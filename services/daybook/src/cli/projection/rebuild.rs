//! `daybook projection rebuild`: views built anew from the whole log, while the live ones go on serving.

use std::fmt::Write as _;

use chrono::DateTime;
use clap::{Args, ValueEnum};
use daybook_domain::ReadModel;
use daybook_projections::{
    DEFAULT_MEMORY_BYTES, DryRun, FailingEvents, GenerationName, KEEP, LEAST_MEMORY_BYTES, PointInTime,
    Progress,
};

use super::report::{describe, describe_past, tell};
use crate::exit::Exit;
use crate::output::{Align, Confirmation, Format, ProgressBar, Table, counted, grouped, say};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing};

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
    /// Memory that may be taken, in MiB; with less of it the log is read more often
    #[arg(long, value_name = "MIB", default_value_t = DEFAULT_MEMORY_BYTES / MIB, value_parser = memory_mib)]
    memory: usize,
    /// Build what the view held in the past, beside the live one and never in its place: up to a position of the log, or
    /// a moment such as 2026-11-25T09:00:00Z
    #[arg(long, value_name = "POSITION|TIME", requires = "name", conflicts_with_all = ["dry_run", "keep"], value_parser = until)]
    until: Option<PointInTime>,
    /// Name of that past, such as before_the_flip
    #[arg(long, value_name = "NAME", requires = "until")]
    name: Option<GenerationName>,
    #[command(flatten)]
    consent: Confirmation,
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

const MIB: usize = 1024 * 1024;

fn memory_mib(text: &str) -> Result<usize, String> {
    let least = LEAST_MEMORY_BYTES / MIB;
    text.parse()
        .ok()
        .filter(|mib| *mib >= least)
        .ok_or_else(|| format!("a rebuild needs at least {least} MiB"))
}

fn until(text: &str) -> Result<PointInTime, &'static str> {
    let position = text.parse().map(PointInTime::Position);
    let moment = || DateTime::parse_from_rfc3339(text).map(|moment| PointInTime::Instant(moment.to_utc()));
    position
        .or_else(|_| moment())
        .map_err(|_| "a position, or a time with its zone such as 2026-11-25T09:00:00Z")
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    if arguments.dry_run {
        return dry_run(settings, arguments).await;
    }
    if let (Some(until), Some(name)) = (arguments.until, &arguments.name) {
        return build_past(settings, &arguments, until, name).await;
    }
    let models = arguments.which.models();
    let names: Vec<&str> = models.iter().map(|model| model.as_str()).collect();
    let what = format!(
        "This builds a new generation of the view: {}. Reads are answered by the live one until the new one holds the same \
         and takes over.",
        names.join(", ")
    );
    arguments.consent.to(what).await?;
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    // A promotion waits for the live views to keep up, with or without a running service.
    let engine = backend.start_engine();
    let models = in_use(&backend, arguments.which);
    let meter = ProgressBar::new("events");
    let progress = |progress: Progress| tell(&meter, progress);
    let rebuild = backend.rebuild_keeping(arguments.keep).within(arguments.memory * MIB);
    let rebuilt = rebuild.run(&models, &progress).await;
    drop(meter);
    engine.stop().await;
    backend.close().await?;
    let report = rebuilt?;
    arguments.format.print(&report, || describe(&report))?;
    Ok(Exit::Done)
}

/// The views that are asked for; of both, those that are not retired.
fn in_use(backend: &Backend, which: Which) -> Vec<ReadModel> {
    let routing = backend.commands.routing();
    match which {
        Which::Legacy | Which::Dynamic => which.models().to_vec(),
        Which::All => {
            for retired in which.models().iter().filter(|model| routing.is_retired(**model)) {
                say(format_args!(
                    "The {retired} view is retired and left out; `daybook projection restore {retired}` builds it."
                ));
            }
            routing.in_use().collect()
        }
    }
}

async fn build_past(
    settings: &Settings,
    arguments: &Arguments,
    until: PointInTime,
    name: &GenerationName,
) -> anyhow::Result<Exit> {
    let models = arguments.which.models();
    let what = format!(
        "This builds what was in the view in the past, as a generation of its own named {name}: {}. The live ones are left \
         alone; `daybook projection drop` takes it away again.",
        models.iter().map(|model| model.as_str()).collect::<Vec<_>>().join(", ")
    );
    arguments.consent.to(what).await?;
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    let meter = ProgressBar::new("events");
    let rebuild = backend.rebuild().within(arguments.memory * MIB);
    let built = rebuild.past(models, until, name, &|progress| tell(&meter, progress)).await;
    drop(meter);
    let hint = backend.connect_hint().to_owned();
    backend.close().await?;
    let report = built?;
    arguments.format.print(&report, || describe_past(&report, &hint))?;
    Ok(Exit::Done)
}

async fn dry_run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    let meter = ProgressBar::new("events");
    let rebuild = backend.rebuild().within(arguments.memory * MIB);
    let tried = rebuild.dry_run(arguments.which.models(), &|progress| tell(&meter, progress)).await;
    drop(meter);
    backend.close().await?;
    let trial = tried?;
    arguments.format.print(&trial, || describe_trial(&trial))?;
    Ok(if trial.failings.failing == 0 { Exit::Done } else { Exit::Failed })
}

fn describe_trial(trial: &DryRun) -> String {
    let rate = (trial.events as f64 / trial.seconds.max(f64::EPSILON)) as u64;
    let mut text = format!(
        "{} up to position {} read and folded in {:.2} s, {} a second. {} Nothing was written.\n",
        counted(trial.events, "event", "events"),
        trial.position,
        trial.seconds,
        grouped(rate),
        describe_failings(&trial.failings),
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
    if trial.failings.failing > 0 {
        let _ = write!(text, "\n{}", failing_events(&trial.failings));
    }
    text
}

fn describe_failings(failings: &FailingEvents) -> String {
    if failings.failing == 0 {
        return "Every one of them can be taken in.".to_owned();
    }
    format!(
        "{} cannot be taken in, and {} behind one that fails: a rebuild would stop at the first.",
        counted(failings.failing, "event", "events"),
        counted(failings.waiting, "other stands", "others stand"),
    )
}

fn failing_events(failings: &FailingEvents) -> Table {
    let mut table = Table::new(&[
        ("position", Align::Right),
        ("stream", Align::Left),
        ("type", Align::Left),
        ("cause", Align::Left),
    ]);
    for event in &failings.events {
        table.row([
            event.position.to_string(),
            event.stream.to_string(),
            event.kind.to_string(),
            event.cause.clone(),
        ]);
    }
    let untold = failings.failing.saturating_sub(failings.events.len() as u64);
    if untold > 0 {
        table.row([String::new(), String::new(), format!("and {} more", grouped(untold)), String::new()]);
    }
    table
}
