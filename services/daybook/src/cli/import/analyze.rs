//! `daybook import analyze`: what is in the old system's reservations, before anything is recorded.

mod html;
mod text;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use daybook_migration::import::ImportRun;
use daybook_migration::import::{Analysis, Samples};

use super::source::{RulesArguments, Source, SourceArguments};
use crate::exit::Exit;
use crate::output::{Format, say};
use crate::part::{AtomicFile, check_free};
use crate::settings::Settings;
use crate::wiring::Backend;

/// The file of rules, explained.
pub(super) const RULES_HELP: &str = r#"The clinic's own rules (--rules FILE) are TOML, tried in their order:

  [[rule]]
  name = "lunch"                  # letters, digits, - and _
  text = "점심때"                 # the whole text; case, width and blanks do not matter
  means = "12:30"                 # HH:MM, MORNING, AFTERNOON or REVIEW
  [[rule]]
  name = "before-n"
  pattern = '(\d{1,2})시 전'      # or a regular expression for the whole text, in small letters
  means = "MORNING"
  before = true                   # goes before the built-in rules; without it, only for what they cannot read

The report says what each rule changes. `daybook import run --rules FILE` imports by the same rules.

A text that the built-in rules cannot read may hold a patient's name. Unless --samples is given it is shown as its shape
alone: N for a digit, ○ for a letter of a word that is none of a time.

The clinic's own services and hours are used where it has a book; else those with which a clinic begins."#;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    source: SourceArguments,
    #[command(flatten)]
    rules: RulesArguments,
    /// Show samples also of texts that the built-in rules cannot read; they may name patients
    #[arg(long)]
    samples: bool,
    /// Write the report as one HTML page as well, for a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Replace the file of --html
    #[arg(long, requires = "html")]
    force: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let source = Source::open(arguments.source)?;
    let takeover = ImportRun { rules: arguments.rules.read()?, ..ImportRun::default() };
    if let Some(file) = &arguments.html {
        check_free(file, arguments.force)?;
    }
    let samples = if arguments.samples { Samples::All } else { Samples::Times };
    let name = source.name();
    let backend = Backend::open_if_begun(settings).await?;
    let commands = backend.as_ref().map(|backend| &backend.commands);
    let looked = source
        .read("reading", async |source, tell| takeover.analyze(commands, source, samples, tell).await)
        .await;
    if let Some(backend) = backend {
        backend.close().await?;
    }
    let analysis = looked?;
    if let Some(file) = &arguments.html {
        write_page(file, &html::page(&name, &analysis))?;
    }
    arguments.format.print(&analysis, || text::describe(&analysis))?;
    Ok(Exit::Done)
}

fn write_page(file: &Path, page: &str) -> anyhow::Result<()> {
    let part = AtomicFile::create(file)?;
    part.out().write_all(page.as_bytes()).with_context(|| format!("cannot write `{}`", file.display()))?;
    part.keep()?;
    say(format_args!("The report is in `{}`.", file.display()));
    Ok(())
}

/// The rules that decided nothing.
fn idle_rules(analysis: &Analysis) -> Vec<&str> {
    analysis.rules.iter().filter(|rule| rule.rows == 0).map(|rule| &*rule.name).collect()
}
