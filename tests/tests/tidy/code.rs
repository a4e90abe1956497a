//! Just enough of Rust's grammar to tell code from text, and to find where functions begin and end.
//!
//! It must never take a brace in a string, a character or a comment for one of the code.

/// A function that has a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Line of its `fn`, from 1.
    pub(crate) line: usize,
    /// From its `fn` to its closing brace.
    pub(crate) lines: usize,
}

/// `source` with everything that is not code blanked out; lines stay where they are.
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

/// Where the comment or literal that begins at `at` ends; `at` itself if none begins there.
fn end_of_text(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let within_word = at > 0 && is_word(chars[at - 1]);
    let length = match rest {
        ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => quoted(rest, '"'),
        ['\'', ..] => character(rest),
        // The prefixes b, c and br, cr leave the quote or the r for the next step.
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

/// A quote begins a character if it is escaped or closed at once; otherwise it begins a lifetime.
fn character(chars: &[char]) -> usize {
    match chars {
        [_, '\\', ..] => quoted(chars, '\''),
        [_, _, '\'', ..] => 3,
        _ => 0,
    }
}

/// 0 for what only looks like one: `r#type`.
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

/// All functions with a body in `code`, which is free of text. Those inside others count on their own as well.
pub(crate) fn functions(code: &str) -> Vec<Function> {
    let chars: Vec<char> = code.chars().collect();
    (0..chars.len()).filter_map(|at| function_at(&chars, at)).collect()
}

fn function_at(chars: &[char], at: usize) -> Option<Function> {
    if chars[at..].len() < 3
        || chars[at..at + 2] != ['f', 'n']
        || !chars[at + 2].is_whitespace()
        || (at > 0 && is_word(chars[at - 1]))
    {
        return None;
    }
    let named = at + 2 + chars[at + 2..].iter().position(|c| !c.is_whitespace())?;
    // A name follows; `fn (` would be the type of a pointer.
    let name: String = chars[named..].iter().take_while(|c| is_word(**c)).collect();
    let end = end_of_body(chars, named)?;
    let lines = 1 + count_lines(&chars[at..end]);
    (!name.is_empty()).then(|| Function { name, line: 1 + count_lines(&chars[..at]), lines })
}

/// Just behind the body that follows a signature; `None` when the signature ends in a semicolon.
fn end_of_body(chars: &[char], signature: usize) -> Option<usize> {
    let (mut brackets, mut braces) = (0_usize, 0_usize);
    for (offset, c) in chars[signature..].iter().enumerate() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' if braces == 1 && brackets == 0 => return Some(signature + offset + 1),
            '}' => braces = braces.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn count_lines(chars: &[char]) -> usize {
    chars.iter().filter(|c| **c == '\n').count()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[test]
fn comments_and_literals_are_blanked_and_lines_kept() {
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

#[test]
fn functions_are_found_with_their_lengths() {
    let source = "trait T { fn declared(&self); }\n\
        pub async fn one(x: [u8; 2]) -> u8 { x[0] }\n\
        fn two<F>(f: F)\nwhere\n    F: Fn(fn (u8) -> u8),\n{\n    // }\n    fn inner() {\n    }\n}\n\
        const P: fn (u8) = three;";
    let found = functions(&without_text(source));
    let shape: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.line, f.lines)).collect();
    assert_eq!(shape, [("one", 2, 1), ("two", 3, 8), ("inner", 8, 2)]);
}
