//! The program's log: to standard error, as text or JSON, as much of it as the filter lets through.
//!
//! Whatever the filter says, nothing of what database drivers write below a warning comes out: their debug lines hold
//! statements with their parameters, which are patients' details.

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::settings::{LogFormat, SettingsError};

/// What a service logs unless told otherwise. That a pooled connection ended, or that a node of EventStoreDB did not answer,
/// is told by whoever needed it.
pub(crate) const SERVICE_FILTER: &str =
    "info,refinery_core=warn,actix_server=warn,deadpool=error,eventstore=off";

/// What the other commands log unless told otherwise: they print what they have to say.
pub(crate) const COMMAND_FILTER: &str = "warn,deadpool=error,eventstore=off";

/// Crates whose lines below a warning may hold values.
const DRIVERS: [&str; 3] = ["tokio_postgres", "deadpool", "eventstore"];

/// Starts the log of this process.
pub(crate) fn start(format: LogFormat, filter: &str) -> Result<(), SettingsError> {
    let filter = EnvFilter::try_new(filter).map_err(|_| SettingsError::LogFilter)?;
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.with_ansi(false).json().flatten_event(true).boxed(),
    };
    // It fails only where a log runs already, as in tests that start several commands; that one is as good.
    let _ = tracing_subscriber::registry().with(lines.with_filter(quiet_drivers())).with(filter).try_init();
    Ok(())
}

fn quiet_drivers() -> FilterFn {
    filter_fn(is_fit_to_print)
}

fn is_fit_to_print(line: &Metadata<'_>) -> bool {
    let of_driver = DRIVERS.iter().any(|driver| line.target().starts_with(driver));
    !of_driver || *line.level() <= Level::WARN
}
