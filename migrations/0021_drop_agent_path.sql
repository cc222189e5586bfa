-- See 0020. Requests wait behind this as long as it waits for those that read agents.
DROP INDEX agent_path;
