//! What clients were told, to be held against what is.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rust_decimal::Decimal;

/// What became of a request, as far as its sender knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate<T> {
    /// It was done.
    Done(T),
    /// It was refused, and nothing was sent before that may have been done.
    Refused,
    /// No answer, or one that leaves it open.
    Unsure,
}

/// A request that must have at most one effect, known by its mark.
#[derive(Clone, Debug)]
pub(crate) struct Claim<T> {
    pub(crate) mark: String,
    pub(crate) amount: Decimal,
    pub(crate) fate: Fate<T>,
}

#[derive(Default)]
struct Told {
    /// Orders by their numbers.
    orders: Vec<Claim<String>>,
    /// Coupons by their ids; `amount` is how many were asked for.
    coupons: Vec<Claim<Vec<i64>>>,
    /// Adjustments by their references.
    credits: Vec<Claim<()>>,
    /// Orders that are cancelled.
    cancelled: Vec<String>,
    /// Moves that were done.
    moved: HashMap<String, Vec<&'static str>>,
    /// Coupons that were taken back.
    recycled: Vec<i64>,
    /// How often each answer was given.
    answers: BTreeMap<String, u64>,
}

/// Shared by all clients.
#[derive(Default)]
pub(crate) struct Claims(Mutex<Told>);

impl Claims {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn order(&self, claim: Claim<String>) {
        self.told().orders.push(claim);
    }

    pub(crate) fn coupon(&self, claim: Claim<Vec<i64>>) {
        self.told().coupons.push(claim);
    }

    pub(crate) fn credit(&self, claim: Claim<()>) {
        self.told().credits.push(claim);
    }

    pub(crate) fn cancelled(&self, number: &str) {
        self.told().cancelled.push(number.to_owned());
    }

    pub(crate) fn moved(&self, number: &str, to: &'static str) {
        let mut told = self.told();
        told.moved.entry(number.to_owned()).or_default().push(to);
    }

    pub(crate) fn recycled(&self, coupons: &[i64]) {
        self.told().recycled.extend(coupons);
    }

    pub(crate) fn answered(&self, what: &str) {
        let mut told = self.told();
        *told.answers.entry(what.to_owned()).or_default() += 1;
    }

    /// One of the latest orders that were made, by how far back it is.
    pub(crate) fn late_order(&self, back: usize) -> Option<String> {
        let told = self.told();
        let done = told
            .orders
            .iter()
            .rev()
            .filter_map(|claim| match &claim.fate {
                Fate::Done(number) => Some(number.clone()),
                _ => None,
            });
        done.take(back + 1).last()
    }

    pub(crate) fn orders(&self) -> Vec<Claim<String>> {
        self.told().orders.clone()
    }

    pub(crate) fn coupons(&self) -> Vec<Claim<Vec<i64>>> {
        self.told().coupons.clone()
    }

    pub(crate) fn credits(&self) -> Vec<Claim<()>> {
        self.told().credits.clone()
    }

    pub(crate) fn all_cancelled(&self) -> Vec<String> {
        self.told().cancelled.clone()
    }

    pub(crate) fn all_moved(&self) -> HashMap<String, Vec<&'static str>> {
        self.told().moved.clone()
    }

    pub(crate) fn all_recycled(&self) -> Vec<i64> {
        self.told().recycled.clone()
    }

    pub(crate) fn answers(&self) -> BTreeMap<String, u64> {
        self.told().answers.clone()
    }
}
