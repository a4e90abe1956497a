//! Visible text. A text is kept as it was written: it is checked, but never normalised, trimmed or repaired.
//!
//! A terminal, a browser or a spreadsheet acts on some characters instead of showing them. They are not allowed, so that
//! what people see is what is recorded.

use unicode_width::UnicodeWidthChar;

use super::Range;

/// The number of lines of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    One,
    Many,
}

/// Texts of a length in characters, with something to see in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    /// If it is 0, the text may be blank.
    pub min: usize,
    pub max: usize,
    pub lines: Lines,
}

impl Text {
    /// Texts of one line.
    pub const fn line(min: usize, max: usize) -> Self {
        Self { min, max, lines: Lines::One }
    }

    /// Texts of any number of lines.
    pub const fn prose(min: usize, max: usize) -> Self {
        Self { min, max, lines: Lines::Many }
    }

    /// The range for messages.
    pub const fn range(self) -> Range {
        Range::Text(self)
    }

    /// Checks a text.
    pub fn check(self, text: &str) -> Result<(), Range> {
        // Counting stops at the limit, so a very long text costs no more.
        let length = text.chars().take(self.max + 1).count();
        let fits = (self.min..=self.max).contains(&length);
        if fits { self.check_characters(text) } else { Err(self.range()) }
    }

    /// Checks everything but the length: for rows of the old system, which had no limits.
    pub fn check_characters(self, text: &str) -> Result<(), Range> {
        let is_blank = text.chars().all(char::is_whitespace);
        let shows = if is_blank { self.min == 0 } else { text.chars().any(is_visible) };
        if shows && text.chars().all(|c| is_allowed(c, self.lines)) { Ok(()) } else { Err(self.range()) }
    }
}

/// Whether a text may contain a character.
///
/// Not allowed are control characters (with NUL, which PostgreSQL cannot store, and ESC) and those that reverse the
/// direction of everything behind them (UAX #9: embeddings, overrides and isolates). One line has no line break of any kind.
pub fn is_allowed(c: char, lines: Lines) -> bool {
    match c {
        '\n' | '\r' | '\t' => matches!(lines, Lines::Many),
        '\u{2028}' | '\u{2029}' => matches!(lines, Lines::Many),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        c => !c.is_control(),
    }
}

/// Whether a character shows anything by itself. Spaces, joiners, fillers and other marks of no width do not.
pub fn is_visible(c: char) -> bool {
    // Two fillers have a width, but no glyph.
    let is_filler = matches!(c, '\u{115f}' | '\u{2800}');
    !is_filler && !c.is_whitespace() && c.width().is_some_and(|width| width > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Text = Text::line(1, 10);
    const PROSE: Text = Text::prose(0, 10);

    #[test]
    fn a_text_is_limited_in_characters_and_not_in_bytes() {
        assert_eq!(LINE.check(&"김".repeat(10)), Ok(()));
        assert_eq!(LINE.check(&"김".repeat(11)), Err(LINE.range()));
        assert_eq!(LINE.check_characters(&"김".repeat(11)), Ok(()));
        assert_eq!(Text::line(2, 10).check("a"), Err(Text::line(2, 10).range()));
        assert_eq!((LINE.check(""), PROSE.check("")), (Err(LINE.range()), Ok(())));
    }

    #[test]
    fn names_of_all_scripts_and_emoji_are_visible() {
        for name in [
            "홍길동",
            "\u{1112}\u{1169}\u{11bc}",
            "José",
            "e\u{301}",
            "שרה\u{200f}",
            "نیم\u{200c}فاصله",
            "👩\u{200d}⚕\u{fe0f}",
            "O'Brien",
            "山田\u{3000}花",
        ] {
            assert_eq!((LINE.check(name), PROSE.check(name)), (Ok(()), Ok(())), "{name:?}");
        }
    }

    #[test]
    fn a_text_with_nothing_to_see_is_refused() {
        let blanks =
            ['\u{200b}', '\u{feff}', '\u{2060}', '\u{180e}', '\u{ad}', '\u{200d}', '\u{200e}', '\u{61c}'];
        let fillers =
            ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}', '\u{2800}', '\u{34f}', '\u{fe0f}', '\u{e0041}'];
        for c in blanks.into_iter().chain(fillers) {
            for text in [c.to_string(), format!("  {c}\u{3000}"), format!("{c}\u{200b}{c}")] {
                assert_eq!(LINE.check(&text), Err(LINE.range()), "{text:?}");
                assert_eq!(PROSE.check(&text), Err(PROSE.range()), "{text:?}");
            }
            assert_eq!(LINE.check(&format!("김{c}")), Ok(()), "{c:?}");
        }
        assert_eq!((LINE.check(" \u{3000}"), PROSE.check(" \n")), (Err(LINE.range()), Ok(())));
    }

    #[test]
    fn characters_that_a_screen_acts_on_are_refused_anywhere() {
        let directions = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        let controls =
            ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}').filter(|c| !matches!(c, '\n' | '\r' | '\t'));
        for c in directions.chain(controls) {
            let text = format!("a{c}b");
            assert_eq!(
                (LINE.check(&text), PROSE.check(&text)),
                (Err(LINE.range()), Err(PROSE.range())),
                "{c:?}"
            );
        }
        for c in ['\n', '\r', '\t', '\u{2028}', '\u{2029}'] {
            let text = format!("a{c}b");
            assert_eq!((LINE.check(&text), PROSE.check(&text)), (Err(LINE.range()), Ok(())), "{c:?}");
        }
    }
}
