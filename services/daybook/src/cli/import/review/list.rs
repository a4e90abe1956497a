//! `daybook import review list`: the reservations whose time could not be read.

use clap::Args;
use daybook_projections::query::Unread;
use serde::Serialize;

use super::queue::{Filter, ReviewQueue};
use crate::exit::Exit;
use crate::output::{Align, Format, Table, grouped, printable};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    /// Longest list
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct ReviewList {
    /// Number of all reservations in review.
    waiting: usize,
    /// The first ones.
    reservations: Vec<Unread>,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let list =
        with_engine(settings, IfMissing::Refused, async |backend| read(backend, &arguments).await).await?;
    arguments.format.print(&list, || describe(&list))?;
    Ok(Exit::Done)
}

async fn read(backend: &Backend, arguments: &Arguments) -> anyhow::Result<ReviewList> {
    let mut reservations = ReviewQueue::open(backend).await?.list(&arguments.filter).await?;
    let waiting = reservations.len();
    reservations.truncate(arguments.limit);
    Ok(ReviewList { waiting, reservations })
}

fn describe(list: &ReviewList) -> String {
    if list.waiting == 0 {
        return "Nothing awaits review.".to_owned();
    }
    let columns = ["id", "date", "weekday", "service", "status", "reason", "text of the patient"];
    let mut table = Table::new(&columns.map(|column| (column, Align::Left)));
    for unread in &list.reservations {
        table.row([
            unread.id.clone(),
            unread.date.to_string(),
            unread.date.format("%a").to_string(),
            unread.service.clone(),
            unread.status.to_string(),
            unread.reason.to_string(),
            printable(&unread.text),
        ]);
    }
    let more = list.waiting - list.reservations.len();
    let more = match more {
        0 => String::new(),
        more => format!("and {} more (--limit)\n", grouped(more as u64)),
    };
    format!("{table}{more}Next: daybook import review decide ID --time HH:MM")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use daybook_domain::Status;
    use daybook_domain::requested_time::Ambiguity;

    use super::*;

    #[test]
    fn a_text_stays_on_its_line_and_unlisted_reservations_are_counted() {
        let unread = Unread {
            id: "old-1".to_owned(),
            date: "2025-03-28".parse().unwrap(),
            service: "SKIN_CARE".to_owned(),
            status: Status::Pending,
            text: "저녁\n\u{1b}[2J".to_owned(),
            reason: Ambiguity::NotATime,
        };
        let text = describe(&ReviewList { waiting: 3, reservations: vec![unread] });
        let row =
            "old-1  2025-03-28  Fri      SKIN_CARE  PENDING  NOT_A_TIME  저녁··[2J\nand 2 more (--limit)";
        assert!(text.contains(row), "{text}");
        assert_eq!(describe(&ReviewList { waiting: 0, reservations: vec![] }), "Nothing awaits review.");
    }
}
