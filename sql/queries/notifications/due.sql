-- $1 workspace
SELECT EXISTS (SELECT FROM kolony.webhook_deliveries d
               WHERE d.workspace_id = $1 AND d.state = 'pending' AND d.next_try_at <= clock_timestamp()) AS due
