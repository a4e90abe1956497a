//! Exit codes. Scripts rely on them, so they must never change their meaning.

use std::process::ExitCode;

/// The outcome of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The command succeeded.
    Done,
    /// The command failed, or a check found a difference.
    Failed,
    /// The command line or a setting is wrong.
    Usage,
    /// A signal interrupted the command.
    Interrupted,
}

impl Exit {
    /// The code as the shell sees it.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            // 128 plus the number of SIGINT, as in shells.
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
