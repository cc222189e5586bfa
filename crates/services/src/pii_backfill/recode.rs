//! What a row becomes: every value under today's cipher, every index filled.

use std::collections::HashMap;

use agent_crypto::{BlindIndexKind, DerivedKeys, PiiCipher, PiiColumn, PiiError};
use agent_domain::portal::{bank, contact};
use agent_persistence::pii::{Cell, Column, PiiRow, Table};

use super::{Counts, Finding, Reason};

/// Country codes of which no number in national form reads alike: what is the same number under
/// both names its country itself.
const ANY_TWO_COUNTRIES: [&str; 2] = ["1", "7"];

/// A row as it shall be.
pub(super) struct Recoded {
    before: PiiRow,
    pub(super) after: PiiRow,
    pub(super) findings: Vec<Finding>,
}

impl Recoded {
    pub(super) fn is_changed(&self) -> bool {
        self.before.cells != self.after.cells
    }

    /// What changes in each column.
    pub(super) fn counts(&self) -> impl Iterator<Item = Counts> {
        let pairs = self.before.cells.iter().zip(&self.after.cells);
        pairs.map(|(before, after)| Counts {
            encrypted: u64::from(before.text != after.text),
            indexed: u64::from(before.index != after.index),
        })
    }

    /// Keeps the index of its number away from a card whose number another live card has: the
    /// database would refuse the whole batch. `owners` tells which card a number belongs to, and
    /// learns of this one.
    pub(super) fn yield_number(&mut self, owners: &mut HashMap<Vec<u8>, i64>) {
        let Some(index) = self.new_number().map(<[u8]>::to_vec) else {
            return;
        };
        let owner = *owners.entry(index).or_insert(self.after.id);
        if owner == self.after.id {
            return;
        }
        if let Some(number) = self.after.cells.first_mut() {
            number.index = None;
        }
        self.findings.push(Finding {
            place: Column::CardNumber.name(),
            id: self.after.id,
            reason: Reason::Conflict { with: owner },
        });
    }

    /// The index of a live card's number, where it is new.
    pub(super) fn new_number(&self) -> Option<&[u8]> {
        let had = self.before.cells.first()?.index.is_some();
        let new = self.after.cells.first()?.index.as_deref();
        new.filter(|_| self.after.live && !had)
    }
}

/// Recodes a row of a table. What cannot be read stays as it is.
pub(super) fn recode(pii: &PiiCipher, keys: &DerivedKeys, table: Table, before: PiiRow) -> Recoded {
    let mut after = before.clone();
    let mut findings = Vec::new();
    for (column, cell) in table.columns().iter().zip(&mut after.cells) {
        if let Err(reason) = recode_cell(pii, keys, *column, cell, &before.countries) {
            findings.push(Finding {
                place: column.name(),
                id: before.id,
                reason,
            });
        }
    }
    Recoded {
        before,
        after,
        findings,
    }
}

/// Changes what can be changed, and tells what is left.
fn recode_cell(
    pii: &PiiCipher,
    keys: &DerivedKeys,
    column: Column,
    cell: &mut Cell,
    countries: &[String],
) -> Result<(), Reason> {
    let Some(stored) = &cell.text else {
        return Ok(());
    };
    let is_current = PiiCipher::is_current_form(stored);
    let lacks_index = column.has_index() && cell.index.is_none();
    if is_current && !lacks_index {
        return Ok(());
    }
    let plain = pii.decrypt(kind(column), stored).map_err(reason)?;
    if !is_current {
        // The value itself stays letter for letter: other services read it too.
        cell.text = Some(pii.encrypt(kind(column), &plain).map_err(reason)?);
    }
    if lacks_index {
        cell.index = Some(index(keys, column, &plain, countries)?);
    }
    Ok(())
}

const fn kind(column: Column) -> PiiColumn {
    match column {
        Column::AgentPhone => PiiColumn::Phone,
        Column::AgentEmail => PiiColumn::Email,
        Column::CardHolder | Column::WithdrawHolder => PiiColumn::HolderName,
        Column::AgentBankNum
        | Column::CardNumber
        | Column::WithdrawCardNumber
        | Column::WithdrawBankNum => PiiColumn::CardNumber,
    }
}

const fn reason(error: PiiError) -> Reason {
    match error {
        PiiError::Unauthentic => Reason::Unauthentic,
        PiiError::Unconfigured | PiiError::Unreadable | PiiError::TooLong => Reason::Unreadable,
    }
}

/// The index under which the product looks for the value.
fn index(
    keys: &DerivedKeys,
    column: Column,
    plain: &str,
    countries: &[String],
) -> Result<Vec<u8>, Reason> {
    let (kind, canonical) = match kind(column) {
        PiiColumn::Phone => (BlindIndexKind::Phone, phone(plain, countries)?),
        PiiColumn::Email => (
            BlindIndexKind::Email,
            contact::normalise_email(plain).ok_or(Reason::NotCanonical)?,
        ),
        PiiColumn::CardNumber => (
            BlindIndexKind::CardNumber,
            bank::normalise_card(plain).ok_or(Reason::NotCanonical)?,
        ),
        PiiColumn::HolderName => (BlindIndexKind::HolderName, bank::normalise_holder(plain)),
    };
    Ok(keys.blind_index(kind, &canonical).to_vec())
}

/// Agents belong to no brand, so a number in national form is known only if it is the same number
/// in every country that the agent's brands are in.
fn phone(plain: &str, countries: &[String]) -> Result<String, Reason> {
    let countries: Vec<&str> = match countries {
        [] => ANY_TWO_COUNTRIES.to_vec(),
        known => known.iter().map(String::as_str).collect(),
    };
    let mut readings: Vec<_> = countries
        .iter()
        .map(|country| contact::normalise_phone(plain, country))
        .collect();
    readings.dedup();
    match readings.as_mut_slice() {
        [reading] => reading.take().ok_or(Reason::NotCanonical),
        _ => Err(Reason::Ambiguous),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(plain: &str, countries: &[&str]) -> Result<String, Reason> {
        let countries: Vec<String> = countries.iter().map(|&c| c.to_owned()).collect();
        phone(plain, &countries)
    }

    #[test]
    fn q89_a_national_number_needs_one_country() {
        assert_eq!(read("0812345678", &["66"]).unwrap(), "+66812345678");
        for countries in [&["66", "63"][..], &[]] {
            assert_eq!(read("0812345678", countries), Err(Reason::Ambiguous));
            assert_eq!(read("812345678", countries), Err(Reason::Ambiguous));
        }
    }

    #[test]
    fn q89_an_international_number_is_the_same_everywhere() {
        for countries in [&["66"][..], &["66", "63"], &["66", "63", "84"], &[]] {
            for plain in ["+66812345678", "0066812345678", "+66 81-234-5678"] {
                assert_eq!(read(plain, countries).unwrap(), "+66812345678");
            }
        }
    }

    #[test]
    fn q89_what_is_no_number_in_any_country_is_said_to_be_none() {
        for countries in [&["66"][..], &["66", "63"], &[]] {
            assert_eq!(read("+12", countries), Err(Reason::NotCanonical));
        }
    }
}
