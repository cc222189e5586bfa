//! The tree below an agent, cut where it grows too large.

use std::collections::HashMap;

use agent_domain::{AgentGuid, BrandScope, Problem};
use agent_persistence::portal::{
    downline::downline,
    sub_tree::{self as store, NodeRow},
};

use crate::{app::App, session::Principal};

/// Most agents of one answer.
const NODES: i64 = 500;

/// An agent with those below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub guid: i64,
    pub username: String,
    pub level: i16,
    pub status: String,
    pub children: Vec<Node>,
    /// There are more agents directly below than `children` holds.
    pub has_more: bool,
}

/// The tree of `root` down to `depth` levels below it.
///
/// # Errors
/// `not_found` when `root` is neither the one who asks nor below it on the brand.
pub async fn tree(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    root: Option<AgentGuid>,
    depth: i16,
) -> Result<Node, Problem> {
    let (pool, asking) = (app.core.db.pool(), principal.agent());
    let root = downline(pool, scope, asking, root.unwrap_or(asking)).await?;
    let root = root.ok_or_else(Problem::not_found)?;
    let rows = store::tree(pool, scope, &root, depth, NODES).await?;
    grow(rows).ok_or_else(Problem::not_found)
}

/// Puts every agent below the nearest one above it: where the brand does not show the agent
/// directly above, it hangs one further up. `rows` go from the root downwards.
fn grow(rows: Vec<NodeRow>) -> Option<Node> {
    let place: HashMap<i64, usize> = rows.iter().map(|row| row.guid).zip(0..).collect();
    let above = |row: &NodeRow| {
        let mut numbers = row
            .path
            .rsplit('/')
            .filter_map(|number| number.parse().ok());
        numbers.find_map(|guid: i64| place.get(&guid).copied().filter(|_| guid != row.guid))
    };
    let mut shown = vec![0; rows.len()];
    for at in rows
        .iter()
        .filter_map(|row| place.get(&row.parent_guid?).copied())
    {
        shown[at] += 1;
    }
    let parents: Vec<Option<usize>> = rows.iter().map(above).collect();
    let mut children: Vec<Vec<Node>> = vec![Vec::new(); rows.len()];
    // From the leaves upwards, so that every node is whole when it is handed to the one above.
    for (at, row) in rows.into_iter().enumerate().rev() {
        let mut own = std::mem::take(&mut children[at]);
        own.reverse();
        let node = Node {
            guid: row.guid,
            username: row.username,
            level: row.level,
            status: row.status,
            children: own,
            has_more: row.sub_count > shown[at],
        };
        match parents[at] {
            Some(parent) => children[parent].push(node),
            None => return Some(node),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str, sub_count: i64) -> NodeRow {
        let chain: Vec<i64> = path.split('/').filter_map(|n| n.parse().ok()).collect();
        NodeRow {
            guid: chain[chain.len() - 1],
            username: path.to_owned(),
            level: i16::try_from(chain.len()).unwrap(),
            status: "active".to_owned(),
            path: path.to_owned(),
            parent_guid: chain.len().checked_sub(2).map(|above| chain[above]),
            sub_count,
        }
    }

    /// `1(2(4+),3)`: guids, children in brackets, `+` for more.
    fn drawn(node: &Node) -> String {
        let children: Vec<String> = node.children.iter().map(drawn).collect();
        let mut text = node.guid.to_string();
        if !children.is_empty() {
            text += &format!("({})", children.join(","));
        }
        if node.has_more {
            text.push('+');
        }
        text
    }

    #[test]
    fn p033_a_tree_is_grown_from_its_rows() {
        for (rows, tree) in [
            (vec![row("/9/1/", 0)], "1"),
            (vec![row("/9/1/", 2)], "1+"),
            (
                vec![
                    row("/1/", 2),
                    row("/1/2/", 2),
                    row("/1/3/", 0),
                    row("/1/2/4/", 1),
                    row("/1/2/5/", 0),
                ],
                "1(2(4+,5),3)",
            ),
            // Two of three: the answer was cut.
            (
                vec![row("/1/", 3), row("/1/2/", 0), row("/1/3/", 0)],
                "1(2,3)+",
            ),
            // 2 is not shown, what is below it is.
            (
                vec![row("/1/", 1), row("/1/3/", 0), row("/1/2/4/", 0)],
                "1(3,4)",
            ),
        ] {
            assert_eq!(drawn(&grow(rows).unwrap()), tree);
        }
        assert_eq!(grow(Vec::new()), None);
    }
}
