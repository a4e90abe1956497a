//! The program's log: filtered lines on standard error, as text or JSON.
//!
//! Whatever the filter says, it must never show lines of database drivers below a warning: they contain statements with
//! their parameters, which are patients' details. Nor lines of the HTTP parser, which quote requests that it cannot read.

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::settings::{LogFormat, SettingsError};

/// Default filter of a service. Ended pool connections and silent nodes of EventStoreDB are reported by the code that needs them.
pub(crate) const SERVICE_FILTER: &str =
    "info,refinery_core=warn,actix_server=warn,deadpool=error,eventstore=off";

/// Default filter of other commands, which print their results.
pub(crate) const COMMAND_FILTER: &str = "warn,deadpool=error,eventstore=off";

/// Crates whose lines below a warning may hold values.
const DRIVERS: [&str; 3] = ["tokio_postgres", "deadpool", "eventstore"];

/// Writes a line for each broken request, at any level, with parts of what its client sent.
const PARSER: &str = "actix_http";

/// Starts the log of this process.
pub(crate) fn start(format: LogFormat, filter: &str) -> Result<(), SettingsError> {
    let filter = EnvFilter::try_new(filter).map_err(|_| SettingsError::LogFilter)?;
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.with_ansi(false).json().flatten_event(true).boxed(),
    };
    // It fails only if a log runs already, as in tests that start several commands.
    let _ = tracing_subscriber::registry().with(lines.with_filter(quiet_drivers())).with(filter).try_init();
    Ok(())
}

fn quiet_drivers() -> FilterFn {
    filter_fn(is_fit_to_print)
}

fn is_fit_to_print(line: &Metadata<'_>) -> bool {
    if line.target().starts_with(PARSER) {
        return false;
    }
    let of_driver = DRIVERS.iter().any(|driver| line.target().starts_with(driver));
    !of_driver || *line.level() <= Level::WARN
}
