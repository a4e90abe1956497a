//! The half of the day of a reservation: that of the clinic slot that contains its time, by the hours of the view.
//!
//! Both views compute it from what they have, so that both give the same list. The old text of the legacy view is read by
//! the grammar, never by a pattern of SQL.

use daybook_domain::requested_time::{self, MAX_REQUESTED_TIME_LENGTH, ParsedTime};
use daybook_domain::{Period, ReadModel};
use deadpool_postgres::Transaction;

use super::Conditions;
use crate::control::error::ViewError;
use crate::control::ids::Generation;

/// As [`daybook_domain::hours::Hours::period_of`]: the first slot that contains the time, or else the half by the clock.
const OF_TIME: &str = r#"COALESCE((SELECT h.period::text FROM {schema}.clinic_time_slots h
    WHERE h."isActive" AND h."dayOfWeek" = extract(dow FROM r."preferredDate")
        AND (h."effectiveFrom" IS NULL OR h."effectiveFrom" <= r."preferredDate")
        AND (h."effectiveUntil" IS NULL OR r."preferredDate" <= h."effectiveUntil")
        AND h."startTime" <= {time} AND {time} < h."endTime"
    ORDER BY h."startTime", h.id COLLATE "C" LIMIT 1), CASE WHEN {time} < '12:00' THEN 'MORNING' ELSE 'AFTERNOON' END)"#;

/// Adds the condition for a period. The other conditions are complete, because they limit the texts to be read.
pub(super) async fn add(
    conditions: &mut Conditions,
    snapshot: &Transaction<'_>,
    generation: Generation,
    period: Period,
) -> Result<(), ViewError> {
    let (start, half) = match generation.model {
        ReadModel::Dynamic => (r#"r."timeSlotStart""#, "r.period::text"),
        ReadModel::Legacy => {
            let said = ParsedTexts::read(conditions, snapshot, generation).await?;
            let join = r#"LEFT JOIN unnest({1}::text[], {2}::text[], {3}::text[]) AS said(text, start, half)
                ON r."readAs" IS NULL AND said.text = r."preferredTime""#;
            conditions.join =
                conditions.bind(join, [Box::new(said.texts), Box::new(said.starts), Box::new(said.halves)]);
            let start = r#"(CASE WHEN r."readAs" LIKE '%:%' THEN r."readAs" ELSE said.start END)"#;
            let half =
                r#"(CASE WHEN r."readAs" IN ('MORNING', 'AFTERNOON') THEN r."readAs" ELSE said.half END)"#;
            (start, half)
        }
    };
    let of_time = OF_TIME.replace("{time}", start);
    let condition = format!("CASE WHEN {start} IS NOT NULL THEN {of_time} ELSE {half} END = {{1}}");
    conditions.add(&condition, [Box::new(period.as_str())]);
    Ok(())
}

/// The different texts of requested times, as far as they name a time or a half of the day.
#[derive(Default)]
struct ParsedTexts {
    texts: Vec<String>,
    starts: Vec<Option<String>>,
    halves: Vec<Option<&'static str>>,
}

impl ParsedTexts {
    async fn read(
        conditions: &Conditions,
        snapshot: &Transaction<'_>,
        generation: Generation,
    ) -> Result<Self, ViewError> {
        let texts = format!(
            r#"SELECT DISTINCT r."preferredTime" FROM {{schema}}.reservations r {}
               AND r."readAs" IS NULL AND octet_length(r."preferredTime") <= {MAX_REQUESTED_TIME_LENGTH}"#,
            conditions.sql()
        );
        let texts = texts.replace("{schema}", &generation.schema());
        let mut said = Self::default();
        for row in snapshot.query(&texts, &conditions.parameters()).await? {
            said.add(row.try_get(0)?);
        }
        Ok(said)
    }

    fn add(&mut self, text: String) {
        let (start, half) = match requested_time::parse(&text) {
            ParsedTime::At(start) => (Some(start.to_string()), None),
            ParsedTime::Period(period) => (None, Some(period.as_str())),
            ParsedTime::Ambiguous(_) => return,
        };
        self.texts.push(text);
        self.starts.push(start);
        self.halves.push(half);
    }
}
