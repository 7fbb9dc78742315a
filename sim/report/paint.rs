//! The few colours of a failure, as ANSI codes, or none.
//!
//! Knows nothing of terminals: who prints decides whether there are colours.

use anstyle::{AnsiColor, Effects};

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    /// None.
    Off,
    /// ANSI codes.
    On,
}

/// What a text is to its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    /// A heading, or a name.
    Strong,
    /// It can be skipped.
    Faint,
    /// It has to do with the failure.
    Trouble,
    /// It is the failure, or its cause.
    Bad,
    /// It is as it should be.
    Good,
}

impl Paint {
    /// The paint that a `color` stands for.
    pub(super) fn new(color: bool) -> Paint {
        if color { Paint::On } else { Paint::Off }
    }

    pub(super) fn text(self, text: &str, style: Style) -> String {
        let colour = |colour: AnsiColor| anstyle::Style::new().fg_color(Some(colour.into()));
        let style = match style {
            _ if self == Paint::Off => return text.to_owned(),
            Style::Plain => return text.to_owned(),
            Style::Strong => anstyle::Style::new().effects(Effects::BOLD),
            Style::Faint => anstyle::Style::new().effects(Effects::DIMMED),
            Style::Trouble => colour(AnsiColor::Yellow),
            Style::Bad => colour(AnsiColor::BrightRed).effects(Effects::BOLD),
            Style::Good => colour(AnsiColor::BrightGreen).effects(Effects::BOLD),
        };
        format!("{style}{text}{style:#}")
    }
}
