//! `daybook projection rebuild`: new generations from the whole log, while the live ones keep serving.

use std::fmt::Write as _;

use chrono::DateTime;
use clap::{Args, ValueEnum};
use daybook_domain::ReadModel;
use daybook_projections::{
    DEFAULT_MEMORY_BYTES, DryRun, FailingEvents, GenerationName, KEEP, LEAST_MEMORY_BYTES, PointInTime,
    Progress,
};

use super::report::{describe, describe_past, show_progress};
use crate::exit::Exit;
use crate::output::{Align, Confirmation, Format, ProgressBar, Table, counted, grouped, say, seconds};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_backend, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// View to rebuild
    #[arg(value_name = "WHICH", value_enum, default_value_t = ViewSelection::All)]
    selection: ViewSelection,
    /// Write nothing: read and fold the log, and report duration, rows and events that cannot be applied
    #[arg(long)]
    dry_run: bool,
    /// Number of former generations of each view to keep; a kept one can be promoted again. With 0 the command waits 30
    /// seconds for the last reads of the replaced one, and drops it
    #[arg(long, value_name = "NUMBER", default_value_t = KEEP)]
    keep: usize,
    /// Memory limit in MiB; with less memory the log is read more often
    #[arg(long, value_name = "MIB", default_value_t = DEFAULT_MEMORY_BYTES / MIB, value_parser = memory_mib)]
    memory: usize,
    /// Build a past state of the view beside the live one: up to a position of the log, or a time such as
    /// 2026-11-25T09:00:00Z
    #[arg(long, value_name = "POSITION|TIME", requires = "name", conflicts_with_all = ["dry_run", "keep"], value_parser = until)]
    until: Option<PointInTime>,
    /// Name of the past generation, such as before_the_flip
    #[arg(long, value_name = "NAME", requires = "until")]
    name: Option<GenerationName>,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ViewSelection {
    /// The legacy enum view
    Legacy,
    /// The dynamic service view
    Dynamic,
    /// Both
    All,
}

impl ViewSelection {
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
        .map_err(|_| "use a position, or a time with its zone such as 2026-11-25T09:00:00Z")
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    if arguments.dry_run {
        return dry_run(settings, arguments).await;
    }
    if let (Some(until), Some(name)) = (arguments.until, &arguments.name) {
        return build_past(settings, &arguments, until, name).await;
    }
    let models = arguments.selection.models();
    let names: Vec<&str> = models.iter().map(|model| model.as_str()).collect();
    let what = format!(
        "This builds a new generation of each view: {}. The live generation answers reads until the new one has caught up and is \
         promoted.",
        names.join(", ")
    );
    arguments.confirmation.require(what).await?;
    let report = with_engine(settings, IfMissing::Refused, async |backend| {
        let models = in_use(backend, arguments.selection);
        let progress_bar = ProgressBar::new("events");
        let progress = |progress: Progress| show_progress(&progress_bar, progress);
        let rebuild = backend.rebuild_keeping(arguments.keep).within(arguments.memory * MIB);
        Ok(rebuild.run(&models, &progress).await?)
    })
    .await?;
    arguments.format.print(&report, || describe(&report))?;
    Ok(Exit::Done)
}

/// The chosen views; with `all`, those that are not retired.
fn in_use(backend: &Backend, selection: ViewSelection) -> Vec<ReadModel> {
    let routing = backend.commands.routing();
    match selection {
        ViewSelection::Legacy | ViewSelection::Dynamic => selection.models().to_vec(),
        ViewSelection::All => {
            for retired in selection.models().iter().filter(|model| routing.is_retired(**model)) {
                say(format_args!(
                    "The {retired} view is retired and left out. To rebuild it: daybook projection restore {retired}"
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
    let models = arguments.selection.models();
    let what = format!(
        "This builds a past generation named {name}: {}. The live generations do not change; `daybook projection drop` drops the \
         past one.",
        models.iter().map(|model| model.as_str()).collect::<Vec<_>>().join(", ")
    );
    arguments.confirmation.require(what).await?;
    let (report, hint) = with_backend(settings, IfMissing::Refused, async |backend| {
        let progress_bar = ProgressBar::new("events");
        let rebuild = backend.rebuild().within(arguments.memory * MIB);
        let report =
            rebuild.past(models, until, name, &|progress| show_progress(&progress_bar, progress)).await?;
        Ok((report, backend.connect_hint().to_owned()))
    })
    .await?;
    arguments.format.print(&report, || describe_past(&report, &hint))?;
    Ok(Exit::Done)
}

async fn dry_run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let trial = with_backend(settings, IfMissing::Refused, async |backend| {
        let progress_bar = ProgressBar::new("events");
        let rebuild = backend.rebuild().within(arguments.memory * MIB);
        Ok(rebuild
            .dry_run(arguments.selection.models(), &|progress| show_progress(&progress_bar, progress))
            .await?)
    })
    .await?;
    arguments.format.print(&trial, || describe_trial(&trial))?;
    Ok(if trial.failings.failing == 0 { Exit::Done } else { Exit::Failed })
}

fn describe_trial(trial: &DryRun) -> String {
    let rate = (trial.events as f64 / trial.seconds.max(f64::EPSILON)) as u64;
    let mut text = format!(
        "Nothing was written. {} up to position {} read and folded in {}, {} a second.\n{}\n",
        counted(trial.events, "event", "events"),
        trial.position,
        seconds(trial.seconds),
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
        return "Every event can be applied.".to_owned();
    }
    format!(
        "{} cannot be applied, and {} for one of them. A rebuild would stop at the first.",
        counted(failings.failing, "event", "events"),
        counted(failings.waiting, "other waits", "others wait"),
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
    let unlisted = failings.failing.saturating_sub(failings.events.len() as u64);
    if unlisted > 0 {
        table.row([String::new(), String::new(), format!("and {} more", grouped(unlisted)), String::new()]);
    }
    table
}
