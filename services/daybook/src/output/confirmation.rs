//! Confirmation of a change: the command prints what it is going to do, then asks on a terminal, unless `--yes` was given.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use clap::Args;
use tokio::sync::oneshot;

use super::{say, wrap};

/// The option that confirms a change.
#[derive(Args, Debug, Clone, Copy, Default)]
pub(crate) struct Confirmation {
    /// Confirm the change without being asked
    #[arg(long, short)]
    yes: bool,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unconfirmed {
    /// There is no terminal to ask on.
    #[error("Nothing was changed. Add --yes to confirm.")]
    Unattended,
    /// The answer was no.
    #[error("Nothing was changed.")]
    Declined,
    /// The answer could not be read.
    #[error("Nothing was changed: the answer could not be read")]
    Unreadable(#[source] io::Error),
}

impl Confirmation {
    /// Prints the change, and asks for confirmation unless it was given.
    pub(crate) async fn require(self, change: impl Display) -> Result<(), Unconfirmed> {
        say(wrap(&change.to_string()));
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Unconfirmed::Unattended);
        }
        let answer = ask("Continue? [y/N] ").await.map_err(Unconfirmed::Unreadable)?;
        if is_yes(&answer) { Ok(()) } else { Err(Unconfirmed::Declined) }
    }
}

/// Asks, and reads a line from standard input. It reads on a detached thread: a read from a terminal cannot be cancelled, but
/// an interruption has to end the command.
pub(crate) async fn ask(question: &'static str) -> io::Result<String> {
    let (sender, answer) = oneshot::channel();
    std::thread::spawn(move || {
        // The command may have been interrupted.
        let _ = sender.send(read_answer(question));
    });
    answer.await.map_err(io::Error::other)?
}

fn read_answer(question: &str) -> io::Result<String> {
    let mut err = io::stderr().lock();
    write!(err, "{question}")?;
    err.flush()?;
    drop(err);
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer)
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].iter().any(|yes| answer.trim().eq_ignore_ascii_case(yes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(is_yes("y\n") && is_yes(" Yes "));
        assert!(!is_yes("") && !is_yes("n\n") && !is_yes("yesterday"));
    }

    #[tokio::test]
    async fn a_confirmed_change_is_not_asked_about() {
        Confirmation { yes: true }.require("this is a test").await.unwrap();
    }
}
