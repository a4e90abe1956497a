//! The input of an import: the reservations of the old system, and the rules of the clinic for times.
//!
//! It must never write to the old system or show a connection string.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::Args;
use daybook_domain::ClinicZone;
use daybook_migration::import::{
    self, CsvOptions, DateRule, DayZone, ImportError, MAX_RULES_BYTES, OnProgress, Progress, Rules,
    Separator, TextEncoding,
};

use crate::error::UsageError;
use crate::output::ProgressBar;
use crate::settings::parse_connection;

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct SourceArguments {
    /// CSV export of the old table `reservations`, with column names in the first line
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Live PostgreSQL of the old system; it is only read
    #[arg(long, value_name = "URL", conflicts_with_all = ["separator", "encoding"])]
    from: Option<String>,
}

/// How a CSV file is written.
#[derive(Args)]
pub(super) struct CsvArguments {
    /// Character between the fields of the CSV file: `,`, `;`, `|`, `tab` or another one. It is found from the header otherwise
    #[arg(long, value_name = "CHARACTER", value_parser = parse_separator)]
    separator: Option<Separator>,
    /// Encoding of the CSV file: utf-8, utf-16le, utf-16be, cp949, windows-1252, shift_jis, gbk or another one of the WHATWG's.
    /// Unicode and Korean are found from the text; any other encoding has to be given
    #[arg(long, value_name = "NAME", value_parser = parse_encoding)]
    encoding: Option<TextEncoding>,
}

impl CsvArguments {
    pub(super) const fn options(&self) -> CsvOptions {
        CsvOptions { encoding: self.encoding, separator: self.separator }
    }
}

/// How to read what the source leaves open.
#[derive(Args)]
pub(super) struct ReadingArguments {
    #[command(flatten)]
    csv: CsvArguments,
    /// Zone of dates that were exported as moments, such as birth dates: `local` if the old system stored midnight of the
    /// clinic, `utc` if it stored midnight of UTC. Without it, a row whose day depends on it is rejected
    #[arg(long, value_name = "ZONE", value_parser = parse_zone)]
    dates: Option<DayZone>,
}

impl ReadingArguments {
    pub(super) const fn dates(&self, clinic: ClinicZone) -> DateRule {
        DateRule { clinic, zone: self.dates }
    }
}

fn parse_separator(text: &str) -> Result<Separator, String> {
    Separator::parse(text).ok_or_else(|| "use one character such as ; or the word tab".to_owned())
}

fn parse_encoding(text: &str) -> Result<TextEncoding, String> {
    TextEncoding::by_label(text)
        .ok_or_else(|| "use a name such as utf-8, cp949, utf-16le, windows-1252 or gbk".to_owned())
}

fn parse_zone(text: &str) -> Result<DayZone, String> {
    match text {
        "utc" => Ok(DayZone::Utc),
        "local" => Ok(DayZone::Local),
        _ => Err("use utc or local".to_owned()),
    }
}

#[derive(Args)]
pub(super) struct RulesArguments {
    /// Rules of the clinic for times that the built-in rules cannot read, in TOML; see `daybook import analyze --help`
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
}

impl RulesArguments {
    /// Reads the rules; none without a file.
    pub(super) fn read(&self) -> anyhow::Result<Rules> {
        let Some(path) = &self.rules else { return Ok(Rules::default()) };
        let mut text = String::new();
        // One byte more than allowed, so that the parser reports the excess.
        let read =
            File::open(path).and_then(|file| file.take(MAX_RULES_BYTES as u64 + 1).read_to_string(&mut text));
        read.with_context(|| format!("cannot read `{}` (--rules)", path.display()))?;
        let rules = Rules::parse(&text);
        rules.map_err(|error| UsageError(format!("`{}` (--rules), {error}", path.display())).into())
    }
}

/// The options that name and read this source, for the commands that are printed. A URL may contain a password, so it stands
/// as `URL`.
pub(super) fn spelled(
    source: &SourceArguments,
    reading: &ReadingArguments,
    rules: &RulesArguments,
) -> String {
    let mut options = source.csv.as_ref().map_or_else(|| "--from URL".to_owned(), |path| option("csv", path));
    let mut add = |option: String| options.push_str(&format!(" {option}"));
    if let Some(separator) = reading.csv.separator {
        add(option("separator", Path::new(&separator.as_option())));
    }
    if let Some(encoding) = reading.csv.encoding {
        add(option("encoding", Path::new(&encoding.name().to_lowercase())));
    }
    match reading.dates {
        Some(DayZone::Utc) => add("--dates utc".to_owned()),
        Some(DayZone::Local) => add("--dates local".to_owned()),
        None => {}
    }
    if let Some(path) = &rules.rules {
        add(option("rules", path));
    }
    options
}

/// An option as a shell reads it.
fn option(name: &str, value: &Path) -> String {
    let value = value.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ':' | ',');
    if !value.is_empty() && value.chars().all(is_plain) {
        return format!("--{name} {value}");
    }
    format!("--{name} '{}'", value.replace('\'', "'\\''"))
}

pub(super) enum Source {
    Csv { file: File, path: PathBuf, size_bytes: u64, exported_by: DateTime<Utc>, options: CsvOptions },
    Postgres(Box<tokio_postgres::Config>),
}

impl Source {
    pub(super) fn open(arguments: SourceArguments, reading: &ReadingArguments) -> anyhow::Result<Self> {
        let Some(path) = arguments.csv else {
            let url = arguments.from.unwrap_or_default();
            return Ok(Self::Postgres(Box::new(parse_connection("--from", &url)?)));
        };
        let opened = File::open(&path).and_then(|file| file.metadata().map(|found| (file, found)));
        let (file, found) = opened.with_context(|| format!("cannot read `{}` (--csv)", path.display()))?;
        // The export was complete when the file was written last. A copy may be younger, but is never older.
        let exported_by =
            found.modified().map_or_else(|_| Utc::now(), |modified| Utc::now().min(modified.into()));
        Ok(Self::Csv { file, path, size_bytes: found.len(), exported_by, options: reading.csv.options() })
    }

    /// The name of the source, without user, host or password.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Csv { path, .. } => format!("`{}`", path.display()),
            Self::Postgres(config) => {
                format!("the database `{}`", config.get_dbname().unwrap_or("(unnamed)"))
            }
        }
    }

    /// Reads the whole source and shows progress.
    pub(super) async fn read<T>(
        self,
        phase: &'static str,
        read: impl AsyncFnOnce(import::Source, OnProgress<'_>) -> Result<T, ImportError>,
    ) -> anyhow::Result<T> {
        let progress_bar = ProgressBar::new("rows");
        let (source, size_bytes) = match self {
            Self::Csv { file, size_bytes, exported_by, options, .. } => {
                (import::Source::csv_as(file, options, exported_by), Some(size_bytes))
            }
            Self::Postgres(config) => (import::Source::Postgres(config), None),
        };
        let on_progress = move |progress: Progress| {
            let bytes = progress.source_bytes.zip(size_bytes);
            let known = bytes.or_else(|| progress.rows_total.map(|total| (progress.rows, total)));
            let fraction = known.map(|(done, all)| done as f64 / all.max(1) as f64);
            progress_bar.update(phase, progress.rows, fraction);
        };
        let option = if size_bytes.is_some() { "--csv" } else { "--from" };
        read(source, &on_progress).await.context(option)
    }
}
