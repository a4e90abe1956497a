//! Consent to a change: said beforehand what it will do, then asked on a terminal, or given by `--yes`.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use clap::Args;
use tokio::sync::oneshot;

use super::say;

/// Consent to a change.
#[derive(Args, Debug, Clone, Copy, Default)]
pub(crate) struct Confirmation {
    /// Do it without asking
    #[arg(long, short)]
    yes: bool,
}

/// Why a change was not made. Nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unconfirmed {
    /// Nobody is there to be asked.
    #[error("this changes something, and there is no terminal to ask on; give --yes if it is meant")]
    Unattended,
    /// The answer was no.
    #[error("nothing was changed")]
    Declined,
    /// The answer could not be read.
    #[error("the answer could not be read")]
    Unreadable(#[source] io::Error),
}

impl Confirmation {
    /// Says what is to be done, and makes sure that it is meant.
    pub(crate) async fn to(self, change: impl Display) -> Result<(), Unconfirmed> {
        say(change);
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Unconfirmed::Unattended);
        }
        let answer = ask("Go on? [y/N] ").await.map_err(Unconfirmed::Unreadable)?;
        if is_yes(&answer) { Ok(()) } else { Err(Unconfirmed::Declined) }
    }
}

/// Asks, and reads a line from standard input. On a thread of its own that nobody waits for: nothing ends a read from a
/// terminal, and an interruption must.
pub(crate) async fn ask(question: &'static str) -> io::Result<String> {
    let (sender, answer) = oneshot::channel();
    std::thread::spawn(move || {
        // Whoever asked may be gone.
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
    async fn consent_that_was_given_is_not_asked_for() {
        Confirmation { yes: true }.to("this is a test").await.unwrap();
    }
}
