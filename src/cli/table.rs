//! Tables as kubectl prints them: a head in capitals, columns three spaces apart. On a
//! terminal they fit: the widest columns that may be cut are cut.

use unicode_width::UnicodeWidthChar as _;

use crate::api::text::harmless;

const GAP: &str = "   ";
/// No column is cut below this.
const LEAST: usize = 6;
/// No cell is ever longer.
const LONGEST: usize = 1024;

/// A column's head, and whether its cells may be cut to fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) head: &'static str,
    pub(crate) may_be_cut: bool,
}

/// A column that is always whole, e.g. of names.
pub(crate) const fn whole(head: &'static str) -> Column {
    Column { head, may_be_cut: false }
}

/// A column that may be cut, e.g. of words.
pub(crate) const fn cut(head: &'static str) -> Column {
    Column { head, may_be_cut: true }
}

/// Rows under a head.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row; the text of each cell is made harmless. Empty cells
    /// stay empty.
    pub(crate) fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells = cells.into_iter().map(|cell| harmless(cell.as_ref(), LONGEST).into_owned());
        self.rows.push(cells.collect());
    }

    /// The lines, for a terminal of so many columns, or whole.
    pub(crate) fn render(&self, terminal: Option<usize>, headers: bool) -> String {
        let widths = self.widths(terminal, headers);
        let head: Vec<&str> = self.columns.iter().map(|column| column.head).collect();
        let mut out = String::new();
        if headers {
            line(&mut out, &head, &widths);
        }
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            line(&mut out, &cells, &widths);
        }
        out
    }

    fn widths(&self, terminal: Option<usize>, headers: bool) -> Vec<usize> {
        let mut widths: Vec<usize> = (0..self.columns.len())
            .map(|at| {
                let cells = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| width(cell));
                let head = if headers { width(self.columns[at].head) } else { 0 };
                cells.max().unwrap_or(0).max(head)
            })
            .collect();
        let Some(terminal) = terminal else { return widths };
        loop {
            let total = widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
            let cuttable = |at: &usize| self.columns[*at].may_be_cut && widths[*at] > LEAST;
            let widest = (0..widths.len()).filter(cuttable).max_by_key(|at| widths[*at]);
            match widest {
                Some(at) if total > terminal => widths[at] -= 1,
                _ => return widths,
            }
        }
    }
}

fn line(out: &mut String, cells: &[&str], widths: &[usize]) {
    let mut line = String::new();
    for (cell, wanted) in cells.iter().zip(widths) {
        let cell = fitted(cell, *wanted);
        let padding = wanted.saturating_sub(width(&cell));
        line.push_str(&cell);
        line.extend(std::iter::repeat_n(' ', padding));
        line.push_str(GAP);
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

fn fitted(cell: &str, wanted: usize) -> String {
    if width(cell) <= wanted {
        return cell.to_owned();
    }
    let mut kept = String::new();
    for c in cell.chars() {
        if width(&kept) + c.width().unwrap_or(0) + 1 > wanted {
            break;
        }
        kept.push(c);
    }
    kept + "…"
}

fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([whole("NAME"), cut("WHY"), whole("AGE")]);
        table.row(["a", "because it is so and not otherwise", "3s"]);
        table.row(["long-name", "", "5m"]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        assert_eq!(
            table().render(None, true),
            "NAME        WHY                                  AGE\n\
             a           because it is so and not otherwise   3s\n\
             long-name                                        5m\n"
        );
    }

    #[test]
    fn a_table_fits_the_terminal_and_names_stay_whole() {
        let text = table().render(Some(30), true);
        assert!(text.lines().all(|line| width(line) <= 30), "{text}");
        assert!(text.contains("long-name") && text.contains('…'), "{text}");
    }

    #[test]
    fn wide_characters_count_as_what_they_take() {
        let mut table = Table::new([cut("BY"), whole("X")]);
        table.row(["山田", "1"]);
        table.row(["anna", "2"]);
        assert_eq!(table.render(None, false), "山田   1\nanna   2\n");
    }

    #[test]
    fn a_cell_commands_no_terminal_and_makes_no_line() {
        let mut table = Table::new([cut("BY")]);
        table.row(["a\u{1b}[2J\nb\u{202e}"]);
        assert_eq!(table.render(None, false), "a\\u{1b}[2J\\u{a}b\\u{202e}\n");
    }
}
