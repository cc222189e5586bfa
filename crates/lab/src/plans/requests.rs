//! What can be asked for, from the OpenAPI document.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use chrono::{Days, NaiveDate};
use serde_json::Value;

/// A `GET` of the portal.
pub(super) struct Endpoint {
    pub(super) path: String,
    parameters: Vec<Parameter>,
}

struct Parameter {
    name: String,
    is_path: bool,
    is_required: bool,
    schema: Value,
}

pub(super) struct Request {
    pub(super) path: String,
    pub(super) title: String,
}

/// Values that an agent can ask with, by the name of the parameter.
pub(super) struct Known {
    values: BTreeMap<&'static str, String>,
    last_day: NaiveDate,
}

impl Known {
    /// Over the last 30 days.
    pub(super) fn of_days(last_day: NaiveDate) -> Self {
        let before = |days| (last_day - Days::new(days)).to_string();
        let values = [
            ("date_from", before(29)),
            ("date_to", before(0)),
            ("registered_from", before(29)),
            ("registered_to", before(0)),
            // As names of the large set begin.
            ("keyword", "mango".to_owned()),
            ("tag", "vip".to_owned()),
            ("unread", "true".to_owned()),
            ("limit", "50".to_owned()),
            ("depth", "3".to_owned()),
            // As far as there are pages.
            ("page", "100".to_owned()),
            ("page_size", "100".to_owned()),
        ];
        Self {
            values: values.into(),
            last_day,
        }
    }

    /// As a query.
    pub(super) fn half_a_year(&self) -> String {
        let first = self.last_day - Days::new(91);
        format!("date_from={first}&date_to={}", self.last_day)
    }

    /// A cursor is good for one list.
    pub(super) fn learn_cursor(&mut self, cursor: Option<&str>) {
        self.values.remove("cursor");
        if let Some(cursor) = cursor {
            self.learn("cursor", cursor);
        }
    }

    pub(super) fn learn(&mut self, name: &'static str, value: &str) {
        let names: &[&'static str] = match name {
            "sub_guid" => &["sub_guid", "guid", "agent_guid", "root"],
            "message" => &["id"],
            _ => &[name],
        };
        for name in names {
            self.values.insert(name, value.to_owned());
        }
    }
}

/// Names that an agent may have nothing for.
const LEARNT: &[&str] = &[
    "player_id",
    "sub_guid",
    "guid",
    "agent_guid",
    "root",
    "id",
    "withdraw_no",
    "provider_id",
    "category",
    "cursor",
];
/// In every request that takes them: a report is about days.
const ALWAYS: &[&str] = &["date_from", "date_to"];

/// Every `GET` below `/agent/`.
pub(super) fn endpoints(document: &Value) -> anyhow::Result<Vec<Endpoint>> {
    let paths = document["paths"].as_object().context("no paths")?;
    let gets = paths
        .iter()
        .filter(|(path, methods)| path.starts_with("/agent/") && methods["get"].is_object());
    gets.map(|(path, methods)| {
        let parameters = methods["get"]["parameters"].as_array();
        Ok(Endpoint {
            path: path.clone(),
            parameters: parameters
                .into_iter()
                .flatten()
                .map(parameter)
                .collect::<anyhow::Result<_>>()?,
        })
    })
    .collect()
}

fn parameter(value: &Value) -> anyhow::Result<Parameter> {
    Ok(Parameter {
        name: value["name"]
            .as_str()
            .context("a parameter's name")?
            .to_owned(),
        is_path: value["in"] == "path",
        is_required: value["required"] == true,
        schema: value["schema"].clone(),
    })
}

impl Endpoint {
    /// With what is required, and the days; `None` where the agent has nothing to ask for.
    pub(super) fn plain(&self, known: &Known) -> anyhow::Result<Option<Request>> {
        self.request(known, &[])
    }

    /// The first row of a list that can be read on from it.
    pub(super) fn first_row(&self, known: &Known) -> anyhow::Result<Option<Request>> {
        if !self.parameters.iter().any(|it| it.name == "cursor") {
            return Ok(None);
        }
        self.request(known, &[("page_size", "1".to_owned())])
    }

    /// With one more parameter, or an upper and a lower end.
    pub(super) fn variants(&self, known: &Known) -> anyhow::Result<Vec<Request>> {
        let mut requests = Vec::new();
        for parameter in &self.parameters {
            let is_extra = !parameter.is_required && !ALWAYS.contains(&&*parameter.name);
            // The other end goes with it.
            if !is_extra || matches!(&*parameter.name, "registered_to" | "page_size") {
                continue;
            }
            for value in parameter.values(known)? {
                let mut extra = vec![(&*parameter.name, value)];
                for other in &self.parameters {
                    if let ("page", "page_size") | ("registered_from" | "format", "registered_to") =
                        (&*parameter.name, &*other.name)
                    {
                        extra.extend(
                            other
                                .values(known)?
                                .pop()
                                .map(|value| (&*other.name, value)),
                        );
                    }
                    if let ("format", "registered_from") = (&*parameter.name, &*other.name) {
                        extra.extend(
                            other
                                .values(known)?
                                .pop()
                                .map(|value| (&*other.name, value)),
                        );
                    }
                }
                requests.extend(self.request(known, &extra)?);
            }
        }
        Ok(requests)
    }

