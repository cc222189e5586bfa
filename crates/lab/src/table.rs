//! Rows of text in aligned columns.

use crate::out::say;

/// Prints a heading and rows, each column as wide as its widest cell.
pub(crate) fn print<const N: usize>(heading: [&str; N], rows: &[[String; N]]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].as_str());
        let widths = cells
            .chain([heading[column]])
            .map(|cell| cell.chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    print_row(&widths, &heading);
    print_row(&widths, &widths.map(|width| "-".repeat(width)));
    for row in rows {
        print_row(&widths, row);
    }
}

fn print_row<const N: usize>(widths: &[usize; N], cells: &[impl AsRef<str>; N]) {
    let padded = widths.iter().zip(cells);
    let padded = padded.map(|(width, cell)| format!("{:width$}", cell.as_ref()));
    let line = padded.collect::<Vec<_>>().join("  ");
    say!("{}", line.trim_end());
}
