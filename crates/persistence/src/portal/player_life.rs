//! What the life of a player is to the agent who asks.

/// A statement that shows lives: `life.deposit_amount` and `life.withdraw_amount` of the player `p`
/// for the asking agent `a`, both named in the head. Money from the time when a player belonged to
/// somebody outside the asking agent's tree is not that agent's to see (P-032), so of a player who
/// came from there the own days are added up. Of any other one the totals kept with the player
/// count: days are purged, they are not.
macro_rules! with_life {
    ($kind:ident($($row:tt)*), $head:literal, $tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::$kind!(
            $($row)* $head + r#"
            CROSS JOIN LATERAL (
                -- Days may be gone by now, the log is not; and not every move is in the log. OFFSET 0
                -- has it asked once, not once for each place that names it.
                SELECT EXISTS (
                    SELECT FROM player_stat_daily s JOIN agent o ON o.guid = s.agent_id
                    WHERE s.player_id = p.player_id AND s.brand_id = p.brand_id AND NOT starts_with(o.path, a.path)
                ) OR EXISTS (
                    SELECT FROM player_attribution_log l JOIN agent f ON f.guid = l.from_agent
                    WHERE l.player_id = p.player_id AND l.from_agent IS NOT NULL
                      AND NOT starts_with(f.path, a.path)) AS from_elsewhere OFFSET 0) AS moved
            CROSS JOIN LATERAL (
                SELECT CASE WHEN moved.from_elsewhere THEN coalesce(sum(s.deposit_amount), 0)
                            ELSE p.deposit_amount END AS deposit_amount,
                       CASE WHEN moved.from_elsewhere THEN coalesce(sum(s.withdraw_amount), 0)
                            ELSE p.withdraw_amount END AS withdraw_amount
                FROM player_stat_daily s JOIN agent o ON o.guid = s.agent_id
                WHERE moved.from_elsewhere AND s.player_id = p.player_id AND s.brand_id = p.brand_id
                  AND starts_with(o.path, a.path)) AS life
            "# + $tail
            $(, $argument)*
        )
    };
}
pub(super) use with_life;
