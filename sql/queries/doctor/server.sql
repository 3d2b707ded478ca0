SELECT current_setting('server_version_num')::integer AS version,
       split_part(current_setting('server_version'), ' ', 1) AS version_words,
       clock_timestamp() AS now,
       pg_notification_queue_usage() AS queue_usage,
       current_setting('is_superuser') = 'on' AS superuser,
       current_setting('password_encryption') AS password_encryption,
       current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on' AS durable,
       current_setting('log_statement') = 'all' OR EXISTS (
           SELECT FROM pg_settings s WHERE s.setting <> '-1'
           AND s.name IN ('log_min_duration_statement', 'log_min_duration_sample')) AS logs_statements,
       EXISTS (SELECT FROM pg_settings s WHERE s.setting <> '0' AND s.name LIKE 'log\_parameter\_max\_length%')
           AS logs_parameters,
       current_setting('listen_addresses') AS listen_addresses,
       current_setting('unix_socket_permissions') AS socket_permissions
