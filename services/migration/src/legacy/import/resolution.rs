//! The operator's decisions about rows that an import cannot reconcile by itself, so that the final run can reach its end:
//! Daybook's state of a row in conflict stays, a rejected row is not taken, a reservation that the old system no longer has
//! stays.
//!
//! A decision is about exactly what was open when it was made. If the row changes again, or is rejected for another reason,
//! it is open again. No text of a row is stored: a conflict is remembered by a keyed hash.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use daybook_commands::Commands;
use daybook_domain::{Actor, ReservationId};
use daybook_projections::ViewError;
use deadpool_postgres::GenericClient;
use serde::Serialize;

use super::reject::Reject;
use super::row_contents::RowHash;

/// What the operator decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Daybook's state stays.
    KeepOurs,
    /// The row is not taken. If it was imported before, that state stays.
    LeaveOut,
}

impl Decision {
    /// As on the command line and in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeepOurs => "keep-ours",
            Self::LeaveOut => "leave-out",
        }
    }
}

/// What is open about a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenItem {
    /// The row was changed in both systems. Contains a keyed hash of the row, in hexadecimal.
    Conflict(Box<str>),
    /// The row was rejected: the reason, the column, and the keyed hash of a row that can be read.
    Rejected(Box<str>),
    /// The old system has no such row any more.
    Missing,
}

impl OpenItem {
    /// A conflict about a row with these contents.
    pub(super) fn conflict(commands: &Commands, row: &RowHash) -> Self {
        Self::Conflict(keyed_hash(commands, row).into())
    }

    /// A rejection for the same reason and because of the same column. A row that can be read is the same only with the same
    /// contents; of one that cannot be read, nothing can be compared.
    pub(super) fn rejected(reject: &Reject, row: Option<(&Commands, &RowHash)>) -> Self {
        let reason = serde_json::to_value(reject.reason).unwrap_or_default();
        let hash = row.map(|(commands, row)| keyed_hash(commands, row)).unwrap_or_default();
        let (reason, column) = (reason.as_str().unwrap_or_default(), reject.field.unwrap_or("*"));
        Self::Rejected(format!("{reason} {column} {hash}").trim_end().into())
    }

    /// The only decision that fits.
    pub const fn fitting(&self) -> Decision {
        match self {
            Self::Conflict(_) | Self::Missing => Decision::KeepOurs,
            Self::Rejected(_) => Decision::LeaveOut,
        }
    }

    /// For people.
    pub const fn describe(&self) -> &'static str {
        match self {
            Self::Conflict(_) => "changed in both systems",
            Self::Rejected(_) => "rejected",
            Self::Missing => "missing in the old system",
        }
    }

    /// As in the table.
    fn as_columns(&self) -> (&'static str, &str) {
        match self {
            Self::Conflict(hash) => ("conflict", hash),
            Self::Rejected(cause) => ("rejected", cause),
            Self::Missing => ("missing", ""),
        }
    }

    fn from_columns(kind: &str, about: &str) -> Option<Self> {
        match kind {
            "conflict" => Some(Self::Conflict(about.into())),
            "rejected" => Some(Self::Rejected(about.into())),
            "missing" => Some(Self::Missing),
            _ => None,
        }
    }
}

/// In hexadecimal.
fn keyed_hash(commands: &Commands, row: &RowHash) -> String {
    commands
        .vault()
        .keyed_hash(&[b"imported row", row.as_bytes()])
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A recorded decision.
#[derive(Debug, Clone, Serialize)]
pub struct Resolution {
    pub reservation: ReservationId,
    pub decision: Decision,
    #[serde(skip)]
    pub item: OpenItem,
    pub reason: Box<str>,
    pub actor: Box<str>,
    pub decided_at: DateTime<Utc>,
}

/// All decisions, by reservation.
#[derive(Debug, Clone, Default)]
pub struct Resolutions(HashMap<ReservationId, Resolution>);

impl Resolutions {
    /// Reads all decisions.
    pub async fn read(client: &impl GenericClient) -> Result<Self, ViewError> {
        let sql =
            "SELECT reservation, kind, about, reason, actor, decided_at FROM control.import_resolutions";
        let odd = || ViewError::Control { what: "a decision about a row" };
        let mut resolutions = HashMap::new();
        for row in client.query(sql, &[]).await? {
            let reservation = ReservationId::parse(row.try_get::<_, &str>(0)?).map_err(|_| odd())?;
            let item = OpenItem::from_columns(row.try_get(1)?, row.try_get(2)?).ok_or_else(odd)?;
            let resolution = Resolution {
                reservation: reservation.clone(),
                decision: item.fitting(),
                item,
                reason: row.try_get::<_, &str>(3)?.into(),
                actor: row.try_get::<_, &str>(4)?.into(),
                decided_at: row.try_get(5)?,
            };
            resolutions.insert(reservation, resolution);
        }
        Ok(Self(resolutions))
    }

    /// All decisions, in the order of their reservations.
    pub fn list(&self) -> Vec<&Resolution> {
        let mut list: Vec<&Resolution> = self.0.values().collect();
        list.sort_by(|a, b| a.reservation.cmp(&b.reservation));
        list
    }

    /// Whether the operator has decided about exactly this.
    pub(super) fn cover(&self, reservation: &ReservationId, item: &OpenItem) -> bool {
        self.0.get(reservation).is_some_and(|resolution| resolution.item == *item)
    }
}

/// Records a decision. It replaces an earlier one about the same reservation.
pub async fn record(
    client: &impl GenericClient,
    reservation: &ReservationId,
    item: &OpenItem,
    reason: &str,
    actor: &Actor,
) -> Result<(), ViewError> {
    let sql = "INSERT INTO control.import_resolutions (reservation, kind, about, reason, actor) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (reservation) DO UPDATE SET kind = excluded.kind, about = excluded.about,
                   reason = excluded.reason, actor = excluded.actor, decided_at = now()";
    let (kind, about) = item.as_columns();
    client.execute(sql, &[&reservation.as_str(), &kind, &about, &reason, &actor.as_str()]).await?;
    Ok(())
}

/// Withdraws the decision about a reservation and returns whether there was one.
pub async fn withdraw(client: &impl GenericClient, reservation: &ReservationId) -> Result<bool, ViewError> {
    let sql = "DELETE FROM control.import_resolutions WHERE reservation = $1";
    Ok(client.execute(sql, &[&reservation.as_str()]).await? > 0)
}
