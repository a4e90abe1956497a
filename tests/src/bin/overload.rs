//! Prints what a service does at 0.5, 1, 2 and 4 times its capacity: `cargo run --release -p daybook-tests --bin overload`.
//!
//! `--json` prints the figures for programs, `--seconds NUMBER` sets the length of each step.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use daybook_tests::bench::report_error;
use daybook_tests::overload::{Curve, Plan, measure};
use daybook_tests::process::Installation;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report_error(&error, &mut std::io::stderr()),
    }
}

async fn run() -> anyhow::Result<()> {
    let (mut plan, mut json) = (Plan::default(), false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json = true,
            "--seconds" => {
                let seconds = arguments.next().and_then(|text| text.parse().ok());
                plan.step = Duration::from_secs(seconds.context("--seconds takes a number")?);
            }
            _ => bail!("usage: overload [--json] [--seconds NUMBER]"),
        }
    }
    let clinic = Installation::open_alone().await?;
    // The default wait for a place, which an empty value stands for.
    let wait = ("DAYBOOK_MAX_QUEUE_WAIT", "");
    let settings = [("DAYBOOK_TRUSTED_PROXIES", "127.0.0.1"), ("RUST_LOG", "warn"), wait];
    let service = clinic.serve_with(&settings).await?;
    let curve = measure(&service, &plan).await?;
    print(&curve, json)
}

fn print(curve: &Curve, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    if json { Ok(writeln!(out, "{}", serde_json::to_string(curve)?)?) } else { Ok(curve.write(&mut out)?) }
}
