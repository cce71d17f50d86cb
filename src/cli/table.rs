//! Tables as kubectl prints them: a head in capitals, columns three spaces apart. On a
//! terminal they fit: the widest columns that may be cut are cut; where that is not enough,
//! columns with nothing in them are left out, then the last ones.

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
        let (shown, widths) = self.fit(terminal, headers);
        let mut out = String::new();
        if headers {
            let head: Vec<&str> = shown.iter().map(|at| self.columns[*at].head).collect();
            line(&mut out, &head, &widths);
        }
        for row in &self.rows {
            let cell = |at: &usize| row.get(*at).map(String::as_str).unwrap_or_default();
            line(&mut out, &shown.iter().map(cell).collect::<Vec<_>>(), &widths);
        }
        out
    }

    /// Which columns are shown, and how wide each is.
    fn fit(&self, terminal: Option<usize>, headers: bool) -> (Vec<usize>, Vec<usize>) {
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        loop {
            let widths = self.widths(&shown, terminal, headers);
            if shown.len() <= 1 || terminal.is_none_or(|terminal| total(&widths) <= terminal) {
                return (shown, widths);
            }
            let is_empty =
                |at: &usize| self.rows.iter().all(|row| row.get(*at).is_none_or(String::is_empty));
            let least = shown.iter().rposition(is_empty).unwrap_or(shown.len() - 1);
            shown.remove(least);
        }
    }

    fn widths(&self, shown: &[usize], terminal: Option<usize>, headers: bool) -> Vec<usize> {
        let widest = |at: &usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(*at)).map(|cell| width(cell));
            let head = if headers { width(self.columns[*at].head) } else { 0 };
            cells.max().unwrap_or(0).max(head)
        };
        let mut widths: Vec<usize> = shown.iter().map(widest).collect();
        let Some(terminal) = terminal else { return widths };
        while total(&widths) > terminal {
            let cuttable = |at: &usize| self.columns[shown[*at]].may_be_cut && widths[*at] > LEAST;
            let widest = (0..widths.len()).filter(cuttable).max_by_key(|at| widths[*at]);
            let Some(at) = widest else { break };
            widths[at] -= 1;
        }
        widths
    }
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)
}

fn line(out: &mut String, cells: &[&str], widths: &[usize]) {
    let mut line = String::new();
    for (cell, wanted) in cells.iter().zip(widths) {
        let cell = cut_to(cell, *wanted);
        let padding = wanted.saturating_sub(width(&cell));
        line.push_str(&cell);
        line.extend(std::iter::repeat_n(' ', padding));
        line.push_str(GAP);
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

/// The text, cut to so many columns.
pub(crate) fn cut_to(cell: &str, wanted: usize) -> String {
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
    fn where_it_is_too_narrow_an_empty_column_goes_first_then_the_last() {
        let mut table =
            Table::new([whole("NAME"), whole("ENVIRONMENT"), whole("VALUE"), cut("BY")]);
        table.row(["STRIPE_API_KEY", "", "sk_l****wxyz", "somebody"]);
        let head = |columns| table.render(Some(columns), true).lines().next().map(str::to_owned);
        assert_eq!(head(60).as_deref(), Some("NAME             ENVIRONMENT   VALUE          BY"));
        assert_eq!(head(45).as_deref(), Some("NAME             VALUE          BY"));
        assert_eq!(head(30).as_deref(), Some("NAME             VALUE"));
        assert_eq!(head(5).as_deref(), Some("NAME"));
        assert!(table.render(Some(5), true).contains("STRIPE_API_KEY"), "a name stays whole");
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
