//! The names and roles of staff.

use std::fmt;
use std::str::FromStr;

use daybook_domain::value;
use serde::{Deserialize, Serialize};

/// The permissions of a member of staff. Each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    Editor,
    /// Changes reservations, closures, services, hours and routing.
    Admin,
    SuperAdmin,
}

impl Role {
    /// All roles, lowest first.
    pub const ALL: [Self; 3] = [Self::Editor, Self::Admin, Self::SuperAdmin];

    /// The role in tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Editor => "EDITOR",
            Self::Admin => "ADMIN",
            Self::SuperAdmin => "SUPER_ADMIN",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The text is not a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the role must be EDITOR, ADMIN or SUPER_ADMIN")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// The name with which a member of staff signs in. Events and closures record it as their actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Box<str>", into = "Box<str>")]
pub struct StaffName(Box<str>);

/// The text is not a valid staff name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a staff name must have {}", value::STAFF_NAME.range())]
pub struct InvalidStaffName;

impl StaffName {
    /// Accepts a text in the range of [`value::STAFF_NAME`].
    pub fn parse(text: impl Into<Box<str>>) -> Result<Self, InvalidStaffName> {
        let text = text.into();
        if value::STAFF_NAME.check(&text).is_ok() { Ok(Self(text)) } else { Err(InvalidStaffName) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<Box<str>> for StaffName {
    type Error = InvalidStaffName;

    fn try_from(text: Box<str>) -> Result<Self, InvalidStaffName> {
        Self::parse(text)
    }
}

impl From<StaffName> for Box<str> {
    fn from(name: StaffName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staff_name_is_a_visible_line() {
        for right in ["desk@clinic.example", "김 원장"] {
            assert!(StaffName::parse(right).is_ok(), "{right}");
        }
        for wrong in ["", " ", "\u{200b}", "a\u{202e}b", "a\u{1b}b", "a\nb", &"x".repeat(101)] {
            assert_eq!(StaffName::parse(wrong), Err(InvalidStaffName), "{wrong:?}");
        }
    }
}
