-- The schema as the migrations leave it: what exists, who owns it, what it does and who may use it. Generated, to be
-- read and to be compared with a live database (kolony migrate --check):
-- python -m kolony_tui.server.schema DSN > sql/schema.sql

--- role kolony_agents
NOLOGIN

--- role kolony_api
NOLOGIN

--- role kolony_backup
NOLOGIN

--- role kolony_owner
NOLOGIN

--- role kolony_roleadm
NOLOGIN

--- role kolony_user
NOLOGIN

--- schema kolony
OWNER kolony_owner

--- default privileges kolony_api
OBJECTS f FOR THE OWNER ALONE

--- default privileges kolony_owner
OBJECTS f FOR THE OWNER ALONE

--- default privileges kolony_roleadm
OBJECTS f FOR THE OWNER ALONE

--- sequence audit_entries
OWNER kolony_owner

--- sequence commands_number_seq
OWNER kolony_owner

--- table agent_sessions
OWNER kolony_owner WITH (fillfactor=50, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0)
COLUMN workspace_id uuid NOT NULL
COLUMN session_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN agent_id uuid NOT NULL
COLUMN token_id uuid NOT NULL
COLUMN host text NOT NULL DEFAULT ''::text
COLUMN pid integer
COLUMN version text NOT NULL DEFAULT ''::text
COLUMN adapter text NOT NULL DEFAULT ''::text
COLUMN concurrency integer NOT NULL
COLUMN lease_seconds integer NOT NULL
COLUMN started_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN last_seen timestamp with time zone NOT NULL DEFAULT now()
COLUMN ready boolean NOT NULL DEFAULT false
COLUMN health jsonb NOT NULL DEFAULT '{}'::jsonb
COLUMN ended_at timestamp with time zone
COLUMN end_reason text
COLUMN end_error boolean NOT NULL DEFAULT false
CONSTRAINT agent_sessions_adapter_check CHECK ((length(adapter) <= 100))
CONSTRAINT agent_sessions_concurrency_check CHECK (((concurrency >= 1) AND (concurrency <= 1000)))
CONSTRAINT agent_sessions_end_reason_check CHECK ((length(end_reason) <= 1000))
CONSTRAINT agent_sessions_health_check CHECK (((jsonb_typeof(health) = 'object'::text) AND (pg_column_size(health) <= 8000)))
CONSTRAINT agent_sessions_host_check CHECK ((length(host) <= 255))
CONSTRAINT agent_sessions_lease_seconds_check CHECK ((lease_seconds > 0))
CONSTRAINT agent_sessions_pkey PRIMARY KEY (workspace_id, session_id)
CONSTRAINT agent_sessions_version_check CHECK ((length(version) <= 100))
CONSTRAINT agent_sessions_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT agent_sessions_workspace_id_token_id_fkey FOREIGN KEY (workspace_id, token_id) REFERENCES kolony.agent_tokens(workspace_id, token_id)
CREATE INDEX agent_sessions_by_agent ON kolony.agent_sessions USING btree (workspace_id, agent_id, session_id DESC)
CREATE INDEX agent_sessions_by_token ON kolony.agent_sessions USING btree (workspace_id, token_id, session_id DESC)
CREATE INDEX agent_sessions_open ON kolony.agent_sessions USING btree (workspace_id, agent_id) WHERE (ended_at IS NULL)
CREATE TRIGGER audit_connect AFTER INSERT ON kolony.agent_sessions FOR EACH ROW EXECUTE FUNCTION kolony.audit_agent_session()
CREATE TRIGGER audit_disconnect AFTER UPDATE OF ended_at ON kolony.agent_sessions FOR EACH ROW WHEN (((old.ended_at IS NULL) AND (new.ended_at IS NOT NULL))) EXECUTE FUNCTION kolony.audit_agent_session()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table agent_tokens
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN token_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN agent_id uuid NOT NULL
COLUMN login text NOT NULL
COLUMN token_hash bytea NOT NULL
COLUMN token_hint text NOT NULL
COLUMN token_active boolean NOT NULL DEFAULT true
COLUMN label text NOT NULL DEFAULT ''::text
COLUMN expires_at timestamp with time zone
COLUMN created_by uuid
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN revoked_by uuid
COLUMN revoked_at timestamp with time zone
COLUMN last_used_at timestamp with time zone
COLUMN last_used_from inet
CONSTRAINT agent_tokens_created_by_fkey FOREIGN KEY (created_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT agent_tokens_label_check CHECK ((length(label) <= 200))
CONSTRAINT agent_tokens_login_check CHECK ((login ~ '^ka_[0-9a-f]{16}$'::text))
CONSTRAINT agent_tokens_login_key UNIQUE (login)
CONSTRAINT agent_tokens_pkey PRIMARY KEY (workspace_id, token_id)
CONSTRAINT agent_tokens_revoked_by_fkey FOREIGN KEY (revoked_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT agent_tokens_token_hash_check CHECK ((length(token_hash) = 32))
CONSTRAINT agent_tokens_token_hash_key UNIQUE (token_hash)
CONSTRAINT agent_tokens_token_hint_check CHECK ((token_hint ~ '^kol_[0-9a-f]{4}$'::text))
CONSTRAINT agent_tokens_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CREATE INDEX agent_tokens_by_agent ON kolony.agent_tokens USING btree (workspace_id, agent_id)
CREATE INDEX agent_tokens_by_creator ON kolony.agent_tokens USING btree (created_by)
CREATE INDEX agent_tokens_by_revoker ON kolony.agent_tokens USING btree (revoked_by)
CREATE TRIGGER audit AFTER INSERT OR UPDATE OF token_active, expires_at ON kolony.agent_tokens FOR EACH ROW EXECUTE FUNCTION kolony.audit_token()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)

--- table agents
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN agent_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN name text NOT NULL
COLUMN type text NOT NULL DEFAULT 'process'::text
COLUMN category text NOT NULL DEFAULT ''::text
COLUMN icon text NOT NULL DEFAULT ''::text
COLUMN description text NOT NULL DEFAULT ''::text
COLUMN instructions text NOT NULL DEFAULT ''::text
COLUMN config jsonb NOT NULL DEFAULT '{}'::jsonb
COLUMN desired text NOT NULL DEFAULT 'active'::text
COLUMN desired_why text NOT NULL DEFAULT ''::text
COLUMN desired_by uuid
COLUMN desired_since timestamp with time zone NOT NULL DEFAULT now()
COLUMN created_by uuid
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN updated_at timestamp with time zone NOT NULL DEFAULT now()
CONSTRAINT agent_name_has_a_length CHECK (((length(name) >= 1) AND (length(name) <= 100)))
CONSTRAINT agent_name_is_free UNIQUE (workspace_id, name)
CONSTRAINT agent_name_is_printable CHECK (((name = btrim(name)) AND (name !~ '[\u0001-\u001f\u007f-\u009f]'::text)))
CONSTRAINT agents_category_check CHECK ((length(category) <= 100))
CONSTRAINT agents_config_check CHECK ((jsonb_typeof(config) = 'object'::text))
CONSTRAINT agents_created_by_fkey FOREIGN KEY (created_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT agents_description_check CHECK ((length(description) <= 10000))
CONSTRAINT agents_desired_by_fkey FOREIGN KEY (desired_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT agents_desired_check CHECK ((desired = ANY (ARRAY['active'::text, 'paused'::text, 'retired'::text])))
CONSTRAINT agents_desired_why_check CHECK ((length(desired_why) <= 1000))
CONSTRAINT agents_icon_check CHECK ((length(icon) <= 8))
CONSTRAINT agents_instructions_check CHECK ((length(instructions) <= 100000))
CONSTRAINT agents_pkey PRIMARY KEY (workspace_id, agent_id)
CONSTRAINT agents_type_check CHECK ((type ~ '^[a-z0-9][a-z0-9._-]{0,62}$'::text))
CONSTRAINT agents_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CREATE INDEX agents_by_creator ON kolony.agents USING btree (created_by)
CREATE INDEX agents_by_decider ON kolony.agents USING btree (desired_by)
CREATE TRIGGER audit AFTER INSERT OR UPDATE ON kolony.agents FOR EACH ROW EXECUTE FUNCTION kolony.audit_agent()
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.agents FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table attempts
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN attempt_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN run_id uuid NOT NULL
COLUMN number integer NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN session_id uuid NOT NULL
COLUMN claimed_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN output_day date NOT NULL DEFAULT CURRENT_DATE
COLUMN started_at timestamp with time zone
COLUMN ended_at timestamp with time zone
COLUMN outcome text
COLUMN exit_code integer
COLUMN signal integer
COLUMN error text
COLUMN usage jsonb NOT NULL DEFAULT '{}'::jsonb
COLUMN chunk_count bigint
COLUMN byte_count bigint
COLUMN line_count bigint
CONSTRAINT attempts_error_check CHECK ((length(error) <= 10000))
CONSTRAINT attempts_number_check CHECK ((number > 0))
CONSTRAINT attempts_outcome_check CHECK ((outcome = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text, 'lost'::text, 'released'::text])))
CONSTRAINT attempts_pkey PRIMARY KEY (workspace_id, attempt_id)
CONSTRAINT attempts_usage_check CHECK ((jsonb_typeof(usage) = 'object'::text))
CONSTRAINT attempts_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT attempts_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs(workspace_id, run_id)
CONSTRAINT attempts_workspace_id_run_id_number_key UNIQUE (workspace_id, run_id, number)
CONSTRAINT attempts_workspace_id_session_id_fkey FOREIGN KEY (workspace_id, session_id) REFERENCES kolony.agent_sessions(workspace_id, session_id)
CONSTRAINT ended_once CHECK (((outcome IS NULL) = (ended_at IS NULL)))
CREATE INDEX attempts_by_agent ON kolony.attempts USING btree (workspace_id, agent_id)
CREATE INDEX attempts_by_session ON kolony.attempts USING btree (workspace_id, session_id)
CREATE TRIGGER audit AFTER UPDATE OF outcome ON kolony.attempts FOR EACH ROW WHEN (((new.outcome = 'failed'::text) AND (old.outcome IS NULL) AND (new.error ~~ 'time limit of %'::text))) EXECUTE FUNCTION kolony.audit_time_limit()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table audit_log
OWNER kolony_owner PARTITION BY RANGE (at)
COLUMN workspace_id uuid NOT NULL
COLUMN entry_id bigint NOT NULL
COLUMN at timestamp with time zone NOT NULL
COLUMN event text NOT NULL
COLUMN login text NOT NULL
COLUMN profile_id uuid
COLUMN client_address inet
COLUMN application text NOT NULL
COLUMN agent_id uuid
COLUMN command_id uuid
COLUMN run_id uuid
COLUMN subject text
COLUMN details jsonb NOT NULL
CONSTRAINT audit_log_application_check CHECK ((length(application) <= 64))
CONSTRAINT audit_log_details_check CHECK ((jsonb_typeof(details) = 'object'::text))
CONSTRAINT audit_log_event_check CHECK ((event ~ '^[A-Z][A-Z_]{1,40}$'::text))
CONSTRAINT audit_log_pkey PRIMARY KEY (workspace_id, entry_id, at)
CONSTRAINT audit_log_subject_check CHECK ((length(subject) <= 200))
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON kolony.audit_log FOR EACH ROW EXECUTE FUNCTION kolony.refuse_change('DELETE')
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON kolony.audit_log FOR EACH STATEMENT EXECUTE FUNCTION kolony.refuse_change()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY reader FOR SELECT USING (((workspace_id = ANY (( SELECT kolony.audited_workspace_ids() AS audited_workspace_ids)::uuid[])) OR ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])) AND (profile_id = ( SELECT kolony.my_profile_id() AS my_profile_id)))))
POLICY retention TO kolony_owner USING (true) WITH CHECK (false)
COMMENT ON application what the client claimed to be
COMMENT ON client_address null: a socket of the server's own machine

--- table audit_seals
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN number integer NOT NULL
COLUMN month date NOT NULL
COLUMN entry_count integer NOT NULL
COLUMN from_entry bigint NOT NULL
COLUMN to_entry bigint NOT NULL
COLUMN from_at timestamp with time zone NOT NULL
COLUMN to_at timestamp with time zone NOT NULL
COLUMN closed_to bigint NOT NULL
COLUMN entries bigint[] NOT NULL
COLUMN marks bytea NOT NULL
COLUMN rows_digest bytea NOT NULL
COLUMN previous bytea NOT NULL
COLUMN digest bytea NOT NULL
COLUMN sealed_at timestamp with time zone NOT NULL
COLUMN sealed_by text NOT NULL
COLUMN removed_at timestamp with time zone
CONSTRAINT audit_seals_digest_check CHECK ((length(digest) = 32))
CONSTRAINT audit_seals_entry_count_check CHECK ((entry_count > 0))
CONSTRAINT audit_seals_number_check CHECK ((number > 0))
CONSTRAINT audit_seals_pkey PRIMARY KEY (workspace_id, number)
CONSTRAINT audit_seals_rows_digest_check CHECK ((length(rows_digest) = 32))
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON kolony.audit_seals FOR EACH ROW EXECUTE FUNCTION kolony.refuse_change('UPDATE')
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON kolony.audit_seals FOR EACH STATEMENT EXECUTE FUNCTION kolony.refuse_change()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY reader FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.audited_workspace_ids() AS audited_workspace_ids)::uuid[])))
POLICY retention TO kolony_owner USING (true) WITH CHECK ((removed_at IS NOT NULL))
COMMENT ON closed_to no entry up to this number can still come: whoever might have written one has ended, and it is sealed
COMMENT ON marks the first 8 bytes of each entry's digest, to name the one that differs
COMMENT ON removed_at when retention removed the entries; the seal stays in the chain

--- table commands
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN command_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN number bigint NOT NULL GENERATED ALWAYS AS IDENTITY
COLUMN content text NOT NULL
COLUMN title text GENERATED s "left"(content, 200)
COLUMN priority smallint NOT NULL DEFAULT 50
COLUMN targets uuid[] NOT NULL
COLUMN max_attempts smallint NOT NULL DEFAULT 3
COLUMN retry_on text NOT NULL DEFAULT 'lost'::text
COLUMN time_limit_ms bigint
COLUMN created_by uuid NOT NULL
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN updated_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN submitted_at timestamp with time zone
COLUMN outcome text
COLUMN finished_at timestamp with time zone
CONSTRAINT commands_content_check CHECK (((content ~ '\S'::text) AND (octet_length(content) <= 4194304)))
CONSTRAINT commands_created_by_fkey FOREIGN KEY (created_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT commands_max_attempts_check CHECK (((max_attempts >= 1) AND (max_attempts <= 100)))
CONSTRAINT commands_outcome_check CHECK ((outcome = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text])))
CONSTRAINT commands_pkey PRIMARY KEY (workspace_id, command_id)
CONSTRAINT commands_priority_check CHECK (((priority >= 0) AND (priority <= 100)))
CONSTRAINT commands_retry_on_check CHECK ((retry_on = ANY (ARRAY['lost'::text, 'failure'::text])))
CONSTRAINT commands_targets_check CHECK (((cardinality(targets) >= 1) AND (cardinality(targets) <= 100000)))
CONSTRAINT commands_time_limit_ms_check CHECK (((time_limit_ms >= 1) AND (time_limit_ms <= '31536000000'::bigint)))
CONSTRAINT commands_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CONSTRAINT commands_workspace_id_number_key UNIQUE (workspace_id, number)
CONSTRAINT finished_once CHECK (((outcome IS NULL) = (finished_at IS NULL)))
CREATE INDEX commands_by_creator ON kolony.commands USING btree (created_by)
CREATE INDEX commands_open ON kolony.commands USING btree (workspace_id, command_id) WHERE (outcome IS NULL)
CREATE TRIGGER audit_completed AFTER UPDATE OF outcome ON kolony.commands FOR EACH ROW WHEN (((new.outcome IS NOT NULL) AND (old.outcome IS DISTINCT FROM new.outcome))) EXECUTE FUNCTION kolony.audit_command('COMMAND_COMPLETED')
CREATE TRIGGER audit_drafted AFTER INSERT ON kolony.commands FOR EACH ROW WHEN ((new.submitted_at IS NULL)) EXECUTE FUNCTION kolony.audit_command('COMMAND_DRAFTED')
CREATE TRIGGER audit_edited AFTER UPDATE OF content, priority ON kolony.commands FOR EACH ROW WHEN (((old.content <> new.content) OR (old.priority <> new.priority))) EXECUTE FUNCTION kolony.audit_command('COMMAND_EDITED')
CREATE TRIGGER audit_sent AFTER INSERT ON kolony.commands FOR EACH ROW WHEN ((new.submitted_at IS NOT NULL)) EXECUTE FUNCTION kolony.audit_command('COMMAND_SENT')
CREATE TRIGGER audit_submitted AFTER UPDATE OF submitted_at ON kolony.commands FOR EACH ROW WHEN (((old.submitted_at IS NULL) AND (new.submitted_at IS NOT NULL))) EXECUTE FUNCTION kolony.audit_command('COMMAND_SUBMITTED')
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.commands FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table leases
OWNER kolony_owner WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0)
COLUMN workspace_id uuid NOT NULL
COLUMN run_id uuid NOT NULL
COLUMN attempt_id uuid NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN session_id uuid NOT NULL
CONSTRAINT leases_pkey PRIMARY KEY (workspace_id, run_id)
CONSTRAINT leases_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT leases_workspace_id_attempt_id_fkey FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts(workspace_id, attempt_id)
CONSTRAINT leases_workspace_id_attempt_id_key UNIQUE (workspace_id, attempt_id)
CONSTRAINT leases_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs(workspace_id, run_id)
CONSTRAINT leases_workspace_id_session_id_fkey FOREIGN KEY (workspace_id, session_id) REFERENCES kolony.agent_sessions(workspace_id, session_id)
CREATE INDEX leases_by_agent ON kolony.leases USING btree (workspace_id, agent_id)
CREATE INDEX leases_by_session ON kolony.leases USING btree (workspace_id, session_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table memberships
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN profile_id uuid NOT NULL
COLUMN role text NOT NULL
COLUMN disabled boolean NOT NULL DEFAULT false
COLUMN granted_by uuid
COLUMN granted_at timestamp with time zone NOT NULL DEFAULT now()
CONSTRAINT memberships_granted_by_fkey FOREIGN KEY (granted_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT memberships_pkey PRIMARY KEY (workspace_id, profile_id)
CONSTRAINT memberships_profile_id_fkey FOREIGN KEY (profile_id) REFERENCES kolony.profiles(profile_id)
CONSTRAINT memberships_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'operator'::text, 'admin'::text])))
CONSTRAINT memberships_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CREATE INDEX memberships_by_granter ON kolony.memberships USING btree (granted_by)
CREATE INDEX memberships_by_profile ON kolony.memberships USING btree (profile_id)
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF role, disabled ON kolony.memberships FOR EACH ROW EXECUTE FUNCTION kolony.audit_membership()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON disabled here and not in the profile: no client can lock this row, and an admin elsewhere has no say in it

--- table migrations
OWNER kolony_owner
COLUMN version integer NOT NULL
COLUMN name text NOT NULL
COLUMN checksum text NOT NULL
COLUMN applied_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN applied_by text NOT NULL DEFAULT SESSION_USER
CONSTRAINT migrations_checksum_check CHECK ((checksum ~ '^[0-9a-f]{64}$'::text))
CONSTRAINT migrations_pkey PRIMARY KEY (version)
CONSTRAINT migrations_version_check CHECK ((version > 0))
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY ledger TO kolony_owner USING (true) WITH CHECK (true)
POLICY readable FOR SELECT USING (true)

--- table output_chunks
OWNER kolony_owner PARTITION BY RANGE (day)
COLUMN workspace_id uuid NOT NULL
COLUMN run_id uuid NOT NULL
COLUMN attempt integer NOT NULL
COLUMN seq integer NOT NULL
COLUMN day date NOT NULL
COLUMN stream text NOT NULL
COLUMN at timestamp with time zone NOT NULL
COLUMN first_line bigint NOT NULL
COLUMN line_count integer NOT NULL
COLUMN data bytea NOT NULL
CONSTRAINT output_chunks_data_check CHECK (((length(data) >= 1) AND (length(data) <= 1048576)))
CONSTRAINT output_chunks_first_line_check CHECK ((first_line >= 0))
CONSTRAINT output_chunks_line_count_check CHECK ((line_count >= 0))
CONSTRAINT output_chunks_pkey PRIMARY KEY (workspace_id, run_id, attempt, seq, day)
CONSTRAINT output_chunks_seq_check CHECK ((seq >= 0))
CONSTRAINT output_chunks_stream_check CHECK ((stream = ANY (ARRAY['stdout'::text, 'stderr'::text, 'log'::text])))
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON first_line newlines in all earlier chunks of the attempt, of every stream

