//! What is found where two generations are compared: in full from all rows, or quickly from the digests of their days.

use chrono::NaiveDate;
use deadpool_postgres::Transaction;
use futures_util::TryStreamExt;

use super::days::Days;
use super::declared::Declared;
use super::pairs::{AnyRow, Pair, pairs};
use super::side::Sides;
use super::suspect::{MAX_DIFFERENCES, Suspect};
use crate::control::error::ViewError;
use crate::projection::canonical::{CanonicalReservation, Digest};
use crate::projection::day_digests::{DayDigest, DayDigests, differing_days};
use crate::projection::reference::Reference;
use crate::store::rows;

/// What was counted of one generation's rows.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) days: DayDigests,
    /// The same of what is not sealed.
    pub(super) unsealed: DayDigests,
}

impl Tally {
    /// Adds a fact to its day.
    pub(super) fn take(&mut self, fact: &CanonicalReservation<'_>) {
        add(&mut self.days, fact.date, fact.hash());
        add(&mut self.unsealed, fact.date, fact.unsealed_hash());
    }
}

fn add(days: &mut DayDigests, date: NaiveDate, hash: Digest) {
    let DayDigest { reservations, digest } = days.entry(date).or_default();
    *reservations += 1;
    *digest = digest.with(hash);
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The digests that were compared: of all rows, or those that are kept.
    pub(super) days: [DayDigests; 2],
    /// Of the rows that were read.
    pub(super) tallies: [Tally; 2],
    pub(super) wrong_digests: Days,
    pub(super) differing: u64,
    pub(super) suspects: Vec<Suspect>,
    pub(super) declared: Option<Declared>,
}

/// Reads all rows of both, and checks the digests that are kept with them.
pub(super) async fn fully(
    snapshot: &Transaction<'_>,
    sides: &Sides,
    reference: &Reference,
) -> Result<Found, ViewError> {
    let declared = sides.are_both_views().then(Declared::default);
    let mut found = Found { declared, ..Found::default() };
    found.read(snapshot, sides, None, reference).await?;
    let kept = kept(snapshot, sides).await?;
    let read = [&found.tallies[0].days, &found.tallies[1].days];
    found.wrong_digests =
        Days::of([0, 1].into_iter().flat_map(|side| differing_days([&kept[side], read[side]])));
    found.days = read.map(Clone::clone);
    Ok(found)
}

/// Compares the kept digests, and reads the rows of the days that differ.
pub(super) async fn quickly(
    snapshot: &Transaction<'_>,
    sides: &Sides,
    reference: &Reference,
) -> Result<Found, ViewError> {
    let mut found = Found { days: kept(snapshot, sides).await?, ..Found::default() };
    let days = differing_days(found.days.each_ref());
    if days.is_empty() {
        return Ok(found);
    }
    found.read(snapshot, sides, Some(&days), reference).await?;
    let is_wrong =
        |day: &NaiveDate| (0..2).any(|side| found.tallies[side].days.get(day) != found.days[side].get(day));
    found.wrong_digests = Days::of(days.into_iter().filter(is_wrong));
    Ok(found)
}

async fn kept(snapshot: &Transaction<'_>, sides: &Sides) -> Result<[DayDigests; 2], ViewError> {
    let [left, right] = sides.generations;
    Ok([rows::read_digests(snapshot, left).await?, rows::read_digests(snapshot, right).await?])
}

impl Found {
    async fn read(
        &mut self,
        snapshot: &Transaction<'_>,
        sides: &Sides,
        days: Option<&[NaiveDate]>,
        reference: &Reference,
    ) -> Result<(), ViewError> {
        let mut pairs = std::pin::pin!(pairs(snapshot, sides, days).await?);
        while let Some(pair) = pairs.try_next().await? {
            self.take(&pair, reference);
        }
        Ok(())
    }

    fn take(&mut self, pair: &Pair, reference: &Reference) {
        let facts = pair.each_ref().map(|row| row.as_ref().map(|row| row.fact(reference)));
        for (tally, fact) in self.tallies.iter_mut().zip(&facts) {
            if let Some(fact) = fact {
                tally.take(fact);
            }
        }
        let dynamic = pair.iter().flatten().find_map(AnyRow::dynamic);
        if let (Some(declared), Some(row)) = (&mut self.declared, dynamic) {
            declared.count(row, reference);
        }
        if facts[0] == facts[1] {
            return;
        }
        self.differing += 1;
        if self.suspects.len() < MAX_DIFFERENCES {
            self.suspects.extend(Suspect::of(&facts));
        }
    }
}
