//! Rows of cells as aligned text.
//!
//! Knows nothing of what the cells say.

use unicode_width::UnicodeWidthStr as _;

/// What stands between two columns.
pub(super) const GAP: &str = "  ";

/// A cell wider than this does not widen its column: one long name must not push every row to the right.
const WIDEST: usize = 32;

/// On which side of its column a cell stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// Appends the rows to `out`, a line each, the columns as wide as their widest cell and no space at the end of a line.
pub(super) fn align<const N: usize>(rows: &[[String; N]], sides: [Side; N], out: &mut String) {
    let widths: [usize; N] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].width()).filter(|&width| width <= WIDEST).max().unwrap_or(0)
    });
    for row in rows {
        let start = out.len();
        for (column, cell) in row.iter().enumerate() {
            if column > 0 {
                out.push_str(GAP);
            }
            let padding = std::iter::repeat_n(' ', widths[column].saturating_sub(cell.width()));
            match sides[column] {
                Side::Left => {
                    out.push_str(cell);
                    out.extend(padding);
                }
                Side::Right => {
                    out.extend(padding);
                    out.push_str(cell);
                }
            }
        }
        out.truncate(start + out[start..].trim_end_matches(' ').len());
        out.push('\n');
    }
}
