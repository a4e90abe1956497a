//! Permissions: what a token lets its owner do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::role::Role;

/// One permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Read reservations, the routing of reads and the guardrails.
    Read,
    /// Change reservations; read and change closures. Includes `read`.
    #[serde(rename = "desk")]
    FrontDesk,
    /// Read and change services, limits and clinic hours.
    Catalog,
    /// Read and change the stage of the migration; change the routing of reads.
    Rollout,
    /// Advance although a gate is not met, or raise the percentage of reads, which asks no gate.
    Override,
    /// Hand out and erase a patient's data.
    Privacy,
    /// List revoked tokens and revoke others.
    Tokens,
}

/// The text is not a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a permission is read, desk, catalog, rollout, override, privacy or tokens")]
pub struct UnknownPermission;

impl Permission {
    /// All permissions.
    pub const ALL: [Self; 7] = [
        Self::Read,
        Self::FrontDesk,
        Self::Catalog,
        Self::Rollout,
        Self::Override,
        Self::Privacy,
        Self::Tokens,
    ];

    /// The permission in tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::FrontDesk => "desk",
            Self::Catalog => "catalog",
            Self::Rollout => "rollout",
            Self::Override => "override",
            Self::Privacy => "privacy",
            Self::Tokens => "tokens",
        }
    }

    /// The lowest role that has it.
    const fn role(self) -> Role {
        match self {
            Self::Read => Role::Editor,
            Self::FrontDesk | Self::Catalog | Self::Rollout | Self::Override => Role::Admin,
            Self::Privacy | Self::Tokens => Role::SuperAdmin,
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == text).ok_or(UnknownPermission)
    }
}

/// What a token allows: a role, and if it lists permissions, only those of them that the role has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) role: Role,
    pub(super) only: Option<Box<[Permission]>>,
}

impl Grant {
    pub(super) fn allows(&self, permission: Permission) -> bool {
        let listed = self.only.as_deref().is_none_or(|only| {
            only.contains(&permission)
                || permission == Permission::Read && only.contains(&Permission::FrontDesk)
        });
        listed && self.role >= permission.role()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(role: Role, only: Option<&[Permission]>) -> Vec<&'static str> {
        let grant = Grant { role, only: only.map(Into::into) };
        Permission::ALL.into_iter().filter(|one| grant.allows(*one)).map(Permission::as_str).collect()
    }

    #[test]
    fn a_role_has_the_permissions_of_the_roles_before_it() {
        assert_eq!(allowed(Role::Editor, None), ["read"]);
        assert_eq!(allowed(Role::Admin, None), ["read", "desk", "catalog", "rollout", "override"]);
        assert_eq!(allowed(Role::SuperAdmin, None).len(), Permission::ALL.len());
    }

    #[test]
    fn listed_permissions_narrow_a_role_and_never_widen_it() {
        use Permission::{Catalog, FrontDesk, Privacy, Rollout};
        assert_eq!(allowed(Role::Admin, Some(&[FrontDesk])), ["read", "desk"]);
        assert_eq!(allowed(Role::Admin, Some(&[Rollout, Privacy])), ["rollout"]);
        assert_eq!(allowed(Role::Editor, Some(&[FrontDesk, Catalog])), ["read"]);
        assert!(allowed(Role::SuperAdmin, Some(&[])).is_empty());
    }
}
