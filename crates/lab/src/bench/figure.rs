//! What was measured, beside its baseline and its target.

use serde::Serialize;

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figure {
    pub(super) bench: &'static str,
    pub(super) what: String,
    pub(super) unit: &'static str,
    pub(super) baseline: Option<f64>,
    pub(super) product: f64,
    /// Median of the ratios of the pairs, not the ratio of the medians.
    pub(super) ratio: Option<f64>,
    pub(super) target: Target,
    pub(super) verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Target {
    /// Only shown.
    None,
    RatioAtLeast(f64),
    RatioAtMost(f64),
    /// In the unit of the figure.
    AtMost(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Met,
    Missed,
    NoTarget,
}

impl Figure {
    /// Something without a baseline.
    pub(super) fn plain(
        bench: &'static str,
        what: impl Into<String>,
        unit: &'static str,
        product: f64,
        target: Target,
    ) -> Self {
        Self::new(bench, what.into(), unit, (None, product, None), target)
    }

    /// Both sides of several turns.
    pub(super) fn of_pairs(
        bench: &'static str,
        what: impl Into<String>,
        unit: &'static str,
        pairs: &Pairs,
        target: Target,
    ) -> Self {
        let figures = (
            Some(median(&pairs.baseline)),
            median(&pairs.product),
            Some(pairs.ratio()),
        );
        Self::new(bench, what.into(), unit, figures, target)
    }

    /// A figure held against another one of the product.
    pub(super) fn against(
        bench: &'static str,
        what: impl Into<String>,
        unit: &'static str,
        (baseline, product): (f64, f64),
        target: Target,
    ) -> Self {
        let figures = (Some(baseline), product, Some(product / baseline));
        Self::new(bench, what.into(), unit, figures, target)
    }

    fn new(
        bench: &'static str,
        what: String,
        unit: &'static str,
        (baseline, product, ratio): (Option<f64>, f64, Option<f64>),
        target: Target,
    ) -> Self {
        Self {
            bench,
            what,
            unit,
            baseline,
            product,
            ratio,
            target,
            verdict: target.judge(product, ratio),
        }
    }

    pub(super) fn row(&self) -> [String; 7] {
        let or_dash = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), readable);
        [
            self.bench.to_owned(),
            self.what.clone(),
            or_dash(self.baseline),
            readable(self.product),
            self.ratio
                .map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
            self.target.text(self.unit),
            self.verdict.text().to_owned(),
        ]
    }
}

impl Target {
    fn judge(self, product: f64, ratio: Option<f64>) -> Verdict {
        let ratio = ratio.unwrap_or(f64::NAN);
        // A figure that is no number meets nothing.
        let met = match self {
            Self::None => return Verdict::NoTarget,
            Self::RatioAtLeast(least) => ratio >= least,
            Self::RatioAtMost(most) => ratio <= most,
            Self::AtMost(most) => product <= most,
        };
        if met { Verdict::Met } else { Verdict::Missed }
    }

    fn text(self, unit: &str) -> String {
        match self {
            Self::None => String::new(),
            Self::RatioAtLeast(least) => format!("ratio >= {least}"),
            Self::RatioAtMost(most) => format!("ratio <= {most}"),
            Self::AtMost(most) => format!("<= {most} {unit}"),
        }
    }
}

impl Verdict {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "MISSED",
            Self::NoTarget => "",
        }
    }
}

/// Baseline and product, measured in turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs {
    pub(super) baseline: Vec<f64>,
    pub(super) product: Vec<f64>,
}

impl Pairs {
    /// The median of the ratios: what disturbs one pair does not count.
    pub(super) fn ratio(&self) -> f64 {
        let pairs = self.product.iter().zip(&self.baseline);
        median(
            &pairs
                .map(|(product, base)| product / base)
                .collect::<Vec<_>>(),
        )
    }
}

pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.get(middle) {
        None => f64::NAN,
        Some(upper) if sorted.len().is_multiple_of(2) => f64::midpoint(sorted[middle - 1], *upper),
        Some(value) => *value,
    }
}

/// Three digits that count.
fn readable(value: f64) -> String {
    match value.abs() {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_the_ratios_decides() {
        let pairs = Pairs {
            baseline: vec![100.0, 10.0, 100.0],
            product: vec![80.0, 9.0, 1.0],
        };
        assert!((pairs.ratio() - 0.8).abs() < 1e-9);
        let figure = Figure::of_pairs("b", "w", "/s", &pairs, Target::RatioAtLeast(0.7));
        assert_eq!(figure.verdict, Verdict::Met);
        assert_eq!(figure.baseline, Some(100.0));
        let figure = Figure::of_pairs("b", "w", "/s", &pairs, Target::RatioAtLeast(0.9));
        assert_eq!(figure.verdict, Verdict::Missed);
    }

    #[test]
    fn what_is_no_number_meets_nothing() {
        let none = Figure::plain("b", "w", "ms", f64::NAN, Target::AtMost(1.0));
        assert_eq!(none.verdict, Verdict::Missed);
        let none = Figure::of_pairs("b", "w", "", &Pairs::default(), Target::RatioAtLeast(0.0));
        assert_eq!(none.verdict, Verdict::Missed);
        let shown = Figure::plain("b", "w", "ms", 1.0, Target::None);
        assert_eq!(shown.verdict, Verdict::NoTarget);
        let within = Figure::plain("b", "w", "ms", 1.0, Target::AtMost(1.0));
        assert_eq!(within.verdict, Verdict::Met);
    }

    #[test]
    fn medians() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(&[]).is_nan());
    }
}
