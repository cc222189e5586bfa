-- Rows of the unpublished set live for milliseconds, so nearly all of the table is dead at any
-- time. Vacuumed by the share of dead rows it would wait for the next flood; by their number, the
-- table and its indexes stay as small as the events of about a minute. A vacuum of it takes
-- milliseconds, so it need not be slowed down.
ALTER TABLE agent_outbox_pending SET (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0,
    -- Its size says nothing, and the relay's plans do not depend on it.
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 1000000
);
-- Renewed each second: updates stay within the page.
ALTER TABLE outbox_lease SET (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
ALTER TABLE outbox_worker SET (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
