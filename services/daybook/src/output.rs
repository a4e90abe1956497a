//! What commands print: data to standard output, all else to standard error.
//!
//! Nothing here decides what is said; it only lays it out.

mod confirm;
mod progress_bar;
mod table;

use std::fmt::Display;
use std::io::{self, Write};

use anyhow::Context;
use clap::Args;
use serde::Serialize;

pub(crate) use confirm::Unconfirmed;
pub(crate) use confirm::{Confirmation, ask};
pub(crate) use progress_bar::ProgressBar;
pub(crate) use table::{Align, Table};

/// How data is printed.
#[derive(Args, Debug, Clone, Copy, Default)]
pub(crate) struct Format {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

impl Format {
    /// Prints the same thing in the form that was asked for.
    pub(crate) fn print(self, data: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        let text = if self.json { serde_json::to_string_pretty(data)? } else { text() };
        print(text.trim_end())
    }

    /// Whether programs are to read it.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }
}

/// Prints a line of data.
pub(crate) fn print(line: impl Display) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("cannot print to standard output")
}

/// Tells a person something that is not data.
pub(crate) fn say(line: impl Display) {
    // Nobody can be told that nobody can be told.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things, in words.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn one_thing_is_not_many() {
        assert_eq!(counted(1, "row", "rows"), "1 row");
        assert_eq!(counted(0, "row", "rows"), "0 rows");
    }
}
