//! `daybook import review decide`: what one wish means, or all that are written alike.

use clap::Args;
use daybook_domain::schedule::ReviewedTime;
use daybook_domain::{ClockTime, Period, ReservationId};
use daybook_migration::review::Decision;

use super::outcome::{Given, Report};
use super::waiting::Waiting;
use crate::exit::Exit;
use crate::output::{Confirmation, Format};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    consent: Confirmation,
    #[command(flatten)]
    format: Format,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Id of the reservation
    #[arg(value_name = "ID", value_parser = parse_id)]
    reservation: Option<ReservationId>,
    /// All that await review and in which the patient wrote this
    #[arg(long, value_name = "TEXT")]
    all_like: Option<String>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct What {
    /// The patient meant this time, HH:MM
    #[arg(long, value_name = "HH:MM")]
    time: Option<ClockTime>,
    /// The patient meant this half of the day, MORNING or AFTERNOON
    #[arg(long, value_name = "PERIOD")]
    period: Option<Period>,
    /// Nobody can tell: leave it in review
    #[arg(long)]
    keep: bool,
}

fn parse_id(text: &str) -> Result<ReservationId, String> {
    ReservationId::parse(text).map_err(|error| error.to_string())
}

impl What {
    fn decision(&self) -> Decision {
        let time = self.time.map(ReviewedTime::At);
        time.or(self.period.map(ReviewedTime::Period)).map_or(Decision::Keep, Decision::ReviewedTime)
    }
}

impl Which {
    fn describe(&self) -> String {
        match &self.reservation {
            Some(reservation) => format!("reservation {reservation}"),
            // What patients wrote is not repeated, though it stands on the command line.
            None => "every reservation in review with the text that was given".to_owned(),
        }
    }
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { which, what, consent, format } = arguments;
    let decision = what.decision();
    let whom = which.describe();
    consent
        .to(match decision {
            Decision::Keep => format!("This leaves {whom} in review."),
            Decision::ReviewedTime(ReviewedTime::At(start)) => {
                format!("This records that {whom} was meant for {start}.")
            }
            Decision::ReviewedTime(ReviewedTime::Period(period)) => {
                format!("This records that {whom} was meant for the {}.", period.as_str())
            }
        })
        .await?;
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    let engine = backend.start_engine();
    let report = decide(&backend, which, decision).await;
    engine.stop().await;
    backend.close().await?;
    let report = report?;
    format.print(&report, || report.describe())?;
    Ok(report.exit())
}

async fn decide(backend: &Backend, which: Which, decision: Decision) -> anyhow::Result<Report> {
    backend.check_views_not_ahead().await?;
    let waiting = Waiting::open(backend).await?;
    let mut ids: Vec<ReservationId> = which.reservation.into_iter().collect();
    if let Some(text) = &which.all_like {
        for unread in waiting.written(text).await? {
            ids.push(ReservationId::parse(unread.id)?);
        }
    }
    let given = ids.into_iter().map(|reservation| Given { place: None, reservation, decision });
    Report::of(backend, &waiting, given.collect()).await
}