--- table profiles
OWNER kolony_owner
COLUMN profile_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN login text NOT NULL
COLUMN role_oid oid NOT NULL
COLUMN display_name text NOT NULL DEFAULT ''::text
COLUMN avatar text NOT NULL DEFAULT ''::text
COLUMN login_made boolean NOT NULL DEFAULT false
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN updated_at timestamp with time zone NOT NULL DEFAULT now()
CONSTRAINT profiles_avatar_check CHECK ((length(avatar) <= 8))
CONSTRAINT profiles_display_name_check CHECK ((length(display_name) <= 200))
CONSTRAINT profiles_login_role_oid_key UNIQUE (login, role_oid)
CONSTRAINT profiles_pkey PRIMARY KEY (profile_id)
CREATE TRIGGER audit AFTER UPDATE OF display_name, avatar ON kolony.profiles FOR EACH ROW WHEN (((old.display_name <> new.display_name) OR (old.avatar <> new.avatar))) EXECUTE FUNCTION kolony.audit_profile()
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.profiles FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY colleague FOR SELECT USING (((profile_id = ANY (( SELECT kolony.my_colleague_ids() AS my_colleague_ids)::uuid[])) OR (profile_id = ( SELECT kolony.my_profile_id() AS my_profile_id))))
POLICY myself FOR UPDATE USING (((profile_id = ( SELECT kolony.my_profile_id() AS my_profile_id)) AND (( SELECT kolony.my_workspace_ids() AS my_workspace_ids) <> '{}'::uuid[]) AND (current_setting('transaction_isolation'::text) = 'read committed'::text))) WITH CHECK ((profile_id = ( SELECT kolony.my_profile_id() AS my_profile_id)))
COMMENT ON login_made the login was made from this database; no other one is changed from here: it may be a person of another database

--- table ready_runs
OWNER kolony_owner WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0)
COLUMN workspace_id uuid NOT NULL
COLUMN run_id uuid NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN priority smallint NOT NULL
COLUMN enqueued_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN attempt integer NOT NULL DEFAULT 1
CONSTRAINT ready_runs_pkey PRIMARY KEY (workspace_id, run_id)
CONSTRAINT ready_runs_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT ready_runs_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs(workspace_id, run_id)
CREATE INDEX ready_runs_queue ON kolony.ready_runs USING btree (workspace_id, agent_id, priority DESC, enqueued_at, run_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table runs
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN run_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN command_id uuid NOT NULL
COLUMN ordinal integer NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN priority smallint NOT NULL
COLUMN failed_tries smallint NOT NULL DEFAULT 0
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN updated_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN cancel_at timestamp with time zone
COLUMN cancel_by uuid
COLUMN cancel_why text
COLUMN outcome text
COLUMN finished_at timestamp with time zone
COLUMN exit_code integer
COLUMN error text
CONSTRAINT finished_once CHECK (((outcome IS NULL) = (finished_at IS NULL)))
CONSTRAINT runs_cancel_by_fkey FOREIGN KEY (cancel_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT runs_cancel_why_check CHECK ((length(cancel_why) <= 1000))
CONSTRAINT runs_error_check CHECK ((length(error) <= 10000))
CONSTRAINT runs_ordinal_check CHECK ((ordinal > 0))
CONSTRAINT runs_outcome_check CHECK ((outcome = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text])))
CONSTRAINT runs_pkey PRIMARY KEY (workspace_id, run_id)
CONSTRAINT runs_priority_check CHECK (((priority >= 0) AND (priority <= 100)))
CONSTRAINT runs_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT runs_workspace_id_command_id_fkey FOREIGN KEY (workspace_id, command_id) REFERENCES kolony.commands(workspace_id, command_id)
CONSTRAINT runs_workspace_id_command_id_ordinal_key UNIQUE (workspace_id, command_id, ordinal)
CREATE INDEX runs_by_agent ON kolony.runs USING btree (workspace_id, agent_id, run_id DESC)
CREATE INDEX runs_by_canceller ON kolony.runs USING btree (cancel_by) WHERE (cancel_by IS NOT NULL)
CREATE INDEX runs_by_outcome ON kolony.runs USING btree (workspace_id, outcome, run_id DESC) WHERE (outcome IS NOT NULL)
CREATE INDEX runs_open ON kolony.runs USING btree (workspace_id, run_id) WHERE (outcome IS NULL)
CREATE TRIGGER audit AFTER UPDATE OF cancel_at, outcome, priority ON kolony.runs FOR EACH ROW WHEN ((((old.cancel_at IS NULL) AND (new.cancel_at IS NOT NULL)) OR ((old.outcome IS NOT NULL) AND (new.outcome IS NULL)) OR (old.priority <> new.priority))) EXECUTE FUNCTION kolony.audit_run()
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.runs FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table scheduled_runs
OWNER kolony_owner WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0)
COLUMN workspace_id uuid NOT NULL
COLUMN run_id uuid NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN priority smallint NOT NULL
COLUMN due_at timestamp with time zone NOT NULL
COLUMN attempt integer NOT NULL DEFAULT 1
CONSTRAINT scheduled_runs_pkey PRIMARY KEY (workspace_id, run_id)
CONSTRAINT scheduled_runs_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT scheduled_runs_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs(workspace_id, run_id)
CREATE INDEX scheduled_runs_due ON kolony.scheduled_runs USING btree (workspace_id, agent_id, due_at)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table upkeep
OWNER kolony_owner
COLUMN job text NOT NULL
COLUMN every interval NOT NULL
COLUMN last_began timestamp with time zone
COLUMN last_ended timestamp with time zone
COLUMN last_result jsonb
CONSTRAINT upkeep_every_check CHECK ((every > '00:00:00'::interval))
CONSTRAINT upkeep_job_check CHECK ((job ~ '^[a-z][a-z_]{0,62}$'::text))
CONSTRAINT upkeep_pkey PRIMARY KEY (job)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((( SELECT kolony.my_workspace_ids() AS my_workspace_ids) <> '{}'::uuid[]))
COMMENT ON last_result what it did, in counts; or the error that it ended with, under "error"

--- table workspaces
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN slug text NOT NULL
COLUMN name text NOT NULL
COLUMN admits_viewers boolean NOT NULL DEFAULT false
COLUMN channel text NOT NULL DEFAULT ('k_'::text || replace((gen_random_uuid())::text, '-'::text, ''::text))
COLUMN heartbeat_seconds integer NOT NULL DEFAULT 5
COLUMN lease_seconds integer NOT NULL DEFAULT 30
COLUMN backoff_seconds integer NOT NULL DEFAULT 2
COLUMN plan text NOT NULL DEFAULT 'unlimited'::text
COLUMN max_members integer
COLUMN max_agents integer
COLUMN max_waiting_runs integer
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN updated_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN audit_days integer NOT NULL DEFAULT 30
CONSTRAINT audit_is_kept_for_a_month CHECK (((audit_days >= 30) AND (audit_days <= 3650)))
CONSTRAINT lease_outlives_heartbeat CHECK ((lease_seconds >= (3 * heartbeat_seconds)))
CONSTRAINT workspaces_backoff_seconds_check CHECK (((backoff_seconds >= 0) AND (backoff_seconds <= 3600)))
CONSTRAINT workspaces_channel_check CHECK ((channel ~ '^k_[0-9a-f]{32}$'::text))
CONSTRAINT workspaces_channel_key UNIQUE (channel)
CONSTRAINT workspaces_heartbeat_seconds_check CHECK (((heartbeat_seconds >= 1) AND (heartbeat_seconds <= 300)))
CONSTRAINT workspaces_lease_seconds_check CHECK (((lease_seconds >= 3) AND (lease_seconds <= 3600)))
CONSTRAINT workspaces_max_agents_check CHECK ((max_agents >= 0))
CONSTRAINT workspaces_max_members_check CHECK ((max_members >= 1))
CONSTRAINT workspaces_max_waiting_runs_check CHECK ((max_waiting_runs >= 0))
CONSTRAINT workspaces_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)))
CONSTRAINT workspaces_pkey PRIMARY KEY (workspace_id)
CONSTRAINT workspaces_plan_check CHECK (((length(plan) >= 1) AND (length(plan) <= 100)))
CONSTRAINT workspaces_slug_check CHECK ((slug ~ '^[a-z][a-z0-9-]{0,62}$'::text))
CONSTRAINT workspaces_slug_key UNIQUE (slug)
CREATE TRIGGER audit AFTER INSERT OR UPDATE ON kolony.workspaces FOR EACH ROW EXECUTE FUNCTION kolony.audit_workspace()
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.workspaces FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON admits_viewers a login that comes for the first time becomes a viewer here
COMMENT ON channel NOTIFY channel; unguessable as a courtesy, nothing secret passes on it

--- view agent_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN agent_id uuid
COLUMN name text
COLUMN type text
COLUMN category text
COLUMN icon text
COLUMN description text
COLUMN desired text
COLUMN desired_why text
COLUMN desired_since timestamp with time zone
COLUMN desired_by_login text
COLUMN created_by_login text
COLUMN created_at timestamp with time zone
COLUMN sessions bigint
COLUMN slots bigint
COLUMN running bigint
COLUMN ready bigint
COLUMN scheduled bigint
COLUMN host text
COLUMN version text
COLUMN adapter text
COLUMN pid integer
COLUMN health jsonb
COLUMN connected_at timestamp with time zone
COLUMN disconnected_at timestamp with time zone
COLUMN last_seen timestamp with time zone
COLUMN end_reason text
COLUMN status text
COLUMN activity text
AS
 SELECT a.workspace_id,
    a.agent_id,
    a.name,
    a.type,
    a.category,
    a.icon,
    a.description,
    a.desired,
    a.desired_why,
    a.desired_since,
    d.login AS desired_by_login,
    c.login AS created_by_login,
    a.created_at,
    live.sessions,
    live.slots,
    work.running,
    queue.ready,
    queue.scheduled,
    newest.host,
    newest.version,
    newest.adapter,
    newest.pid,
    newest.health,
    newest.started_at AS connected_at,
        CASE
            WHEN (live.sessions = 0) THEN COALESCE(newest.ended_at, newest.last_seen)
            ELSE NULL::timestamp with time zone
        END AS disconnected_at,
    newest.last_seen,
    newest.end_reason,
        CASE
            WHEN ((live.sessions > 0) AND (work.running > 0)) THEN 'busy'::text
            WHEN ((live.sessions > 0) AND (NOT live.ready)) THEN 'connecting'::text
            WHEN (live.sessions > 0) THEN 'online'::text
            WHEN newest.end_error THEN 'error'::text
            ELSE 'offline'::text
        END AS status,
        CASE
            WHEN (work.running > 0) THEN 'processing'::text
            WHEN ((queue.ready + queue.scheduled) > 0) THEN 'queued'::text
            ELSE 'idle'::text
        END AS activity
   FROM ((((((kolony.agents a
     LEFT JOIN kolony.profiles d ON ((d.profile_id = a.desired_by)))
     LEFT JOIN kolony.profiles c ON ((c.profile_id = a.created_by)))
     CROSS JOIN LATERAL ( SELECT count(*) AS sessions,
            COALESCE(sum(s.concurrency), (0)::bigint) AS slots,
            COALESCE(bool_or(s.ready), false) AS ready
           FROM kolony.agent_sessions s
          WHERE ((s.workspace_id = a.workspace_id) AND (s.agent_id = a.agent_id) AND (s.ended_at IS NULL) AND ((s.last_seen + make_interval(secs => (s.lease_seconds)::double precision)) >= now()))) live)
     CROSS JOIN LATERAL ( SELECT count(*) AS running
           FROM (kolony.leases l
             JOIN kolony.agent_sessions s ON (((s.workspace_id = l.workspace_id) AND (s.session_id = l.session_id))))
          WHERE ((l.workspace_id = a.workspace_id) AND (l.agent_id = a.agent_id) AND (s.ended_at IS NULL) AND ((s.last_seen + make_interval(secs => (s.lease_seconds)::double precision)) >= now()))) work)
     CROSS JOIN LATERAL ( SELECT ( SELECT count(*) AS count
                   FROM kolony.ready_runs q
                  WHERE ((q.workspace_id = a.workspace_id) AND (q.agent_id = a.agent_id))) AS ready,
            ( SELECT count(*) AS count
                   FROM kolony.scheduled_runs q
                  WHERE ((q.workspace_id = a.workspace_id) AND (q.agent_id = a.agent_id))) AS scheduled) queue)
     LEFT JOIN LATERAL ( SELECT s.workspace_id,
            s.session_id,
            s.agent_id,
            s.token_id,
            s.host,
            s.pid,
            s.version,
            s.adapter,
            s.concurrency,
            s.lease_seconds,
            s.started_at,
            s.last_seen,
            s.ready,
            s.health,
            s.ended_at,
            s.end_reason,
            s.end_error
           FROM kolony.agent_sessions s
          WHERE ((s.workspace_id = a.workspace_id) AND (s.agent_id = a.agent_id))
          ORDER BY s.session_id DESC
         LIMIT 1) newest ON (true));

--- view command_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN command_id uuid
COLUMN number bigint
COLUMN title text
COLUMN content_bytes integer
COLUMN priority smallint
COLUMN targets uuid[]
COLUMN max_attempts smallint
COLUMN retry_on text
COLUMN time_limit_ms bigint
COLUMN created_by uuid
COLUMN created_by_login text
COLUMN created_at timestamp with time zone
COLUMN submitted_at timestamp with time zone
COLUMN finished_at timestamp with time zone
COLUMN runs bigint
COLUMN waiting bigint
COLUMN dispatching bigint
COLUMN executing bigint
COLUMN completed bigint
COLUMN failed bigint
COLUMN cancelled bigint
COLUMN status text
AS
 SELECT c.workspace_id,
    c.command_id,
    c.number,
    c.title,
    octet_length(c.content) AS content_bytes,
    c.priority,
    c.targets,
    c.max_attempts,
    c.retry_on,
    c.time_limit_ms,
    c.created_by,
    p.login AS created_by_login,
    c.created_at,
    c.submitted_at,
    c.finished_at,
    k.total AS runs,
    k.waiting,
    k.dispatching,
    k.executing,
    k.completed,
    k.failed,
    k.cancelled,
        CASE
            WHEN (c.outcome IS NOT NULL) THEN c.outcome
            WHEN (c.submitted_at IS NULL) THEN 'draft'::text
            WHEN ((k.executing > 0) OR (((k.completed + k.failed) + k.cancelled) > 0)) THEN 'executing'::text
            WHEN (k.dispatching > 0) THEN 'dispatching'::text
            ELSE 'queued'::text
        END AS status
   FROM ((kolony.commands c
     LEFT JOIN kolony.profiles p ON ((p.profile_id = c.created_by)))
     CROSS JOIN LATERAL ( SELECT count(*) AS total,
            count(*) FILTER (WHERE (o.status = 'waiting'::text)) AS waiting,
            count(*) FILTER (WHERE (o.status = 'dispatching'::text)) AS dispatching,
            count(*) FILTER (WHERE (o.status = 'executing'::text)) AS executing,
            count(*) FILTER (WHERE (o.status = 'completed'::text)) AS completed,
            count(*) FILTER (WHERE (o.status = 'failed'::text)) AS failed,
            count(*) FILTER (WHERE (o.status = 'cancelled'::text)) AS cancelled
           FROM kolony.run_overview o
          WHERE ((o.workspace_id = c.workspace_id) AND (o.command_id = c.command_id))) k);

--- view run_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN run_id uuid
COLUMN command_id uuid
COLUMN command_number bigint
COLUMN ordinal integer
COLUMN target_count integer
COLUMN agent_id uuid
COLUMN agent text
COLUMN title text
COLUMN created_by uuid
COLUMN created_by_login text
COLUMN priority smallint
COLUMN created_at timestamp with time zone
COLUMN finished_at timestamp with time zone
COLUMN status text
COLUMN lost boolean
COLUMN attempt integer
COLUMN max_attempts smallint
COLUMN due_at timestamp with time zone
COLUMN claimed_at timestamp with time zone
COLUMN started_at timestamp with time zone
COLUMN exit_code integer
COLUMN error text
COLUMN cancel_at timestamp with time zone
COLUMN cancel_why text
COLUMN cancel_by_login text
COLUMN agent_desired text
AS
 SELECT r.workspace_id,
    r.run_id,
    r.command_id,
    c.number AS command_number,
    r.ordinal,
    cardinality(c.targets) AS target_count,
    r.agent_id,
    a.name AS agent,
    c.title,
    c.created_by,
    p.login AS created_by_login,
    r.priority,
    r.created_at,
    r.finished_at,
        CASE
            WHEN (r.outcome IS NOT NULL) THEN r.outcome
            WHEN ((l.run_id IS NULL) OR (s.ended_at IS NOT NULL) OR ((s.last_seen + make_interval(secs => (s.lease_seconds)::double precision)) < now())) THEN 'waiting'::text
            WHEN (t.started_at IS NULL) THEN 'dispatching'::text
            ELSE 'executing'::text
        END AS status,
    ((r.outcome IS NULL) AND (l.run_id IS NOT NULL) AND ((s.ended_at IS NOT NULL) OR ((s.last_seen + make_interval(secs => (s.lease_seconds)::double precision)) < now()))) AS lost,
    COALESCE(t.number, 0) AS attempt,
    c.max_attempts,
    d.due_at,
    t.claimed_at,
    t.started_at,
    r.exit_code,
    r.error,
    r.cancel_at,
    r.cancel_why,
    b.login AS cancel_by_login,
    a.desired AS agent_desired
   FROM ((((((((kolony.runs r
     JOIN kolony.commands c ON (((c.workspace_id = r.workspace_id) AND (c.command_id = r.command_id))))
     JOIN kolony.agents a ON (((a.workspace_id = r.workspace_id) AND (a.agent_id = r.agent_id))))
     LEFT JOIN kolony.profiles p ON ((p.profile_id = c.created_by)))
     LEFT JOIN kolony.profiles b ON ((b.profile_id = r.cancel_by)))
     LEFT JOIN kolony.leases l ON (((l.workspace_id = r.workspace_id) AND (l.run_id = r.run_id))))
     LEFT JOIN kolony.agent_sessions s ON (((s.workspace_id = l.workspace_id) AND (s.session_id = l.session_id))))
     LEFT JOIN LATERAL ( SELECT e.number,
            e.claimed_at,
            e.started_at
           FROM kolony.attempts e
          WHERE ((e.workspace_id = r.workspace_id) AND (e.run_id = r.run_id))
          ORDER BY e.number DESC
         LIMIT 1) t ON (true))
     LEFT JOIN kolony.scheduled_runs d ON (((d.workspace_id = r.workspace_id) AND (d.run_id = r.run_id))));

--- function add_person(in_workspace uuid, who text, verifier text, as_role text, called text)
OWNER kolony_roleadm ARGUMENTS (in_workspace uuid, who text, verifier text, as_role text, called text DEFAULT ''::text) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM kolony.check_login(who, verifier);
    IF to_regrole(quote_ident(who)) IS NOT NULL THEN
        RAISE EXCEPTION 'there is a login "%" on this server already', who USING ERRCODE = '23505',
            HINT = format('choose another name, or let that person in: kolony user add %s --role ROLE --existing', who);
    END IF;
    IF NOT kolony.makes_logins() THEN
        RAISE EXCEPTION 'this server does not let Kolony make logins' USING ERRCODE = '42501', HINT = format(
            'have it made with CREATE ROLE %s LOGIN IN ROLE kolony_user, then: kolony user add %s --role ROLE --existing',
            who, who);
    END IF;
    PERFORM kolony.make_login(who, verifier, 32, 'kolony_user');
    RETURN kolony.enroll_person(in_workspace, who, as_role, called, true);
END

