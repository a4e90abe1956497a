//! Whether bookings are made as often as before.
//!
//! A clinic is closed at night and on Sunday, and weekdays differ. So the time since the stage began is compared with the
//! same hours of the same weekdays, the fewest whole weeks earlier that do not overlap.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::ReadModel;
use daybook_domain::routing::{Finding, Gate, GateResult};
use deadpool_postgres::Transaction;

use super::figures::counted;
use super::stage_stay::StageStay;
use super::{GateSettings, LiveViews, result};
use daybook_projections::ViewError;

/// Standard deviations of the difference of two counts within which chance explains it.
const CHANCE: f64 = 2.0;

/// Bookings of two periods with the same hours.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bookings {
    since: u64,
    earlier: u64,
    hours: f64,
    weeks: i32,
}

/// Compares the bookings since the stage began with those of the same hours before.
pub(super) async fn creation_rate(
    snapshot: &Transaction<'_>,
    live: &LiveViews,
    stay: &StageStay,
    (now, settings): (DateTime<Utc>, &GateSettings),
) -> Result<GateResult, ViewError> {
    let bookings = Bookings::count(snapshot, live, stay.since, now).await?;
    let Bookings { since, earlier, hours, weeks } = bookings;
    let per_hour = |number: u64| number as f64 / hours.max(f64::EPSILON);
    let found = format!(
        "{} in {} ({:.1} an hour); {earlier} in the same hours {} earlier ({:.1} an hour)",
        counted(since, "booking", "bookings"),
        stay.stage,
        per_hour(since),
        counted(u64::from(weeks.unsigned_abs()), "week", "weeks"),
        per_hour(earlier)
    );
    let asked = format!(
        "at least {} % of the earlier bookings, which must be {} or more",
        settings.least_bookings, settings.bookings
    );
    Ok(result(Gate::CreationRate, bookings.finding(settings), found, asked))
}

impl Bookings {
    async fn count(
        snapshot: &Transaction<'_>,
        live: &LiveViews,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Self, ViewError> {
        let length = (now - since).max(TimeDelta::zero());
        let weeks =
            i32::try_from(1 + (length - TimeDelta::nanoseconds(1)).num_weeks().max(0)).unwrap_or(i32::MAX);
        let back = |moment: DateTime<Utc>| {
            moment.checked_sub_signed(TimeDelta::weeks(i64::from(weeks))).unwrap_or_default().naive_utc()
        };
        let schema = live.generation(ReadModel::Dynamic)?.schema();
        let sql = format!(
            r#"SELECT count(*) FILTER (WHERE "createdAt" >= $1 AND "createdAt" < $2) AS since,
                      count(*) FILTER (WHERE "createdAt" >= $3 AND "createdAt" < $4) AS earlier
               FROM {schema}.reservations"#
        );
        let moments = [since.naive_utc(), now.naive_utc(), back(since), back(now)];
        let row = snapshot.query_one(&sql, &[&moments[0], &moments[1], &moments[2], &moments[3]]).await?;
        let count = |name| row.try_get::<_, i64>(name).map(i64::unsigned_abs);
        let hours = length.num_seconds() as f64 / 3600.0;
        Ok(Self { since: count("since")?, earlier: count("earlier")?, hours, weeks })
    }

    /// Too few bookings leave the gate unmet only if chance does not explain the difference.
    fn finding(self, settings: &GateSettings) -> Finding {
        let Self { since, earlier, .. } = self;
        let chance = CHANCE * ((since + earlier) as f64).sqrt();
        if earlier < settings.bookings {
            return Finding::Inconclusive;
        }
        if since as f64 >= earlier as f64 * settings.least_bookings / 100.0 {
            return Finding::Met;
        }
        if (earlier - since) as f64 > chance { Finding::NotMet } else { Finding::Inconclusive }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_bookings_leave_the_gate_unmet_if_chance_does_not_explain_them() {
        let cases = [
            (0, 19, Finding::Inconclusive),
            (14, 20, Finding::Met),
            (13, 20, Finding::Inconclusive),
            (5, 20, Finding::NotMet),
            (500, 20, Finding::Met),
            (690, 1_000, Finding::NotMet),
            (700, 1_000, Finding::Met),
        ];
        for (since, earlier, finding) in cases {
            let bookings = Bookings { since, earlier, hours: 24.0, weeks: 1 };
            assert_eq!(bookings.finding(&GateSettings::default()), finding, "{since} after {earlier}");
        }
    }
}
