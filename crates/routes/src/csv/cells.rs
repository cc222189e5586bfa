//! What stands in a cell.

use std::fmt::{Display, Write as _};

use agent_domain::Money;
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use csv::ByteRecord;

/// One row that is being filled.
#[derive(Default)]
pub(crate) struct Row {
    record: ByteRecord,
    scratch: String,
}

impl Row {
    pub(super) fn clear(&mut self) {
        self.record.clear();
    }

    pub(super) fn record(&self) -> &ByteRecord {
        &self.record
    }

    /// Somebody's text: never a formula.
    pub(crate) fn text(&mut self, text: &str) {
        if !is_formula(text) {
            return self.record.push_field(text.as_bytes());
        }
        self.scratch.clear();
        self.scratch.push('\'');
        self.scratch.push_str(text);
        self.record.push_field(self.scratch.as_bytes());
    }

    pub(crate) fn number(&mut self, number: impl Display) {
        self.plain(format_args!("{number}"));
    }

    /// With four decimals and no currency.
    pub(crate) fn money(&mut self, money: Money) {
        self.plain(format_args!("{money}"));
    }

    /// RFC 3339, in UTC.
    pub(crate) fn time(&mut self, time: DateTime<Utc>) {
        let text = time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        self.record.push_field(text.as_bytes());
    }

    /// `YYYY-MM-DD`.
    pub(crate) fn day(&mut self, day: NaiveDate) {
        self.plain(format_args!("{day}"));
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        let text: &[u8] = if flag { b"true" } else { b"false" };
        self.record.push_field(text);
    }

    pub(crate) fn blank(&mut self) {
        self.record.push_field(b"");
    }

    /// What we write ourselves, and no client can choose.
    fn plain(&mut self, value: std::fmt::Arguments<'_>) {
        self.scratch.clear();
        // A String takes whatever is written.
        if self.scratch.write_fmt(value).is_ok() {
            self.record.push_field(self.scratch.as_bytes());
        }
    }
}