--- function administers_all_of(who text)
OWNER kolony_api ARGUMENTS (who text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT coalesce(bool_and(kolony.holds_role(m.workspace_id, 'admin')), false)
    FROM kolony.profiles p JOIN kolony.memberships m USING (profile_id)
    WHERE p.login = who AND p.role_oid = to_regrole(quote_ident(who))::oid

--- function admit_person(in_workspace uuid, who text, as_role text, called text)
OWNER kolony_roleadm ARGUMENTS (in_workspace uuid, who text, as_role text, called text DEFAULT ''::text) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    its pg_roles;
    enrolled uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    SELECT * INTO its FROM pg_roles r WHERE r.rolname = who;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no login "%" on this server', who USING ERRCODE = 'P0002',
            HINT = format('have it made: CREATE ROLE %I LOGIN IN ROLE kolony_user', coalesce(who, ''));
    END IF;
    IF who ~ '^(pg_|ka_|kolony_(owner|api|roleadm|user|agents|agent|backup)$)'
       OR its.rolsuper OR its.rolbypassrls OR its.rolreplication
       OR its.rolcreaterole AND its.oid <> (SELECT d.datdba FROM pg_database d WHERE d.datname = current_database())
       OR NOT its.rolsuper AND pg_has_role(its.oid, 'kolony_agents', 'MEMBER')
    THEN
        RAISE EXCEPTION 'the login "%" is no person''s: it administers the server, or is an agent''s', who
            USING ERRCODE = '42501', HINT = 'give the person a login of their own';
    END IF;
    IF NOT pg_has_role(its.oid, 'kolony_user', 'USAGE') THEN
        RAISE EXCEPTION 'the login "%" is not let into Kolony', who USING ERRCODE = '55000',
            HINT = format('whoever runs the server does: GRANT kolony_user TO %I', who);
    END IF;
    enrolled := kolony.enroll_person(in_workspace, who, as_role, called, false);
    PERFORM kolony.allow_login(who, true);
    IF NOT (SELECT r.rolcanlogin FROM pg_roles r WHERE r.oid = its.oid) THEN
        RAISE EXCEPTION 'the login "%" is shut', who USING ERRCODE = '55000',
            HINT = format('whoever runs the server does: ALTER ROLE %I LOGIN', who);
    END IF;
    RETURN enrolled;
END

--- function allow_login(who text, allowed boolean)
OWNER kolony_roleadm ARGUMENTS (who text, allowed boolean) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF kolony.makes_logins() AND kolony.made_here(who) THEN
        EXECUTE format('ALTER ROLE %I %s', who, CASE WHEN allowed THEN 'LOGIN' ELSE 'NOLOGIN' END);
    END IF;
END

--- function announce(hints text[])
OWNER kolony_api ARGUMENTS (hints text[]) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    one text;
BEGIN
    FOR one IN SELECT DISTINCT h FROM unnest(hints[1:100]) h WHERE h ~ '^(agent|run|output):[0-9a-f-]{36}$' LOOP
        PERFORM kolony.hint(token.workspace_id, one);
    END LOOP;
END

--- function append_output(the_attempt uuid, seqs integer[], streams text[], ats timestamp with time zone[], first_lines bigint[], line_counts integer[], datas bytea[])
OWNER kolony_api ARGUMENTS (the_attempt uuid, seqs integer[], streams text[], ats timestamp with time zone[], first_lines bigint[], line_counts integer[], datas bytea[]) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
BEGIN
    INSERT INTO kolony.output_chunks (workspace_id, run_id, attempt, seq, day, stream, at, first_line, line_count, data)
    SELECT held.workspace_id, held.run_id, t.number, c.seq, t.output_day, c.stream, c.at, c.first_line, c.line_count, c.data
    FROM kolony.attempts t
    CROSS JOIN LATERAL unnest(seqs, streams, ats, first_lines, line_counts, datas)
        AS c (seq, stream, at, first_line, line_count, data)
    WHERE t.workspace_id = held.workspace_id AND t.attempt_id = the_attempt
    ON CONFLICT (workspace_id, run_id, attempt, seq, day) DO NOTHING;
END

--- function audit_agent()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    changed jsonb;
    hidden text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'AGENT_CREATED', NEW.name,
            jsonb_build_object('type', NEW.type, 'category', NEW.category), NEW.agent_id);
        RETURN NULL;
    END IF;
    IF NEW.desired <> OLD.desired THEN
        PERFORM kolony.record_audit(NEW.workspace_id,
            CASE NEW.desired WHEN 'paused' THEN 'AGENT_PAUSED' WHEN 'retired' THEN 'AGENT_RETIRED'
                             ELSE 'AGENT_RESUMED' END, NEW.name,
            jsonb_build_object('before', OLD.desired, 'reason', "left"(NEW.desired_why, 200)), NEW.agent_id);
    END IF;
    changed := kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW), ARRAY['name', 'type', 'category', 'icon']);
    -- That these changed, and no more: they are long, and a config may hold a password.
    FOREACH hidden IN ARRAY ARRAY['description', 'instructions', 'config'] LOOP
        IF to_jsonb(OLD) -> hidden IS DISTINCT FROM to_jsonb(NEW) -> hidden THEN
            changed := changed || jsonb_build_object(hidden, 'changed');
        END IF;
    END LOOP;
    IF changed <> '{}' THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'AGENT_CHANGED', NEW.name, changed, NEW.agent_id);
    END IF;
    RETURN NULL;
END

--- function audit_agent_session()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    its_name text := (SELECT a.name FROM kolony.agents a
                      WHERE a.workspace_id = NEW.workspace_id AND a.agent_id = NEW.agent_id);
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'AGENT_CONNECT', its_name, jsonb_build_object('host', NEW.host,
            'pid', NEW.pid, 'version', NEW.version, 'adapter', NEW.adapter), NEW.agent_id);
    ELSE
        PERFORM kolony.record_audit(NEW.workspace_id, 'AGENT_DISCONNECT', its_name, jsonb_build_object('host', NEW.host,
            'pid', NEW.pid, 'reason', "left"(NEW.end_reason, 200), 'error', NEW.end_error), NEW.agent_id);
    END IF;
    RETURN NULL;
END

--- function audit_command()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.record_audit(NEW.workspace_id, TG_ARGV[0], '#' || NEW.number,
        CASE TG_ARGV[0]
            WHEN 'COMMAND_COMPLETED' THEN
                jsonb_build_object('outcome', NEW.outcome, 'agents', cardinality(NEW.targets))
            WHEN 'COMMAND_EDITED' THEN
                jsonb_build_object('priority', NEW.priority, 'text', NEW.title, 'text_before', OLD.title)
            ELSE jsonb_build_object('priority', NEW.priority, 'text', NEW.title, 'agents', cardinality(NEW.targets)) END,
        NULL, NEW.command_id);
    RETURN NULL;
END

--- function audit_membership()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    home uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.workspace_id ELSE NEW.workspace_id END;
    who text := (SELECT p.login FROM kolony.profiles p
                 WHERE p.profile_id = CASE TG_OP WHEN 'DELETE' THEN OLD.profile_id ELSE NEW.profile_id END);
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM kolony.record_audit(home, 'USER_ADDED', who, jsonb_build_object('role', NEW.role));
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM kolony.record_audit(home, 'USER_REMOVED', who, jsonb_build_object('role', OLD.role));
    ELSE
        IF NEW.role <> OLD.role THEN
            PERFORM kolony.record_audit(home, 'ROLE_CHANGED', who,
                kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW), ARRAY['role']));
        END IF;
        IF NEW.disabled <> OLD.disabled THEN
            PERFORM kolony.record_audit(home, CASE WHEN NEW.disabled THEN 'USER_DISABLED' ELSE 'USER_ENABLED' END, who,
                jsonb_build_object('role', NEW.role));
        END IF;
    END IF;
    RETURN NULL;
END

--- function audit_profile()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.record_audit(m.workspace_id, 'PROFILE_CHANGED', NEW.login,
        kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW), ARRAY['display_name', 'avatar']))
    FROM kolony.memberships m WHERE m.profile_id = NEW.profile_id;
    RETURN NULL;
END

--- function audit_run()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    about text := (SELECT '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || NEW.ordinal ELSE '' END
                   FROM kolony.commands c WHERE c.workspace_id = NEW.workspace_id AND c.command_id = NEW.command_id);
BEGIN
    IF OLD.cancel_at IS NULL AND NEW.cancel_at IS NOT NULL THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_CANCELLED', about,
            jsonb_build_object('reason', "left"(NEW.cancel_why, 200), 'at_once', NEW.outcome IS NOT NULL),
            NEW.agent_id, NEW.command_id, NEW.run_id);
    END IF;
    IF OLD.outcome IS NOT NULL AND NEW.outcome IS NULL THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_RETRIED', about, jsonb_build_object('before', OLD.outcome),
            NEW.agent_id, NEW.command_id, NEW.run_id);
    END IF;
    IF NEW.priority <> OLD.priority THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_PRIORITY_CHANGED', about,
            kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW), ARRAY['priority']),
            NEW.agent_id, NEW.command_id, NEW.run_id);
    END IF;
    RETURN NULL;
END

--- function audit_time_limit()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.record_audit(NEW.workspace_id, 'TIME_LIMIT_EXCEEDED', '#' || c.number,
        jsonb_build_object('attempt', NEW.number, 'time_limit_ms', c.time_limit_ms),
        NEW.agent_id, c.command_id, NEW.run_id)
    FROM kolony.runs r JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    WHERE r.workspace_id = NEW.workspace_id AND r.run_id = NEW.run_id AND c.time_limit_ms IS NOT NULL;
    RETURN NULL;
END

--- function audit_token()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    facts jsonb := jsonb_build_object('label', NEW.label, 'agent',
        (SELECT a.name FROM kolony.agents a WHERE a.workspace_id = NEW.workspace_id AND a.agent_id = NEW.agent_id));
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'TOKEN_ISSUED', NEW.token_hint,
            facts || jsonb_build_object('expires_at', NEW.expires_at), NEW.agent_id);
        RETURN NULL;
    END IF;
    IF OLD.token_active AND NOT NEW.token_active THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'TOKEN_REVOKED', NEW.token_hint, facts, NEW.agent_id);
    END IF;
    IF NEW.expires_at IS DISTINCT FROM OLD.expires_at THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'TOKEN_EXPIRY_CHANGED', NEW.token_hint,
            facts || kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW), ARRAY['expires_at']), NEW.agent_id);
    END IF;
    RETURN NULL;
END

--- function audit_workspace()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    changed jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'WORKSPACE_CREATED', NEW.slug,
            jsonb_build_object('name', NEW.name, 'admits_viewers', NEW.admits_viewers));
        RETURN NULL;
    END IF;
    changed := kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW), ARRAY['slug', 'name', 'admits_viewers',
        'heartbeat_seconds', 'lease_seconds', 'backoff_seconds', 'audit_days', 'plan', 'max_members', 'max_agents',
        'max_waiting_runs']);
    IF changed <> '{}' THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'WORKSPACE_CHANGED', NEW.slug, changed);
    END IF;
    RETURN NULL;
END

--- function audited_workspace_ids()
OWNER kolony_api ARGUMENTS () RETURNS uuid[] LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN ARRAY(SELECT m.workspace_id FROM kolony.memberships m
                 WHERE m.profile_id = kolony.my_profile_id() AND NOT m.disabled AND m.role = 'admin');
END

--- function beat(the_session uuid, with_health jsonb, holding uuid[])
OWNER kolony_api ARGUMENTS (the_session uuid, with_health jsonb, holding uuid[]) RETURNS TABLE(what text, run_id uuid, attempt_id uuid, why text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_column
DECLARE
    session kolony.agent_sessions := kolony.my_session(the_session);
BEGIN
    UPDATE kolony.agent_sessions s SET last_seen = now(), ready = true, health = coalesce(with_health, s.health)
    WHERE s.workspace_id = session.workspace_id AND s.session_id = the_session AND s.ended_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this session has ended' USING ERRCODE = 'KO001', HINT = 'open a new one';
    END IF;
    -- To the minute is enough for people, and costs a read most of the time.
    UPDATE kolony.agent_tokens t SET last_used_at = now(), last_used_from = inet_client_addr()
    WHERE t.workspace_id = session.workspace_id AND t.token_id = session.token_id
      AND t.last_used_at < now() - interval '1 minute';
    RETURN QUERY
    SELECT 'cancel', r.run_id, l.attempt_id, coalesce(r.cancel_why, '')
    FROM kolony.leases l JOIN kolony.runs r ON r.workspace_id = l.workspace_id AND r.run_id = l.run_id
    WHERE l.workspace_id = session.workspace_id AND l.session_id = the_session AND r.cancel_at IS NOT NULL
    UNION ALL
    SELECT 'lost', NULL, h, '' FROM unnest(holding) h
    WHERE NOT EXISTS (SELECT FROM kolony.leases l
                      WHERE l.workspace_id = session.workspace_id AND l.attempt_id = h AND l.session_id = the_session)
    UNION ALL
    SELECT 'unknown', l.run_id, l.attempt_id, '' FROM kolony.leases l
    WHERE l.workspace_id = session.workspace_id AND l.session_id = the_session AND l.attempt_id <> ALL (holding)
    UNION ALL
    SELECT a.desired, NULL, NULL, a.desired_why FROM kolony.agents a
    WHERE a.workspace_id = session.workspace_id AND a.agent_id = session.agent_id AND a.desired <> 'active';
END

--- function cancel_command(the_command uuid, why text)
OWNER kolony_api ARGUMENTS (the_command uuid, why text DEFAULT ''::text) RETURNS TABLE(cancelled bigint, requested bigint) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    command kolony.commands := kolony.command_for_step(the_command, 'operator');
    open_run uuid;
    asked uuid[] := '{}';
BEGIN
    UPDATE kolony.commands c SET outcome = 'cancelled', finished_at = now()
    WHERE c.workspace_id = command.workspace_id AND c.command_id = the_command
      AND c.submitted_at IS NULL AND c.outcome IS NULL;
    IF NOT FOUND THEN
        FOR open_run IN
            SELECT r.run_id FROM kolony.runs r
            WHERE r.workspace_id = command.workspace_id AND r.command_id = the_command AND r.outcome IS NULL
            ORDER BY r.run_id
        LOOP
            IF kolony.cancel_open_run(command.workspace_id, open_run, "left"(coalesce(why, ''), 1000)) IS NOT NULL THEN
                asked := asked || open_run;
            END IF;
        END LOOP;
        IF asked = '{}' THEN
            RAISE EXCEPTION 'command #% has ended already (%)', command.number, (SELECT c.outcome FROM kolony.commands c
                WHERE c.workspace_id = command.workspace_id AND c.command_id = the_command) USING ERRCODE = '55000';
        END IF;
        PERFORM kolony.roll_up(command.workspace_id, the_command);
        PERFORM kolony.settle_lost(command.workspace_id, NULL);
    END IF;
    PERFORM kolony.record_audit(command.workspace_id, 'COMMAND_CANCELLED', '#' || command.number,
        jsonb_build_object('reason', "left"(why, 200), 'runs', cardinality(asked)), NULL, the_command);
    PERFORM kolony.hint(command.workspace_id, 'agents:*');
    RETURN QUERY SELECT count(*) FILTER (WHERE r.outcome IS NOT NULL), count(*) FILTER (WHERE r.outcome IS NULL)
                 FROM kolony.runs r WHERE r.workspace_id = command.workspace_id AND r.run_id = ANY (asked);
END

--- function cancel_open_run(home uuid, the_run uuid, why text)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid, why text) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    run kolony.runs;
    holder kolony.leases;
BEGIN
    -- The run first: whoever is just putting it back into a queue holds it until the queue has it.
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = home AND r.run_id = the_run FOR NO KEY UPDATE;
    IF run.outcome IS NOT NULL THEN
        RETURN NULL;
    END IF;
    DELETE FROM kolony.ready_runs q WHERE q.workspace_id = home AND q.run_id = the_run;
    DELETE FROM kolony.scheduled_runs q WHERE q.workspace_id = home AND q.run_id = the_run;
    SELECT * INTO holder FROM kolony.leases l WHERE l.workspace_id = home AND l.run_id = the_run;
    IF FOUND THEN
        UPDATE kolony.runs r SET cancel_at = coalesce(r.cancel_at, now()),
            cancel_by = coalesce(r.cancel_by, kolony.my_profile_id()), cancel_why = coalesce(r.cancel_why, why)
        WHERE r.workspace_id = home AND r.run_id = the_run;
        RETURN 'requested';
    END IF;
    UPDATE kolony.runs r SET outcome = 'cancelled', finished_at = now(), cancel_at = now(),
        cancel_by = kolony.my_profile_id(), cancel_why = why
    WHERE r.workspace_id = home AND r.run_id = the_run;
    RETURN 'cancelled';
END

--- function cancel_run(the_run uuid, why text)
OWNER kolony_api ARGUMENTS (the_run uuid, why text DEFAULT ''::text) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    run kolony.runs := kolony.run_for_step(the_run);
    became text;
BEGIN
    became := kolony.cancel_open_run(run.workspace_id, the_run, "left"(coalesce(why, ''), 1000));
    IF became IS NULL THEN
        RAISE EXCEPTION 'this run has ended already (%)', coalesce(
            (SELECT r.outcome FROM kolony.runs r WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run), '?')
            USING ERRCODE = '55000';
    END IF;
    PERFORM kolony.roll_up(run.workspace_id, run.command_id);
    -- After the request: a runner that is gone will not confirm it, so its run ends here.
    PERFORM kolony.settle_lost(run.workspace_id, run.agent_id);
    PERFORM kolony.hint(run.workspace_id, 'agent:' || run.agent_id);
    RETURN coalesce((SELECT r.outcome FROM kolony.runs r
                     WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run), became);
END

--- function change_disabled(in_workspace uuid, who text, to_disabled boolean)
OWNER kolony_api ARGUMENTS (in_workspace uuid, who text, to_disabled boolean) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    target uuid := kolony.person_to_change(in_workspace, who);
BEGIN
    IF to_disabled THEN
        PERFORM kolony.require_another_admin(in_workspace, target, who);
    END IF;
    UPDATE kolony.memberships m SET disabled = to_disabled
    WHERE m.workspace_id = in_workspace AND m.profile_id = target;
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" is no member of this workspace', who USING ERRCODE = 'P0002', HINT = 'see kolony user list';
    END IF;
    IF NOT to_disabled THEN
        PERFORM kolony.require_room(in_workspace, 'members');
    END IF;
    PERFORM kolony.hint(in_workspace, 'people:*');
    RETURN EXISTS (SELECT FROM kolony.memberships m WHERE m.profile_id = target AND NOT m.disabled);
END

--- function change_membership(in_workspace uuid, who text, as_role text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, who text, as_role text) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    target uuid := kolony.person_to_change(in_workspace, who);
    before text;
BEGIN
    PERFORM kolony.check_role(as_role);
    SELECT m.role INTO before FROM kolony.memberships m
    WHERE m.workspace_id = in_workspace AND m.profile_id = target;
    IF before = 'admin' AND as_role <> 'admin' THEN
        PERFORM kolony.require_another_admin(in_workspace, target, who);
    END IF;
    INSERT INTO kolony.memberships (workspace_id, profile_id, role, granted_by)
    VALUES (in_workspace, target, as_role, kolony.my_profile_id())
    ON CONFLICT (workspace_id, profile_id)
    DO UPDATE SET role = EXCLUDED.role, granted_by = EXCLUDED.granted_by, granted_at = now();
    PERFORM kolony.require_room(in_workspace, 'members');
    PERFORM kolony.hint(in_workspace, 'people:*');
    RETURN before;
END

--- function change_token_login(its_login text, change text)
OWNER kolony_roleadm ARGUMENTS (its_login text, change text) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF to_regrole(quote_ident(its_login)) IS NOT NULL THEN
        EXECUTE format('ALTER ROLE %I %s', its_login, change);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    NULL;
END

--- function change_workspace(in_workspace uuid, new_name text, new_admits_viewers boolean)
OWNER kolony_api ARGUMENTS (in_workspace uuid, new_name text, new_admits_viewers boolean) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF new_name !~ '\S' OR length(new_name) > 200 OR new_name ~ '[\u0001-\u001f\u007f-\u009f]' THEN
        RAISE EXCEPTION 'a workspace''s name is 1 to 200 printable characters' USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.workspaces w
    SET name = coalesce(new_name, w.name), admits_viewers = coalesce(new_admits_viewers, w.admits_viewers)
    WHERE w.workspace_id = in_workspace;
    PERFORM kolony.hint(in_workspace, 'workspace:' || in_workspace);
END

