//! Which bracket of a TOML text is still open at some place: the reader of TOML says what it misses, and not since where.
//!
//! Knows nothing of what is in the brackets.

/// The innermost `[` or `{` that is open at byte `at`, and where it stands. What stands in texts and comments is none.
pub(super) fn still_open(text: &str, at: usize) -> Option<(usize, char)> {
    let mut open = Vec::new();
    let mut place = 0;
    while let Some(first) = text[place..].chars().next().filter(|_| place < at) {
        match first {
            '[' | '{' => open.push((place, first)),
            ']' | '}' => _ = open.pop(),
            _ => {}
        }
        place += skipped(&text[place..], first);
    }
    open.pop()
}

/// How far it is to what follows this character: behind the text or the comment that it begins, if it begins one.
fn skipped(rest: &str, first: char) -> usize {
    let end = match first {
        '#' => rest.find('\n'),
        '"' | '\'' => {
            let three = &first.to_string().repeat(3);
            match rest.strip_prefix(three.as_str()) {
                // Up to two more of them still belong to what is quoted.
                Some(inside) => length(inside, three).map(|length| {
                    let more = inside[length + 3..].chars().take(2).take_while(|&next| next == first).count();
                    length + 6 + more
                }),
                None => length(&rest[1..], &three[..1]).map(|length| length + 2),
            }
        }
        _ => Some(first.len_utf8()),
    };
    end.unwrap_or(rest.len())
}

/// How long a text is that `end` ends. Behind a backslash it does not, but in single quotes there are none; one quote
/// alone has to be found in the same line.
fn length(inside: &str, end: &str) -> Option<usize> {
    let escapes = end.starts_with('"');
    let is_one_line = end.len() == 1;
    let mut from = 0;
    loop {
        let found = match is_one_line {
            true => from + inside[from..].find(|c| c == '\n' || end.starts_with(c))?,
            false => from + inside[from..].find(end)?,
        };
        if is_one_line && inside[found..].starts_with('\n') {
            return None;
        }
        let backslashes = inside[..found].bytes().rev().take_while(|&byte| byte == b'\\').count();
        if !escapes || backslashes.is_multiple_of(2) {
            return Some(found);
        }
        from = found + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_open_bracket_is_found() {
        // The bracket in question stands behind a §, which is no bracket of its own.
        let check = |text: &str| {
            let expected = text.find('§').map(|at| (at + 2, text[at + 2..].chars().next().unwrap()));
            assert_eq!(still_open(text, text.len()), expected, "{text}");
        };
        check("");
        check("[main]\nsteps = §[");
        check("steps = [{ try = §[{ a = 1 }");
        check("steps = §[{ a = 1 }, ");
        check("a = §[ \"]\", ']', # ]\n");
        check("a = §[ \"\\\"]\", \"\\\\\"");
        check("a = §[ \"\"\"\n]\"] \"\"\", '''\n]\\''', 1");
        check("a = 1 ]] §[");
        // A text may end in quotes of its own.
        check("a = §[ \"\"\"say \"hi\"\"\"\", ']', '''it''s'''', ']'");
        check("a = §[ \"\"\"\"\"\", ']'");
        // A text that nobody closes goes on to the end.
        check("a = §[ \"\"\" ]");
        check("a = §[ \" ]");
        check("a = §[ \" ]\n\" ]");
        assert_eq!(still_open("a = [[1], [", 9), Some((4, '[')));
    }
}
