SELECT c.login, c.pid, c.application, c.client, c.since, c.idle_seconds, c.state
FROM kolony.connected_people($1) c
