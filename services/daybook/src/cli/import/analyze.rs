//! `daybook import analyze`: a report on the reservations of the old system. It must never record anything.

mod html;
mod text;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use daybook_migration::import::ImportRun;
use daybook_migration::import::{Analysis, Samples};

use super::report::exit;
use super::resolve::recorded_resolutions;
use super::source::{ReadingArguments, RulesArguments, Source, SourceArguments, spelled};
use crate::atomic_file::{AtomicFile, check_free};
use crate::exit::Exit;
use crate::output::{Format, say};
use crate::settings::Settings;
use crate::wiring::with_backend_if_begun;

pub(super) const RULES_HELP: &str = r#"Rules of the clinic (--rules FILE) are TOML and are tried in order:

  [[rule]]
  name = "lunch"                  # letters, digits, - and _
  text = "점심때"                 # the whole text; case, width and spaces are ignored
  means = "12:30"                 # HH:MM, MORNING, AFTERNOON or REVIEW
  [[rule]]
  name = "before-n"
  pattern = '(\d{1,2})시 전'      # or a regular expression for the whole text, in lower case
  means = "MORNING"
  before = true                   # wins over the built-in rules; without it, only for texts that they cannot read

The report shows what each rule changes. `daybook import run --rules FILE` imports with the same rules.

A text that the built-in rules cannot read may contain a patient's name. Without --samples only its shape is shown:
N for a digit, ○ for a letter of a word that does not belong to a time.

The report uses the services and hours of the clinic, or the defaults of a new clinic if there is no database yet."#;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    source: SourceArguments,
    #[command(flatten)]
    reading: ReadingArguments,
    #[command(flatten)]
    rules: RulesArguments,
    /// Also show samples of texts that the built-in rules cannot read; they may name patients
    #[arg(long)]
    samples: bool,
    /// Also write the report as an HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Replace an existing file of --html
    #[arg(long, requires = "html")]
    force: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let options = spelled(&arguments.source, &arguments.reading, &arguments.rules);
    let source = Source::open(arguments.source, &arguments.reading)?;
    let dates = arguments.reading.dates(settings.zone);
    let (rules, region) = (arguments.rules.read()?, settings.region);
    let import = ImportRun { rules, region, dates, ..ImportRun::default() };
    if let Some(file) = &arguments.html {
        check_free(file, arguments.force)?;
    }
    let samples = if arguments.samples { Samples::All } else { Samples::Times };
    let name = source.name();
    let analysis = with_backend_if_begun(settings, async |backend| {
        let commands = backend.map(|backend| &backend.commands);
        let import = ImportRun { resolutions: recorded_resolutions(backend).await?, ..import };
        source
            .read("reading", async |source, report_progress| {
                import.analyze(commands, source, samples, report_progress).await
            })
            .await
    })
    .await?;
    if let Some(file) = &arguments.html {
        write_page(file, &html::page(&name, &analysis)?)?;
    }
    arguments.format.print(&analysis, || text::describe(&analysis, &options))?;
    Ok(exit(&analysis.run, None))
}

fn write_page(file: &Path, page: &str) -> anyhow::Result<()> {
    let part = AtomicFile::create(file)?;
    part.out().write_all(page.as_bytes()).with_context(|| format!("cannot write `{}`", file.display()))?;
    part.keep()?;
    say(format_args!("Report written to `{}`.", file.display()));
    Ok(())
}

/// The rules without effect.
fn idle_rules(analysis: &Analysis) -> Vec<&str> {
    analysis.rules.iter().filter(|rule| rule.rows == 0).map(|rule| &*rule.name).collect()
}
