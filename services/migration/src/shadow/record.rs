//! The table of read differences, `control.shadow_differences`. It must never grow past a bounded age and number of rows.

use super::{Compared, Shadow};
use daybook_projections::ViewError;

/// Maximum age of a difference, in days.
pub const KEEP_DIFFERENCES_DAYS: i32 = 30;

/// Maximum number of rows.
pub const KEEP_DIFFERENCES: i64 = 10_000;

/// Maximum number of differences that one read records.
const MAX_FIELDS: usize = 50;

impl Shadow {
    /// Records the differences of a read at this route.
    pub async fn record(&self, route: &str, compared: &Compared) -> Result<(), ViewError> {
        let (mut reservations, mut fields, mut legacy, mut dynamic) = (vec![], vec![], vec![], vec![]);
        for difference in compared.differences.iter().take(MAX_FIELDS) {
            reservations.push(difference.reservation.as_deref());
            fields.push(&*difference.field);
            legacy.push(&*difference.sides[0]);
            dynamic.push(&*difference.sides[1]);
        }
        let sql = "
            INSERT INTO control.shadow_differences (route, reservation, field, legacy, dynamic, position)
            SELECT $1, reservation, field, legacy, dynamic, $6
            FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS found(reservation, field, legacy, dynamic)";
        let (commit, _) = compared.position.to_parts();
        let client = self.pool.get().await?;
        client.execute(sql, &[&route, &reservations, &fields, &legacy, &dynamic, &commit]).await?;
        Ok(())
    }

    /// Deletes rows that are too old, and the oldest of those beyond the maximum number.
    pub async fn prune(&self) -> Result<(), ViewError> {
        let sql = "
            DELETE FROM control.shadow_differences
            WHERE found_at < greatest(now() - make_interval(days => $1),
                (SELECT found_at FROM control.shadow_differences ORDER BY found_at DESC OFFSET $2 LIMIT 1))";
        self.pool.get().await?.execute(sql, &[&KEEP_DIFFERENCES_DAYS, &KEEP_DIFFERENCES]).await?;
        Ok(())
    }
}
