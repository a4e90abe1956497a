//! The operator's decisions about rows that an import cannot reconcile by itself, so that the final run can reach its end:
//! Daybook's state of a row in conflict stays, a rejected row is not taken, a reservation that the old system no longer has
//! stays.
//!
//! A decision is about exactly the row that was open when it was made, and holds until that row changes, whatever a run is
//! told about all rows. No text of a row is stored: the row is remembered by a keyed hash.

use std::borrow::Borrow;
use std::collections::HashMap;

use chrono::{DateTime, Utc};
use daybook_commands::Commands;
use daybook_domain::{Actor, ReservationId};
use daybook_projections::ViewError;
use deadpool_postgres::GenericClient;
use serde::Serialize;

use super::reject::{Reason, Reject};
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

/// What a mark starts with. No id contains a colon.
const MARK: &str = "row:";

/// Hexadecimal digits of a mark.
const MARK_DIGITS: usize = 16;

/// Names a row in a decision: by the id of its reservation, or by a mark made of its contents if it has no id that can be
/// read, or an id that an earlier row has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct RowKey(Box<str>);

impl RowKey {
    /// Parses an id, or a mark such as `row:9f86d081884c7d65`.
    pub fn parse(text: &str) -> Option<Self> {
        let is_mark = text.strip_prefix(MARK).is_some_and(|digits| {
            digits.len() == MARK_DIGITS && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        });
        (is_mark || ReservationId::parse(text).is_ok()).then(|| Self(text.into()))
    }

    /// The mark of a row.
    pub(super) fn mark(commands: &Commands, id: Option<&ReservationId>, row: &RowHash) -> Self {
        let id = id.map_or("", ReservationId::as_str);
        let mut mark = hexadecimal(&[b"mark of a row", id.as_bytes(), row.as_bytes()], commands);
        mark.truncate(MARK_DIGITS);
        Self(format!("{MARK}{mark}").into())
    }

    /// As on the command line and in the table.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&ReservationId> for RowKey {
    fn from(id: &ReservationId) -> Self {
        Self(id.as_str().into())
    }
}

impl Borrow<str> for RowKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RowKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What is open about a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenItem {
    /// The row was changed in both systems. Contains a keyed hash of the row, in hexadecimal.
    Conflict(Box<str>),
    /// The row was rejected: the reason, the column, and the keyed hash of the row. Former releases left out the hash of a row
    /// that could not be read.
    Rejected(Box<str>),
    /// The old system has no such row any more.
    Missing,
}

impl OpenItem {
    /// A conflict about a row with these contents.
    pub(super) fn conflict(commands: &Commands, row: &RowHash) -> Self {
        Self::Conflict(keyed_hash(commands, row).into())
    }

    /// A rejection of a row. There is no hash for a new clinic.
    pub(super) fn rejected(reject: &Reject, row: Option<(&Commands, &RowHash)>) -> Self {
        let hash = row.map(|(commands, row)| keyed_hash(commands, row)).unwrap_or_default();
        let (reason, column) = (code(reject.reason), reject.field.unwrap_or("*"));
        Self::Rejected(format!("{reason} {column} {hash}").trim_end().into())
    }

    /// Whether this covers what is open.
    fn covers(&self, open: &Self) -> bool {
        match (self, open) {
            // A decision of a former release is about every row that is rejected for that reason.
            (Self::Rejected(decided), Self::Rejected(open)) => {
                open.strip_prefix(&**decided).is_some_and(|hash| hash.is_empty() || hash.starts_with(' '))
            }
            _ => self == open,
        }
    }

    /// The keyed hash of the row. None of a repeated row, which former releases named by its id: the first one may be equal.
    fn row(&self) -> Option<&str> {
        match self {
            Self::Conflict(hash) => Some(hash),
            Self::Rejected(cause) if cause.starts_with(&code(Reason::DuplicateId)) => None,
            Self::Rejected(cause) => cause.split(' ').nth(2),
            Self::Missing => None,
        }
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

/// As in JSON.
fn code(reason: Reason) -> String {
    let code = serde_json::to_value(reason).unwrap_or_default();
    code.as_str().unwrap_or_default().to_owned()
}

/// In hexadecimal.
fn keyed_hash(commands: &Commands, row: &RowHash) -> String {
    hexadecimal(&[b"imported row", row.as_bytes()], commands)
}

/// The keyed hash of these parts.
fn hexadecimal(parts: &[&[u8]], commands: &Commands) -> String {
    commands.vault().keyed_hash(parts).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A recorded decision.
#[derive(Debug, Clone, Serialize)]
pub struct Resolution {
    /// An id or a mark.
    pub reservation: RowKey,
    pub decision: Decision,
    #[serde(skip)]
    pub item: OpenItem,
    pub reason: Box<str>,
    pub actor: Box<str>,
    pub decided_at: DateTime<Utc>,
}

/// All decisions, by row.
#[derive(Debug, Clone, Default)]
pub struct Resolutions(HashMap<RowKey, Resolution>);

impl Resolutions {
    /// Reads all decisions.
    pub async fn read(client: &impl GenericClient) -> Result<Self, ViewError> {
        let sql =
            "SELECT reservation, kind, about, reason, actor, decided_at FROM control.import_resolutions";
        let odd = || ViewError::Control { what: "a decision about a row" };
        let mut resolutions = HashMap::new();
        for row in client.query(sql, &[]).await? {
            let reservation = RowKey::parse(row.try_get(0)?).ok_or_else(odd)?;
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

    /// All decisions, in the order of their rows.
    pub fn list(&self) -> Vec<&Resolution> {
        let mut list: Vec<&Resolution> = self.0.values().collect();
        list.sort_by(|a, b| a.reservation.cmp(&b.reservation));
        list
    }

    /// Whether the operator has decided about exactly this.
    pub(super) fn cover(&self, reservation: &ReservationId, item: &OpenItem) -> bool {
        self.0.get(reservation.as_str()).is_some_and(|resolution| resolution.item.covers(item))
    }

    /// Whether the operator has decided to leave out the row with this mark.
    pub(super) fn leave_out(&self, mark: &RowKey) -> bool {
        self.0.contains_key(mark)
    }

    /// The operator's decision about this row of a reservation, as long as the row has these contents.
    pub(super) fn decided(
        &self,
        commands: &Commands,
        reservation: &ReservationId,
        row: &RowHash,
    ) -> Option<Decision> {
        let resolution = self.0.get(reservation.as_str())?;
        (resolution.item.row()? == keyed_hash(commands, row)).then_some(resolution.decision)
    }
}

/// Records a decision. It replaces an earlier one about the same row.
pub async fn record(
    client: &impl GenericClient,
    row: &RowKey,
    item: &OpenItem,
    reason: &str,
    actor: &Actor,
) -> Result<(), ViewError> {
    let sql = "INSERT INTO control.import_resolutions (reservation, kind, about, reason, actor) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (reservation) DO UPDATE SET kind = excluded.kind, about = excluded.about,
                   reason = excluded.reason, actor = excluded.actor, decided_at = now()";
    let (kind, about) = item.as_columns();
    client.execute(sql, &[&row.as_str(), &kind, &about, &reason, &actor.as_str()]).await?;
    Ok(())
}

/// Withdraws the decision about a row and returns whether there was one.
pub async fn withdraw(client: &impl GenericClient, row: &RowKey) -> Result<bool, ViewError> {
    let sql = "DELETE FROM control.import_resolutions WHERE reservation = $1";
    Ok(client.execute(sql, &[&row.as_str()]).await? > 0)
}
