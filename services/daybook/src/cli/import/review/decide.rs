//! `daybook import review decide`: decides the time of one reservation, or of all with the same text.

use clap::Args;
use daybook_domain::schedule::ReviewedTime;
use daybook_domain::{ClockTime, Period, ReservationId};
use daybook_migration::review::Decision;

use super::queue::ReviewQueue;
use super::report::{Report, RequestedDecision};
use crate::exit::Exit;
use crate::output::{Confirmation, Format, say};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    selection: ReservationSelection,
    #[command(flatten)]
    answer: DecisionArguments,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct ReservationSelection {
    /// Id of the reservation
    #[arg(value_name = "ID", value_parser = parse_id)]
    reservation: Option<ReservationId>,
    /// All reservations in review with this text
    #[arg(long, value_name = "TEXT")]
    all_like: Option<String>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct DecisionArguments {
    /// The time that the patient meant, HH:MM
    #[arg(long, value_name = "HH:MM")]
    time: Option<ClockTime>,
    /// The half-day that the patient meant, MORNING or AFTERNOON
    #[arg(long, value_name = "PERIOD")]
    period: Option<Period>,
    /// Leave it in review
    #[arg(long)]
    keep: bool,
}

fn parse_id(text: &str) -> Result<ReservationId, String> {
    ReservationId::parse(text).map_err(|error| error.to_string())
}

impl DecisionArguments {
    fn decision(&self) -> Decision {
        let time = self.time.map(ReviewedTime::At);
        time.or(self.period.map(ReviewedTime::Period)).map_or(Decision::Keep, Decision::ReviewedTime)
    }
}

impl ReservationSelection {
    fn describe(&self) -> String {
        match &self.reservation {
            Some(reservation) => format!("reservation {reservation}"),
            // The patient's text is not repeated, although it is on the command line.
            None => "every reservation in review with this text".to_owned(),
        }
    }
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { selection, answer, confirmation, format } = arguments;
    let decision = answer.decision();
    let subject = selection.describe();
    confirmation
        .require(match decision {
            Decision::Keep => format!("This leaves {subject} in review."),
            Decision::ReviewedTime(ReviewedTime::At(start)) => {
                format!("This records that {subject} was meant for {start}.")
            }
            Decision::ReviewedTime(ReviewedTime::Period(period)) => {
                format!("This records that {subject} was meant for the {}.", period.as_str())
            }
        })
        .await?;
    let report =
        with_engine(settings, IfMissing::Refused, async |backend| decide(backend, selection, decision).await)
            .await?;
    format.print(&report, || report.describe())?;
    Ok(report.exit())
}

async fn decide(
    backend: &Backend,
    selection: ReservationSelection,
    decision: Decision,
) -> anyhow::Result<Report> {
    backend.check_views_not_ahead().await?;
    let waiting = ReviewQueue::open(backend).await?;
    let mut ids: Vec<ReservationId> = selection.reservation.into_iter().collect();
    if let Some(text) = &selection.all_like {
        for unread in waiting.with_text(text).await? {
            ids.push(ReservationId::parse(unread.id)?);
        }
        // The patient's text is not repeated here either.
        if ids.is_empty() {
            say(format_args!(
                "no reservation in review has the text of --all-like, so nothing was decided; `daybook import review list` shows \
                 the texts"
            ));
        }
    }
    let given = ids.into_iter().map(|reservation| RequestedDecision { place: None, reservation, decision });
    Report::apply(backend, &waiting, given.collect()).await
}
