//! `daybook import review list`: which reservations wait for somebody to say what their wish means.

use clap::Args;
use daybook_projections::query::Unread;
use serde::Serialize;

use super::waiting::{Filter, Waiting};
use crate::exit::Exit;
use crate::output::{Align, Format, Table, counted};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    /// So many at most
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Listed {
    /// All there are.
    waiting: usize,
    /// The first of them.
    reservations: Vec<Unread>,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let listed =
        with_engine(settings, IfMissing::Refused, async |backend| look(backend, &arguments).await).await?;
    arguments.format.print(&listed, || describe(&listed))?;
    Ok(Exit::Done)
}

async fn look(backend: &Backend, arguments: &Arguments) -> anyhow::Result<Listed> {
    let mut reservations = Waiting::open(backend).await?.list(&arguments.filter).await?;
    let waiting = reservations.len();
    reservations.truncate(arguments.limit);
    Ok(Listed { waiting, reservations })
}

fn describe(listed: &Listed) -> String {
    if listed.waiting == 0 {
        return "Nothing awaits review.".to_owned();
    }
    let columns = ["id", "date", "weekday", "service", "status", "reason", "what the patient wrote"];
    let mut table = Table::new(&columns.map(|column| (column, Align::Left)));
    for unread in &listed.reservations {
        table.row([
            unread.id.clone(),
            unread.date.to_string(),
            unread.date.format("%a").to_string(),
            unread.service.clone(),
            unread.status.to_string(),
            unread.reason.to_string(),
            on_one_line(&unread.text),
        ]);
    }
    let more = listed.waiting - listed.reservations.len();
    let more = match more {
        0 => String::new(),
        more => format!("and {} (--limit)\n", counted(more as u64, "more", "more")),
    };
    format!("{table}{more}")
}

/// A text as one line of a terminal shows it: whoever wrote it cannot move the cursor with it.
fn on_one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use daybook_domain::Status;
    use daybook_domain::requested_time::Ambiguity;

    use super::*;

    #[test]
    fn a_text_stays_on_its_line_and_what_is_not_listed_is_counted() {
        let unread = Unread {
            id: "old-1".to_owned(),
            date: "2025-03-28".parse().unwrap(),
            service: "SKIN_CARE".to_owned(),
            status: Status::Pending,
            text: "저녁\n\u{1b}[2J".to_owned(),
            reason: Ambiguity::NotATime,
        };
        let text = describe(&Listed { waiting: 3, reservations: vec![unread] });
        let row =
            "old-1  2025-03-28  Fri      SKIN_CARE  PENDING  NOT_A_TIME  저녁  [2J\nand 2 more (--limit)";
        assert!(text.contains(row), "{text}");
        assert_eq!(describe(&Listed { waiting: 0, reservations: vec![] }), "Nothing awaits review.");
    }
}
