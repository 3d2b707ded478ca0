-- $1 workspace
SELECT kolony.take_notice($1) AS told
