SELECT h.line_number AS line, h.type, array_to_string(h.database, ',') AS databases,
       array_to_string(h.user_name, ',') AS users, coalesce(h.address, '') AS address, h.auth_method AS method, h.error
FROM pg_hba_file_rules h ORDER BY h.line_number
