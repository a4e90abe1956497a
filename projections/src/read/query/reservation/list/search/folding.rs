//! The SQL expression that reduces a text for a search: without case, accents, widths, repeated blanks, characters that nobody
//! sees, and with the plain letters that people type for `Ł`, `ø` or `ß`.
//!
//! It must not depend on the database's locale, in which `lower()` may know ASCII only, nor on ICU, which not every build of
//! PostgreSQL has. So `translate` lowers the letters, by tables that are made here.

use std::sync::LazyLock;

/// Texts of which only the case of ASCII letters has to be reduced. Most names are such, and the rest of the expression takes
/// ten times as long.
const SIMPLE: &str = r"^[0-9A-Za-zぁ-ゖァ-ヺー々一-鿿가-힣]+([- .''][0-9A-Za-zぁ-ゖァ-ヺー々一-鿿가-힣]+)*$";

const UNSEEN: &str = r"[\u00ad\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]";

/// With the blanks that `\s` does not match in the locale C.
const BLANKS: &str = r"[\s\u0085\u1680\u2028\u2029]+";

/// Characters of scripts without case, of Latin letters and of signs.
const LATIN: &str = r"\u0001-\u036f\u1100-\u11ff\u1e00-\u1eff\u2000-\u22ff\u3000-\u9fff\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef";

/// Greek and Cyrillic.
const GREEK_AND_CYRILLIC: &str = r"\u0370-\u052f\u1f00-\u1fff";

/// Letters and signs without a decomposition, after the one that people type for them.
const PLAIN: [&str; 26] = [
    "aȺⱥ",
    "bƀɃɓƁƃƂ",
    "cƈƇȼȻ",
    "dđĐðÐɖƉɗƊƌƋ",
    "eəƏǝƎɛƐɇɆ",
    "fƒƑ",
    "gǥǤɠƓ",
    "hħĦ",
    "iıɨƗ",
    "jȷɉɈ",
    "kƙƘ",
    "lłŁƚȽ",
    "nŋŊɲƝƞȠ",
    "oøØɵƟɔƆ",
    "pƥƤ",
    "qĸɋɊ",
    "rɍɌ",
    "tŧŦƭƬʈƮȾⱦ",
    "uʉɄ",
    "vʋƲ",
    "yƴƳɏɎ",
    "zƶƵȥȤ",
    "'’‘ʼʻ",
    "-‐–—",
    "σς",
    "ßẞ",
];

/// Letters for which people type two.
const DOUBLE: [(&str, &str); 4] = [("ß", "ss"), ("æ", "ae"), ("œ", "oe"), ("þ", "th")];

/// `translate` looks for each character from the front, so the most frequent ones come first, although they stay as they are.
const FREQUENT_LATIN: &str = "abcdefghijklmnopqrstuvwxyz 0123456789";
const FREQUENT_OTHERS: &str =
    "аеинортслвкмдпуяыьгзбчйхжшюцщэфъё αβγδεζηθικλμνξοπρστυφχψωАЕИНОРТСЛВКМДПУЯГЗБЧХЖШЮЦЩЭФ";

/// Characters, and for each of them the one that it is reduced to.
#[derive(Default)]
struct Table {
    from: String,
    to: String,
}

impl Table {
    /// Of several entries for a character, `translate` takes the first.
    fn add(&mut self, from: char, to: char) {
        self.from.push(from);
        self.to.push(to);
    }

    fn with_plain(mut self) -> Self {
        for letters in PLAIN {
            let mut letters = letters.chars();
            let Some(plain) = letters.next() else { continue };
            letters.for_each(|letter| self.add(letter, plain));
        }
        self
    }

    fn with_lower(mut self, letters: impl Iterator<Item = char>) -> Self {
        for letter in letters {
            let mut lower = letter.to_lowercase();
            if let (Some(lower), None) = (lower.next(), lower.next()) {
                self.add(letter, lower);
            }
        }
        self
    }

    fn latin() -> Self {
        Self::default().with_lower(FREQUENT_LATIN.chars()).with_plain().with_lower("ÆŒÞ".chars())
    }

    fn with_greek_and_cyrillic() -> Self {
        let upper = ('\u{370}'..='\u{52f}').filter(|letter| letter.is_uppercase());
        let table = Self::default().with_lower(FREQUENT_OTHERS.chars()).with_lower(FREQUENT_LATIN.chars());
        table.with_plain().with_lower("ÆŒÞ".chars()).with_lower(upper)
    }

    fn complete() -> Self {
        let upper = ('\u{80}'..=char::MAX).filter(|letter| letter.to_lowercase().ne([*letter]));
        Self::latin().with_lower(upper)
    }
}

static FOLDED: LazyLock<String> = LazyLock::new(|| {
    let tables = [Table::latin(), Table::with_greek_and_cyrillic(), Table::complete()];
    let choose = |side: fn(&Table) -> &String| {
        let [latin, others, complete] = tables.each_ref().map(|table| side(table).replace('\'', "''"));
        format!(
            "CASE WHEN {{text}} ~ '^[{LATIN}]*$' THEN '{latin}'
                WHEN {{text}} ~ '^[{LATIN}{GREEK_AND_CYRILLIC}]*$' THEN '{others}' ELSE '{complete}' END"
        )
    };
    let (from, to) = (choose(|table| &table.from), choose(|table| &table.to));
    let seen = format!("regexp_replace(normalize({{text}}, NFKD), '{UNSEEN}', '', 'g')");
    let composed = format!("normalize(regexp_replace({seen}, '{BLANKS}', ' ', 'g'), NFKC)");
    let mut reduced = format!(r#"translate(lower({composed} COLLATE "C"), {from}, {to})"#);
    for (letter, two) in DOUBLE {
        reduced = format!("replace({reduced}, '{letter}', '{two}')");
    }
    format!(r#"CASE WHEN {{text}} ~ '{SIMPLE}' THEN lower({{text}} COLLATE "C") ELSE {reduced} END"#)
});

/// The expression for the value of an SQL expression.
pub(super) fn folded(text: &str) -> String {
    FOLDED.replace("{text}", text)
}
