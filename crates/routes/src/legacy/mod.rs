//! Old paths for the handlers of today (P-050 … P-079).
//!
//! An alias is a row of a table, not a handler. Its methods and the route it stands for come from
//! the handler's own description, so the two cannot drift apart; it never enters the OpenAPI
//! document, because the description is dropped here.

pub mod portal;

use axum::Router;
use utoipa_axum::router::UtoipaMethodRouter;

use crate::state::RouteState;

/// One old path and what it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    pub path: &'static str,
    /// Path of the route that it stands for.
    pub route: String,
    /// Methods of that route, in capitals.
    pub methods: Vec<String>,
}

/// Aliases with the router that serves them.
#[derive(Default)]
pub struct Aliases {
    pub(crate) router: Router<RouteState>,
    pub table: Vec<Alias>,
}

impl Aliases {
    /// Lets an old path run a handler.
    #[must_use]
    pub(crate) fn alias(
        mut self,
        path: &'static str,
        routes: UtoipaMethodRouter<RouteState>,
    ) -> Self {
        let (_, paths, methods) = routes;
        self.table
            .extend(paths.paths.into_iter().map(|(route, item)| Alias {
                path,
                route,
                methods: methods_of(&item),
            }));
        self.router = self.router.route(path, methods);
        self
    }
}

fn methods_of(item: &utoipa::openapi::PathItem) -> Vec<String> {
    let methods = [
        ("GET", item.get.is_some()),
        ("POST", item.post.is_some()),
        ("PUT", item.put.is_some()),
        ("DELETE", item.delete.is_some()),
    ];
    methods
        .into_iter()
        .filter(|(_, present)| *present)
        .map(|(name, _)| name.to_owned())
        .collect()
}
