//! How the program ends: the codes that scripts rely on. They are never given another meaning.

use std::process::ExitCode;

/// How a command came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Done,
    /// It failed, or found a difference where it looked for one.
    Failed,
    /// It was asked for in a way that makes no sense.
    Usage,
    /// It was interrupted before its end.
    Interrupted,
}

impl Exit {
    /// The code as the shell sees it.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            // 128 and the number of SIGINT, as shells reckon.
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
