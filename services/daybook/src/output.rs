//! Output of commands: data to standard output, everything else to standard error.
//!
//! It formats. It must never decide what a command reports.

mod confirmation;
mod number;
mod progress_bar;
mod table;
mod time;

use std::fmt::Display;
use std::io::{self, Write};

use anyhow::Context;
use clap::Args;
#[cfg(feature = "migration")]
use daybook_domain::value::{Lines, is_allowed};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

pub(crate) use confirmation::Unconfirmed;
pub(crate) use confirmation::{Confirmation, ask};
pub(crate) use number::{counted, grouped, percent};
pub(crate) use progress_bar::ProgressBar;
pub(crate) use table::{Align, Table};
#[cfg(feature = "migration")]
pub(crate) use time::duration;
pub(crate) use time::{seconds, timestamp};

/// The form in which a command prints its data.
#[derive(Args, Debug, Clone, Copy, Default)]
pub(crate) struct Format {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

impl Format {
    /// Prints data in the chosen form.
    pub(crate) fn print(self, data: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        let text = if self.json { serde_json::to_string_pretty(data)? } else { text() };
        print(text.trim_end())
    }

    /// Whether the chosen form is JSON.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }
}

/// Prints a line of data.
pub(crate) fn print(line: impl Display) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("cannot print to standard output")
}

/// Prints a line for people to standard error.
pub(crate) fn say(line: impl Display) {
    // There is no other place to report a closed standard error.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Columns of a terminal for which prose is wrapped.
const WIDTH: usize = 80;

/// Prose with its lines broken at 80 columns. Continuation lines keep the indentation of their line.
pub(crate) fn wrap(text: &str) -> String {
    let wrapped: Vec<String> = text.lines().map(wrap_line).collect();
    wrapped.join("\n")
}

fn wrap_line(line: &str) -> String {
    if line.width() <= WIDTH {
        return line.to_owned();
    }
    let indent: String = line.chars().take_while(|letter| *letter == ' ').collect();
    let (mut text, mut width) = (indent.clone(), indent.len());
    for word in words(line) {
        if width > indent.len() && width + 1 + word.width() > WIDTH {
            text.push('\n');
            text.push_str(&indent);
            width = indent.len();
        } else if width > indent.len() {
            text.push(' ');
            width += 1;
        }
        text.push_str(&word);
        width += word.width();
    }
    text
}

/// The words of a line. A command in backticks is one word, so that it can be copied.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        match words.last_mut().filter(|last| last.matches('`').count() % 2 == 1) {
            Some(open) => {
                open.push(' ');
                open.push_str(word);
            }
            None => words.push(word.to_owned()),
        }
    }
    words
}

/// A text without the characters on which a terminal or browser would act. People typed these texts, some before Daybook
/// refused such characters.
#[cfg(feature = "migration")]
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|letter| if is_allowed(letter, Lines::One) { letter } else { '·' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_wrapped_at_eighty_columns_and_keeps_its_indentation() {
        let text = format!("short\n  {}", "낱말 ".repeat(17));
        let lines: Vec<String> = wrap(&text).lines().map(str::to_owned).collect();
        assert_eq!((lines.len(), lines[0].as_str()), (3, "short"));
        assert!(lines.iter().all(|line| line.width() <= WIDTH) && lines[2] == "  낱말 낱말", "{lines:?}");
    }

    #[test]
    fn a_text_cannot_act_on_the_terminal() {
        assert_eq!(printable("9시\u{1b}[2J\n\u{202e}"), "9시·[2J··");
    }
}
