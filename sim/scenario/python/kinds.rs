//! What a value may be, as far as the text tells: enough to know where Python needs another word than the scenario.
//!
//! Knows nothing of how anything is printed.

use std::ops::BitOrAssign;

/// What a value may be, and what may be found in it if it is a list, at any depth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds {
    pub(super) own: u8,
    pub(super) items: u8,
}

/// An integer, a text, a boolean, `None`.
pub(super) const PLAIN: u8 = 1;
pub(super) const ERROR: u8 = 2;
pub(super) const TASK: u8 = 4;
pub(super) const GATHER: u8 = 8;
pub(super) const COROUTINE: u8 = 16;
pub(super) const LIST: u8 = 32;

impl Kinds {
    pub(super) const fn of(own: u8) -> Kinds {
        Kinds { own, items: 0 }
    }

    pub(super) const fn list(items: u8) -> Kinds {
        Kinds { own: LIST, items }
    }

    pub(super) fn may_be(self, kind: u8) -> bool {
        self.own & kind != 0
    }

    /// Whether it, or anything in it, may be of this kind.
    pub(super) fn may_hold(self, kind: u8) -> bool {
        (self.own | self.items) & kind != 0
    }

    /// Whether it is a list and nothing else, as far as anybody knows.
    pub(super) fn is_list(self) -> bool {
        self.own == LIST
    }

    /// What an item of it may be.
    pub(super) fn item(self) -> Kinds {
        Kinds { own: self.items | if self.may_be(PLAIN) { PLAIN } else { 0 }, items: self.items }
    }

    pub(super) fn or(self, other: Kinds) -> Kinds {
        Kinds { own: self.own | other.own, items: self.items | other.items }
    }
}

impl BitOrAssign for Kinds {
    fn bitor_assign(&mut self, other: Kinds) {
        *self = self.or(other);
    }
}
