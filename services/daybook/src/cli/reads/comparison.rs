//! `daybook reads compare` and `reads selftest`: both views compared on a sample of reservations, and a view compared with itself.
//!
//! They must never change anything or show a patient's details.

use clap::{Args, ValueEnum};
use daybook_domain::ReadModel;
use daybook_migration::shadow::{ReadDifference, ReadTrial, Shadow};

use crate::exit::Exit;
use crate::output::{Align, Format, ProgressBar, Table, grouped, say, seconds};
use crate::settings::Settings;
use crate::wiring::{IfMissing, with_backend, with_engine};

#[derive(Args)]
pub(in crate::cli) struct CompareArguments {
    /// Number of randomly chosen reservations
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    sample: u64,
    #[command(flatten)]
    format: Format,
}

#[derive(Args)]
pub(in crate::cli) struct SelftestArguments {
    /// Number of comparisons; reservations are compared repeatedly if there are fewer
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
    let trial = with_engine(settings, IfMissing::Refused, async |backend| {
        let progress_bar = ProgressBar::new("reservations");
        Ok(Shadow::new(backend.pool.clone()).sample(sample, on_progress(&progress_bar, sample)).await?)
    })
    .await?;
    report(&trial, format)
}

pub(super) async fn self_test(settings: &Settings, arguments: SelftestArguments) -> anyhow::Result<Exit> {
    let SelftestArguments { compares, model, format } = arguments;
    let trial = with_backend(settings, IfMissing::Refused, async |backend| {
        let progress_bar = ProgressBar::new("compares");
        let shadow = Shadow::new(backend.pool.clone());
        Ok(shadow.self_test(model.into(), compares, on_progress(&progress_bar, compares)).await?)
    })
    .await?;
    report(&trial, format)
}

fn on_progress(progress_bar: &ProgressBar, all: u64) -> impl Fn(u64) {
    move |done| progress_bar.update("comparing", done, Some(done as f64 / all as f64))
}

/// Prints the result. A comparison of nothing proves nothing, so it fails.
fn report(trial: &ReadTrial, format: Format) -> anyhow::Result<Exit> {
    format.print(trial, || describe(trial))?;
    if trial.compared == 0 {
        say("Nothing was compared: there is no reservation.");
    }
    Ok(if trial.mismatched == 0 && trial.compared > 0 { Exit::Done } else { Exit::Failed })
}

fn describe(trial: &ReadTrial) -> String {
    let [left, right] = trial.generations;
    let mut text = format!(
        "{left} and {right}: {} differ of {} compared in {}.",
        grouped(trial.mismatched),
        grouped(trial.compared),
        seconds(trial.seconds)
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