--- function changed_facts(old_row jsonb, new_row jsonb, shown text[])
OWNER kolony_api ARGUMENTS (old_row jsonb, new_row jsonb, shown text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT coalesce(jsonb_object_agg(c, jsonb_build_object('before', kolony.shortened(old_row -> c),
                                                           'after', kolony.shortened(new_row -> c))), '{}')
    FROM unnest(shown) c WHERE old_row -> c IS DISTINCT FROM new_row -> c

--- function check_content(content text)
OWNER kolony_api ARGUMENTS (content text) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF content IS NULL OR content !~ '\S' THEN
        RAISE EXCEPTION 'a command needs a text' USING ERRCODE = '22023';
    END IF;
    IF octet_length(content) > 4194304 THEN
        RAISE EXCEPTION 'a command''s text is at most 4 MiB, this is % bytes', octet_length(content)
            USING ERRCODE = '22023', HINT = 'put it in a file that the agent can read';
    END IF;
END

--- function check_login(who text, verifier text)
OWNER kolony_roleadm ARGUMENTS (who text, verifier text) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    odd text := CASE
        WHEN coalesce(who, '') = '' THEN 'a login is not empty'
        WHEN length(who) > 31 THEN format('a login is at most 31 characters, this one has %s', length(who))
        WHEN who ~ '^(pg_|kolony_|ka_)' THEN
            format('a login is not to begin with "%s_", which is reserved', split_part(who, '_', 1))
        WHEN who IN ('public', 'none') THEN format('a login is not to be "%s", which is reserved', who)
        WHEN who ~ '[A-Z]' AND lower(who) ~ '^[a-z][a-z0-9_]*$' THEN
            format('a login is in lower case: "%s", not "%s"', lower(who), who)
        WHEN who !~ '^[a-z]' THEN 'a login is to begin with a letter from a to z'
        WHEN who !~ '^[a-z][a-z0-9_]*$' THEN
            format('a login is made of a-z, 0-9 and "_", and has no "%s"', substring(who FROM '[^a-z0-9_]')) END;
BEGIN
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION '%', odd USING ERRCODE = '22023', HINT = 'choose another name';
    END IF;
    PERFORM kolony.check_verifier(verifier);
END

--- function check_role(as_role text)
OWNER kolony_api ARGUMENTS (as_role text) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF as_role IS NULL OR as_role NOT IN ('viewer', 'operator', 'admin') THEN
        RAISE EXCEPTION 'a role is viewer, operator or admin' USING ERRCODE = '22023';
    END IF;
END

--- function check_verifier(verifier text)
OWNER kolony_roleadm ARGUMENTS (verifier text) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF verifier IS NULL
       OR verifier !~ '^SCRAM-SHA-256\$[0-9]{4,6}:[A-Za-z0-9+/]{16,}={0,2}\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$'
    THEN
        RAISE EXCEPTION 'a password is set by its SCRAM-SHA-256 verifier' USING ERRCODE = '22023';
    END IF;
END

--- function claim_runs(the_session uuid, up_to integer)
OWNER kolony_api ARGUMENTS (the_session uuid, up_to integer) RETURNS TABLE(run_id uuid, attempt_id uuid, attempt integer, command_id uuid, command_number bigint, ordinal integer, content text, instructions text, config jsonb, time_limit_ms bigint, max_attempts integer, target_count integer) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_column
DECLARE
    session kolony.agent_sessions := kolony.my_session(the_session);
    agent kolony.agents;
    room integer;
BEGIN
    SELECT * INTO STRICT agent FROM kolony.agents a
    WHERE a.workspace_id = session.workspace_id AND a.agent_id = session.agent_id FOR NO KEY UPDATE;
    IF agent.desired <> 'active' THEN
        RETURN;
    END IF;
    PERFORM FROM kolony.agent_sessions s
    WHERE s.workspace_id = session.workspace_id AND s.session_id = the_session FOR SHARE;
    session := kolony.my_session(the_session);
    PERFORM kolony.settle_lost(session.workspace_id, session.agent_id);
    room := least(up_to, session.concurrency - (SELECT count(*) FROM kolony.leases l
        WHERE l.workspace_id = session.workspace_id AND l.session_id = the_session));
    IF room <= 0 THEN
        RETURN;
    END IF;
    PERFORM kolony.ensure_output_partition(current_date);
    WITH due AS (
        DELETE FROM kolony.scheduled_runs d
        WHERE (d.workspace_id, d.run_id) IN (
            SELECT f.workspace_id, f.run_id FROM kolony.scheduled_runs f
            WHERE f.workspace_id = session.workspace_id AND f.agent_id = session.agent_id AND f.due_at <= now()
            FOR UPDATE SKIP LOCKED)
        RETURNING d.*)
    INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, enqueued_at, attempt)
    SELECT due.workspace_id, due.run_id, due.agent_id, due.priority, due.due_at, due.attempt FROM due;
    RETURN QUERY
    WITH next AS MATERIALIZED (
        SELECT q.run_id FROM kolony.ready_runs q
        WHERE q.workspace_id = session.workspace_id AND q.agent_id = session.agent_id
        ORDER BY q.priority DESC, q.enqueued_at, q.run_id LIMIT room FOR UPDATE SKIP LOCKED),
    taken AS (
        DELETE FROM kolony.ready_runs q USING next
        WHERE q.workspace_id = session.workspace_id AND q.run_id = next.run_id
        RETURNING q.*),
    tried AS (
        INSERT INTO kolony.attempts AS t (workspace_id, run_id, number, agent_id, session_id)
        SELECT taken.workspace_id, taken.run_id, taken.attempt, taken.agent_id, the_session FROM taken
        RETURNING t.*),
    leased AS (
        INSERT INTO kolony.leases (workspace_id, run_id, attempt_id, agent_id, session_id)
        SELECT tried.workspace_id, tried.run_id, tried.attempt_id, tried.agent_id, the_session FROM tried)
    SELECT tried.run_id, tried.attempt_id, tried.number, c.command_id, c.number, r.ordinal, c.content,
           agent.instructions, agent.config, c.time_limit_ms, c.max_attempts::integer, cardinality(c.targets)
    FROM tried
    JOIN taken ON taken.run_id = tried.run_id
    JOIN kolony.runs r ON r.workspace_id = tried.workspace_id AND r.run_id = tried.run_id
    JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    ORDER BY taken.priority DESC, taken.enqueued_at, taken.run_id;
END

--- function close_session(the_session uuid, because text, was_error boolean)
OWNER kolony_api ARGUMENTS (the_session uuid, because text, was_error boolean) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    token kolony.agent_tokens := kolony.my_token();
BEGIN
    UPDATE kolony.agent_sessions s SET ended_at = now(), end_reason = "left"(because, 1000), end_error = was_error
    WHERE s.workspace_id = token.workspace_id AND s.session_id = the_session AND s.agent_id = token.agent_id
      AND s.token_id = token.token_id AND s.ended_at IS NULL;
    PERFORM kolony.settle_lost(token.workspace_id, token.agent_id);
    PERFORM kolony.hint(token.workspace_id, 'agent:' || token.agent_id);
END

--- function command_for_step(the_command uuid, needed text)
OWNER kolony_api ARGUMENTS (the_command uuid, needed text) RETURNS kolony.commands LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    command kolony.commands;
BEGIN
    SELECT * INTO command FROM kolony.commands c
    WHERE c.command_id = the_command AND c.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such command here' USING ERRCODE = 'P0002', HINT = 'see kolony command list';
    END IF;
    PERFORM kolony.require_role(command.workspace_id, needed);
    RETURN command;
END

--- function connected_people(in_workspace uuid)
OWNER kolony_roleadm ARGUMENTS (in_workspace uuid) RETURNS TABLE(login text, pid integer, application text, client text, since timestamp with time zone, idle_seconds integer, state text) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    members oid[] := kolony.member_logins(in_workspace);
BEGIN
    RETURN QUERY
    SELECT a.usename::text, a.pid, a.application_name,
           coalesce(host(a.client_addr), CASE WHEN a.client_port = -1 THEN 'this machine' END), a.backend_start,
           CASE WHEN a.state LIKE 'idle%' THEN extract(epoch FROM clock_timestamp() - a.state_change)::integer END, a.state
    FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.usesysid = ANY (members)
      AND coalesce(a.backend_type, 'client backend') = 'client backend'
    ORDER BY a.usename, a.backend_start, a.pid;
END

--- function create_agent(in_workspace uuid, new_name text, new_type text, new_category text, new_instructions text, new_description text, new_config jsonb)
OWNER kolony_api ARGUMENTS (in_workspace uuid, new_name text, new_type text DEFAULT 'process'::text, new_category text DEFAULT ''::text, new_instructions text DEFAULT ''::text, new_description text DEFAULT ''::text, new_config jsonb DEFAULT '{}'::jsonb) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    IF new_name IS NULL OR length(new_name) NOT BETWEEN 1 AND 100 OR new_name <> btrim(new_name)
       OR new_name ~ '[\u0001-\u001f\u007f-\u009f]'
    THEN
        RAISE EXCEPTION 'an agent''s name is 1 to 100 printable characters without blanks at its ends'
            USING ERRCODE = '22023', HINT = 'choose another name';
    END IF;
    IF new_type IS NULL OR new_type !~ '^[a-z0-9][a-z0-9._-]{0,62}$' THEN
        RAISE EXCEPTION 'an agent''s type is a short word of a-z, 0-9, ".", "_" and "-"' USING ERRCODE = '22023';
    END IF;
    INSERT INTO kolony.agents (workspace_id, name, type, category, instructions, description, config, created_by, desired_by)
    VALUES (in_workspace, new_name, new_type, coalesce(new_category, ''), coalesce(new_instructions, ''),
            coalesce(new_description, ''), coalesce(new_config, '{}'), kolony.my_profile_id(), kolony.my_profile_id())
    ON CONFLICT ON CONSTRAINT agent_name_is_free DO NOTHING
    RETURNING agent_id INTO made;
    IF made IS NULL THEN
        RAISE EXCEPTION 'there is an agent "%" already', new_name
            USING ERRCODE = '23505', HINT = 'choose another name';
    END IF;
    PERFORM kolony.require_room(in_workspace, 'agents');
    PERFORM kolony.hint(in_workspace, 'agent:' || made);
    RETURN made;
END

--- function create_workspace(new_slug text, new_name text)
OWNER kolony_api ARGUMENTS (new_slug text, new_name text) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    made uuid;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' OR NOT EXISTS (
        SELECT FROM kolony.memberships m
        WHERE m.profile_id = kolony.my_profile_id() AND m.role = 'admin' AND NOT m.disabled)
    THEN
        RAISE EXCEPTION 'only an admin may make a workspace' USING ERRCODE = '42501', HINT = 'ask an admin';
    END IF;
    IF new_slug IS NULL OR new_slug !~ '^[a-z][a-z0-9-]{0,62}$' THEN
        RAISE EXCEPTION 'a workspace''s slug is 1 to 63 of a-z, 0-9 and "-", beginning with a letter'
            USING ERRCODE = '22023';
    END IF;
    INSERT INTO kolony.workspaces (slug, name) VALUES (new_slug, coalesce(nullif(new_name, ''), new_slug))
    ON CONFLICT (slug) DO NOTHING RETURNING workspace_id INTO made;
    IF made IS NULL THEN
        RAISE EXCEPTION 'there is a workspace "%" already', new_slug
            USING ERRCODE = '23505', HINT = 'choose another slug';
    END IF;
    INSERT INTO kolony.memberships (workspace_id, profile_id, role, granted_by)
    VALUES (made, kolony.my_profile_id(), 'admin', kolony.my_profile_id());
    RETURN made;
END

--- function disable_person(in_workspace uuid, who text)
OWNER kolony_roleadm ARGUMENTS (in_workspace uuid, who text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    still_somewhere boolean := kolony.change_disabled(in_workspace, who, true);
BEGIN
    PERFORM kolony.shut_out(who, still_somewhere);
END

--- function do_upkeep(the_job text)
OWNER kolony_api ARGUMENTS (the_job text) RETURNS jsonb LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    counted bigint;
BEGIN
    CASE the_job
        WHEN 'watchdog' THEN
            SELECT count(*) INTO counted FROM kolony.watchdog();
            RETURN jsonb_build_object('ended_sessions', counted);
        WHEN 'settle' THEN
            SELECT coalesce(sum(kolony.settle_lost(w.workspace_id, NULL)), 0) INTO counted FROM kolony.workspaces w;
            RETURN jsonb_build_object('settled_runs', counted);
        WHEN 'partitions' THEN
            PERFORM kolony.ensure_output_partition(month::date), kolony.ensure_audit_partition(month::date)
            FROM unnest(ARRAY[now(), now() + interval '1 month']) month;
            RETURN '{}';
        WHEN 'seal_audit' THEN
            SELECT coalesce(sum(kolony.seal_audit(w.workspace_id)), 0) INTO counted FROM kolony.workspaces w;
            RETURN jsonb_build_object('sealed_entries', counted);
        WHEN 'retain_audit' THEN
            RETURN kolony.retain_audit();
    END CASE;
END

--- function edit_command(the_command uuid, content text, priority integer)
OWNER kolony_api ARGUMENTS (the_command uuid, content text, priority integer DEFAULT NULL::integer) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_variable
DECLARE
    command kolony.commands := kolony.command_for_step(the_command, 'operator');
BEGIN
    PERFORM kolony.check_content(coalesce(content, command.content));
    IF priority NOT BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION 'a priority is 0 to 100, not %', priority USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.commands c
    SET content = coalesce(content, c.content), priority = coalesce(priority, c.priority)
    WHERE c.workspace_id = command.workspace_id AND c.command_id = the_command
      AND c.submitted_at IS NULL AND c.outcome IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'command #% is no draft any more', command.number
            USING ERRCODE = '55000', HINT = 'only a draft can be edited; cancel it and send a new one';
    END IF;
    PERFORM kolony.hint(command.workspace_id, 'command:' || the_command);
END

--- function enable_person(in_workspace uuid, who text)
OWNER kolony_roleadm ARGUMENTS (in_workspace uuid, who text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.change_disabled(in_workspace, who, false);
    PERFORM kolony.allow_login(who, true);
END

--- function end_attempt(home uuid, the_attempt uuid, ended text, with_exit_code integer, with_signal integer, with_error text)
OWNER kolony_api ARGUMENTS (home uuid, the_attempt uuid, ended text, with_exit_code integer, with_signal integer, with_error text) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    held kolony.leases;
    run kolony.runs;
    command kolony.commands;
    this kolony.attempts;
    tries integer;
    pause_ms double precision;
    verdict text;
    why text := "left"(with_error, 10000);
BEGIN
    DELETE FROM kolony.leases l WHERE l.workspace_id = home AND l.attempt_id = the_attempt RETURNING * INTO held;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE kolony.attempts t SET ended_at = now(), outcome = ended, exit_code = with_exit_code, signal = with_signal,
        error = why
    WHERE t.workspace_id = home AND t.attempt_id = the_attempt RETURNING * INTO this;
    SELECT * INTO STRICT run FROM kolony.runs r WHERE r.workspace_id = home AND r.run_id = held.run_id;
    SELECT * INTO STRICT command FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id = run.command_id;
    tries := run.failed_tries + (ended IN ('failed', 'lost'))::integer;
    verdict := CASE
        WHEN ended IN ('completed', 'cancelled') THEN ended
        WHEN run.cancel_at IS NOT NULL THEN 'cancelled'
        WHEN ended = 'failed' AND (command.retry_on = 'lost' OR tries >= command.max_attempts) THEN 'failed'
        WHEN ended = 'lost' AND tries >= command.max_attempts THEN 'failed'
        WHEN kolony.is_retired(home, held.agent_id) THEN 'cancelled' END;
    IF verdict = 'cancelled' AND ended <> 'cancelled' AND run.cancel_at IS NULL THEN
        why := concat_ws('; ', 'its agent was retired', why);
    ELSIF ended = 'lost' AND verdict = 'cancelled' THEN
        why := 'cancel not confirmed: ' || why;
    ELSIF ended = 'lost' AND verdict = 'failed' THEN
        why := format('attempt %s of %s was lost: %s', tries, command.max_attempts, why);
    END IF;
    UPDATE kolony.runs r SET outcome = verdict, finished_at = CASE WHEN verdict IS NULL THEN NULL ELSE now() END,
        exit_code = with_exit_code, error = why, failed_tries = tries
    WHERE r.workspace_id = home AND r.run_id = held.run_id;
    IF verdict IS NOT NULL THEN
        PERFORM kolony.roll_up(home, run.command_id);
    ELSIF ended = 'released' THEN
        -- Handed back unharmed: it keeps its place, by the time at which it was asked for.
        INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, enqueued_at, attempt)
        VALUES (home, held.run_id, held.agent_id, run.priority, run.created_at, this.number + 1);
    ELSE
        -- Full jitter on an exponential backoff: random between half and all of base * 2^(tries - 1), at most 5 minutes.
        SELECT least(w.backoff_seconds * 1000.0 * power(2, tries - 1), 300000) * (0.5 + random() / 2) INTO pause_ms
        FROM kolony.workspaces w WHERE w.workspace_id = home;
        INSERT INTO kolony.scheduled_runs (workspace_id, run_id, agent_id, priority, due_at, attempt)
        VALUES (home, held.run_id, held.agent_id, run.priority,
                now() + make_interval(secs => pause_ms / 1000.0), this.number + 1);
    END IF;
    RETURN true;
END

--- function end_membership(in_workspace uuid, who text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, who text) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    target uuid := kolony.person_to_change(in_workspace, who);
BEGIN
    PERFORM kolony.require_another_admin(in_workspace, target, who);
    DELETE FROM kolony.memberships m WHERE m.workspace_id = in_workspace AND m.profile_id = target;
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" is no member of this workspace', who USING ERRCODE = 'P0002', HINT = 'see kolony user list';
    END IF;
    PERFORM kolony.hint(in_workspace, 'people:*');
    RETURN EXISTS (SELECT FROM kolony.memberships m WHERE m.profile_id = target AND NOT m.disabled);
END

--- function end_sessions(who text)
OWNER kolony_roleadm ARGUMENTS (who text) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    ended integer;
BEGIN
    SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) INTO ended FROM pg_stat_activity a
    WHERE a.usename = who AND a.datname = current_database() AND a.pid <> pg_backend_pid();
    RETURN ended;
EXCEPTION WHEN insufficient_privilege THEN
    -- A login that was made outside Kolony: its rights are gone at its next statement all the same.
    RETURN 0;
END

--- function enqueue(home uuid, the_command uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_command uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    command kolony.commands;
    retired text;
BEGIN
    SELECT * INTO STRICT command FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id = the_command;
    INSERT INTO kolony.runs (workspace_id, command_id, ordinal, agent_id, priority)
    SELECT home, the_command, t.ordinal, t.agent_id, command.priority
    FROM unnest(command.targets) WITH ORDINALITY AS t (agent_id, ordinal);
    INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, enqueued_at)
    SELECT home, r.run_id, r.agent_id, r.priority, clock_timestamp() FROM kolony.runs r
    WHERE r.workspace_id = home AND r.command_id = the_command ORDER BY r.ordinal;
    -- After the inserts, whose foreign keys waited for whoever was retiring one of these agents.
    SELECT a.name INTO retired FROM kolony.agents a
    WHERE a.workspace_id = home AND a.agent_id = ANY (command.targets) AND a.desired = 'retired' LIMIT 1;
    IF retired IS NOT NULL THEN
        RAISE EXCEPTION 'the agent "%" is retired', retired USING ERRCODE = '55000', HINT = 'resume it, or choose another';
    END IF;
    PERFORM kolony.require_room(home, 'waiting runs');
    PERFORM kolony.hint(home, CASE WHEN cardinality(command.targets) = 1
        THEN 'agent:' || command.targets[1] ELSE 'agents:*' END);
END

--- function enroll_person(in_workspace uuid, who text, as_role text, called text, newly_made boolean)
OWNER kolony_api ARGUMENTS (in_workspace uuid, who text, as_role text, called text, newly_made boolean) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    target uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM kolony.check_role(as_role);
    IF length(called) > 200 THEN
        RAISE EXCEPTION 'a person''s name is at most 200 characters' USING ERRCODE = '22023';
    END IF;
    INSERT INTO kolony.profiles (login, role_oid, display_name, login_made)
    VALUES (who, to_regrole(quote_ident(who))::oid, coalesce(called, ''), newly_made)
    ON CONFLICT (login, role_oid) DO NOTHING;
    SELECT p.profile_id INTO STRICT target FROM kolony.profiles p
    WHERE p.login = who AND p.role_oid = to_regrole(quote_ident(who))::oid;
    INSERT INTO kolony.memberships (workspace_id, profile_id, role, granted_by)
    VALUES (in_workspace, target, as_role, kolony.my_profile_id())
    ON CONFLICT (workspace_id, profile_id) DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" is a member of this workspace already', who USING ERRCODE = '23505',
            HINT = 'kolony user role changes the role, kolony user enable lets in again who is disabled';
    END IF;
    PERFORM kolony.require_room(in_workspace, 'members');
    PERFORM kolony.hint(in_workspace, 'people:*');
    RETURN target;
END

--- function ensure_audit_partition(for_day date)
OWNER kolony_owner ARGUMENTS (for_day date) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET TimeZone=UTC
AS
DECLARE
    month date := date_trunc('month', for_day)::date;
    part text := 'audit_log_' || to_char(for_day, 'YYYY_MM');