    fn request(&self, known: &Known, extra: &[(&str, String)]) -> anyhow::Result<Option<Request>> {
        let mut path = self.path.clone();
        let mut query = Vec::new();
        for parameter in &self.parameters {
            let name = &*parameter.name;
            if parameter.is_path {
                let Some(value) = parameter.values(known)?.pop() else {
                    return Ok(None);
                };
                path = path.replace(&format!("{{{name}}}"), &value);
            } else if let Some((_, value)) = extra.iter().find(|(extra, _)| *extra == name) {
                query.push(format!("{name}={value}"));
            } else if parameter.is_required || ALWAYS.contains(&name) {
                let Some(value) = parameter.values(known)?.pop() else {
                    return Ok(None);
                };
                query.push(format!("{name}={value}"));
            }
        }
        let shown: Vec<String> = extra
            .iter()
            .map(|(name, value)| shown(name, value))
            .collect();
        let mark = if query.is_empty() { "" } else { "?" };
        Ok(Some(Request {
            path: format!("{path}{mark}{}", query.join("&")),
            title: format!("{} {}", self.path, shown.join(" "))
                .trim_end()
                .to_owned(),
        }))
    }
}

/// Numbers and days differ from run to run.
fn shown(name: &str, value: &str) -> String {
    match name {
        _ if LEARNT.contains(&name) || value.parse::<NaiveDate>().is_ok() => name.to_owned(),
        _ => format!("{name}={value}"),
    }
}

impl Parameter {
    /// Each choice, where there are some; else the value that is known for the name. None, where an
    /// agent has none.
    fn values(&self, known: &Known) -> anyhow::Result<Vec<String>> {
        if let Some(choices) = self.schema["enum"].as_array() {
            let choices = choices
                .iter()
                .filter(|choice| **choice != self.schema["default"]);
            return Ok(choices
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect());
        }
        if let Some(keys) = self.schema["pattern"].as_str().and_then(sort_keys) {
            return Ok(keys);
        }
        let name = &*self.name;
        match known.values.get(name) {
            Some(value) => Ok(vec![value.clone()]),
            None if LEARNT.contains(&name) => Ok(Vec::new()),
            None => bail!("no value is known for the parameter `{name}`: add one to `Known`"),
        }
    }
}

/// Both ways of each key of `^-?(one|other)$`.
fn sort_keys(pattern: &str) -> Option<Vec<String>> {
    let keys = pattern.strip_prefix("^-?(")?.strip_suffix(")$")?;
    let both = |key: &str| [key.to_owned(), format!("-{key}")];
    Some(keys.split('|').flat_map(both).collect())
}

#[cfg(test)]
mod tests {
    use agent_devenv::workspace_root;

    use super::*;

    fn document(name: &str) -> String {
        std::fs::read_to_string(workspace_root().join(name)).unwrap()
    }

    fn all() -> Vec<Endpoint> {
        endpoints(&serde_json::from_str(&document(super::super::OPENAPI)).unwrap()).unwrap()
    }

    fn known() -> Known {
        let mut known = Known::of_days(NaiveDate::from_ymd_opt(2026, 5, 31).unwrap());
        for name in LEARNT {
            known.learn(name, "7");
        }
        known
    }

    #[test]
    fn every_get_of_the_portal_can_be_asked_for() {
        let (all, known) = (all(), known());
        assert!(all.len() > 25, "only {} were found", all.len());
        for endpoint in all {
            let request = endpoint.plain(&known).unwrap().expect("values");
            assert!(!request.path.contains('{'), "{}", request.path);
            endpoint.variants(&known).unwrap();
        }
    }

    #[test]
    fn every_get_of_the_portal_has_its_plans_in_the_document() {
        let plans = document("docs/QUERY-PLANS.md");
        for endpoint in all() {
            let heading = format!("\n### `{}`\n", endpoint.path);
            assert!(
                plans.contains(&heading),
                "{}: run `cargo dev plans`",
                endpoint.path
            );
        }
    }

    #[test]
    fn each_choice_is_a_variant() {
        let list = all().into_iter().find(|e| e.path == "/agent/player/list");
        let variants = list.unwrap().variants(&known()).unwrap();
        let titles: Vec<&str> = variants.iter().map(|request| &*request.title).collect();
        for title in [
            "/agent/player/list scope=direct",
            "/agent/player/list sort=-deposit_amount",
            "/agent/player/list page=100 page_size=100",
            "/agent/player/list registered_from registered_to",
            "/agent/player/list agent_guid",
        ] {
            assert!(titles.contains(&title), "{title}: {titles:#?}");
        }
    }

    #[test]
    fn an_agent_with_nothing_to_ask_for_is_passed_over() {
        let mut known = known();
        known.values.remove("withdraw_no");
        let detail = all()
            .into_iter()
            .find(|e| e.path.ends_with("{withdraw_no}"));
        assert!(detail.unwrap().plain(&known).unwrap().is_none());
    }
}