/// Whether a spreadsheet might run a text. Some of them drop what cannot be seen at the beginning,
/// or read the wide forms of East Asian keyboards as the plain ones (OWASP, CSV injection).
fn is_formula(text: &str) -> bool {
    if text.starts_with(['\t', '\r', '\n']) {
        return true;
    }
    let unseen = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    let seen = text.trim_start_matches(unseen);
    seen.starts_with([
        '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ])
}

/// A value that fills one cell, or several with names of their own. Which kind a cell is follows
/// from the type, so a text cannot be taken for a number.
pub(crate) trait Cells {
    /// Names of the columns of a member called `name`; empty for the row itself.
    fn names(name: &str, header: &mut Vec<String>);

    fn write(&self, row: &mut Row);

    /// As many empty cells.
    fn blank(row: &mut Row);
}

macro_rules! cell {
    ($($kind:ty: |$value:ident, $row:ident| $write:expr;)*) => {
        $(impl Cells for $kind {
            fn names(name: &str, header: &mut Vec<String>) {
                header.push(name.to_owned());
            }

            fn write(&self, $row: &mut Row) {
                let $value = self;
                $write;
            }

            fn blank(row: &mut Row) {
                row.blank();
            }
        })*
    };
}

cell! {
    String: |value, row| row.text(value);
    Vec<String>: |value, row| row.text(&value.join("|"));
    i16: |value, row| row.number(value);
    i32: |value, row| row.number(value);
    i64: |value, row| row.number(value);
    bool: |value, row| row.flag(*value);
    Money: |value, row| row.money(*value);
    DateTime<Utc>: |value, row| row.time(*value);
    NaiveDate: |value, row| row.day(*value);
}

impl<T: Cells> Cells for Option<T> {
    fn names(name: &str, header: &mut Vec<String>) {
        T::names(name, header);
    }

    fn write(&self, row: &mut Row) {
        match self {
            Some(value) => value.write(row),
            None => T::blank(row),
        }
    }

    fn blank(row: &mut Row) {
        T::blank(row);
    }
}

/// The columns of a view: its members in order, `~flat` before one that serde flattens.
macro_rules! columns {
    ($view:ty: $($(~$flat:ident)? $member:ident),+ $(,)?) => {
        impl $crate::csv::Cells for $view {
            fn names(name: &str, header: &mut Vec<String>) {
                $($crate::csv::cells::member_names(
                    |view: &Self| &view.$member,
                    &$crate::csv::cells::columns!(@name name $($flat)? $member),
                    header,
                );)+
            }

            fn write(&self, row: &mut $crate::csv::Row) {
                $($crate::csv::Cells::write(&self.$member, row);)+
            }

            fn blank(row: &mut $crate::csv::Row) {
                $($crate::csv::cells::member_blank(|view: &Self| &view.$member, row);)+
            }
        }
    };
    (@name $name:ident flat $member:ident) => { $name.to_owned() };
    (@name $name:ident $member:ident) => {
        $crate::csv::cells::joined($name, stringify!($member))
    };
}
pub(crate) use columns;

/// The type of a member, by a function that borrows it.
pub(crate) fn member_names<V, T: Cells>(_: fn(&V) -> &T, name: &str, header: &mut Vec<String>) {
    T::names(name, header);
}

pub(crate) fn member_blank<V, T: Cells>(_: fn(&V) -> &T, row: &mut Row) {
    T::blank(row);
}

pub(crate) fn joined(name: &str, member: &str) -> String {
    match name {
        "" => member.to_owned(),
        name => format!("{name}_{member}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> String {
        let mut row = Row::default();
        row.text(text);
        String::from_utf8(row.record()[0].to_vec()).unwrap()
    }

    #[test]
    fn texts_that_begin_like_formulas_are_kept_from_running() {
        for text in [
            "=1+1",
            "+66812345678",
            "-1",
            "@SUM(A1)",
            "\tx",
            "\rx",
            "\nx",
            " =1",
            "\u{a0}=1",
            "\u{3000}=1",
            "\u{feff}=1",
            "\u{200b}=1",
            " \t-1",
            "\u{ff1d}1",
            "\u{ff0b}1",
            "\u{ff0d}1",
            "\u{ff20}x",
            "=",
        ] {
            assert_eq!(cell(text), format!("'{text}"), "{text:?}");
        }
        for text in [
            "",
            " ",
            "nok",
            "a=b",
            "'=1",
            "1-2",
            "\u{e2a}=1",
            "(=1)",
            "500",
        ] {
            assert_eq!(cell(text), text, "{text:?}");
        }
    }

    struct Inner {
        guid: i64,
        name: Option<String>,
    }
    columns!(Inner: guid, name);

    struct Flat {
        ngr: Money,
    }
    columns!(Flat: ngr);

    struct Outer {
        id: i32,
        agent: Inner,
        above: Option<Inner>,
        flat: Flat,
        tags: Vec<String>,
        pinned: bool,
        day: NaiveDate,
        at: Option<DateTime<Utc>>,
    }
    columns!(Outer: id, agent, above, ~flat flat, tags, pinned, day, at);

    #[test]
    fn members_become_columns_and_negative_money_stays_a_number() {
        let mut header = Vec::new();
        Outer::names("", &mut header);
        let names = "id agent_guid agent_name above_guid above_name ngr tags pinned day at";
        assert_eq!(header.join(" "), names);
        let outer = Outer {
            id: -7,
            agent: Inner {
                guid: 1,
                name: Some("-x".to_owned()),
            },
            above: None,
            flat: Flat {
                ngr: Money("-12.5".parse().unwrap()),
            },
            tags: vec!["=a".to_owned(), "b".to_owned()],
            pinned: true,
            day: "2026-11-22".parse().unwrap(),
            at: Some("2026-11-22T07:00:00.250+07:00".parse().unwrap()),
        };
        let mut row = Row::default();
        outer.write(&mut row);
        let cells: Vec<_> = row.record().iter().map(String::from_utf8_lossy).collect();
        let expected = [
            "-7",
            "1",
            "'-x",
            "",
            "",
            "-12.5000",
            "'=a|b",
            "true",
            "2026-11-22",
            "2026-11-22T00:00:00.250Z",
        ];
        assert_eq!(cells, expected);
    }
}
