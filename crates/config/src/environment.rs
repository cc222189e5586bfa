//! Which kind of environment this is.

use crate::{
    reader::Reader,
    variables::{Variable, var},
};

const DISCRIMINATORS: [Variable; 3] = [var::RGB_ENV, var::APP_ENV, var::ENVIRONMENT];
const PROD_GRADE: [&str; 3] = ["staging", "production", "prod"];
const DEVELOPMENT: [&str; 6] = ["local", "dev", "development", "test", "testing", "ci"];

/// The names of the environment in `RGB_ENV`, `APP_ENV` and `ENVIRONMENT` (P-124), trimmed and in
/// lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    names: Vec<String>,
}

impl Environment {
    /// Any of the three names counts.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().map(|name| name.trim().to_lowercase());
        Self {
            names: names.filter(|name| !name.is_empty()).collect(),
        }
    }

    /// Whether any name is `staging`, `production` or `prod`; the one function by which guards
    /// and warnings decide.
    #[must_use]
    pub fn is_prod_grade(&self) -> bool {
        let known = |name: &String| PROD_GRADE.contains(&name.as_str());
        self.names.iter().any(known)
    }

    pub(crate) fn read(reader: &mut Reader) -> Self {
        let mut names = Vec::new();
        for variable in &DISCRIMINATORS {
            let Some(name) = reader.text(variable) else {
                continue;
            };
            let name = name.trim().to_lowercase();
            if ![&PROD_GRADE[..], &DEVELOPMENT].concat().contains(&&*name) {
                reader.warn(
                    variable,
                    "is neither production-grade (staging, production, prod) nor a usual name of \
                     a development environment; it counts as development",
                );
            }
            names.push(name);
        }
        Self { names }
    }
}
