//! An amount of money as clients may write it (Q-95).

use std::fmt;

use agent_domain::{Currency, Problem, money};
use rust_decimal::Decimal;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, OneOfBuilder, Schema, Type},
    },
};

/// Neither zero nor above [`money::MAX_REQUEST_AMOUNT`].
const PATTERN: &str = r"^(?!0*(\.0*)?$)(?!1000000000000\.0*[1-9])([0-9]{1,12}|0[0-9]{12}|1000000000000)(\.[0-9]{1,2})?$";

/// The text of an amount, not yet a number: a JSON string or a JSON integer, in a form any text.
/// A JSON float is refused, because it has already lost what was written. Which decimals are
/// allowed depends on the currency, so [`AmountText::parse`] asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmountText(String);

impl AmountText {
    /// What the client wrote.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The amount, above zero and with at most the currency's decimals.
    ///
    /// # Errors
    /// `validation_failed` for `field`.
    pub fn parse(&self, field: &str, currency: Currency) -> Result<Decimal, Problem> {
        money::parse_request_amount(&self.0, currency)
            .map_err(|error| Problem::field(field, error.to_string()))
    }
}

impl<'de> Deserialize<'de> for AmountText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = AmountText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number in a string, or an integer")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<AmountText, E> {
        Ok(AmountText(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<AmountText, E> {
        Ok(AmountText(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<AmountText, E> {
        Ok(AmountText(value.to_owned()))
    }
}

impl ToSchema for AmountText {}

impl PartialSchema for AmountText {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(PATTERN))
            .examples(["1500.00"]);
        let integer = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(money::MAX_REQUEST_AMOUNT));
        OneOfBuilder::new()
            .item(text)
            .item(integer)
            .description(Some(
                "Amount above zero, at most 1000000000000, with at most as many decimals as the \
                 currency has (never more than two).",
            ))
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        extract::{node::Node, reader::read},
        middleware::RequestLog,
    };

    #[derive(Deserialize)]
    struct Order {
        amount: AmountText,
    }

    fn amount(node: Node) -> Result<String, Problem> {
        read::<Order>(node, &RequestLog::default())
            .map(|order| order.amount.0)
            .map_err(|fault| fault.into_problem("body"))
    }

    fn from_json(value: &str) -> Result<String, Problem> {
        let json = format!(r#"{{"amount":{value}}}"#);
        amount(Node::from_json(json.as_bytes()).unwrap())
    }

    #[test]
    fn q95_strings_and_integers_are_amounts() {
        assert_eq!(from_json("\"1500.00\"").unwrap(), "1500.00");
        assert_eq!(from_json("1500").unwrap(), "1500");
        assert_eq!(from_json("-5").unwrap(), "-5");
        assert_eq!(
            from_json("18446744073709551615").unwrap(),
            "18446744073709551615"
        );
        let form = Node::from_form(b"amount=100.50").unwrap();
        assert_eq!(amount(form).unwrap(), "100.50");
    }

    #[test]
    fn q95_floats_and_other_kinds_are_not_amounts() {
        for value in [
            "1500.0",
            "1e3",
            "18446744073709551616",
            "true",
            "null",
            "[1]",
            "{}",
        ] {
            let problem = from_json(value).unwrap_err();
            assert_eq!(problem.errors[0].field, "amount", "{value}");
            assert_eq!(
                problem.errors[0].message,
                "must be a decimal number in a string, or an integer"
            );
        }
    }

    #[test]
    fn q95_the_currency_decides_about_decimals() {
        let text = AmountText("10.5".to_owned());
        assert!(text.parse("amount", "THB".parse().unwrap()).is_ok());
        let problem = text.parse("amount", "JPY".parse().unwrap()).unwrap_err();
        assert_eq!(problem.errors[0].field, "amount");
    }
}
