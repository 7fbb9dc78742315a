//! The lane table as text: rails, and columns as narrow as their cells allow, wrapped where a terminal ends.
//!
//! Knows nothing of what the cells say.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::cells::{Rail, Row, Tone};
use super::columns::GAP;
use super::paint::{Paint, Style};

/// A line of the table.
#[derive(Clone, Debug)]
pub(super) enum Line {
    /// A row.
    Row(Row),
    /// What stands for rows that are left out.
    Elided(String),
    /// Here the run leaves the passing one.
    Parting,
}

/// The table is not wider than this, if its columns can be as narrow, and no other line is.
pub(super) const WIDEST: usize = 116;

/// No column is wider than this: what is longer reads better in two lines.
const WIDEST_CELL: usize = 56;

/// No column is narrower than this if it has more to say.
const NARROWEST: usize = 14;

/// The rail and the space behind it.
const RAIL: usize = 2;

/// Appends the table: one column for each head.
pub(super) fn draw(heads: &[String], lines: &[Line], paint: Paint, out: &mut String) {
    let places = Places::new(lines);
    let widths = widths(heads, lines, WIDEST.saturating_sub(places.width()));
    let cells = heads.iter().zip(&widths).map(|(head, &width)| {
        let head = wrap(head, width).into_iter().next().unwrap_or_default();
        (Rail::Absent, vec![(head, Style::Strong)])
    });
    let cells: Vec<Drawn> = cells.collect();
    places.write("time", "turn", out);
    write_line(&cells, 0, &widths, paint, out);
    let mut told = None;
    for line in lines {
        match line {
            Line::Row(row) => {
                let is_new = told.replace((row.time, row.turn)) != Some((row.time, row.turn));
                draw_row(row, is_new, &places, &widths, paint, out);
            }
            Line::Elided(what) => {
                out.push_str(&paint.text(&format!("{:places$}⋮ {what}", "", places = places.width()), Style::Faint));
                out.push('\n');
            }
            Line::Parting => {
                let rule = "╌╌ here it leaves the passing run ╌╌";
                out.push_str(&paint.text(&format!("{:places$}{rule}", "", places = places.width()), Style::Faint));
                out.push('\n');
            }
        }
    }
}

/// A cell as wrapped lines, and the rail in front of it.
type Drawn = (Rail, Vec<(String, Style)>);

fn draw_row(row: &Row, is_new: bool, places: &Places, widths: &[usize], paint: Paint, out: &mut String) {
    let cells = row.cells.iter().zip(widths).map(|((rail, cell), &width)| {
        let lines = cell.as_ref().map(|cell| (wrap(&cell.text, width), style(cell.tone)));
        let lines = lines.map(|(lines, style)| lines.into_iter().map(|line| (line, style)).collect());
        (*rail, lines.unwrap_or_default())
    });
    let cells: Vec<Drawn> = cells.collect();
    let height = cells.iter().map(|(_, lines)| lines.len()).max().unwrap_or(1);
    for at in 0..height {
        if at == 0 && is_new {
            places.write(&row.time.to_string(), &row.turn.to_string(), out);
        } else {
            places.write("", "", out);
        }
        write_line(&cells, at, widths, paint, out);
    }
}

/// One line of a row, without spaces at its end.
fn write_line(cells: &[Drawn], at: usize, widths: &[usize], paint: Paint, out: &mut String) {
    let mut spaces = 0;
    for ((rail, lines), &width) in cells.iter().zip(widths) {
        let is_told = !lines.is_empty() && at == 0;
        let glyph = match rail {
            Rail::Absent => ' ',
            Rail::Begins if at == 0 => '┬',
            Rail::Goes if is_told => '├',
            Rail::Ends if at == 0 => '┴',
            Rail::Ends => ' ',
            Rail::Begins | Rail::Goes => '│',
        };
        if glyph == ' ' {
            spaces += 1;
        } else {
            out.extend(std::iter::repeat_n(' ', std::mem::take(&mut spaces)));
            out.push(glyph);
        }
        spaces += RAIL - 1;
        let mut used = 0;
        if let Some((text, style)) = lines.get(at) {
            out.extend(std::iter::repeat_n(' ', std::mem::take(&mut spaces)));
            out.push_str(&paint.text(text, *style));
            used = text.width();
        }
        spaces += width.saturating_sub(used) + GAP.len();
    }
    out.push('\n');
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain | Tone::Apart => Style::Plain,
        Tone::Trouble => Style::Trouble,
        Tone::Unusual => Style::Bad,
    }
}

/// The columns of time and turn; a machine without turns has only the first.
struct Places {
    time: usize,
    turn: Option<usize>,
}

impl Places {
    fn new(lines: &[Line]) -> Places {
        let rows = lines.iter().filter_map(|line| if let Line::Row(row) = line { Some(row) } else { None });
        let time = rows.clone().map(|row| row.time.to_string().len()).max().unwrap_or(0).max("time".len());
        let turn = rows.map(|row| row.turn).max().filter(|&turn| turn > 0);
        Places { time, turn: turn.map(|turn| turn.to_string().len().max("turn".len())) }
    }

    fn width(&self) -> usize {
        self.time + GAP.len() + self.turn.map_or(0, |turn| turn + GAP.len())
    }

    fn write(&self, time: &str, turn: &str, out: &mut String) {
        out.push_str(&format!("{time:>width$}{GAP}", width = self.time));
        if let Some(width) = self.turn {
            out.push_str(&format!("{turn:>width$}{GAP}"));
        }
    }
}

/// How wide each column is: as its widest cell, and if that is too much in all, the widest ones as much narrower as it
/// takes.
fn widths(heads: &[String], lines: &[Line], most: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = heads.iter().map(|head| head.width()).collect();
    for line in lines {
        let Line::Row(row) = line else { continue };
        for (width, (_, cell)) in widths.iter_mut().zip(&row.cells) {
            *width = cell.as_ref().map_or(0, |cell| cell.text.width()).max(*width);
        }
    }
    let most = most.saturating_sub(widths.len() * (RAIL + GAP.len()));
    let limit = (NARROWEST..=WIDEST_CELL).rev();
    let fits = |limit: &usize| widths.iter().map(|width| width.min(limit)).sum::<usize>() <= most;
    let limit = limit.into_iter().find(fits).unwrap_or(NARROWEST);
    widths.iter().map(|&width| width.min(limit)).collect()
}

/// The text in lines of at most `width`, broken between words where that is possible. All but the first are set in.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        if used > 0 && width < used + word.trim_end().width() {
            used = begin_line(&mut lines);
        }
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if width < used + wide {
                if c == ' ' {
                    continue;
                }
                used = begin_line(&mut lines);
            }
            if let Some(line) = lines.last_mut() {
                line.push(c);
            }
            used += wide;
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

fn begin_line(lines: &mut Vec<String>) -> usize {
    const INDENT: &str = "  ";
    lines.push(INDENT.to_owned());
    INDENT.len()
}