BEGIN
    IF to_regclass('kolony.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    LOCK TABLE kolony.audit_log IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass('kolony.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE kolony.%I (LIKE kolony.audit_log INCLUDING ALL)', part);
    EXECUTE format('ALTER TABLE kolony.%I ENABLE ROW LEVEL SECURITY', part);
    EXECUTE format('ALTER TABLE kolony.%I FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('CREATE POLICY backup ON kolony.%I FOR SELECT TO kolony_backup USING (true)', part);
    EXECUTE format('GRANT SELECT ON kolony.%I TO kolony_backup', part);
    EXECUTE format('CREATE TRIGGER not_emptied BEFORE TRUNCATE ON kolony.%I EXECUTE FUNCTION kolony.refuse_change()',
        part);
    EXECUTE format('ALTER TABLE kolony.audit_log ATTACH PARTITION kolony.%I FOR VALUES FROM (%L) TO (%L)',
        part, month::timestamptz, (month + interval '1 month')::timestamptz);
END

--- function ensure_output_partition(for_day date)
OWNER kolony_owner ARGUMENTS (for_day date) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    month date := date_trunc('month', for_day)::date;
    part text := 'output_chunks_' || to_char(for_day, 'YYYY_MM');
BEGIN
    IF to_regclass('kolony.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    -- Attached, not created in place: that would wait for every reader of the table, and every claim would wait for it.
    LOCK TABLE kolony.output_chunks IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass('kolony.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE kolony.%I (LIKE kolony.output_chunks INCLUDING ALL)', part);
    EXECUTE format('ALTER TABLE kolony.%I ENABLE ROW LEVEL SECURITY', part);
    EXECUTE format('ALTER TABLE kolony.%I FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('CREATE POLICY backup ON kolony.%I FOR SELECT TO kolony_backup USING (true)', part);
    EXECUTE format('GRANT SELECT ON kolony.%I TO kolony_backup', part);
    EXECUTE format('ALTER TABLE kolony.output_chunks ATTACH PARTITION kolony.%I FOR VALUES FROM (%L) TO (%L)',
        part, month, (month + interval '1 month')::date);
END

--- function ensure_profile()
OWNER kolony_api ARGUMENTS () RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    known_name boolean := EXISTS (SELECT FROM kolony.profiles p WHERE p.login = session_user);
    mine uuid;
    limited kolony.workspaces;
BEGIN
    INSERT INTO kolony.profiles (login, role_oid)
    VALUES (session_user, to_regrole(quote_ident(session_user))::oid)
    ON CONFLICT (login, role_oid) DO NOTHING
    RETURNING profile_id INTO mine;
    IF mine IS NOT NULL AND NOT known_name THEN
        INSERT INTO kolony.memberships (workspace_id, profile_id, role)
        SELECT w.workspace_id, mine, 'viewer' FROM kolony.workspaces w WHERE w.admits_viewers AND w.max_members IS NULL;
        -- Locked where seats are counted only: anybody who comes holds these until the end of the transaction.
        FOR limited IN
            SELECT * FROM kolony.workspaces w WHERE w.admits_viewers AND w.max_members IS NOT NULL
            ORDER BY w.workspace_id FOR NO KEY UPDATE
        LOOP
            INSERT INTO kolony.memberships (workspace_id, profile_id, role)
            SELECT limited.workspace_id, mine, 'viewer'
            WHERE limited.max_members > (SELECT count(*) FROM kolony.memberships m
                                         WHERE m.workspace_id = limited.workspace_id AND NOT m.disabled)
            ON CONFLICT (workspace_id, profile_id) DO NOTHING;
        END LOOP;
    END IF;
    mine := coalesce(mine, kolony.my_profile_id());
    IF EXISTS (SELECT FROM kolony.memberships m WHERE m.profile_id = mine)
       AND NOT EXISTS (SELECT FROM kolony.memberships m WHERE m.profile_id = mine AND NOT m.disabled)
    THEN
        RAISE EXCEPTION 'the login "%" is disabled', session_user USING ERRCODE = '28000', HINT = 'ask an admin';
    END IF;
    RETURN mine;
END

--- function entry_digest(entry kolony.audit_log)
OWNER kolony_api ARGUMENTS (entry kolony.audit_log) RETURNS bytea LANGUAGE sql STABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT sha256(convert_to(jsonb_build_array(entry.workspace_id, entry.entry_id, extract(epoch FROM entry.at),
        entry.event, entry.login, entry.profile_id, entry.client_address, entry.application, entry.agent_id,
        entry.command_id, entry.run_id, entry.subject, entry.details)::text, 'UTF8'))

--- function expire_token(the_token uuid, at_latest timestamp with time zone)
OWNER kolony_roleadm ARGUMENTS (the_token uuid, at_latest timestamp with time zone) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET DateStyle=ISO
AS
DECLARE
    token record;
BEGIN
    SELECT * INTO token FROM kolony.limit_token(the_token, at_latest);
    PERFORM kolony.change_token_login(token.its_login, format('VALID UNTIL %L', token.its_expiry));
END

--- function finish_attempt(the_attempt uuid, ended text, with_exit_code integer, with_signal integer, with_error text, with_usage jsonb, chunks bigint, bytes bigint, lines bigint)
OWNER kolony_api ARGUMENTS (the_attempt uuid, ended text, with_exit_code integer, with_signal integer, with_error text, with_usage jsonb, chunks bigint, bytes bigint, lines bigint) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    held kolony.leases;
    run kolony.runs;
    hole text;
BEGIN
    PERFORM FROM kolony.attempts t
    WHERE t.workspace_id = token.workspace_id AND t.attempt_id = the_attempt AND t.agent_id = token.agent_id
      AND t.outcome = ended;
    IF FOUND THEN
        RETURN;
    END IF;
    IF ended IS NULL OR ended NOT IN ('completed', 'failed', 'cancelled', 'released') THEN
        RAISE EXCEPTION 'an attempt ends as completed, failed, cancelled or released' USING ERRCODE = '22023';
    END IF;
    PERFORM kolony.my_lease(the_attempt);
    SELECT r.* INTO run FROM kolony.runs r
    JOIN kolony.attempts t ON t.workspace_id = r.workspace_id AND t.run_id = r.run_id
    WHERE t.workspace_id = token.workspace_id AND t.attempt_id = the_attempt FOR NO KEY UPDATE OF r;
    held := kolony.my_lease(the_attempt); -- again: it may have passed on while this call waited for the run
    IF ended = 'cancelled' AND run.cancel_at IS NULL THEN
        RAISE EXCEPTION 'nobody asked to cancel this run' USING ERRCODE = '55000';
    END IF;
    hole := kolony.output_hole(held.workspace_id, held.run_id, the_attempt, chunks);
    IF hole IS NOT NULL THEN
        RAISE EXCEPTION 'the output has a hole: %', hole USING ERRCODE = 'KO002', HINT = 'append the missing chunks';
    END IF;
    UPDATE kolony.attempts t SET usage = coalesce(with_usage, '{}'), chunk_count = chunks, byte_count = bytes,
        line_count = lines
    WHERE t.workspace_id = held.workspace_id AND t.attempt_id = the_attempt;
    IF NOT kolony.end_attempt(held.workspace_id, the_attempt, ended, with_exit_code, with_signal, with_error) THEN
        RAISE EXCEPTION 'this attempt has no lease any more' USING ERRCODE = 'KO001', HINT = 'stop its work';
    END IF;
END

--- function first_difference(seal kolony.audit_seals, OUT at_entry bigint, OUT difference text)
OWNER kolony_api ARGUMENTS (seal kolony.audit_seals, OUT at_entry bigint, OUT difference text) RETURNS record LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    SELECT e.entry_id, CASE WHEN l.entry_id IS NULL THEN 'the entry is gone' ELSE 'the entry was changed' END
    INTO at_entry, difference
    FROM unnest(seal.entries) WITH ORDINALITY AS e (entry_id, place)
    LEFT JOIN kolony.audit_log l ON l.workspace_id = seal.workspace_id AND l.entry_id = e.entry_id
    WHERE l.entry_id IS NULL
       OR substring(kolony.entry_digest(l) FROM 1 FOR 8)
          <> substring(seal.marks FROM (e.place::integer - 1) * 8 + 1 FOR 8)
    ORDER BY e.entry_id LIMIT 1;
    difference := coalesce(difference, 'the seal was changed');
END

--- function force_out(in_workspace uuid, who text)
OWNER kolony_roleadm ARGUMENTS (in_workspace uuid, who text) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    ended integer;
BEGIN
    PERFORM kolony.person_to_reset(in_workspace, who);
    IF NOT kolony.made_here(who) THEN
        RAISE EXCEPTION 'the login "%" was made outside Kolony', who USING ERRCODE = '42501',
            HINT = 'whoever made it can end its sessions; disable the person to take their rights';
    END IF;
    ended := kolony.end_sessions(who);
    PERFORM kolony.record_audit(in_workspace, 'SESSIONS_ENDED', who, jsonb_build_object('sessions', ended));
    RETURN ended;
END

--- function found(first_slug text, first_name text, admin_login text, admin_name text)
OWNER kolony_api ARGUMENTS (first_slug text, first_name text, admin_login text, admin_name text) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    made uuid;
    admin_id uuid;
BEGIN
    LOCK TABLE kolony.workspaces IN EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM kolony.workspaces) THEN
        RAISE EXCEPTION 'this database has a workspace already' USING ERRCODE = '55000';
    END IF;
    IF to_regrole(quote_ident(admin_login)) IS NULL THEN
        RAISE EXCEPTION 'there is no login "%" on this server', admin_login USING ERRCODE = 'P0002';
    END IF;
    INSERT INTO kolony.workspaces (slug, name, admits_viewers) VALUES (first_slug, first_name, true)
    RETURNING workspace_id INTO made;
    INSERT INTO kolony.profiles (login, role_oid, display_name, login_made)
    VALUES (admin_login, to_regrole(quote_ident(admin_login))::oid, admin_name,
            pg_has_role('kolony_roleadm', admin_login, 'MEMBER'))
    ON CONFLICT (login, role_oid) DO UPDATE SET display_name = EXCLUDED.display_name
    RETURNING profile_id INTO admin_id;
    INSERT INTO kolony.memberships (workspace_id, profile_id, role) VALUES (made, admin_id, 'admin');
    RETURN made;
END

--- function hint(in_workspace uuid, payload text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, payload text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify(w.channel, payload) FROM kolony.workspaces w WHERE w.workspace_id = in_workspace;
    END IF;
END

--- function holds_role(in_workspace uuid, needed text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, needed text) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN current_setting('transaction_isolation') = 'read committed' AND EXISTS (
        SELECT FROM kolony.memberships m
        WHERE m.workspace_id = in_workspace AND m.profile_id = kolony.my_profile_id() AND NOT m.disabled
          AND array_position(ARRAY['viewer', 'operator', 'admin'], m.role)
           >= array_position(ARRAY['viewer', 'operator', 'admin'], needed));
END

--- function is_retired(home uuid, the_agent uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_agent uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    found_desired text;
BEGIN
    SELECT a.desired INTO STRICT found_desired FROM kolony.agents a
    WHERE a.workspace_id = home AND a.agent_id = the_agent FOR KEY SHARE;
    RETURN found_desired = 'retired';
END

--- function issue_token(of_agent uuid, new_login text, verifier text, new_hash bytea, new_hint text, new_label text, new_expiry timestamp with time zone)
OWNER kolony_roleadm ARGUMENTS (of_agent uuid, new_login text, verifier text, new_hash bytea, new_hint text, new_label text DEFAULT ''::text, new_expiry timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    made uuid;
BEGIN
    made := kolony.record_token(of_agent, new_login, new_hash, new_hint, new_label, new_expiry);
    PERFORM kolony.open_token_login(new_login, verifier, new_expiry);
    RETURN made;
END

--- function limit_token(the_token uuid, at_latest timestamp with time zone, OUT its_login text, OUT its_expiry timestamp with time zone)
OWNER kolony_api ARGUMENTS (the_token uuid, at_latest timestamp with time zone, OUT its_login text, OUT its_expiry timestamp with time zone) RETURNS record LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    token kolony.agent_tokens := kolony.token_for_step(the_token);
BEGIN
    IF at_latest IS NULL THEN
        RAISE EXCEPTION 'say when the token expires' USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.agent_tokens t SET expires_at = least(t.expires_at, at_latest)
    WHERE t.workspace_id = token.workspace_id AND t.token_id = the_token
    RETURNING t.login, t.expires_at INTO its_login, its_expiry;
    PERFORM kolony.hint(token.workspace_id, 'agent:' || token.agent_id);
END

--- function list_tokens(in_workspace uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid) RETURNS TABLE(token_id uuid, agent_id uuid, agent text, token_hint text, token_active boolean, state text, label text, expires_at timestamp with time zone, created_at timestamp with time zone, created_by text, revoked_at timestamp with time zone, revoked_by text, last_used_at timestamp with time zone, last_used_from text, last_used_host text, in_use_by jsonb) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    RETURN QUERY
    SELECT t.token_id, t.agent_id, a.name, t.token_hint, now_is.state = 'active', now_is.state, t.label, t.expires_at,
           t.created_at, p.login, t.revoked_at, r.login, t.last_used_at, host(t.last_used_from), newest.host,
           kolony.token_uses(t)
    FROM kolony.agent_tokens t
    JOIN kolony.agents a USING (workspace_id, agent_id)
    LEFT JOIN kolony.profiles p ON p.profile_id = t.created_by
    LEFT JOIN kolony.profiles r ON r.profile_id = t.revoked_by
    CROSS JOIN LATERAL (SELECT CASE WHEN NOT t.token_active THEN 'revoked' WHEN t.expires_at <= now() THEN 'expired'
                                    ELSE 'active' END) now_is (state)
    LEFT JOIN LATERAL (
        SELECT s.host FROM kolony.agent_sessions s
        WHERE s.workspace_id = t.workspace_id AND s.token_id = t.token_id ORDER BY s.session_id DESC LIMIT 1) newest ON true
    WHERE t.workspace_id = in_workspace ORDER BY a.name, t.created_at;
END

--- function login_was_made_here(who text)
OWNER kolony_api ARGUMENTS (who text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT EXISTS (SELECT FROM kolony.profiles p
                   WHERE p.login = who AND p.role_oid = to_regrole(quote_ident(who))::oid AND p.login_made)

--- function made_here(who text)
OWNER kolony_roleadm ARGUMENTS (who text) RETURNS boolean LANGUAGE sql STABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT coalesce(
        (SELECT pg_has_role('kolony_roleadm', r.oid, 'MEMBER') AND kolony.login_was_made_here(who)
                AND NOT (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls)
         FROM pg_roles r WHERE r.rolname = who), false)

--- function make_login(who text, verifier text, connections integer, door name)
OWNER kolony_roleadm ARGUMENTS (who text, verifier text, connections integer, door name) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    EXECUTE format('CREATE ROLE %I LOGIN CONNECTION LIMIT %s PASSWORD %L', who, connections, verifier);
    EXECUTE format('GRANT %I TO %I', door, who);
    EXECUTE format('GRANT %I TO kolony_roleadm', who); -- lets this role end that login's sessions
END

--- function makes_logins()
OWNER kolony_roleadm ARGUMENTS () RETURNS boolean LANGUAGE sql STABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT r.rolcreaterole FROM pg_roles r WHERE r.rolname = 'kolony_roleadm'

--- function member_logins(in_workspace uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid) RETURNS oid[] LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    RETURN array(SELECT p.role_oid FROM kolony.memberships m JOIN kolony.profiles p USING (profile_id)
                 WHERE m.workspace_id = in_workspace);
END

--- function my_colleague_ids()
OWNER kolony_api ARGUMENTS () RETURNS uuid[] LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN ARRAY(SELECT DISTINCT m.profile_id FROM kolony.memberships m
                 WHERE m.workspace_id = ANY (kolony.my_workspace_ids()));
END

--- function my_lease(the_attempt uuid)
OWNER kolony_api ARGUMENTS (the_attempt uuid) RETURNS kolony.leases LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    held kolony.leases;
BEGIN
    SELECT l.* INTO held FROM kolony.leases l
    JOIN kolony.agent_sessions s ON s.workspace_id = l.workspace_id AND s.session_id = l.session_id
    WHERE l.workspace_id = token.workspace_id AND l.attempt_id = the_attempt AND l.agent_id = token.agent_id
      AND s.token_id = token.token_id AND s.ended_at IS NULL
      AND s.last_seen + make_interval(secs => s.lease_seconds) >= clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this attempt has no lease any more' USING ERRCODE = 'KO001', HINT = 'stop its work';
    END IF;
    RETURN held;
END

--- function my_profile_id()
OWNER kolony_api ARGUMENTS () RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN (SELECT p.profile_id FROM kolony.profiles p
            WHERE p.login = session_user AND p.role_oid = to_regrole(quote_ident(session_user))::oid);
END

--- function my_rights(in_workspace uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid) RETURNS TABLE(action text, needs text, allowed boolean, rule text) LANGUAGE sql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    WITH described AS (
        SELECT obj_description(f.oid, 'pg_proc') AS words, f.oid::regprocedure::text AS rule
        FROM pg_proc f
        WHERE f.pronamespace = 'kolony'::regnamespace AND has_function_privilege('kolony_user', f.oid, 'EXECUTE')
        UNION ALL
        SELECT coalesce(obj_description(o.oid, 'pg_policy'), 'viewer: see ' || replace(c.relname, '_', ' ')),
               format('policy %I on %s', o.polname, o.polrelid::regclass)
        FROM pg_policy o JOIN pg_class c ON c.oid = o.polrelid
        WHERE c.relnamespace = 'kolony'::regnamespace AND o.polroles = '{0}' AND o.polpermissive),
    parsed AS (
        SELECT regexp_match(d.words, '^(anyone|member|viewer|operator|admin)( anywhere)?: (.+)$') AS part, d.rule
        FROM described d)
    SELECT p.part[3], p.part[1],
           CASE WHEN p.part[1] = 'anyone' THEN true
                WHEN p.part[2] IS NOT NULL THEN EXISTS (
                    SELECT FROM unnest(kolony.my_workspace_ids()) mine WHERE kolony.holds_role(mine, p.part[1]))
                ELSE kolony.holds_role(in_workspace, CASE p.part[1] WHEN 'member' THEN 'viewer' ELSE p.part[1] END) END,
           p.rule
    FROM parsed p WHERE p.part IS NOT NULL
    ORDER BY array_position(ARRAY['anyone', 'member', 'viewer', 'operator', 'admin'], p.part[1]), p.part[3], p.rule

--- function my_session(the_session uuid)
OWNER kolony_api ARGUMENTS (the_session uuid) RETURNS kolony.agent_sessions LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    session kolony.agent_sessions;
BEGIN
    SELECT * INTO session FROM kolony.agent_sessions s
    WHERE s.workspace_id = token.workspace_id AND s.session_id = the_session AND s.agent_id = token.agent_id
      AND s.token_id = token.token_id AND s.ended_at IS NULL
      AND s.last_seen + make_interval(secs => s.lease_seconds) >= clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this session has ended' USING ERRCODE = 'KO001', HINT = 'open a new one';
    END IF;
    RETURN session;
END

--- function my_token()
OWNER kolony_api ARGUMENTS () RETURNS kolony.agent_tokens LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    token kolony.agent_tokens;
BEGIN
    IF session_user = 'kolony_agent' THEN
        SELECT * INTO token FROM kolony.agent_tokens t
        WHERE t.token_hash = sha256(convert_to(current_setting('kolony.agent_token', true), 'UTF8'));
    ELSE
        SELECT * INTO token FROM kolony.agent_tokens t WHERE t.login = session_user;
    END IF;
    IF token.token_active IS NOT TRUE OR token.expires_at <= clock_timestamp()
       OR current_setting('transaction_isolation') <> 'read committed'
    THEN
        RAISE EXCEPTION 'agent authentication failed' USING ERRCODE = '28000';
    END IF;
    RETURN token;
END

--- function my_workspace_ids()
OWNER kolony_api ARGUMENTS () RETURNS uuid[] LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN ARRAY(SELECT m.workspace_id FROM kolony.memberships m WHERE NOT m.disabled AND m.profile_id = (
        SELECT p.profile_id FROM kolony.profiles p
        WHERE p.login = session_user AND p.role_oid = to_regrole(quote_ident(session_user))::oid));
END

--- function new_id()
OWNER kolony_owner ARGUMENTS () RETURNS uuid LANGUAGE plpgsql VOLATILE PARALLEL SAFE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF current_setting('server_version_num')::int >= 180000 THEN
        RETURN uuidv7();
    END IF;
    RETURN encode(
        overlay(
            set_byte(
                uuid_send(gen_random_uuid()), 6,
                (get_byte(uuid_send(gen_random_uuid()), 6) & 15) | 112)
            PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
            FROM 1 FOR 6),
        'hex')::uuid;
END

--- function note_ended_session(of_login text, of_pid integer, because text)
OWNER kolony_api ARGUMENTS (of_login text, of_pid integer, because text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    facts CONSTANT jsonb := jsonb_build_object('sessions', 1, 'pid', of_pid, 'reason', because);
BEGIN
    PERFORM kolony.record_audit(m.workspace_id, 'SESSIONS_ENDED', of_login, facts)
    FROM kolony.profiles p JOIN kolony.memberships m USING (profile_id)
    WHERE p.login = of_login AND p.role_oid = to_regrole(quote_ident(of_login))::oid;
    PERFORM kolony.record_audit(t.workspace_id, 'SESSIONS_ENDED', t.token_hint, facts, t.agent_id)
    FROM kolony.agent_tokens t WHERE t.login = of_login;
END

--- function note_login(in_workspace uuid, claimed_version text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, claimed_version text DEFAULT ''::text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    PERFORM kolony.record_audit(in_workspace, 'USER_LOGIN', session_user::text,
        jsonb_build_object('version', "left"(claimed_version, 100)));
END

--- function note_logout(in_workspace uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    PERFORM kolony.record_audit(in_workspace, 'USER_LOGOUT', session_user::text);
END

--- function open_session(on_host text, with_pid integer, with_version text, with_adapter text, with_concurrency integer)
OWNER kolony_api ARGUMENTS (on_host text, with_pid integer, with_version text, with_adapter text, with_concurrency integer) RETURNS TABLE(session_id uuid, workspace_id uuid, workspace text, agent_id uuid, agent text, agent_type text, channel text, heartbeat_seconds integer, lease_seconds integer, schema_version integer) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_column
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    agent kolony.agents;
    home kolony.workspaces;
    made uuid;
BEGIN
    SELECT * INTO STRICT agent FROM kolony.agents a
    WHERE a.workspace_id = token.workspace_id AND a.agent_id = token.agent_id;
    IF agent.desired = 'retired' THEN
        RAISE EXCEPTION 'the agent "%" is retired', agent.name USING ERRCODE = '55000', HINT = 'an operator can resume it';
    END IF;
    SELECT * INTO STRICT home FROM kolony.workspaces w WHERE w.workspace_id = token.workspace_id;
    PERFORM kolony.settle_lost(token.workspace_id, token.agent_id);
    INSERT INTO kolony.agent_sessions AS s (workspace_id, agent_id, token_id, host, pid, version, adapter, concurrency,
        lease_seconds)
    VALUES (token.workspace_id, token.agent_id, token.token_id, "left"(coalesce(on_host, ''), 255), with_pid,
        "left"(coalesce(with_version, ''), 100), "left"(coalesce(with_adapter, ''), 100), with_concurrency,
        home.lease_seconds)
    RETURNING s.session_id INTO made;
    UPDATE kolony.agent_tokens t SET last_used_at = now(), last_used_from = inet_client_addr()
    WHERE t.workspace_id = token.workspace_id AND t.token_id = token.token_id;
    PERFORM kolony.hint(token.workspace_id, 'agent:' || token.agent_id);
    RETURN QUERY SELECT made, home.workspace_id, home.slug, agent.agent_id, agent.name, agent.type, home.channel,
        home.heartbeat_seconds, home.lease_seconds, kolony.schema_version();
END

--- function open_token_login(new_login text, verifier text, new_expiry timestamp with time zone)
OWNER kolony_roleadm ARGUMENTS (new_login text, verifier text, new_expiry timestamp with time zone) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path=pg_catalog, pg_temp SET DateStyle=ISO
AS
BEGIN
    PERFORM kolony.check_verifier(verifier);
    IF kolony.makes_logins() THEN
        PERFORM kolony.make_login(new_login, verifier, 4, 'kolony_agents');
        IF new_expiry IS NOT NULL THEN
            EXECUTE format('ALTER ROLE %I VALID UNTIL %L', new_login, new_expiry);
        END IF;
    ELSIF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'kolony_agent' AND r.rolcanlogin
                      AND pg_has_role(r.oid, 'kolony_agents', 'USAGE'))
    THEN
        RAISE EXCEPTION 'Kolony may make no logins on this server, and there is none for agents to share'
            USING ERRCODE = '55000', HINT = 'have kolony_agent made as kolony migrate --roles says';
    END IF;
END

--- function output_hole(home uuid, the_run uuid, the_attempt uuid, expected bigint)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid, the_attempt uuid, expected bigint) RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    this kolony.attempts;
    there bigint;
    highest bigint;
    missing text;
BEGIN
    SELECT * INTO STRICT this FROM kolony.attempts t WHERE t.workspace_id = home AND t.attempt_id = the_attempt;
    SELECT count(*), coalesce(max(c.seq), -1) INTO there, highest FROM kolony.output_chunks c
    WHERE c.workspace_id = home AND c.run_id = the_run AND c.attempt = this.number AND c.day = this.output_day;
    IF expected IS NOT NULL AND there = expected AND highest = expected - 1 THEN
        RETURN NULL;
    END IF;
    SELECT string_agg(n::text, ', ') INTO missing FROM (
        SELECT n FROM generate_series(0, least(coalesce(expected, 0) - 1, there + 20)) n
        WHERE NOT EXISTS (SELECT FROM kolony.output_chunks c
            WHERE c.workspace_id = home AND c.run_id = the_run AND c.attempt = this.number
              AND c.day = this.output_day AND c.seq = n)
        ORDER BY n LIMIT 20) gaps;
    RETURN format('%s chunks of %s are there, missing %s', there, coalesce(expected, 0), coalesce(missing, 'none'));
END

--- function person_to_change(in_workspace uuid, who text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, who text) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    found_id uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM FROM kolony.memberships m WHERE m.workspace_id = in_workspace AND m.role = 'admin'
    ORDER BY m.profile_id FOR UPDATE;
    PERFORM kolony.require_role(in_workspace, 'admin');
    SELECT p.profile_id INTO found_id FROM kolony.profiles p
    WHERE p.login = who AND p.role_oid = to_regrole(quote_ident(who))::oid;
    IF found_id IS NULL THEN
        RAISE EXCEPTION 'there is no person "%"', who USING ERRCODE = 'P0002', HINT = 'see kolony user list';
    END IF;
    RETURN found_id;
END

--- function person_to_reset(in_workspace uuid, who text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, who text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    target uuid := kolony.person_to_change(in_workspace, who);
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.memberships m WHERE m.workspace_id = in_workspace AND m.profile_id = target) THEN
        RAISE EXCEPTION '"%" is no member of this workspace', who USING ERRCODE = 'P0002', HINT = 'see kolony user list';
    END IF;
    IF NOT kolony.administers_all_of(who) THEN
        RAISE EXCEPTION 'this person also belongs to a workspace of which you are no admin'
            USING ERRCODE = '42501', HINT = 'ask an admin of that workspace';
    END IF;
END

--- function protect(target regclass)
OWNER kolony_owner ARGUMENTS (target regclass) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY api ON %s TO kolony_api USING (true) WITH CHECK (true)', target);
    EXECUTE format('CREATE POLICY backup ON %s FOR SELECT TO kolony_backup USING (true)', target);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO kolony_api', target);
    EXECUTE format('GRANT SELECT ON %s TO kolony_backup', target);
END

--- function record_audit(in_workspace uuid, what text, about text, facts jsonb, of_agent uuid, of_command uuid, of_run uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid, what text, about text DEFAULT NULL::text, facts jsonb DEFAULT '{}'::jsonb, of_agent uuid DEFAULT NULL::uuid, of_command uuid DEFAULT NULL::uuid, of_run uuid DEFAULT NULL::uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    moment timestamptz := clock_timestamp();
    utc timestamp := moment AT TIME ZONE 'UTC';
BEGIN
    IF to_regclass('kolony.audit_log_' || to_char(utc, 'YYYY_MM')) IS NULL THEN
        PERFORM kolony.ensure_audit_partition(utc::date);
    END IF;
    -- Before the number is drawn: kolony.seal_entries takes whoever holds a number to be a transaction that shows.
    PERFORM pg_current_xact_id();
    INSERT INTO kolony.audit_log (workspace_id, entry_id, at, event, login, profile_id, client_address, application,
        agent_id, command_id, run_id, subject, details)
    VALUES (in_workspace, nextval('kolony.audit_entries'), moment, what, session_user, kolony.my_profile_id(),
        inet_client_addr(), "left"(current_setting('application_name'), 64), of_agent, of_command, of_run,
        "left"(about, 200), coalesce(facts, '{}'));
END

--- function record_token(of_agent uuid, new_login text, new_hash bytea, new_hint text, new_label text, new_expiry timestamp with time zone)
OWNER kolony_api ARGUMENTS (of_agent uuid, new_login text, new_hash bytea, new_hint text, new_label text, new_expiry timestamp with time zone) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    home uuid := kolony.workspace_of_agent(of_agent);
    made uuid;
BEGIN
    PERFORM kolony.require_role(home, 'admin');
    IF kolony.is_retired(home, of_agent) THEN
        RAISE EXCEPTION 'a retired agent gets no token' USING ERRCODE = '55000', HINT = 'resume it first';
    END IF;
    IF new_expiry <= now() THEN
        RAISE EXCEPTION 'that expiry has passed already' USING ERRCODE = '22023';
    END IF;
    INSERT INTO kolony.agent_tokens (workspace_id, agent_id, login, token_hash, token_hint, label, expires_at, created_by)
    VALUES (home, of_agent, new_login, new_hash, new_hint, coalesce(new_label, ''), new_expiry, kolony.my_profile_id())
    RETURNING token_id INTO made;
    PERFORM kolony.hint(home, 'agent:' || of_agent);
    RETURN made;
END

--- function refuse_change()
OWNER kolony_owner ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF current_user = 'kolony_owner' AND TG_OP = TG_ARGV[0] THEN -- only inside the functions of retention below
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = '42501', HINT = 'retention removes what is old';
END

--- function relink_profiles()
OWNER kolony_api ARGUMENTS () RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    changed integer;
BEGIN
    UPDATE kolony.profiles p SET role_oid = to_regrole(quote_ident(p.login))::oid
    WHERE to_regrole(quote_ident(p.login)) IS NOT NULL
      AND p.role_oid <> to_regrole(quote_ident(p.login))::oid
      AND NOT EXISTS (SELECT FROM kolony.profiles q
                      WHERE q.login = p.login AND q.role_oid = to_regrole(quote_ident(p.login))::oid)
      AND p.created_at = (SELECT max(r.created_at) FROM kolony.profiles r WHERE r.login = p.login);
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END

--- function remove_audit_month(of_month date)
OWNER kolony_owner ARGUMENTS (of_month date) RETURNS TABLE(workspace_id uuid, entries bigint) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET TimeZone=UTC SET lock_timeout=1s
AS
#variable_conflict use_column
DECLARE
    month_end timestamptz := (of_month + interval '1 month')::timestamptz;
BEGIN
    IF month_end > now() - interval '30 days' THEN
        RETURN;
    END IF;
    LOCK TABLE kolony.audit_log IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM kolony.audit_log l WHERE l.at >= of_month::timestamptz AND l.at < month_end AND NOT EXISTS (
        SELECT FROM (SELECT s.workspace_id, unnest(s.entries) AS entry_id FROM kolony.audit_seals s
                     WHERE s.month = of_month) k
        WHERE k.workspace_id = l.workspace_id AND k.entry_id = l.entry_id))
    THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH kept AS (
        UPDATE kolony.audit_seals s SET removed_at = now(), entries = '{}', marks = ''
        WHERE s.month = of_month AND s.removed_at IS NULL RETURNING s.workspace_id, s.entry_count)
    SELECT k.workspace_id, sum(k.entry_count)::bigint FROM kept k GROUP BY k.workspace_id;
    EXECUTE format('DROP TABLE kolony.%I', 'audit_log_' || to_char(of_month, 'YYYY_MM'));
END

--- function remove_person(in_workspace uuid, who text)
OWNER kolony_roleadm ARGUMENTS (in_workspace uuid, who text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    still_somewhere boolean := kolony.end_membership(in_workspace, who);
BEGIN
    PERFORM kolony.shut_out(who, still_somewhere);
END

--- function remove_sealed_entries(home uuid, the_seal integer)
OWNER kolony_owner ARGUMENTS (home uuid, the_seal integer) RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    seal kolony.audit_seals;
    gone bigint;
BEGIN
    SELECT * INTO seal FROM kolony.audit_seals s
    WHERE s.workspace_id = home AND s.number = the_seal AND s.removed_at IS NULL FOR UPDATE;
    IF seal.to_at IS NULL OR seal.to_at > now() - interval '30 days' THEN
        RETURN 0;
    END IF;
    DELETE FROM kolony.audit_log l WHERE l.workspace_id = home AND l.entry_id = ANY (seal.entries)
        AND l.at BETWEEN seal.from_at AND seal.to_at;
    GET DIAGNOSTICS gone = ROW_COUNT;
    UPDATE kolony.audit_seals s SET removed_at = now(), entries = '{}', marks = ''
    WHERE s.workspace_id = home AND s.number = the_seal;
    RETURN gone;
END

--- function replace_token(the_token uuid, new_login text, new_hash bytea, new_hint text, overlap interval, new_label text, new_expiry timestamp with time zone, OUT made uuid, OUT old_login text, OUT old_expiry timestamp with time zone)
OWNER kolony_api ARGUMENTS (the_token uuid, new_login text, new_hash bytea, new_hint text, overlap interval, new_label text, new_expiry timestamp with time zone, OUT made uuid, OUT old_login text, OUT old_expiry timestamp with time zone) RETURNS record LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    former kolony.agent_tokens := kolony.token_for_step(the_token);
BEGIN
    IF overlap IS NULL OR overlap < interval '0' OR overlap > interval '365 days' THEN
        RAISE EXCEPTION 'the old token may serve for 0 to 365 days beside the new one' USING ERRCODE = '22023';
    END IF;
    made := kolony.record_token(former.agent_id, new_login, new_hash, new_hint, coalesce(new_label, former.label),
        new_expiry);
    SELECT * INTO STRICT former FROM kolony.agent_tokens t
    WHERE t.workspace_id = former.workspace_id AND t.token_id = the_token FOR NO KEY UPDATE;
    IF NOT former.token_active OR former.expires_at <= now() THEN
        RAISE EXCEPTION 'the token % serves no more', former.token_hint
            USING ERRCODE = '55000', HINT = 'issue another: kolony token issue';
    END IF;
    SELECT l.its_login, l.its_expiry INTO old_login, old_expiry FROM kolony.limit_token(the_token, now() + overlap) l;
END

--- function require_another_admin(in_workspace uuid, besides uuid, who text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, besides uuid, who text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.memberships m
                   WHERE m.workspace_id = in_workspace AND m.role = 'admin' AND NOT m.disabled AND m.profile_id <> besides)
    THEN
        RAISE EXCEPTION '"%" is the only admin of this workspace', who
            USING ERRCODE = '55000', HINT = 'make somebody else admin first';
    END IF;
END

--- function require_role(in_workspace uuid, needed text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, needed text) RETURNS void LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    held text;
BEGIN
    IF kolony.holds_role(in_workspace, needed) THEN
        RETURN;
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'rights are only checked in a READ COMMITTED transaction'
            USING ERRCODE = '42501', HINT = 'begin the transaction without another isolation level';
    END IF;
    SELECT m.role INTO held FROM kolony.memberships m
    WHERE m.workspace_id = in_workspace AND m.profile_id = kolony.my_profile_id() AND NOT m.disabled;
    IF held IS NULL THEN
        RAISE EXCEPTION 'you are not a member of this workspace'
            USING ERRCODE = '42501', HINT = 'ask an admin of the workspace to add you';
    END IF;
    RAISE EXCEPTION 'you are a % here; this needs the role %', held, needed
        USING ERRCODE = '42501', HINT = 'ask an admin of the workspace';
END

--- function require_role_anywhere(needed text)
OWNER kolony_api ARGUMENTS (needed text) RETURNS void LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF NOT EXISTS (SELECT FROM unnest(kolony.my_workspace_ids()) w WHERE kolony.holds_role(w, needed)) THEN
        RAISE EXCEPTION 'this needs the role % in some workspace, in a READ COMMITTED transaction', needed
            USING ERRCODE = '42501', HINT = 'ask an admin';
    END IF;
END

--- function require_room(home uuid, what text)
OWNER kolony_api ARGUMENTS (home uuid, what text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    its kolony.workspaces;
    allowed integer;
    there bigint;
BEGIN
    SELECT * INTO STRICT its FROM kolony.workspaces w WHERE w.workspace_id = home;
    IF (CASE what WHEN 'members' THEN its.max_members WHEN 'agents' THEN its.max_agents
        ELSE its.max_waiting_runs END) IS NULL
    THEN
        RETURN;
    END IF;
    SELECT * INTO STRICT its FROM kolony.workspaces w WHERE w.workspace_id = home FOR NO KEY UPDATE;
    CASE what
        WHEN 'members' THEN
            allowed := its.max_members;
            there := (SELECT count(*) FROM kolony.memberships m WHERE m.workspace_id = home AND NOT m.disabled);
        WHEN 'agents' THEN
            allowed := its.max_agents;
            there := (SELECT count(*) FROM kolony.agents a WHERE a.workspace_id = home AND a.desired <> 'retired');
        WHEN 'waiting runs' THEN
            allowed := its.max_waiting_runs;
            there := (SELECT count(*) FROM kolony.ready_runs q WHERE q.workspace_id = home)
                   + (SELECT count(*) FROM kolony.scheduled_runs q WHERE q.workspace_id = home);
    END CASE;
    IF there > allowed THEN
        RAISE EXCEPTION 'this workspace''s plan allows % %', allowed,
            CASE WHEN allowed = 1 THEN rtrim(what, 's') ELSE what END
            USING ERRCODE = '54000', HINT = 'an admin can raise it: kolony workspace limits';
    END IF;
END

--- function reset_password(in_workspace uuid, who text, verifier text)
OWNER kolony_roleadm ARGUMENTS (in_workspace uuid, who text, verifier text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.person_to_reset(in_workspace, who);
    PERFORM kolony.check_verifier(verifier);
    IF NOT kolony.made_here(who) THEN
        RAISE EXCEPTION 'the login "%" was made outside Kolony', who
            USING ERRCODE = '42501', HINT = 'whoever made it can change its password';
    END IF;
    IF NOT kolony.makes_logins() THEN
        RAISE EXCEPTION 'this server does not let Kolony change passwords' USING ERRCODE = '42501',
            HINT = 'whoever runs the server can, or the person themself: kolony user passwd';
    END IF;
    EXECUTE format('ALTER ROLE %I PASSWORD %L', who, verifier);
    PERFORM kolony.record_audit(in_workspace, 'PASSWORD_RESET', who);
    PERFORM kolony.end_sessions(who);
END

--- function retain_audit()
OWNER kolony_api ARGUMENTS () RETURNS jsonb LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET TimeZone=UTC
AS
DECLARE
    longest integer := (SELECT max(w.audit_days) FROM kolony.workspaces w);
    part date;
    gone record;
    counts jsonb := '{}';
    months integer := 0;
BEGIN
    PERFORM kolony.ensure_audit_partition((now() + interval '1 month')::date);
    FOR part IN
        SELECT to_date("right"(c.relname, 7), 'YYYY_MM') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'kolony.audit_log'::regclass
          AND to_date("right"(c.relname, 7), 'YYYY_MM') + interval '1 month' <= now() - make_interval(days => longest)
        ORDER BY 1
    LOOP
        BEGIN
            FOR gone IN SELECT * FROM kolony.remove_audit_month(part) LOOP
                counts := counts || jsonb_build_object(gone.workspace_id,
                    coalesce((counts ->> gone.workspace_id::text)::bigint, 0) + gone.entries);
            END LOOP;
        EXCEPTION WHEN lock_not_available THEN
            NULL; -- somebody reads for long, a backup perhaps: next time
        END;
        months := months + (to_regclass('kolony.audit_log_' || to_char(part, 'YYYY_MM')) IS NULL)::integer;
    END LOOP;
    FOR gone IN
        SELECT s.workspace_id, kolony.remove_sealed_entries(s.workspace_id, s.number) AS entries
        FROM kolony.audit_seals s JOIN kolony.workspaces w USING (workspace_id)
        WHERE s.removed_at IS NULL AND s.to_at < now() - make_interval(days => w.audit_days)
        ORDER BY s.workspace_id, s.number LIMIT 5000
    LOOP
        counts := counts || jsonb_build_object(gone.workspace_id,
            coalesce((counts ->> gone.workspace_id::text)::bigint, 0) + gone.entries);
    END LOOP;
    PERFORM kolony.record_audit(c.key::uuid, 'AUDIT_RETAINED', NULL, jsonb_build_object('entries', c.value))
    FROM jsonb_each(counts) c;
    RETURN jsonb_build_object('months', months,
        'entries', (SELECT coalesce(sum(c.value::bigint), 0) FROM jsonb_each_text(counts) c));
END

--- function retire_token(the_token uuid, OUT its_login text, OUT revoked_before boolean, OUT revoked_at timestamp with time zone, OUT revoked_by text, OUT in_use_by jsonb)
OWNER kolony_api ARGUMENTS (the_token uuid, OUT its_login text, OUT revoked_before boolean, OUT revoked_at timestamp with time zone, OUT revoked_by text, OUT in_use_by jsonb) RETURNS record LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    token kolony.agent_tokens := kolony.token_for_step(the_token);
BEGIN
    -- A runner's beat holds its session when it notes the use of its token; so here too the sessions come first.
    PERFORM FROM kolony.agent_sessions s
    WHERE s.workspace_id = token.workspace_id AND s.agent_id = token.agent_id AND s.token_id = the_token
      AND s.ended_at IS NULL
    ORDER BY s.session_id FOR NO KEY UPDATE;
    SELECT * INTO STRICT token FROM kolony.agent_tokens t
    WHERE t.workspace_id = token.workspace_id AND t.token_id = the_token FOR NO KEY UPDATE;
    its_login := token.login;
    revoked_before := NOT token.token_active;
    in_use_by := kolony.token_uses(token);
    IF token.token_active THEN
        UPDATE kolony.agent_tokens t
        SET token_active = false, revoked_at = now(), revoked_by = kolony.my_profile_id()
        WHERE t.workspace_id = token.workspace_id AND t.token_id = the_token RETURNING t.* INTO token;
    END IF;
    revoked_at := token.revoked_at;
    revoked_by := (SELECT p.login FROM kolony.profiles p WHERE p.profile_id = token.revoked_by);
    UPDATE kolony.agent_sessions s SET ended_at = now(), end_reason = 'its token was revoked', end_error = true
    WHERE s.workspace_id = token.workspace_id AND s.token_id = the_token AND s.ended_at IS NULL
      AND NOT EXISTS (SELECT FROM kolony.leases l WHERE l.workspace_id = s.workspace_id AND l.session_id = s.session_id);
    -- A session that still holds leases ends by the clock: its heartbeat is refused from here on.
    PERFORM kolony.hint(token.workspace_id, 'agent:' || token.agent_id);
END

--- function retry_command(the_command uuid)
OWNER kolony_api ARGUMENTS (the_command uuid) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    command kolony.commands := kolony.command_for_step(the_command, 'operator');
    ended_run uuid;
    retried integer := 0;
BEGIN
    FOR ended_run IN
        SELECT r.run_id FROM kolony.runs r
        WHERE r.workspace_id = command.workspace_id AND r.command_id = the_command
          AND r.outcome IN ('failed', 'cancelled')
        ORDER BY r.run_id
    LOOP
        retried := retried + kolony.retry_ended_run(command.workspace_id, ended_run)::integer;
    END LOOP;
    IF retried = 0 THEN
        RAISE EXCEPTION 'command #% has no run that failed or was cancelled', command.number USING ERRCODE = '55000';
    END IF;
    PERFORM kolony.roll_up(command.workspace_id, the_command);
    PERFORM kolony.require_room(command.workspace_id, 'waiting runs');
    PERFORM kolony.hint(command.workspace_id, 'agents:*');
    RETURN retried;
END

--- function retry_ended_run(home uuid, the_run uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    run kolony.runs;
BEGIN
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = home AND r.run_id = the_run FOR NO KEY UPDATE;
    IF run.outcome IS NULL OR run.outcome = 'completed' THEN
        RETURN false;
    END IF;
    UPDATE kolony.runs r SET outcome = NULL, finished_at = NULL, exit_code = NULL, error = NULL, failed_tries = 0,
        cancel_at = NULL, cancel_by = NULL, cancel_why = NULL
    WHERE r.workspace_id = home AND r.run_id = the_run;
    INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, attempt)
    SELECT home, the_run, run.agent_id, run.priority, coalesce(max(t.number), 0) + 1
    FROM kolony.attempts t WHERE t.workspace_id = home AND t.run_id = the_run;
    IF kolony.is_retired(home, run.agent_id) THEN
        RAISE EXCEPTION 'its agent is retired' USING ERRCODE = '55000', HINT = 'resume the agent first';
    END IF;
    RETURN true;
END

--- function retry_run(the_run uuid)
OWNER kolony_api ARGUMENTS (the_run uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    run kolony.runs := kolony.run_for_step(the_run);
BEGIN
    IF NOT kolony.retry_ended_run(run.workspace_id, the_run) THEN
        RAISE EXCEPTION 'only a run that failed or was cancelled can be retried' USING ERRCODE = '55000';
    END IF;
    PERFORM kolony.roll_up(run.workspace_id, run.command_id);
    PERFORM kolony.require_room(run.workspace_id, 'waiting runs');
    PERFORM kolony.hint(run.workspace_id, 'agent:' || run.agent_id);
END

--- function revoke_token(the_token uuid)
OWNER kolony_roleadm ARGUMENTS (the_token uuid) RETURNS jsonb LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    retired record;
BEGIN
    SELECT * INTO retired FROM kolony.retire_token(the_token);
    PERFORM kolony.change_token_login(retired.its_login, 'NOLOGIN PASSWORD NULL');
    PERFORM kolony.end_sessions(retired.its_login);
    RETURN to_jsonb(retired) - 'its_login';
END

--- function roll_up(home uuid, the_command uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_command uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    ended text;
BEGIN
    PERFORM FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id = the_command FOR NO KEY UPDATE;
    SELECT CASE WHEN bool_or(r.outcome IS NULL) THEN NULL
                WHEN bool_or(r.outcome = 'failed') THEN 'failed'
                WHEN bool_or(r.outcome = 'cancelled') THEN 'cancelled'
                ELSE 'completed' END
    INTO ended FROM kolony.runs r WHERE r.workspace_id = home AND r.command_id = the_command;
    UPDATE kolony.commands c SET outcome = ended, finished_at = CASE WHEN ended IS NULL THEN NULL ELSE now() END
    WHERE c.workspace_id = home AND c.command_id = the_command AND c.outcome IS DISTINCT FROM ended;
END

--- function rotate_token(the_token uuid, new_login text, verifier text, new_hash bytea, new_hint text, overlap interval, new_label text, new_expiry timestamp with time zone)
OWNER kolony_roleadm ARGUMENTS (the_token uuid, new_login text, verifier text, new_hash bytea, new_hint text, overlap interval, new_label text DEFAULT NULL::text, new_expiry timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET DateStyle=ISO
AS
DECLARE
    replaced record;
BEGIN
    SELECT * INTO replaced
    FROM kolony.replace_token(the_token, new_login, new_hash, new_hint, overlap, new_label, new_expiry);
    PERFORM kolony.open_token_login(new_login, verifier, new_expiry);
    PERFORM kolony.change_token_login(replaced.old_login, format('VALID UNTIL %L', replaced.old_expiry));
    RETURN replaced.made;
END

--- function run_for_step(the_run uuid)
OWNER kolony_api ARGUMENTS (the_run uuid) RETURNS kolony.runs LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    run kolony.runs;
BEGIN
    SELECT * INTO run FROM kolony.runs r
    WHERE r.run_id = the_run AND r.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such run here' USING ERRCODE = 'P0002', HINT = 'see kolony run list';
    END IF;
    PERFORM kolony.require_role(run.workspace_id, 'operator');
    RETURN run;
END

--- function run_upkeep(even_if_not_due boolean, only_job text)
OWNER kolony_api ARGUMENTS (even_if_not_due boolean DEFAULT false, only_job text DEFAULT NULL::text) RETURNS TABLE(job text, ran boolean, result jsonb) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_column
DECLARE
    each record;
    due boolean;
    began timestamptz;
    did jsonb;
BEGIN
    PERFORM kolony.require_role_anywhere(CASE WHEN even_if_not_due THEN 'admin' ELSE 'viewer' END);
    IF only_job IS NOT NULL AND NOT EXISTS (SELECT FROM kolony.upkeep u WHERE u.job = only_job) THEN
        RAISE EXCEPTION 'there is no job "%"', only_job USING ERRCODE = 'P0002', HINT = 'see kolony maintain';
    END IF;
    FOR each IN
        SELECT u.job, u.last_result FROM kolony.upkeep u WHERE u.job = coalesce(only_job, u.job) ORDER BY u.every, u.job
    LOOP
        PERFORM FROM kolony.upkeep u
        WHERE u.job = each.job
          AND (even_if_not_due OR u.last_began IS NULL OR u.last_began + u.every <= clock_timestamp())
        FOR UPDATE SKIP LOCKED;
        due := FOUND;
        IF NOT due THEN
            RETURN QUERY SELECT each.job, false, each.last_result;
            CONTINUE;
        END IF;
        began := clock_timestamp();
        BEGIN
            did := kolony.do_upkeep(each.job);
        EXCEPTION WHEN OTHERS THEN
            did := jsonb_build_object('error', SQLERRM, 'sqlstate', SQLSTATE);
        END;
        UPDATE kolony.upkeep u
        SET last_began = began, last_ended = clock_timestamp(), last_result = did
        WHERE u.job = each.job;
        RETURN QUERY SELECT each.job, true, did;
    END LOOP;
END

--- function schema_version()
OWNER kolony_api ARGUMENTS () RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT coalesce(max(m.version), 0) FROM kolony.migrations m

--- function seal_audit(home uuid)
OWNER kolony_api ARGUMENTS (home uuid) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = home FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND OR EXISTS (SELECT FROM kolony.audit_seals s
                            WHERE s.workspace_id = home AND s.sealed_at > clock_timestamp() - interval '1 hour')
    THEN
        RETURN 0;
    END IF;
    RETURN kolony.seal_entries(home);
END

--- function seal_audit_now(in_workspace uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = in_workspace FOR NO KEY UPDATE;
    RETURN kolony.seal_entries(in_workspace);
END

--- function seal_digest(seal kolony.audit_seals)
OWNER kolony_api ARGUMENTS (seal kolony.audit_seals) RETURNS bytea LANGUAGE sql STABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT sha256(convert_to(jsonb_build_array(seal.workspace_id, seal.number, seal.month, seal.entry_count,
        seal.from_entry, seal.to_entry, extract(epoch FROM seal.from_at), extract(epoch FROM seal.to_at),
        seal.closed_to, encode(seal.rows_digest, 'hex'), encode(seal.previous, 'hex'),
        extract(epoch FROM seal.sealed_at), seal.sealed_by)::text, 'UTF8'))

--- function seal_entries(home uuid)
OWNER kolony_api ARGUMENTS (home uuid) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    last kolony.audit_seals;
    seal kolony.audit_seals;
    oldest_open bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    closed bigint;
    part record;
    sealed integer := 0;
BEGIN
    SELECT * INTO last FROM kolony.audit_seals s WHERE s.workspace_id = home ORDER BY s.number DESC LIMIT 1;
    IF NOT EXISTS (SELECT FROM kolony.audit_log l WHERE l.workspace_id = home AND l.event <> 'AUDIT_SEALED'
                   AND l.entry_id > coalesce((SELECT max(s.to_entry) FROM kolony.audit_seals s
                                              WHERE s.workspace_id = home AND s.number > last.number - 50), 0))
    THEN
        RETURN 0;
    END IF;
    -- A seal's row got its transaction id (of a subtransaction, below) after its entries were read. Once every open
    -- transaction is younger than that, no number up to that seal's last can still come. Modulo 2^32, as xmin counts.
    SELECT greatest(coalesce(last.closed_to, 0), coalesce(max(s.to_entry), 0)) INTO closed FROM kolony.audit_seals s
    WHERE s.workspace_id = home AND s.number > last.number - 50
      AND ((oldest_open - s.xmin::text::bigint) & 4294967295) BETWEEN 1 AND 2147483647;
    FOR part IN
        WITH already AS (
            SELECT unnest(s.entries) AS entry_id FROM kolony.audit_seals s
            WHERE s.workspace_id = home AND s.to_entry > coalesce(last.closed_to, 0)),
        fresh AS (
            SELECT l.entry_id, l.at, date_trunc('month', l.at AT TIME ZONE 'UTC')::date AS month,
                   kolony.entry_digest(l) AS digest
            FROM kolony.audit_log l
            WHERE l.workspace_id = home AND l.entry_id > coalesce(last.closed_to, 0)
              AND NOT EXISTS (SELECT FROM already a WHERE a.entry_id = l.entry_id))
        SELECT f.month, count(*)::integer AS entry_count, min(f.entry_id) AS from_entry, max(f.entry_id) AS to_entry,
               min(f.at) AS from_at, max(f.at) AS to_at, array_agg(f.entry_id ORDER BY f.entry_id) AS entries,
               sha256(string_agg(f.digest, '' ORDER BY f.entry_id)) AS rows_digest,
               string_agg(substring(f.digest FROM 1 FOR 8), '' ORDER BY f.entry_id) AS marks
        FROM fresh f GROUP BY f.month ORDER BY f.month
    LOOP
        seal := ROW(home, coalesce(last.number, 0) + 1, part.month, part.entry_count, part.from_entry, part.to_entry,
            part.from_at, part.to_at, closed, part.entries, part.marks, part.rows_digest,
            coalesce(last.digest, ''), NULL, clock_timestamp(), session_user, NULL);
        seal.digest := kolony.seal_digest(seal);
        BEGIN
            INSERT INTO kolony.audit_seals SELECT seal.*;
        EXCEPTION WHEN unique_violation THEN
            RETURN sealed; -- somebody else sealed meanwhile
        END;
        last := seal;
        sealed := sealed + part.entry_count;
    END LOOP;
    PERFORM kolony.record_audit(home, 'AUDIT_SEALED', 'seal ' || last.number, jsonb_build_object('entries', sealed));
    RETURN sealed;
END

--- function send_command(in_workspace uuid, to_agents uuid[], content text, priority integer, as_draft boolean, max_attempts integer, retry_on text, time_limit_ms bigint)
OWNER kolony_api ARGUMENTS (in_workspace uuid, to_agents uuid[], content text, priority integer DEFAULT 50, as_draft boolean DEFAULT false, max_attempts integer DEFAULT 3, retry_on text DEFAULT 'lost'::text, time_limit_ms bigint DEFAULT NULL::bigint) RETURNS TABLE(command_id uuid, number bigint, run_id uuid, ordinal integer, agent_id uuid, agent text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    made uuid;
    missing uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    PERFORM kolony.check_content(content);
    IF priority IS NULL OR priority NOT BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION 'a priority is 0 to 100, not %', priority USING ERRCODE = '22023';
    END IF;
    IF max_attempts IS NULL OR max_attempts NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'a command has 1 to 100 attempts, not %', max_attempts USING ERRCODE = '22023';
    END IF;
    IF retry_on IS NULL OR retry_on NOT IN ('lost', 'failure') THEN
        RAISE EXCEPTION 'a command is tried again when it was lost, or also at a failure' USING ERRCODE = '22023';
    END IF;
    IF time_limit_ms NOT BETWEEN 1 AND 31536000000 THEN
        RAISE EXCEPTION 'a time limit is 1 ms to 365 days' USING ERRCODE = '22023';
    END IF;
    IF coalesce(cardinality(to_agents), 0) = 0 THEN
        RAISE EXCEPTION 'a command needs at least one agent' USING ERRCODE = '22023';
    END IF;
    IF cardinality(to_agents) > 100000 THEN
        RAISE EXCEPTION 'a command goes to at most 100000 agents' USING ERRCODE = '22023';
    END IF;
    IF cardinality(to_agents) <> (SELECT count(DISTINCT t) FROM unnest(to_agents) t) THEN
        RAISE EXCEPTION 'an agent is named twice' USING ERRCODE = '22023';
    END IF;
    SELECT t INTO missing FROM unnest(to_agents) t WHERE NOT EXISTS (
        SELECT FROM kolony.agents a WHERE a.workspace_id = in_workspace AND a.agent_id = t) LIMIT 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'there is no agent % in this workspace', missing
            USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    END IF;
    INSERT INTO kolony.commands AS c (workspace_id, content, priority, targets, max_attempts, retry_on, time_limit_ms,
        created_by, submitted_at)
    VALUES (in_workspace, content, priority, to_agents, max_attempts, retry_on, time_limit_ms,
        kolony.my_profile_id(), CASE WHEN as_draft THEN NULL ELSE now() END)
    RETURNING c.command_id INTO made;
    IF as_draft THEN
        PERFORM kolony.hint(in_workspace, 'command:' || made);
    ELSE
        PERFORM kolony.enqueue(in_workspace, made);
    END IF;
    RETURN QUERY
    SELECT c.command_id, c.number, r.run_id, r.ordinal, a.agent_id, a.name
    FROM kolony.commands c
    CROSS JOIN LATERAL unnest(c.targets) WITH ORDINALITY AS t (agent_id, ordinal)
    JOIN kolony.agents a ON a.workspace_id = c.workspace_id AND a.agent_id = t.agent_id
    LEFT JOIN kolony.runs r ON r.workspace_id = c.workspace_id AND r.command_id = c.command_id AND r.ordinal = t.ordinal
    WHERE c.workspace_id = in_workspace AND c.command_id = made ORDER BY t.ordinal;
END

--- function set_agent_desired(of_agent uuid, to_desired text, why text)
OWNER kolony_api ARGUMENTS (of_agent uuid, to_desired text, why text DEFAULT ''::text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    home uuid := kolony.workspace_of_agent(of_agent);
    agent kolony.agents;
    waiting uuid;
    its_command uuid;
BEGIN
    PERFORM kolony.require_role(home, 'operator');
    IF to_desired IS NULL OR to_desired NOT IN ('active', 'paused', 'retired') THEN
        RAISE EXCEPTION 'an agent is active, paused or retired' USING ERRCODE = '22023';
    END IF;
    -- FOR UPDATE, which waits for every run that is just being put into the agent's queue (foreign keys hold KEY SHARE).
    SELECT * INTO STRICT agent FROM kolony.agents a WHERE a.workspace_id = home AND a.agent_id = of_agent FOR UPDATE;
    IF agent.desired = 'retired' AND to_desired = 'paused' THEN
        RAISE EXCEPTION 'the agent "%" is retired', agent.name USING ERRCODE = '55000', HINT = 'resume it first';
    END IF;
    UPDATE kolony.agents a SET desired = to_desired, desired_why = "left"(coalesce(why, ''), 1000),
        desired_by = kolony.my_profile_id(), desired_since = now()
    WHERE a.workspace_id = home AND a.agent_id = of_agent AND a.desired <> to_desired;
    IF to_desired = 'retired' THEN
        PERFORM kolony.settle_lost(home, of_agent);
        FOR waiting IN
            SELECT r.run_id FROM kolony.runs r
            WHERE r.workspace_id = home AND r.agent_id = of_agent AND r.outcome IS NULL
              AND NOT EXISTS (SELECT FROM kolony.leases l WHERE l.workspace_id = home AND l.run_id = r.run_id)
            ORDER BY r.run_id
        LOOP
            PERFORM kolony.cancel_open_run(home, waiting, 'its agent was retired');
        END LOOP;
        FOR its_command IN
            SELECT DISTINCT r.command_id FROM kolony.runs r
            JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
            WHERE r.workspace_id = home AND r.agent_id = of_agent AND r.outcome = 'cancelled' AND c.outcome IS NULL
            ORDER BY r.command_id
        LOOP
            PERFORM kolony.roll_up(home, its_command);
        END LOOP;
    ELSIF agent.desired = 'retired' THEN
        PERFORM kolony.require_room(home, 'agents');
    END IF;
    PERFORM kolony.hint(home, 'agent:' || of_agent);
END

--- function set_audit_retention(in_workspace uuid, days integer)
OWNER kolony_api ARGUMENTS (in_workspace uuid, days integer) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF days IS NULL OR days NOT BETWEEN 30 AND 3650 THEN
        RAISE EXCEPTION 'the audit log is kept for 30 to 3650 days' USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.workspaces w SET audit_days = days WHERE w.workspace_id = in_workspace;
    PERFORM kolony.hint(in_workspace, 'people:*');
END

--- function set_limits(in_workspace uuid, new_plan text, members integer, agents integer, waiting_runs integer)
OWNER kolony_api ARGUMENTS (in_workspace uuid, new_plan text, members integer, agents integer, waiting_runs integer) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF new_plan IS NULL OR new_plan !~ '^[a-zA-Z0-9][a-zA-Z0-9 ._-]{0,99}$' THEN
        RAISE EXCEPTION 'a plan is named with 1 to 100 letters, digits, blanks, ".", "_" and "-"' USING ERRCODE = '22023';
    END IF;
    IF members < 1 OR agents < 0 OR waiting_runs < 0 THEN
        RAISE EXCEPTION 'a plan allows at least one member, and no negative number of anything' USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.workspaces w
    SET plan = new_plan, max_members = members, max_agents = agents, max_waiting_runs = waiting_runs
    WHERE w.workspace_id = in_workspace;
    PERFORM kolony.hint(in_workspace, 'workspace:' || in_workspace);
END

--- function set_role(in_workspace uuid, who text, as_role text)
OWNER kolony_roleadm ARGUMENTS (in_workspace uuid, who text, as_role text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    before text := kolony.change_membership(in_workspace, who, as_role);
BEGIN
    IF before IS NULL THEN
        PERFORM kolony.allow_login(who, true);
    -- Not the sessions of a person of other workspaces: there, this admin has no say.
    ELSIF array_position(ARRAY['viewer', 'operator', 'admin'], before)
        > array_position(ARRAY['viewer', 'operator', 'admin'], as_role) AND kolony.administers_all_of(who)
    THEN
        PERFORM kolony.end_sessions(who);
    END IF;
END

--- function set_run_priority(the_run uuid, priority integer)
OWNER kolony_api ARGUMENTS (the_run uuid, priority integer) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_variable
DECLARE
    run kolony.runs := kolony.run_for_step(the_run);
    moved integer;
BEGIN
    IF priority IS NULL OR priority NOT BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION 'a priority is 0 to 100, not %', priority USING ERRCODE = '22023';
    END IF;
    PERFORM kolony.settle_lost(run.workspace_id, run.agent_id);
    PERFORM FROM kolony.runs r WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run FOR NO KEY UPDATE;
    WITH ready AS (
        UPDATE kolony.ready_runs q SET priority = priority
        WHERE q.workspace_id = run.workspace_id AND q.run_id = the_run RETURNING 1),
    scheduled AS (
        UPDATE kolony.scheduled_runs q SET priority = priority
        WHERE q.workspace_id = run.workspace_id AND q.run_id = the_run RETURNING 1)
    SELECT count(*) INTO moved FROM (SELECT FROM ready UNION ALL SELECT FROM scheduled) both_queues;
    IF moved = 0 THEN
        RAISE EXCEPTION 'this run does not wait any more' USING ERRCODE = '55000';
    END IF;
    UPDATE kolony.runs r SET priority = priority WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run;
    PERFORM kolony.hint(run.workspace_id, 'agent:' || run.agent_id);
END

--- function settle(in_workspace uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    RETURN kolony.settle_lost(in_workspace, NULL);
END

--- function settle_lost(home uuid, of_agent uuid)
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    gone record;
    held record;
    settled integer := 0;
    -- A range that one agent or all fit into, so that one plan serves both by the index.
    lowest CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    highest CONSTANT uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
BEGIN
    FOR gone IN
        SELECT s.session_id, s.agent_id, s.host FROM kolony.agent_sessions s
        WHERE s.workspace_id = home
          AND s.session_id IN (
              SELECT o.session_id FROM kolony.agent_sessions o
              WHERE o.workspace_id = home AND o.ended_at IS NULL
                AND o.agent_id BETWEEN coalesce(of_agent, lowest) AND coalesce(of_agent, highest)
              UNION ALL
              SELECT l.session_id FROM kolony.leases l WHERE l.workspace_id = home
                AND l.agent_id BETWEEN coalesce(of_agent, lowest) AND coalesce(of_agent, highest))
          AND (s.ended_at IS NOT NULL OR s.last_seen + make_interval(secs => s.lease_seconds) < clock_timestamp())
        ORDER BY s.session_id
        FOR UPDATE SKIP LOCKED
    LOOP
        -- Not while the agent is being retired: that waits for commands which this call may hold already.
        PERFORM FROM kolony.agents a
        WHERE a.workspace_id = home AND a.agent_id = gone.agent_id FOR KEY SHARE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        UPDATE kolony.agent_sessions s
        SET ended_at = now(), end_reason = 'stopped answering'
        WHERE s.workspace_id = home AND s.session_id = gone.session_id AND s.ended_at IS NULL;
        FOR held IN
            SELECT r.run_id, r.command_id, l.attempt_id FROM kolony.leases l
            JOIN kolony.runs r ON r.workspace_id = l.workspace_id AND r.run_id = l.run_id
            WHERE l.workspace_id = home AND l.session_id = gone.session_id
            ORDER BY r.run_id FOR NO KEY UPDATE OF r SKIP LOCKED -- who holds one is just deciding about it
        LOOP
            PERFORM kolony.end_attempt(home, held.attempt_id, 'lost', NULL, NULL,
                'the runner on ' || coalesce(nullif(gone.host, ''), 'an unknown host') || ' stopped answering');
            settled := settled + 1;
        END LOOP;
        PERFORM kolony.hint(home, 'agent:' || gone.agent_id);
    END LOOP;
    RETURN settled;
END

--- function shortened(value jsonb)
OWNER kolony_api ARGUMENTS (value jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT CASE jsonb_typeof(value) WHEN 'string' THEN to_jsonb("left"(value #>> '{}', 200)) ELSE value END

--- function shut_out(who text, still_somewhere boolean)
OWNER kolony_roleadm ARGUMENTS (who text, still_somewhere boolean) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF NOT still_somewhere THEN
        PERFORM kolony.allow_login(who, false);
    END IF;
    IF NOT still_somewhere OR kolony.administers_all_of(who) THEN
        PERFORM kolony.end_sessions(who);
    END IF;
END

--- function stamp_update()
OWNER kolony_owner ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END

--- function start_attempt(the_attempt uuid)
OWNER kolony_api ARGUMENTS (the_attempt uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
BEGIN
    UPDATE kolony.attempts t SET started_at = coalesce(t.started_at, now())
    WHERE t.workspace_id = held.workspace_id AND t.attempt_id = the_attempt AND t.ended_at IS NULL;
END

--- function submit_command(the_command uuid)
OWNER kolony_api ARGUMENTS (the_command uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    command kolony.commands := kolony.command_for_step(the_command, 'operator');
BEGIN
    UPDATE kolony.commands c SET submitted_at = now()
    WHERE c.workspace_id = command.workspace_id AND c.command_id = the_command
      AND c.submitted_at IS NULL AND c.outcome IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'command #% is no draft', command.number USING ERRCODE = '55000';
    END IF;
    PERFORM kolony.enqueue(command.workspace_id, the_command);
END

--- function token_for_step(the_token uuid)
OWNER kolony_api ARGUMENTS (the_token uuid) RETURNS kolony.agent_tokens LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    token kolony.agent_tokens;
BEGIN
    SELECT * INTO token FROM kolony.agent_tokens t
    WHERE t.token_id = the_token AND t.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such token here' USING ERRCODE = 'P0002', HINT = 'see kolony token list';
    END IF;
    PERFORM kolony.require_role(token.workspace_id, 'admin');
    RETURN token;
END

--- function token_uses(of_token kolony.agent_tokens)
OWNER kolony_api ARGUMENTS (of_token kolony.agent_tokens) RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('session_id', s.session_id, 'host', s.host, 'pid', s.pid,
                   'since', s.started_at, 'runs', held.runs) ORDER BY s.session_id), '[]')
        FROM kolony.agent_sessions s
        CROSS JOIN LATERAL (
            SELECT coalesce(jsonb_agg(c.number || '.' || r.ordinal ORDER BY c.number, r.ordinal), '[]') AS runs
            FROM kolony.leases l
            JOIN kolony.runs r ON r.workspace_id = l.workspace_id AND r.run_id = l.run_id
            JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
            WHERE l.workspace_id = s.workspace_id AND l.session_id = s.session_id) held
        WHERE s.workspace_id = of_token.workspace_id AND s.agent_id = of_token.agent_id
          AND s.token_id = of_token.token_id AND s.ended_at IS NULL
          AND s.last_seen + make_interval(secs => s.lease_seconds) >= clock_timestamp());
END

--- function verify_audit(in_workspace uuid, OUT ok boolean, OUT seals integer, OUT sealed bigint, OUT removed bigint, OUT unsealed bigint, OUT at_seal integer, OUT at_entry bigint, OUT difference text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, OUT ok boolean, OUT seals integer, OUT sealed bigint, OUT removed bigint, OUT unsealed bigint, OUT at_seal integer, OUT at_entry bigint, OUT difference text) RETURNS record LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    seal kolony.audit_seals;
    last kolony.audit_seals;
    found_count bigint;
    found_digest bytea;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    SELECT count(*), coalesce(sum(s.entry_count) FILTER (WHERE s.removed_at IS NULL), 0),
           coalesce(sum(s.entry_count) FILTER (WHERE s.removed_at IS NOT NULL), 0), true
    INTO seals, sealed, removed, ok FROM kolony.audit_seals s WHERE s.workspace_id = in_workspace;
    FOR seal IN SELECT * FROM kolony.audit_seals s WHERE s.workspace_id = in_workspace ORDER BY s.number LOOP
        IF seal.number <> coalesce(last.number, 0) + 1 THEN
            at_seal := coalesce(last.number, 0) + 1;
            difference := 'the seal is gone';
        ELSIF seal.previous <> coalesce(last.digest, '') OR seal.digest <> kolony.seal_digest(seal)
              OR seal.removed_at < seal.to_at + interval '30 days'
        THEN
            at_seal := seal.number;
            difference := 'the seal was changed';
        ELSIF seal.removed_at IS NULL THEN
            SELECT count(*), sha256(coalesce(string_agg(kolony.entry_digest(l), '' ORDER BY l.entry_id), ''))
            INTO found_count, found_digest
            FROM unnest(seal.entries) e JOIN kolony.audit_log l ON l.entry_id = e
            WHERE l.workspace_id = in_workspace AND l.at BETWEEN seal.from_at AND seal.to_at;
            IF found_count <> seal.entry_count OR found_digest <> seal.rows_digest THEN
                at_seal := seal.number;
                SELECT f.at_entry, f.difference INTO at_entry, difference FROM kolony.first_difference(seal) f;
            END IF;
        END IF;
        EXIT WHEN difference IS NOT NULL;
        last := seal;
    END LOOP;
    -- In no seal: written since the last one, or put in where none can come any more.
    WITH known AS MATERIALIZED (
        SELECT unnest(s.entries) AS entry_id, s.from_at, s.to_at FROM kolony.audit_seals s
        WHERE s.workspace_id = in_workspace),
    outside AS (
        SELECT l.entry_id,
               l.entry_id <= coalesce(last.closed_to, 0) OR l.entry_id IN (SELECT k.entry_id FROM known k) AS put_in
        FROM kolony.audit_log l
        WHERE l.workspace_id = in_workspace AND NOT EXISTS (
            SELECT FROM known k WHERE k.entry_id = l.entry_id AND l.at BETWEEN k.from_at AND k.to_at))
    SELECT count(*) FILTER (WHERE NOT o.put_in),
           coalesce(at_entry, min(o.entry_id) FILTER (WHERE o.put_in AND difference IS NULL)),
           coalesce(difference, CASE WHEN bool_or(o.put_in) THEN 'the entry was put in' END)
    INTO unsealed, at_entry, difference FROM outside o;
    ok := difference IS NULL;
END

--- function watchdog()
OWNER kolony_roleadm ARGUMENTS () RETURNS TABLE(login text, pid integer, why text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    before CONSTANT timestamptz := clock_timestamp() - kolony.watchdog_patience();
    crowded CONSTANT boolean := pg_notification_queue_usage() >= 0.5;
    found record;
    gone boolean;
BEGIN
    PERFORM kolony.require_role_anywhere('viewer');
    FOR found IN
        SELECT a.usename::text AS login, a.pid,
               CASE WHEN a.state_change < before AND a.state LIKE 'idle in transaction%' THEN 'idle in transaction'
                    WHEN a.state_change < before AND a.wait_event = 'ClientWrite' THEN 'does not read what it is sent'
                    ELSE 'holds the notification queue' END AS why
        FROM pg_stat_activity a
        WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
          AND (pg_has_role(a.usesysid, 'kolony_user', 'MEMBER') OR pg_has_role(a.usesysid, 'kolony_agents', 'MEMBER'))
          AND NOT pg_has_role(a.usesysid, 'kolony_backup', 'MEMBER')
          AND (a.state_change < before AND (a.datname = current_database() OR crowded)
               AND (a.state LIKE 'idle in transaction%' OR a.wait_event = 'ClientWrite')
               OR crowded AND a.xact_start < before)
        ORDER BY a.pid
    LOOP
        BEGIN
            -- With a wait: the queue moves on only when the session is really gone.
            gone := pg_terminate_backend(found.pid, 2000);
        EXCEPTION WHEN insufficient_privilege THEN
            gone := false;
        END;
        CONTINUE WHEN NOT gone;
        PERFORM kolony.note_ended_session(found.login, found.pid, found.why);
        RETURN QUERY SELECT found.login, found.pid, found.why;
    END LOOP;
    -- Asking is what makes the server give the space in the queue free.
    PERFORM pg_notification_queue_usage();
END

--- function watchdog_patience()
OWNER kolony_roleadm ARGUMENTS () RETURNS interval LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT interval '60 seconds'

--- function workspace_of_agent(of_agent uuid)
OWNER kolony_api ARGUMENTS (of_agent uuid) RETURNS uuid LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    found_id uuid;
BEGIN
    SELECT a.workspace_id INTO found_id FROM kolony.agents a
    WHERE a.agent_id = of_agent AND a.workspace_id = ANY (kolony.my_workspace_ids());
    IF found_id IS NULL THEN
        RAISE EXCEPTION 'there is no such agent here' USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    END IF;
    RETURN found_id;
END

--- grants database of kolony
GRANT CONNECT TO kolony_agents
GRANT CONNECT TO kolony_backup
GRANT CONNECT TO kolony_user

--- grants function add_person(in_workspace uuid, who text, verifier text, as_role text, called text)
GRANT EXECUTE TO kolony_user

--- grants function administers_all_of(who text)
GRANT EXECUTE TO kolony_roleadm

--- grants function admit_person(in_workspace uuid, who text, as_role text, called text)
GRANT EXECUTE TO kolony_user

--- grants function announce(hints text[])
GRANT EXECUTE TO kolony_agents

--- grants function append_output(the_attempt uuid, seqs integer[], streams text[], ats timestamp with time zone[], first_lines bigint[], line_counts integer[], datas bytea[])
GRANT EXECUTE TO kolony_agents

--- grants function audit_agent()
GRANT EXECUTE TO kolony_owner

--- grants function audit_agent_session()
GRANT EXECUTE TO kolony_owner

--- grants function audit_command()
GRANT EXECUTE TO kolony_owner

--- grants function audit_membership()
GRANT EXECUTE TO kolony_owner

--- grants function audit_profile()
GRANT EXECUTE TO kolony_owner

--- grants function audit_run()
GRANT EXECUTE TO kolony_owner

--- grants function audit_time_limit()
GRANT EXECUTE TO kolony_owner

--- grants function audit_token()
GRANT EXECUTE TO kolony_owner

--- grants function audit_workspace()
GRANT EXECUTE TO kolony_owner

--- grants function audited_workspace_ids()
GRANT EXECUTE TO kolony_backup
GRANT EXECUTE TO kolony_user

--- grants function beat(the_session uuid, with_health jsonb, holding uuid[])
GRANT EXECUTE TO kolony_agents

--- grants function cancel_command(the_command uuid, why text)
GRANT EXECUTE TO kolony_user

--- grants function cancel_run(the_run uuid, why text)
GRANT EXECUTE TO kolony_user

--- grants function change_disabled(in_workspace uuid, who text, to_disabled boolean)
GRANT EXECUTE TO kolony_roleadm

--- grants function change_membership(in_workspace uuid, who text, as_role text)
GRANT EXECUTE TO kolony_roleadm

--- grants function change_workspace(in_workspace uuid, new_name text, new_admits_viewers boolean)
GRANT EXECUTE TO kolony_user

--- grants function claim_runs(the_session uuid, up_to integer)
GRANT EXECUTE TO kolony_agents

--- grants function close_session(the_session uuid, because text, was_error boolean)
GRANT EXECUTE TO kolony_agents

--- grants function connected_people(in_workspace uuid)
GRANT EXECUTE TO kolony_user

--- grants function create_agent(in_workspace uuid, new_name text, new_type text, new_category text, new_instructions text, new_description text, new_config jsonb)
GRANT EXECUTE TO kolony_user

--- grants function create_workspace(new_slug text, new_name text)
GRANT EXECUTE TO kolony_user

--- grants function disable_person(in_workspace uuid, who text)
GRANT EXECUTE TO kolony_user

--- grants function edit_command(the_command uuid, content text, priority integer)
GRANT EXECUTE TO kolony_user

--- grants function enable_person(in_workspace uuid, who text)
GRANT EXECUTE TO kolony_user

--- grants function end_membership(in_workspace uuid, who text)
GRANT EXECUTE TO kolony_roleadm

--- grants function enroll_person(in_workspace uuid, who text, as_role text, called text, newly_made boolean)
GRANT EXECUTE TO kolony_roleadm

--- grants function ensure_audit_partition(for_day date)
GRANT EXECUTE TO kolony_api

--- grants function ensure_output_partition(for_day date)
GRANT EXECUTE TO kolony_api

--- grants function ensure_profile()
GRANT EXECUTE TO kolony_user

--- grants function expire_token(the_token uuid, at_latest timestamp with time zone)
GRANT EXECUTE TO kolony_user

--- grants function finish_attempt(the_attempt uuid, ended text, with_exit_code integer, with_signal integer, with_error text, with_usage jsonb, chunks bigint, bytes bigint, lines bigint)
GRANT EXECUTE TO kolony_agents

--- grants function force_out(in_workspace uuid, who text)
GRANT EXECUTE TO kolony_user

--- grants function hint(in_workspace uuid, payload text)
GRANT EXECUTE TO kolony_roleadm

--- grants function holds_role(in_workspace uuid, needed text)
GRANT EXECUTE TO kolony_user

--- grants function issue_token(of_agent uuid, new_login text, verifier text, new_hash bytea, new_hint text, new_label text, new_expiry timestamp with time zone)
GRANT EXECUTE TO kolony_user

--- grants function limit_token(the_token uuid, at_latest timestamp with time zone, OUT its_login text, OUT its_expiry timestamp with time zone)
GRANT EXECUTE TO kolony_roleadm

--- grants function list_tokens(in_workspace uuid)
GRANT EXECUTE TO kolony_user

--- grants function login_was_made_here(who text)
GRANT EXECUTE TO kolony_roleadm

--- grants function member_logins(in_workspace uuid)
GRANT EXECUTE TO kolony_roleadm

--- grants function my_colleague_ids()
GRANT EXECUTE TO kolony_backup
GRANT EXECUTE TO kolony_user

--- grants function my_profile_id()
GRANT EXECUTE TO kolony_backup
GRANT EXECUTE TO kolony_user

--- grants function my_rights(in_workspace uuid)
GRANT EXECUTE TO kolony_user

--- grants function my_workspace_ids()
GRANT EXECUTE TO kolony_backup
GRANT EXECUTE TO kolony_user

--- grants function new_id()
GRANT EXECUTE TO kolony_api

--- grants function note_ended_session(of_login text, of_pid integer, because text)
GRANT EXECUTE TO kolony_roleadm

--- grants function note_login(in_workspace uuid, claimed_version text)
GRANT EXECUTE TO kolony_user

--- grants function note_logout(in_workspace uuid)
GRANT EXECUTE TO kolony_user

--- grants function open_session(on_host text, with_pid integer, with_version text, with_adapter text, with_concurrency integer)
GRANT EXECUTE TO kolony_agents

--- grants function person_to_reset(in_workspace uuid, who text)
GRANT EXECUTE TO kolony_roleadm

--- grants function record_audit(in_workspace uuid, what text, about text, facts jsonb, of_agent uuid, of_command uuid, of_run uuid)
GRANT EXECUTE TO kolony_roleadm

--- grants function record_token(of_agent uuid, new_login text, new_hash bytea, new_hint text, new_label text, new_expiry timestamp with time zone)
GRANT EXECUTE TO kolony_roleadm

--- grants function remove_audit_month(of_month date)
GRANT EXECUTE TO kolony_api

--- grants function remove_person(in_workspace uuid, who text)
GRANT EXECUTE TO kolony_user

--- grants function remove_sealed_entries(home uuid, the_seal integer)
GRANT EXECUTE TO kolony_api

--- grants function replace_token(the_token uuid, new_login text, new_hash bytea, new_hint text, overlap interval, new_label text, new_expiry timestamp with time zone, OUT made uuid, OUT old_login text, OUT old_expiry timestamp with time zone)
GRANT EXECUTE TO kolony_roleadm

--- grants function require_role(in_workspace uuid, needed text)
GRANT EXECUTE TO kolony_roleadm

--- grants function require_role_anywhere(needed text)
GRANT EXECUTE TO kolony_roleadm

--- grants function reset_password(in_workspace uuid, who text, verifier text)
GRANT EXECUTE TO kolony_user

--- grants function retire_token(the_token uuid, OUT its_login text, OUT revoked_before boolean, OUT revoked_at timestamp with time zone, OUT revoked_by text, OUT in_use_by jsonb)
GRANT EXECUTE TO kolony_roleadm

--- grants function retry_command(the_command uuid)
GRANT EXECUTE TO kolony_user

--- grants function retry_run(the_run uuid)
GRANT EXECUTE TO kolony_user

--- grants function revoke_token(the_token uuid)
GRANT EXECUTE TO kolony_user

--- grants function rotate_token(the_token uuid, new_login text, verifier text, new_hash bytea, new_hint text, overlap interval, new_label text, new_expiry timestamp with time zone)
GRANT EXECUTE TO kolony_user

--- grants function run_upkeep(even_if_not_due boolean, only_job text)
GRANT EXECUTE TO kolony_user

--- grants function schema_version()
GRANT EXECUTE TO kolony_agents
GRANT EXECUTE TO kolony_user

--- grants function seal_audit_now(in_workspace uuid)
GRANT EXECUTE TO kolony_user

--- grants function send_command(in_workspace uuid, to_agents uuid[], content text, priority integer, as_draft boolean, max_attempts integer, retry_on text, time_limit_ms bigint)
GRANT EXECUTE TO kolony_user

--- grants function set_agent_desired(of_agent uuid, to_desired text, why text)
GRANT EXECUTE TO kolony_user

--- grants function set_audit_retention(in_workspace uuid, days integer)
GRANT EXECUTE TO kolony_user

--- grants function set_limits(in_workspace uuid, new_plan text, members integer, agents integer, waiting_runs integer)
GRANT EXECUTE TO kolony_user

--- grants function set_role(in_workspace uuid, who text, as_role text)
GRANT EXECUTE TO kolony_user

--- grants function set_run_priority(the_run uuid, priority integer)
GRANT EXECUTE TO kolony_user

--- grants function settle(in_workspace uuid)
GRANT EXECUTE TO kolony_user

--- grants function start_attempt(the_attempt uuid)
GRANT EXECUTE TO kolony_agents

--- grants function submit_command(the_command uuid)
GRANT EXECUTE TO kolony_user

--- grants function verify_audit(in_workspace uuid, OUT ok boolean, OUT seals integer, OUT sealed bigint, OUT removed bigint, OUT unsealed bigint, OUT at_seal integer, OUT at_entry bigint, OUT difference text)
GRANT EXECUTE TO kolony_user

--- grants function watchdog()
GRANT EXECUTE TO kolony_api
GRANT EXECUTE TO kolony_user

--- grants function watchdog_patience()
GRANT EXECUTE TO kolony_user

--- grants schema kolony
GRANT CREATE, USAGE TO kolony_api
GRANT CREATE, USAGE TO kolony_roleadm
GRANT USAGE TO kolony_agents
GRANT USAGE TO kolony_backup
GRANT USAGE TO kolony_user

--- grants sequence audit_entries
GRANT SELECT TO kolony_backup
GRANT USAGE TO kolony_api

--- grants sequence commands_number_seq
GRANT SELECT TO kolony_backup

--- grants table agent_sessions
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table agent_tokens
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup

--- grants table agents
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table attempts
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table audit_log
GRANT INSERT, SELECT TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table audit_seals
GRANT INSERT, SELECT TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table commands
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table leases
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table memberships
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table migrations
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table output_chunks
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table profiles
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table profiles (avatar)
GRANT UPDATE TO kolony_user

--- grants table profiles (display_name)
GRANT UPDATE TO kolony_user

--- grants table ready_runs
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table runs
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table scheduled_runs
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table upkeep
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table workspaces
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants view agent_overview
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view command_overview
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view run_overview
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user
