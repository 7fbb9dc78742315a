//! Texts: where a program's words are kept, and the templates that put new ones together.
//!
//! A text is an id. The program owns the ones that were in the file; a run adds the ones that it puts together, in
//! an overlay that starts where the program's ids end and that keeps every text once.
//!
//! Knows nothing of who prints them.

use crate::id::TextId;
use crate::reuse::clone_in_place;

use super::ExprId;

/// Texts end to end in one string. As the program's own table, and as a run's overlay above it.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct Texts {
    /// The first id of this table.
    base: u32,
    bytes: String,
    /// Where each text ends.
    ends: Vec<u32>,
    /// The overlay's ids in the order of their texts, so that one text has one id and equal states stay equal.
    sorted: Vec<u32>,
}

clone_in_place!(Texts { base, bytes, ends, sorted });

impl Texts {
    /// Adds a text without asking whether it is there already.
    pub fn push(&mut self, text: &str) -> TextId {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len() as u32);
        TextId(self.base + self.ends.len() as u32 - 1)
    }

    /// The text's id, adding it if it is new to this table.
    pub fn intern(&mut self, text: &str) -> TextId {
        let place = self.sorted.binary_search_by(|&at| self.at(at).cmp(text));
        match place {
            Ok(found) => TextId(self.base + self.sorted[found]),
            Err(place) => {
                let id = self.push(text);
                self.sorted.insert(place, id.0 - self.base);
                id
            }
        }
    }

    /// The text with this id, if it is one of this table's.
    pub fn get(&self, id: TextId) -> Option<&str> {
        let at = id.0.checked_sub(self.base)?;
        (at < self.ends.len() as u32).then(|| self.at(at))
    }

    /// All of it, end to end; with the lengths this is what a fingerprint covers.
    pub fn bytes(&self) -> (&str, &[u32]) {
        (&self.bytes, &self.ends)
    }

    /// Forgets every text, keeps the memory, and becomes an overlay above `below`.
    pub fn restart_above(&mut self, below: &Texts) {
        self.base = below.base + below.ends.len() as u32;
        self.bytes.clear();
        self.ends.clear();
        self.sorted.clear();
    }

    fn at(&self, at: u32) -> &str {
        let from = if at == 0 { 0 } else { self.ends[at as usize - 1] };
        &self.bytes[from as usize..self.ends[at as usize] as usize]
    }
}

/// A piece of a text with placeholders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Text(TextId),
    /// What an expression gives at that moment.
    Value(ExprId, Padding),
}

/// Python's `{x:<10}`: fill, side and width. The precision and the type letters of Python's format language have no
/// use here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Padding {
    /// Least number of characters; 0 pads nothing.
    pub width: u32,
    /// What fills the rest.
    pub fill: Option<char>,
    /// On which side the text stands; by default numbers right, everything else left.
    pub side: Option<Side>,
}

/// Where a padded text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `<`
    Left,
    /// `^`
    Middle,
    /// `>`
    Right,
}

impl Padding {
    /// Appends `text` to `out`, padded; `number` tells which side is the default.
    pub fn apply(self, text: &str, number: bool, out: &mut String) {
        if self.width == 0 {
            return out.push_str(text);
        }
        let missing = (self.width as usize).saturating_sub(text.chars().count());
        let side = self.side.unwrap_or(if number { Side::Right } else { Side::Left });
        let before = match side {
            Side::Left => 0,
            Side::Middle => missing / 2,
            Side::Right => missing,
        };
        let fill = self.fill.unwrap_or(' ');
        out.extend(std::iter::repeat_n(fill, before));
        out.push_str(text);
        out.extend(std::iter::repeat_n(fill, missing - before));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlay_continues_the_ids_and_keeps_each_text_once() {
        let mut program = Texts::default();
        let a = program.push("a");
        let mut run = Texts::default();
        run.restart_above(&program);
        let b = run.intern("b");
        assert_eq!((a, b, run.intern("b"), run.intern("a")), (TextId(0), TextId(1), TextId(1), TextId(2)));
        assert_eq!((program.get(b), run.get(b), run.get(a)), (None, Some("b"), None));
    }

    #[test]
    fn pads_as_python_does() {
        let mut out = String::new();
        Padding { width: 4, ..Padding::default() }.apply("ab", false, &mut out);
        Padding { width: 4, ..Padding::default() }.apply("7", true, &mut out);
        Padding { width: 5, fill: Some('*'), side: Some(Side::Middle) }.apply("ab", false, &mut out);
        assert_eq!(out, "ab     7*ab**");
    }
}
