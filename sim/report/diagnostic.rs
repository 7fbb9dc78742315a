//! What is wrong with a file, with the place underlined in its source.
//!
//! A message may come from any file at all, so nothing here trusts it: places outside of the source, in the middle of
//! a character or a megabyte long are drawn as well as they can be.
//!
//! Knows nothing of what makes a file wrong, or of terminals.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::diagnostic::Diagnostic;

use super::names::{clipped, counted, printable};

/// More messages than this are counted, not shown: one mistake may cause thousands.
const MOST: usize = 20;

/// What a message says beyond so many characters is left out; it may quote the file.
const LONGEST_TEXT: usize = 1000;

/// A place is underlined for so many characters.
const LONGEST_PLACE: usize = 80;

/// Every message about `file`, the text of which is `source`: empty if it could not be read as text. With `color`,
/// in ANSI colours.
pub fn diagnostics(file: &str, source: &str, all: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let file = shortened(file);
    let mut parts: Vec<String> =
        all.iter().take(MOST).map(|diagnostic| renderer.render(&[group(&file, source, diagnostic)])).collect();
    if all.len() > MOST {
        let more = counted((all.len() - MOST) as u32, "more error", "more errors");
        let title = Level::ERROR.primary_title(format!("{more} in {file}"));
        parts.push(renderer.render(&[Group::with_title(title)]));
    }
    parts.iter().map(|part| format!("{}\n", part.trim_end_matches('\n'))).collect::<Vec<_>>().join("\n")
}

/// The place of a message alone, without colours; empty if the message has no place.
pub(super) fn place(file: &str, source: &str, diagnostic: &Diagnostic) -> String {
    let Some(span) = &diagnostic.span else { return String::new() };
    let file = shortened(file);
    let main = (AnnotationKind::Primary, drawn(source, span), diagnostic.label.as_str());
    let group = Group::with_level(Level::NOTE).element(snippet(&file, source, [main]));
    format!("{}\n", Renderer::plain().render(&[group]).trim_end_matches('\n'))
}

/// The line and the column of a byte of the source, both from 1, as a drawn place has them.
pub(super) fn position(source: &str, at: usize) -> (usize, usize) {
    let before = &source[..source.floor_char_boundary(at)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn group<'a>(file: &'a str, source: &'a str, diagnostic: &'a Diagnostic) -> Group<'a> {
    let mut group = Group::with_title(Level::ERROR.primary_title(shortened(&diagnostic.message)));
    match &diagnostic.span {
        None => group = group.element(Origin::path(file)),
        Some(span) => {
            let main = (AnnotationKind::Primary, drawn(source, span), diagnostic.label.as_str());
            let others = diagnostic
                .others
                .iter()
                .map(|(span, label)| (AnnotationKind::Context, drawn(source, span), label.as_str()));
            // What stands between two places of one line is drawn too, so a place in a long line is drawn on its own.
            let (apart, together): (Vec<Place<'_>>, Vec<Place<'_>>) =
                others.partition(|(_, span, _)| line_length(source, span.start) > LONGEST_PLACE * 2);
            group = group.element(snippet(file, source, std::iter::once(main).chain(together)));
            group = group.elements(apart.into_iter().map(|place| snippet(file, source, [place])));
        }
    }
    group.elements(diagnostic.help.iter().map(|help| Level::HELP.message(shortened(help))))
}

/// Where, and the few words there.
type Place<'a> = (AnnotationKind, Range<usize>, &'a str);

fn snippet<'a>(
    file: &'a str,
    source: &'a str,
    places: impl IntoIterator<Item = Place<'a>>,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let annotations = places.into_iter().map(|(kind, span, label)| {
        let annotation = kind.span(span);
        if label.is_empty() { annotation } else { annotation.label(shortened(label)) }
    });
    Snippet::source(source).path(file).annotations(annotations)
}

/// The part of a place that is underlined: within the source, of whole characters, on its first line, and not too
/// long. It says where to look; the rest is in the file.
fn drawn(source: &str, span: &Range<usize>) -> Range<usize> {
    let start = source.floor_char_boundary(span.start);
    let end = source.ceil_char_boundary(span.end.max(start));
    let line = source[start..end].lines().next().unwrap_or_default();
    let length = line.char_indices().nth(LONGEST_PLACE).map_or(line.len(), |(at, _)| at);
    start..start + length
}

