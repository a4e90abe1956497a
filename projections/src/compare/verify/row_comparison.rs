//! Compares two generations: in full by all rows, or quickly by the digests of their days.

use chrono::NaiveDate;
use deadpool_postgres::Transaction;
use futures_util::TryStreamExt;

use super::alignment::ComparedPair;
use super::days::Days;
use super::declared::Declared;
use super::pairs::{AnyRow, Pair, pairs};
use super::suspect::{MAX_DIFFERENCES, Suspect};
use crate::control::error::ViewError;
use crate::projection::canonical::{CanonicalReservation, Digest};
use crate::projection::day_digests::{DayDigest, DayDigests, differing_days};
use crate::projection::reference::Reference;
use crate::store::rows;

/// Digests computed from one generation's rows.
#[derive(Debug, Default)]
pub(super) struct RowDigests {
    pub(super) days: DayDigests,
    /// The digests of the unsealed fields.
    pub(super) unsealed: DayDigests,
}

impl RowDigests {
    /// Adds a reservation to its day.
    pub(super) fn add(&mut self, canonical: &CanonicalReservation<'_>) {
        add(&mut self.days, canonical.date, canonical.hash());
        add(&mut self.unsealed, canonical.date, canonical.unsealed_hash());
    }
}

fn add(days: &mut DayDigests, date: NaiveDate, hash: Digest) {
    let DayDigest { reservations, digest } = days.entry(date).or_default();
    *reservations += 1;
    *digest = digest.with(hash);
}

/// The result of comparing rows.
#[derive(Debug, Default)]
pub(super) struct RowComparison {
    /// The compared digests: computed from all rows, or the stored ones.
    pub(super) days: [DayDigests; 2],
    /// Digests of the rows that were read.
    pub(super) row_digests: [RowDigests; 2],
    pub(super) wrong_digests: Days,
    pub(super) differing: u64,
    pub(super) suspects: Vec<Suspect>,
    pub(super) declared: Option<Declared>,
}

/// Reads all rows of both generations and checks their stored digests.
pub(super) async fn compare_rows(
    snapshot: &Transaction<'_>,
    pair: &ComparedPair,
    reference: &Reference,
) -> Result<RowComparison, ViewError> {
    let declared = pair.are_both_views().then(Declared::default);
    let mut found = RowComparison { declared, ..RowComparison::default() };
    found.read(snapshot, pair, None, reference).await?;
    let stored_digests = stored_digests(snapshot, pair).await?;
    let read = [&found.row_digests[0].days, &found.row_digests[1].days];
    found.wrong_digests = Days::from_dates(
        [0, 1].into_iter().flat_map(|side| differing_days([&stored_digests[side], read[side]])),
    );
    found.days = read.map(Clone::clone);
    Ok(found)
}

/// Compares the stored digests and reads the rows of days that differ.
pub(super) async fn compare_digests(
    snapshot: &Transaction<'_>,
    pair: &ComparedPair,
    reference: &Reference,
) -> Result<RowComparison, ViewError> {
    let mut found = RowComparison { days: stored_digests(snapshot, pair).await?, ..RowComparison::default() };
    let days = differing_days(found.days.each_ref());
    if days.is_empty() {
        return Ok(found);
    }
    found.read(snapshot, pair, Some(&days), reference).await?;
    let is_wrong = |day: &NaiveDate| {
        (0..2).any(|side| found.row_digests[side].days.get(day) != found.days[side].get(day))
    };
    found.wrong_digests = Days::from_dates(days.into_iter().filter(is_wrong));
    Ok(found)
}

async fn stored_digests(
    snapshot: &Transaction<'_>,
    pair: &ComparedPair,
) -> Result<[DayDigests; 2], ViewError> {
    let [left, right] = pair.generations;
    Ok([rows::read_digests(snapshot, left).await?, rows::read_digests(snapshot, right).await?])
}

impl RowComparison {
    async fn read(
        &mut self,
        snapshot: &Transaction<'_>,
        pair: &ComparedPair,
        days: Option<&[NaiveDate]>,
        reference: &Reference,
    ) -> Result<(), ViewError> {
        let mut pairs = std::pin::pin!(pairs(snapshot, pair, days).await?);
        while let Some(pair) = pairs.try_next().await? {
            self.add(&pair, reference);
        }
        Ok(())
    }

    fn add(&mut self, pair: &Pair, reference: &Reference) {
        let canonical_pair = pair.each_ref().map(|row| row.as_ref().map(|row| row.canonical(reference)));
        for (row_digests, canonical) in self.row_digests.iter_mut().zip(&canonical_pair) {
            if let Some(canonical) = canonical {
                row_digests.add(canonical);
            }
        }
        let dynamic = pair.iter().flatten().find_map(AnyRow::dynamic);
        if let (Some(declared), Some(row)) = (&mut self.declared, dynamic) {
            declared.count(row, reference);
        }
        if canonical_pair[0] == canonical_pair[1] {
            return;
        }
        self.differing += 1;
        if self.suspects.len() < MAX_DIFFERENCES {
            self.suspects.extend(Suspect::from_pair(&canonical_pair));
        }
    }
}
