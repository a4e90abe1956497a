//! Precedence of rules, and the faults of invalid files.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn rules(text: &str) -> Rules {
    Rules::parse(text).unwrap()
}

fn at(text: &str) -> ParsedTime {
    ParsedTime::At(text.parse().unwrap())
}

const LUNCH: &str = "[[rule]]\nname = \"lunch\"\ntext = \" 점심때 \"\nmeans = \"12:30\"\n";

#[test]
fn a_rule_parses_a_text_that_the_grammar_cannot() {
    let rules = rules(&format!(
        "{LUNCH}[[rule]]\nname = \"before-n\"\npattern = '(\\d{{1,2}})시 전'\nmeans = \"MORNING\"\n"
    ));
    assert_eq!(rules.read("점심때").parsed, at("12:30"));
    assert_eq!(rules.read("점심때").rule, Some(0));
    assert_eq!(rules.read("  11시   전").parsed, ParsedTime::Period(Period::Morning));
    assert_eq!(rules.read("11시 전에요").rule, None, "a pattern matches the whole text");
    assert_eq!(rules.names().collect::<Vec<_>>(), ["lunch", "before-n"]);
}

#[test]
fn texts_are_compared_without_case_width_and_blanks() {
    let rules = rules("[[rule]]\nname = \"l\"\ntext = \"Lunch  Time\"\nmeans = \"12:00\"\n");
    assert_eq!(rules.read("ＬＵＮＣＨ time ").parsed, at("12:00"));
}

#[test]
fn the_grammar_precedes_a_rule_unless_the_rule_says_otherwise() {
    let rule = |before| {
        rules(&format!("[[rule]]\nname = \"r\"\ntext = \"10시\"\nmeans = \"22:00\"\nbefore = {before}\n"))
    };
    assert_eq!(rule(false).read("10시"), Reading { parsed: at("10:00"), built_in: at("10:00"), rule: None });
    let over = rule(true).read("10시");
    assert_eq!((over.parsed, over.built_in, over.rule), (at("22:00"), at("10:00"), Some(0)));
}

#[test]
fn a_rule_may_send_to_review_and_the_reason_stays_the_grammars() {
    let rules = rules("[[rule]]\nname = \"r\"\npattern = '\\d{1,2}시'\nmeans = \"REVIEW\"\nbefore = true\n");
    assert_eq!(rules.read("3시").parsed, ParsedTime::Ambiguous(Ambiguity::AmbiguousHour));
    assert_eq!(rules.read("10시").parsed, ParsedTime::Ambiguous(Ambiguity::NotATime));
}

#[test]
fn a_blank_text_is_never_read_and_neither_is_one_that_is_too_long() {
    let rules = rules("[[rule]]\nname = \"all\"\npattern = '.*'\nmeans = \"09:00\"\nbefore = true\n");
    assert_eq!(rules.read("  ").parsed, ParsedTime::Ambiguous(Ambiguity::Empty));
    assert_eq!(rules.read(&"x".repeat(MAX_REQUESTED_TIME_LENGTH + 1)).rule, None);
    assert_eq!(rules.read("x").parsed, at("09:00"));
}

#[test]
fn a_fault_names_line_rule_and_field() {
    let rule = |fields: &str| format!("# the clinic's\n[[rule]]\nname = \"a\"\n{fields}\n");
    let cases = [
        (rule("text = \"x\"\nmeans = \"noon\""), "line 5, rule \"a\", `means`: give a time from 01:00"),
        (rule("text = \"x\"\nmeans = \"00:30\""), "line 5, rule \"a\", `means`"),
        (rule("text = \"x\"\nmeans = \"24:00\""), "line 5, rule \"a\", `means`"),
        (rule("text = \"x\""), "line 2, rule \"a\", `means`: it is missing"),
        (rule("text = \" \"\nmeans = \"09:00\""), "line 4, rule \"a\", `text`"),
        (
            rule("pattern = \"(\"\nmeans = \"09:00\""),
            "line 4, rule \"a\", `pattern`: this is not a valid regular",
        ),
        (
            rule("pattern = \"a)|(b\"\nmeans = \"09:00\""),
            "line 4, rule \"a\", `pattern`: this is not a valid regular",
        ),
        (
            rule("text = \"점심\\u200b\\u202e\"\nmeans = \"09:00\""),
            "line 4, rule \"a\", `text`: it needs 1 to 500 visible characters",
        ),
        (
            rule("pattern = \"\\u0000\"\nmeans = \"09:00\""),
            "line 4, rule \"a\", `pattern`: it needs 1 to 500",
        ),
        (rule("pattern = \"x{999}{999}\"\nmeans = \"09:00\""), "line 4, rule \"a\", `pattern`"),
        (
            rule("text = \"x\"\npattern = \"x\"\nmeans = \"09:00\""),
            "line 5, rule \"a\", `pattern`: a rule has",
        ),
        (rule("means = \"09:00\""), "line 2, rule \"a\": a rule needs a `text` or a `pattern`"),
        (rule("txt = \"x\""), "line 4: unknown field `txt`"),
        (format!("{LUNCH}{LUNCH}"), "line 6, rule \"lunch\", `name`: another rule has this name"),
        ("[[rule]]\nname = \"a b\"".to_owned(), "line 2, rule \"a b\", `name`: a name is"),
        ("[[rule]]\ntext = \"a\"".to_owned(), "line 1, `name`: it is missing"),
        ("[[rule]\n".to_owned(), "line 1: "),
        ("x".repeat(MAX_RULES_BYTES + 1), "line 1: a file of rules has at most"),
    ];
    for (text, expected) in cases {
        let shown = Rules::parse(&text).unwrap_err().to_string();
        assert!(shown.starts_with(expected), "{shown}");
    }
}

#[test]
fn the_number_of_rules_is_bounded() {
    let many = |count: usize| {
        (0..count)
            .map(|n| format!("[[rule]]\nname = \"r{n}\"\ntext = \"t{n}\"\nmeans = \"09:00\"\n"))
            .collect::<String>()
    };
    assert_eq!(rules(&many(MAX_RULES)).names().count(), MAX_RULES);
    assert!(Rules::parse(&many(MAX_RULES + 1)).unwrap_err().fault.contains("at most 200 rules"));
}