/// How long the line is, in bytes, in which this byte stands.
fn line_length(source: &str, at: usize) -> usize {
    let (before, after) = source.split_at(at);
    let before = before.rfind('\n').map_or(before.len(), |newline| before.len() - newline - 1);
    before + after.find('\n').unwrap_or(after.len())
}

/// A text without control characters but newlines, cut where it gets too long.
fn shortened(text: &str) -> String {
    let lines: Vec<String> = clipped(text, LONGEST_TEXT).lines().map(printable).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "about = \"x\"\nstrategy = \"gahter\"\n";

    #[test]
    fn a_position_is_that_of_the_drawn_place() {
        let source = "é\nßx = 3\n";
        for at in 0..source.len() {
            let (line, column) = position(source, at);
            let drawn = place("a.toml", source, &Diagnostic::at(at..at + 1, "", "here"));
            assert!(drawn.starts_with(&format!(" --> a.toml:{line}:{column}\n")), "{at}: {drawn}");
        }
        assert_eq!(place("a.toml", source, &Diagnostic::whole("all of it is wrong")), "");
    }

    #[test]
    fn underlines_the_place_and_says_what_to_do() {
        let one = Diagnostic::at(24..30, "expected a strategy, but found `gahter`", "no strategy of this name")
            .other(0..5, "the file is about this")
            .help("did you mean `gather`?")
            .help("`atropos list` shows them all");
        let expected = "\
error: expected a strategy, but found `gahter`
 --> a.toml:2:13
  |
1 | about = \"x\"
  | ----- the file is about this
2 | strategy = \"gahter\"
  |             ^^^^^^ no strategy of this name
  |
  = help: did you mean `gather`?
  = help: `atropos list` shows them all
";
        assert_eq!(diagnostics("a.toml", SOURCE, &[one], false), expected);
    }

    #[test]
    fn a_file_that_cannot_be_read_has_no_places() {
        let one = Diagnostic::whole("cannot read this: no such file").help("check the name");
        let expected = "error: cannot read this: no such file
--> missing.toml
 = help: check the name
";
        assert_eq!(diagnostics("missing.toml", "", &[one], false), expected);
    }

    #[test]
    fn no_place_is_too_odd_to_be_drawn() {
        let sources = ["", "\n", "\r\n", "a", "é\n日本\r\n\te\u{301}\u{202e}\0", "a\n\n\n", "\u{feff}a = 1\r", SOURCE];
        for source in sources {
            for start in 0..source.len() + 3 {
                for end in 0..source.len() + 3 {
                    let one = Diagnostic::at(start..end, "m", "l").other(end..start, "").other(0..usize::MAX, "o");
                    let text = diagnostics("a.toml", source, &[one], true);
                    assert!(text.ends_with('\n'));
                }
            }
        }
    }

    #[test]
    fn nothing_of_the_file_can_blow_it_up() {
        let long = "x".repeat(1_000_000);
        let source = format!("a = 1\n{long}\nb = 2\n{long} = {long}\nc = 3\n");
        let end = source.len();
        let one = Diagnostic::at(0..end, long.clone(), long.clone())
            .other(10..end, long.clone())
            .other(1_500_000..1_500_001, "far")
            .other(2_500_000..2_500_001, "farther")
            .other(end - 3..end, "last")
            .help(long.clone());
        let text = diagnostics(&long, &source, &[one], false);
        assert!(text.len() < 20_000, "{}", text.len());
    }

    #[test]
    fn many_messages_are_counted() {
        let text = diagnostics("a.toml", SOURCE, &vec![Diagnostic::at(0..5, "wrong", ""); 1000], false);
        assert_eq!(text.matches("error: wrong\n").count(), 20);
        assert!(text.ends_with("\nerror: 980 more errors in a.toml\n"), "{text}");
    }

    #[test]
    fn what_a_message_quotes_cannot_turn_the_terminal() {
        let source = "a = \"\u{1b}[31m\u{202e}\"";
        let one = Diagnostic::at(4..9, "bad \u{1b}[31m", "here \u{202e}\u{1b}").help("\u{1b}]0;title\u{7}");
        let text = diagnostics("\u{1b}.toml", source, &[one], false);
        assert!(text.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{text:?}");
    }
}
