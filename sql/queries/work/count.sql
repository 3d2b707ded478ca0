-- $1 workspace; the filter's parameters from $2 on
SELECT count(*) FROM kolony.run_listed o WHERE o.workspace_id = $1 AND /* filter */ true
