//! Just enough of Rust's grammar to separate code from comments and literals.

/// `source` with comments and literals replaced by spaces. Line numbers do not change.
pub(crate) fn without_text(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut code = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = end_of_text(&chars, at);
        if end == at {
            code.push(chars[at]);
            at += 1;
        } else {
            code.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

/// The end of the comment or literal that begins at `at`, or `at` itself if none begins there.
fn end_of_text(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let within_word = at > 0 && is_word(chars[at - 1]);
    let length = match rest {
        ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => quoted(rest, '"'),
        ['\'', ..] => character(rest),
        // After the prefixes b, c, br and cr, the next step sees the quote or the r.
        ['r', '"' | '#', ..] if !within_word || matches!(chars[at - 1], 'b' | 'c') => raw_string(rest),
        _ => 0,
    };
    at + length
}

fn block_comment(chars: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < chars.len() {
        match chars[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] if depth == 1 => return at + 2,
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    chars.len()
}

fn quoted(chars: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// A quote begins a character literal if an escape follows or it is closed at once. Otherwise it begins a lifetime.
fn character(chars: &[char]) -> usize {
    match chars {
        [_, '\\', ..] => quoted(chars, '\''),
        [_, _, '\'', ..] => 3,
        _ => 0,
    }
}

/// Length of the raw string, or 0 for a raw identifier such as `r#type`.
fn raw_string(chars: &[char]) -> usize {
    let hashes = chars[1..].iter().take_while(|c| **c == '#').count();
    if chars.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let body = 2 + hashes;
    let closes = |at: &usize| {
        chars[*at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    (body..chars.len()).find(closes).map_or(chars.len(), |end| end + 1 + hashes)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[test]
fn comments_and_literals_become_spaces_and_lines_stay() {
    for (source, code) in [
        ("a // {\nb", "a     \nb"),
        ("a /* { /* \n */ } */ b", "a         \n         b"),
        (r#"x("{\"}") y"#, r"x(      ) y"),
        ("x('{', '\\'', '\\u{7b}') y", "x(   ,     ,         ) y"),
        ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
        ("r#\"{\"{\"# r#type b\"}\" br\"\\\" z", "         r#type b    b     z"),
        ("for\"{\"", "for   "),
    ] {
        assert_eq!(without_text(source), code, "{source}");
    }
}
