-- Whether Kolony may make a login for each token of an agent
SELECT rolcreaterole FROM pg_roles
WHERE rolname = 'kolony_roleadm'
