//! Visible text. A text is kept as it was written: it is checked, but never normalised, trimmed or repaired.
//!
//! A terminal, a browser or a spreadsheet acts on some characters instead of showing them. They are not allowed, so that
//! what people see is what is recorded.

use std::ops::RangeInclusive;

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
        if shows && has_only_allowed(text, self.lines) { Ok(()) } else { Err(self.range()) }
    }
}

/// The black flag, which tags turn into the flag of England, Scotland or Wales.
const BLACK_FLAG: char = '\u{1f3f4}';

/// The tags. Beside the black flag they are a text that no reader sees and every program does.
const TAGS: RangeInclusive<char> = '\u{e0020}'..='\u{e007f}';

fn has_only_allowed(text: &str, lines: Lines) -> bool {
    let mut is_in_flag = false;
    text.chars().all(|c| {
        let is_flag_tag = is_in_flag && TAGS.contains(&c);
        is_in_flag = is_flag_tag || c == BLACK_FLAG;
        is_flag_tag || is_allowed(c, lines)
    })
}

/// Whether a text may contain a character anywhere.
///
/// Not allowed are control characters (with NUL, which PostgreSQL cannot store, and ESC), those that reverse the direction
/// of everything behind them (UAX #9: embeddings, overrides and isolates), their deprecated relatives, annotations, tags,
/// and code points that are no characters. One line has no line break of any kind.
pub fn is_allowed(c: char, lines: Lines) -> bool {
    match c {
        '\n' | '\r' | '\t' => matches!(lines, Lines::Many),
        '\u{2028}' | '\u{2029}' => matches!(lines, Lines::Many),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => false,
        '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' | '\u{fdd0}'..='\u{fdef}' => false,
        c if (c as u32) & 0xfffe == 0xfffe => false,
        c => !c.is_control(),
    }
}

/// Whether a character shows anything by itself, on every screen. Spaces, joiners, fillers and other marks of no width do
/// not, and what a private character shows depends on the font.
pub fn is_visible(c: char) -> bool {
    // Braille without a dot has a width, but no glyph.
    let is_filler = c == '\u{2800}';
    let is_private = matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..);
    !is_filler
        && !is_private
        && !is_ignorable(c)
        && !c.is_whitespace()
        && c.width().is_some_and(|width| width > 0)
}

/// Whether nothing is shown for a character: the code points that Unicode lets a screen ignore by default, and a byte order
/// mark. Two texts that differ only by these look the same.
const fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text without characters that nobody sees.
pub fn without_ignorable(text: &str) -> String {
    text.chars().filter(|c| !is_ignorable(*c)).collect()
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
            "🏴\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
            "葛\u{e0100}",
            "\u{fffd}",
        ] {
            assert_eq!((LINE.check(name), PROSE.check(name)), (Ok(()), Ok(())), "{name:?}");
        }
    }

    #[test]
    fn a_text_with_nothing_to_see_is_refused() {
        let blanks =
            ['\u{200b}', '\u{feff}', '\u{2060}', '\u{180e}', '\u{ad}', '\u{200d}', '\u{200e}', '\u{61c}'];
        let fillers =
            ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}', '\u{2800}', '\u{34f}', '\u{fe0f}', '\u{e0100}'];
        let private = ['\u{e000}', '\u{f8ff}', '\u{f0000}', '\u{10fffd}'];
        for c in blanks.into_iter().chain(fillers).chain(private) {
            for text in [c.to_string(), format!("  {c}\u{3000}"), format!("{c}\u{200b}{c}")] {
                assert_eq!(LINE.check(&text), Err(LINE.range()), "{text:?}");
                assert_eq!(PROSE.check(&text), Err(PROSE.range()), "{text:?}");
            }
            assert_eq!(LINE.check(&format!("김{c}")), Ok(()), "{c:?}");
        }
        assert_eq!((LINE.check(" \u{3000}"), PROSE.check(" \n")), (Err(LINE.range()), Ok(())));
    }

    #[test]
    fn tags_are_allowed_in_a_flag_only() {
        for text in ["김\u{e0067}", "🏴김\u{e0067}", "👩\u{e0067}\u{e007f}", "🏴\u{e0001}"] {
            assert_eq!(LINE.check(text), Err(LINE.range()), "{text:?}");
        }
    }

    #[test]
    fn what_a_screen_may_ignore_shows_nothing_and_is_left_out() {
        for c in ('\0'..=char::MAX).filter(|c| is_ignorable(*c)) {
            assert!(!is_visible(c) && !c.is_whitespace(), "{c:?}");
        }
        assert_eq!(without_ignorable("\u{feff}10\u{ad}:00\u{e0041}\u{200b} 시\u{fe0f}"), "10:00 시");
    }

    #[test]
    fn characters_that_a_screen_acts_on_are_refused_anywhere() {
        let directions = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{206f}');
        let tags = ('\u{e0000}'..='\u{e007f}').chain('\u{fff9}'..='\u{fffb}');
        let ends = (0..=16).flat_map(|plane| [0xfffe, 0xffff].map(|end| plane * 0x10000 + end));
        let no_characters = ('\u{fdd0}'..='\u{fdef}').chain(ends.filter_map(char::from_u32));
        let controls =
            ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}').filter(|c| !matches!(c, '\n' | '\r' | '\t'));
        for c in directions.chain(controls).chain(tags).chain(no_characters) {
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
