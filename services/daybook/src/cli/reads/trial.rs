//! `daybook reads compare` and `reads selftest`: what both views say of a sample of reservations, and whether comparing finds
//! differences where there can be none.
//!
//! Nothing is changed, and what could say something of a patient is not shown.

use clap::{Args, ValueEnum};
use daybook_domain::ReadModel;
use daybook_migration::shadow::{ReadDifference, ReadTrial, Shadow};

use crate::exit::Exit;
use crate::output::{Align, Format, ProgressBar, Table, grouped, say};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing};

#[derive(Args)]
pub(in crate::cli) struct CompareArguments {
    /// Reservations to compare, chosen at random
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    sample: u64,
    #[command(flatten)]
    format: Format,
}

#[derive(Args)]
pub(in crate::cli) struct SelftestArguments {
    /// Comparisons of one reservation; all reservations are gone through as often as it takes
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    compares: u64,
    /// The view that is compared with itself
    #[arg(long, value_enum, default_value_t = Model::Dynamic)]
    model: Model,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Model {
    Legacy,
    Dynamic,
}

impl From<Model> for ReadModel {
    fn from(model: Model) -> Self {
        match model {
            Model::Legacy => Self::Legacy,
            Model::Dynamic => Self::Dynamic,
        }
    }
}

pub(super) async fn compare(settings: &Settings, arguments: CompareArguments) -> anyhow::Result<Exit> {
    let CompareArguments { sample, format } = arguments;
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    // The views meet at one position only while somebody keeps them up, with or without a running service.
    let engine = backend.start_engine();
    let meter = ProgressBar::new("reservations");
    let found = Shadow::new(backend.pool.clone()).sample(sample, tell(&meter, sample)).await;
    drop(meter);
    engine.stop().await;
    backend.close().await?;
    report(&found?, format)
}

pub(super) async fn self_test(settings: &Settings, arguments: SelftestArguments) -> anyhow::Result<Exit> {
    let SelftestArguments { compares, model, format } = arguments;
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    let meter = ProgressBar::new("compares");
    let shadow = Shadow::new(backend.pool.clone());
    let found = shadow.self_test(model.into(), compares, tell(&meter, compares)).await;
    drop(meter);
    backend.close().await?;
    report(&found?, format)
}

fn tell(meter: &ProgressBar, all: u64) -> impl Fn(u64) {
    move |done| meter.tell("comparing", done, Some(done as f64 / all as f64))
}

/// Prints what was found. Where nothing was compared, nothing was shown either.
fn report(trial: &ReadTrial, format: Format) -> anyhow::Result<Exit> {
    format.print(trial, || describe(trial))?;
    if trial.compared == 0 {
        say("There is no reservation to compare.");
    }
    Ok(if trial.mismatched == 0 && trial.compared > 0 { Exit::Done } else { Exit::Failed })
}

fn describe(trial: &ReadTrial) -> String {
    let [left, right] = trial.generations;
    let mut text = format!(
        "{left} and {right}: {} compared in {:.1} s, {} differ.",
        grouped(trial.compared),
        trial.seconds,
        grouped(trial.mismatched)
    );
    if !trial.differences.is_empty() {
        text.push('\n');
        text.push_str(&table(&trial.differences));
    }
    text
}

fn table(differences: &[ReadDifference]) -> String {
    let mut table = Table::new(&["reservation", "field", "first", "second"].map(|name| (name, Align::Left)));
    for difference in differences {
        let [left, right] = &difference.sides;
        let reservation = difference.reservation.as_deref().unwrap_or_default();
        table.row([reservation, &difference.field, left, right].map(str::to_owned));
    }
    table.to_string()
}
