//! The emergency contacts of the migration. They are in a table, not in the log, so that they can be deleted.
//!
//! Contacts are members of staff, never patients. No log line may contain them.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use serde::{Serialize, Serializer};

use daybook_projections::ViewError;

/// What is needed in an emergency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    DatabaseAdmin,
    ApplicationOwner,
    /// A place, not a person.
    BackupLocation,
    /// Who may decide on a rollback.
    RollbackAuthority,
    /// A time, not a person.
    MaintenanceWindow,
}

impl Role {
    /// All, in the order of the runbook.
    pub const ALL: [Self; 5] = [
        Self::DatabaseAdmin,
        Self::ApplicationOwner,
        Self::BackupLocation,
        Self::RollbackAuthority,
        Self::MaintenanceWindow,
    ];

    /// As in the table and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DatabaseAdmin => "database-admin",
            Self::ApplicationOwner => "application-owner",
            Self::BackupLocation => "backup-location",
            Self::RollbackAuthority => "rollback-authority",
            Self::MaintenanceWindow => "maintenance-window",
        }
    }

    /// Whether it is required before a migration.
    pub const fn is_required(self) -> bool {
        !matches!(self, Self::MaintenanceWindow)
    }

    /// Whether it is a person, not a place or a time.
    pub const fn is_person(self) -> bool {
        matches!(self, Self::DatabaseAdmin | Self::ApplicationOwner | Self::RollbackAuthority)
    }

    /// Whether a phone number or the like is required, as in the runbook for those who act.
    pub const fn needs_reach(self) -> bool {
        matches!(self, Self::DatabaseAdmin | Self::ApplicationOwner)
    }

    /// The required ones.
    pub fn required() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|role| role.is_required())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// The text is not the name of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a role is database-admin, application-owner, backup-location, rollback-authority or maintenance-window"
)]
pub struct UnknownRole;

/// An emergency contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contact {
    pub role: Role,
    /// A person, a place or a time.
    pub name: Box<str>,
    /// A phone number or the like.
    pub reach: Option<Box<str>>,
    pub updated_at: DateTime<Utc>,
}

/// All contacts, in the order of the runbook.
pub async fn list(client: &impl GenericClient) -> Result<Vec<Contact>, ViewError> {
    let rows = client.query("SELECT role, name, reach, updated_at FROM control.contacts", &[]).await?;
    let mut contacts = Vec::with_capacity(rows.len());
    for row in &rows {
        let role: &str = row.try_get(0)?;
        let role = role.parse().map_err(|_| ViewError::Control { what: "a role" })?;
        let (name, reach, updated_at) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        contacts.push(Contact { role, name, reach, updated_at });
    }
    contacts.sort_by_key(|contact| contact.role);
    Ok(contacts)
}

/// Inserts or replaces a contact.
pub async fn set(
    client: &impl GenericClient,
    role: Role,
    name: &str,
    reach: Option<&str>,
) -> Result<(), ViewError> {
    let sql = "INSERT INTO control.contacts (role, name, reach) VALUES ($1, $2, $3)
               ON CONFLICT (role) DO UPDATE SET name = excluded.name, reach = excluded.reach, updated_at = now()";
    client.execute(sql, &[&role.as_str(), &name, &reach]).await?;
    Ok(())
}

/// The required roles without a contact, or without a required phone number.
pub fn missing(contacts: &[Contact]) -> Vec<Role> {
    let is_filled = |role: Role| {
        let found = contacts.iter().find(|contact| contact.role == role);
        found.is_some_and(|contact| contact.reach.is_some() || !role.needs_reach())
    };
    Role::required().filter(|role| !is_filled(*role)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(role: Role, reach: Option<&str>) -> Contact {
        Contact { role, name: "Kim".into(), reach: reach.map(Box::from), updated_at: DateTime::UNIX_EPOCH }
    }

    #[test]
    fn a_role_parses_from_its_own_text() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert_eq!("patient".parse::<Role>(), Err(UnknownRole));
    }

    #[test]
    fn the_window_is_optional_and_a_name_without_a_number_is_not_enough() {
        let mut contacts: Vec<Contact> = Role::required().map(|role| contact(role, Some("02-1"))).collect();
        assert_eq!(missing(&contacts), []);
        contacts[0].reach = None;
        assert_eq!(missing(&contacts), [Role::DatabaseAdmin]);
        contacts.retain(|contact| contact.role != Role::BackupLocation);
        assert_eq!(missing(&contacts), [Role::DatabaseAdmin, Role::BackupLocation]);
    }
}
