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

--- sequence conversations_number_seq
OWNER kolony_owner

--- sequence event_ids
OWNER kolony_owner

--- sequence notification_events_event_id_seq
OWNER kolony_owner

--- table agent_notes
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN name text NOT NULL
COLUMN content text NOT NULL
COLUMN version integer NOT NULL DEFAULT 1
COLUMN updated_by uuid
COLUMN updated_run uuid
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN updated_at timestamp with time zone NOT NULL DEFAULT now()
CONSTRAINT agent_notes_content_check CHECK ((octet_length(content) <= 65536))
CONSTRAINT agent_notes_name_check CHECK ((name ~ '^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$'::text))
CONSTRAINT agent_notes_pkey PRIMARY KEY (workspace_id, agent_id, name)
CONSTRAINT agent_notes_updated_by_fkey FOREIGN KEY (updated_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT agent_notes_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT agent_notes_workspace_id_updated_run_fkey FOREIGN KEY (workspace_id, updated_run) REFERENCES kolony.runs(workspace_id, run_id)
CONSTRAINT written_by_one CHECK ((num_nonnulls(updated_by, updated_run) = 1))
CREATE INDEX agent_notes_by_run ON kolony.agent_notes USING btree (workspace_id, updated_run) WHERE (updated_run IS NOT NULL)
CREATE INDEX agent_notes_by_writer ON kolony.agent_notes USING btree (updated_by) WHERE (updated_by IS NOT NULL)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON updated_run the run in which the agent wrote it; null: a person did

--- table agent_sessions
OWNER kolony_owner WITH (fillfactor=50, autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500)
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
COLUMN ready_at timestamp with time zone
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
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.agent_sessions FOR EACH ROW WHEN (((new.ready <> old.ready) OR (new.ended_at IS DISTINCT FROM old.ended_at))) EXECUTE FUNCTION kolony.events_of_session()
CREATE TRIGGER events_made AFTER INSERT ON kolony.agent_sessions FOR EACH ROW EXECUTE FUNCTION kolony.events_of_session()
CREATE TRIGGER stamp_ready BEFORE UPDATE ON kolony.agent_sessions FOR EACH ROW WHEN ((new.ready AND (NOT old.ready))) EXECUTE FUNCTION kolony.stamp_ready()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table agent_tellings
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN status text NOT NULL
COLUMN told_at timestamp with time zone NOT NULL DEFAULT now()
CONSTRAINT agent_tellings_pkey PRIMARY KEY (workspace_id, agent_id)
CONSTRAINT agent_tellings_status_check CHECK ((status = ANY (ARRAY['online'::text, 'offline'::text, 'error'::text])))
CONSTRAINT agent_tellings_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CREATE INDEX agent_tellings_online ON kolony.agent_tellings USING btree (workspace_id, agent_id) WHERE (status = 'online'::text)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
COMMENT what was last told of an agent; none: that it is offline

--- table agent_tokens
OWNER kolony_owner WITH (fillfactor=80, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500)
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

--- table agent_variables
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN name text NOT NULL
COLUMN description text NOT NULL DEFAULT ''::text
COLUMN value text NOT NULL
COLUMN secret boolean NOT NULL
COLUMN shown text GENERATED s
CASE
    WHEN secret THEN NULL::text
    ELSE value
END
COLUMN length integer GENERATED s octet_length(value)
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN updated_by uuid NOT NULL
COLUMN updated_at timestamp with time zone NOT NULL DEFAULT now()
CONSTRAINT agent_variables_description_check CHECK ((length(description) <= 1000))
CONSTRAINT agent_variables_name_check CHECK ((name ~ '^[A-Za-z_][A-Za-z0-9_]{0,199}$'::text))
CONSTRAINT agent_variables_pkey PRIMARY KEY (workspace_id, agent_id, name)
CONSTRAINT agent_variables_updated_by_fkey FOREIGN KEY (updated_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT agent_variables_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CREATE INDEX agent_variables_by_writer ON kolony.agent_variables USING btree (updated_by)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON length of the value, in bytes
COMMENT ON shown the value of what is no secret
COMMENT ON value granted to no client

--- table agents
OWNER kolony_owner WITH (fillfactor=80, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=500)
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
COLUMN tags text[] NOT NULL DEFAULT '{}'::text[]
CONSTRAINT agent_name_has_a_length CHECK (((length(name) >= 1) AND (length(name) <= 100)))
CONSTRAINT agent_name_is_free UNIQUE (workspace_id, name)
CONSTRAINT agent_name_is_printable CHECK (((name = btrim(name)) AND (name !~ '[\u0001-\u001f\u007f-\u009f]'::text)))
CONSTRAINT agent_tags_are_words CHECK (kolony.are_tags(tags))
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
CREATE TRIGGER enter_by_gate BEFORE INSERT ON kolony.agents FOR EACH ROW EXECUTE FUNCTION kolony.enter_by_gate()
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.agents REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_agents()
CREATE TRIGGER events_made AFTER INSERT ON kolony.agents REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_agents()
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.agents FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table approval_rules
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN rule_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN agent_id uuid
COLUMN tool text
COLUMN prefix text
COLUMN decision text NOT NULL
COLUMN until timestamp with time zone
COLUMN note text
COLUMN hits bigint NOT NULL DEFAULT 0
COLUMN last_hit_at timestamp with time zone
COLUMN created_by uuid NOT NULL
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN revoked_by uuid
COLUMN revoked_at timestamp with time zone
CONSTRAINT about_something CHECK (((prefix IS NOT NULL) OR (tool IS NOT NULL)))
CONSTRAINT approval_rules_created_by_fkey FOREIGN KEY (created_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT approval_rules_decision_check CHECK ((decision = ANY (ARRAY['allow'::text, 'reject'::text])))
CONSTRAINT approval_rules_note_check CHECK ((length(note) <= 1000))
CONSTRAINT approval_rules_pkey PRIMARY KEY (workspace_id, rule_id)
CONSTRAINT approval_rules_prefix_check CHECK (((prefix ~ '\S'::text) AND (octet_length(prefix) <= 1048576)))
CONSTRAINT approval_rules_revoked_by_fkey FOREIGN KEY (revoked_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT approval_rules_tool_check CHECK (((tool ~ '\S'::text) AND (length(tool) <= 200)))
CONSTRAINT approval_rules_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT approval_rules_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CONSTRAINT revoked_by_somebody CHECK (((revoked_at IS NULL) = (revoked_by IS NULL)))
CREATE INDEX approval_rules_by_agent ON kolony.approval_rules USING btree (workspace_id, agent_id)
CREATE INDEX approval_rules_by_creator ON kolony.approval_rules USING btree (created_by)
CREATE INDEX approval_rules_by_revoker ON kolony.approval_rules USING btree (revoked_by)
CREATE INDEX approval_rules_in_force ON kolony.approval_rules USING btree (workspace_id) WHERE (revoked_at IS NULL)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON agent_id null: every agent of the workspace
COMMENT ON prefix null: whatever the tool is to do

--- table approvals
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN approval_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN run_id uuid NOT NULL
COLUMN attempt_id uuid NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN name text NOT NULL
COLUMN kind text NOT NULL
COLUMN title text NOT NULL
COLUMN detail text NOT NULL DEFAULT ''::text
COLUMN options jsonb NOT NULL DEFAULT '[]'::jsonb
COLUMN risk text NOT NULL DEFAULT 'medium'::text
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN expires_at timestamp with time zone
COLUMN answer text
COLUMN allowed boolean
COLUMN note text
COLUMN answered_by uuid
COLUMN answered_at timestamp with time zone
COLUMN cancelled_at timestamp with time zone
COLUMN cancelled_why text
COLUMN expired_at timestamp with time zone
COLUMN heard_at timestamp with time zone
COLUMN tool text
COLUMN command text
COLUMN request jsonb
COLUMN rule_id uuid
CONSTRAINT answered_by_a_rule FOREIGN KEY (workspace_id, rule_id) REFERENCES kolony.approval_rules(workspace_id, rule_id)
CONSTRAINT answered_by_somebody CHECK ((num_nonnulls(answered_by, rule_id) =
CASE
    WHEN (answered_at IS NULL) THEN 0
    ELSE 1
END))
CONSTRAINT approvals_answer_check CHECK ((octet_length(answer) <= 65536))
CONSTRAINT approvals_answered_by_fkey FOREIGN KEY (answered_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT approvals_cancelled_why_check CHECK ((length(cancelled_why) <= 1000))
CONSTRAINT approvals_command_check CHECK ((octet_length(command) <= 1048576))
CONSTRAINT approvals_detail_check CHECK ((octet_length(detail) <= 65536))
CONSTRAINT approvals_kind_check CHECK ((kind = ANY (ARRAY['permission'::text, 'question'::text])))
CONSTRAINT approvals_name_check CHECK ((name ~ '^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$'::text))
CONSTRAINT approvals_note_check CHECK ((length(note) <= 1000))
CONSTRAINT approvals_options_check CHECK (((jsonb_typeof(options) = 'array'::text) AND (octet_length((options)::text) <= 32768)))
CONSTRAINT approvals_pkey PRIMARY KEY (workspace_id, approval_id)
CONSTRAINT approvals_risk_check CHECK ((risk = ANY (ARRAY['low'::text, 'medium'::text, 'high'::text])))
CONSTRAINT approvals_title_check CHECK (((title ~ '\S'::text) AND (length(title) <= 500)))
CONSTRAINT approvals_tool_check CHECK ((length(tool) <= 200))
CONSTRAINT approvals_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT approvals_workspace_id_attempt_id_fkey FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts(workspace_id, attempt_id)
CONSTRAINT approvals_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs(workspace_id, run_id)
CONSTRAINT asked_once UNIQUE (workspace_id, attempt_id, name)
CONSTRAINT decided_by_an_answer CHECK (((answered_at IS NOT NULL) OR ((allowed IS NULL) AND (answer IS NULL) AND (note IS NULL))))
CONSTRAINT one_end CHECK ((num_nonnulls(answered_at, cancelled_at, expired_at) <= 1))
CREATE INDEX approvals_by_agent ON kolony.approvals USING btree (workspace_id, agent_id)
CREATE INDEX approvals_by_answerer ON kolony.approvals USING btree (answered_by) WHERE (answered_by IS NOT NULL)
CREATE INDEX approvals_by_rule ON kolony.approvals USING btree (workspace_id, rule_id) WHERE (rule_id IS NOT NULL)
CREATE INDEX approvals_by_run ON kolony.approvals USING btree (workspace_id, run_id)
CREATE INDEX approvals_open ON kolony.approvals USING btree (workspace_id, agent_id, run_id, attempt_id) WHERE ((answered_at IS NULL) AND (cancelled_at IS NULL) AND (expired_at IS NULL))
CREATE INDEX approvals_unheard ON kolony.approvals USING btree (workspace_id, attempt_id) WHERE (heard_at IS NULL)
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.approvals REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_approvals()
CREATE TRIGGER events_made AFTER INSERT ON kolony.approvals REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_questions()
CREATE TRIGGER note_asked AFTER INSERT ON kolony.approvals FOR EACH ROW WHEN ((new.answered_at IS NULL)) EXECUTE FUNCTION kolony.note_approval()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON command exactly what would be done; null: the detail is all there is
COMMENT ON expired_at when it was noted that nobody had answered in time
COMMENT ON heard_at when its runner took the end of it
COMMENT ON rule_id the rule that answered; nobody did then

--- table artifact_parts
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN artifact_id uuid NOT NULL
COLUMN part integer NOT NULL
COLUMN data bytea NOT NULL
CONSTRAINT artifact_parts_data_check CHECK (((length(data) >= 1) AND (length(data) <= 1048576)))
CONSTRAINT artifact_parts_part_check CHECK ((part >= 0))
CONSTRAINT artifact_parts_pkey PRIMARY KEY (workspace_id, artifact_id, part)
CONSTRAINT artifact_parts_workspace_id_artifact_id_fkey FOREIGN KEY (workspace_id, artifact_id) REFERENCES kolony.artifacts(workspace_id, artifact_id) ON DELETE CASCADE
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table artifacts
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN artifact_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN run_id uuid NOT NULL
COLUMN attempt_id uuid NOT NULL
COLUMN name text NOT NULL
COLUMN kind text NOT NULL
COLUMN media_type text NOT NULL
COLUMN size bigint NOT NULL
COLUMN sha256 text
COLUMN content_id uuid
COLUMN why_not text
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN kept_at timestamp with time zone
CONSTRAINT artifact_has_a_plain_name CHECK ((name !~ '[[:cntrl:]]'::text))
CONSTRAINT artifact_stays_in_its_folder CHECK ((name !~ '(^|/)(\.{1,2})?(/|$)'::text))
CONSTRAINT artifacts_kind_check CHECK ((kind = ANY (ARRAY['file'::text, 'diff'::text, 'patch'::text])))
CONSTRAINT artifacts_media_type_check CHECK (((length(media_type) <= 100) AND (media_type ~ '^[a-z0-9.+-]+/[a-z0-9.+-]+$'::text)))
CONSTRAINT artifacts_name_check CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 1024)))
CONSTRAINT artifacts_pkey PRIMARY KEY (workspace_id, artifact_id)
CONSTRAINT artifacts_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text))
CONSTRAINT artifacts_size_check CHECK ((size >= 0))
CONSTRAINT artifacts_why_not_check CHECK ((length(why_not) <= 500))
CONSTRAINT artifacts_workspace_id_attempt_id_fkey FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts(workspace_id, attempt_id)
CONSTRAINT artifacts_workspace_id_content_id_fkey FOREIGN KEY (workspace_id, content_id) REFERENCES kolony.artifacts(workspace_id, artifact_id) DEFERRABLE INITIALLY DEFERRED
CONSTRAINT artifacts_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs(workspace_id, run_id)
CONSTRAINT kept_or_not CHECK (((kept_at IS NULL) OR ((why_not IS NULL) AND (content_id IS NOT NULL) AND (sha256 IS NOT NULL))))
CONSTRAINT named_once UNIQUE (workspace_id, attempt_id, kind, name)
CREATE INDEX artifacts_by_content ON kolony.artifacts USING btree (workspace_id, content_id)
CREATE INDEX artifacts_by_run ON kolony.artifacts USING btree (workspace_id, run_id, sha256)
CREATE TRIGGER events_made AFTER INSERT ON kolony.artifacts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_results()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON kept_at when all of its content was there
COMMENT ON why_not why its content was not kept

--- table attempt_steps
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN attempt_id uuid NOT NULL
COLUMN number integer NOT NULL
COLUMN step text NOT NULL
COLUMN detail text NOT NULL DEFAULT ''::text
COLUMN at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
CONSTRAINT attempt_steps_detail_check CHECK ((length(detail) <= 1000))
CONSTRAINT attempt_steps_number_check CHECK (((number >= 1) AND (number <= 100)))
CONSTRAINT attempt_steps_pkey PRIMARY KEY (workspace_id, attempt_id, number)
CONSTRAINT attempt_steps_step_check CHECK ((step = ANY (ARRAY['heard'::text, 'protocol_cancel'::text, 'stdin_closed'::text, 'sigint'::text, 'sigterm'::text, 'sigkill'::text, 'ended'::text, 'gone'::text])))
CONSTRAINT attempt_steps_workspace_id_attempt_id_fkey FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts(workspace_id, attempt_id)
CREATE TRIGGER events_made AFTER INSERT ON kolony.attempt_steps REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_steps()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table attempt_usage
OWNER kolony_owner WITH (fillfactor=80, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000)
COLUMN workspace_id uuid NOT NULL
COLUMN attempt_id uuid NOT NULL
COLUMN run_id uuid NOT NULL
COLUMN command_id uuid NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN profile_id uuid NOT NULL
COLUMN preset_id uuid
COLUMN reports integer NOT NULL DEFAULT 0
COLUMN models text[] NOT NULL DEFAULT '{}'::text[]
COLUMN input_fresh bigint NOT NULL DEFAULT 0
COLUMN input_cached bigint NOT NULL DEFAULT 0
COLUMN cache_write bigint NOT NULL DEFAULT 0
COLUMN output bigint NOT NULL DEFAULT 0
COLUMN reasoning bigint NOT NULL DEFAULT 0
COLUMN calls bigint NOT NULL DEFAULT 0
COLUMN cost_usd numeric NOT NULL DEFAULT 0
COLUMN estimated_usd numeric NOT NULL DEFAULT 0
COLUMN session text NOT NULL DEFAULT ''::text
COLUMN first_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN last_at timestamp with time zone NOT NULL DEFAULT now()
CONSTRAINT attempt_usage_pkey PRIMARY KEY (workspace_id, attempt_id)
CONSTRAINT attempt_usage_workspace_id_attempt_id_fkey FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts(workspace_id, attempt_id)
CREATE INDEX attempt_usage_by_command ON kolony.attempt_usage USING btree (workspace_id, command_id)
CREATE INDEX attempt_usage_by_run ON kolony.attempt_usage USING btree (workspace_id, run_id)
CREATE INDEX attempt_usage_by_time ON kolony.attempt_usage USING btree (workspace_id, last_at)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON session the agent's own one, which its last report named

--- table attempts
OWNER kolony_owner WITH (fillfactor=80, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000, autovacuum_analyze_scale_factor=0.02, autovacuum_vacuum_cost_delay=0)
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
COLUMN limit_hit text
COLUMN over_budget_at timestamp with time zone
COLUMN reason text
COLUMN warning text
CONSTRAINT attempts_error_check CHECK ((length(error) <= 10000))
CONSTRAINT attempts_number_check CHECK ((number > 0))
CONSTRAINT attempts_outcome_check CHECK ((outcome = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text, 'lost'::text, 'released'::text])))
CONSTRAINT attempts_pkey PRIMARY KEY (workspace_id, attempt_id)
CONSTRAINT attempts_reason_check CHECK ((length(reason) <= 60))
CONSTRAINT attempts_usage_check CHECK ((jsonb_typeof(usage) = 'object'::text))
CONSTRAINT attempts_warning_check CHECK ((length(warning) <= 1000))
CONSTRAINT attempts_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT attempts_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs(workspace_id, run_id)
CONSTRAINT attempts_workspace_id_run_id_number_key UNIQUE (workspace_id, run_id, number)
CONSTRAINT attempts_workspace_id_session_id_fkey FOREIGN KEY (workspace_id, session_id) REFERENCES kolony.agent_sessions(workspace_id, session_id)
CONSTRAINT ended_once CHECK (((outcome IS NULL) = (ended_at IS NULL)))
CONSTRAINT limit_is_known CHECK ((limit_hit = ANY (ARRAY['time_limit'::text, 'token_budget'::text, 'memory_limit'::text, 'cpu_limit'::text, 'budget'::text])))
CREATE INDEX attempts_by_agent ON kolony.attempts USING btree (workspace_id, agent_id)
CREATE INDEX attempts_by_end ON kolony.attempts USING btree (workspace_id, ended_at) WHERE (ended_at IS NOT NULL)
CREATE INDEX attempts_by_session ON kolony.attempts USING btree (workspace_id, session_id)
CREATE INDEX attempts_lost ON kolony.attempts USING btree (workspace_id, agent_id, ended_at) WHERE (outcome = 'lost'::text)
CREATE TRIGGER audit AFTER UPDATE OF outcome ON kolony.attempts FOR EACH ROW WHEN (((new.outcome = 'failed'::text) AND (old.outcome IS NULL) AND (new.limit_hit IS NOT NULL))) EXECUTE FUNCTION kolony.audit_limit()
CREATE TRIGGER close_questions AFTER UPDATE ON kolony.attempts REFERENCING OLD TABLE AS was NEW TABLE AS became FOR EACH STATEMENT EXECUTE FUNCTION kolony.close_questions_of_ended()
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.attempts FOR EACH ROW WHEN ((((new.started_at IS NOT NULL) AND (old.started_at IS NULL)) OR ((new.limit_hit IS NOT NULL) AND (old.limit_hit IS NULL)) OR ((new.outcome = ANY (ARRAY['lost'::text, 'released'::text, 'failed'::text])) AND (old.outcome IS NULL)))) EXECUTE FUNCTION kolony.events_of_attempt()
CREATE TRIGGER events_made AFTER INSERT ON kolony.attempts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_claims()
CREATE TRIGGER keep_usage BEFORE UPDATE OF usage ON kolony.attempts FOR EACH ROW EXECUTE FUNCTION kolony.keep_usage()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON over_budget_at when its lease was first not renewed for want of a budget; a lease period later it is ended here

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

--- table blocked_runs
OWNER kolony_owner WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0)
COLUMN workspace_id uuid NOT NULL
COLUMN run_id uuid NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN command_id uuid NOT NULL
COLUMN ordinal integer NOT NULL
COLUMN priority smallint NOT NULL
COLUMN place numeric NOT NULL DEFAULT EXTRACT(epoch FROM clock_timestamp())
COLUMN due_at timestamp with time zone
COLUMN attempt integer NOT NULL DEFAULT 1
COLUMN held boolean NOT NULL DEFAULT false
COLUMN after boolean NOT NULL DEFAULT false
COLUMN beyond boolean NOT NULL DEFAULT false
CONSTRAINT blocked_by_something CHECK ((held OR after OR beyond))
CONSTRAINT blocked_runs_pkey PRIMARY KEY (workspace_id, run_id)
CONSTRAINT blocked_runs_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT blocked_runs_workspace_id_command_id_fkey FOREIGN KEY (workspace_id, command_id) REFERENCES kolony.commands(workspace_id, command_id)
CONSTRAINT blocked_runs_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs(workspace_id, run_id)
CREATE INDEX blocked_runs_by_agent ON kolony.blocked_runs USING btree (workspace_id, agent_id, command_id)
CREATE INDEX blocked_runs_by_command ON kolony.blocked_runs USING btree (workspace_id, command_id, ordinal)
CREATE INDEX blocked_runs_in_order ON kolony.blocked_runs USING btree (workspace_id, ((- priority)), place, run_id)
CREATE INDEX blocked_runs_to_settle ON kolony.blocked_runs USING btree (workspace_id, agent_id, command_id) WHERE (NOT held)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON after its command comes after others that have not ended as needed
COMMENT ON beyond its command lets only so many runs in at a time
COMMENT ON held somebody holds it, see the run

--- table budget_spending
OWNER kolony_owner WITH (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0)
COLUMN workspace_id uuid NOT NULL
COLUMN budget_id uuid NOT NULL
COLUMN starts date NOT NULL
COLUMN tokens bigint NOT NULL DEFAULT 0
COLUMN cost_usd numeric NOT NULL DEFAULT 0
COLUMN warned_at timestamp with time zone
COLUMN emptied_at timestamp with time zone
CONSTRAINT budget_spending_pkey PRIMARY KEY (workspace_id, budget_id, starts)
CONSTRAINT budget_spending_workspace_id_budget_id_fkey FOREIGN KEY (workspace_id, budget_id) REFERENCES kolony.budgets(workspace_id, budget_id) ON DELETE CASCADE
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.budget_spending FOR EACH ROW WHEN (((new.warned_at IS DISTINCT FROM old.warned_at) OR (new.emptied_at IS DISTINCT FROM old.emptied_at))) EXECUTE FUNCTION kolony.events_of_spending()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table budgets
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN budget_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN scope text NOT NULL
COLUMN group_id uuid
COLUMN agent_id uuid
COLUMN preset_id uuid
COLUMN command_id uuid
COLUMN profile_id uuid
COLUMN subject_id uuid GENERATED s COALESCE(group_id, agent_id, preset_id, command_id, profile_id)
COLUMN period text NOT NULL
COLUMN token_limit bigint
COLUMN usd_limit numeric(15,6)
COLUMN warn_percent smallint NOT NULL DEFAULT 80
COLUMN hard boolean NOT NULL DEFAULT true
COLUMN set_by uuid
COLUMN made_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN updated_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN removed_at timestamp with time zone
CONSTRAINT a_budget_limits_something CHECK ((num_nonnulls(token_limit, usd_limit) > 0))
CONSTRAINT budgets_period_check CHECK ((period = ANY (ARRAY['day'::text, 'week'::text, 'month'::text, 'total'::text])))
CONSTRAINT budgets_pkey PRIMARY KEY (workspace_id, budget_id)
CONSTRAINT budgets_profile_id_fkey FOREIGN KEY (profile_id) REFERENCES kolony.profiles(profile_id)
CONSTRAINT budgets_scope_check CHECK ((scope = ANY (ARRAY['workspace'::text, 'people'::text, 'agent'::text, 'preset'::text, 'command'::text, 'person'::text])))
CONSTRAINT budgets_set_by_fkey FOREIGN KEY (set_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT budgets_token_limit_check CHECK (((token_limit >= 0) AND (token_limit <= '1000000000000000'::bigint)))
CONSTRAINT budgets_usd_limit_check CHECK (((usd_limit >= (0)::numeric) AND (usd_limit <= (100000000)::numeric)))
CONSTRAINT budgets_warn_percent_check CHECK (((warn_percent >= 1) AND (warn_percent <= 100)))
CONSTRAINT budgets_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT budgets_workspace_id_command_id_fkey FOREIGN KEY (workspace_id, command_id) REFERENCES kolony.commands(workspace_id, command_id)
CONSTRAINT budgets_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CONSTRAINT budgets_workspace_id_group_id_fkey FOREIGN KEY (workspace_id, group_id) REFERENCES kolony.people_groups(workspace_id, group_id) ON DELETE CASCADE
CONSTRAINT budgets_workspace_id_preset_id_fkey FOREIGN KEY (workspace_id, preset_id) REFERENCES kolony.presets(workspace_id, preset_id)
CONSTRAINT its_own_subject CHECK (((num_nonnulls(group_id, agent_id, preset_id, command_id, profile_id) = ((scope <> 'workspace'::text))::integer) AND ((scope = 'people'::text) = (group_id IS NOT NULL)) AND ((scope = 'agent'::text) = (agent_id IS NOT NULL)) AND ((scope = 'preset'::text) = (preset_id IS NOT NULL)) AND ((scope = 'command'::text) = (command_id IS NOT NULL))))
CREATE INDEX budgets_by_agent ON kolony.budgets USING btree (workspace_id, agent_id)
CREATE INDEX budgets_by_command ON kolony.budgets USING btree (workspace_id, command_id)
CREATE INDEX budgets_by_group ON kolony.budgets USING btree (workspace_id, group_id)
CREATE INDEX budgets_by_person ON kolony.budgets USING btree (profile_id)
CREATE INDEX budgets_by_preset ON kolony.budgets USING btree (workspace_id, preset_id)
CREATE INDEX budgets_by_setter ON kolony.budgets USING btree (set_by)
CREATE UNIQUE INDEX one_budget_of_each ON kolony.budgets USING btree (workspace_id, scope, subject_id, period) NULLS NOT DISTINCT WHERE (removed_at IS NULL)
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.budgets FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON hard false: people are warned, and work goes on

--- table command_dependencies
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN command_id uuid NOT NULL
COLUMN after_id uuid NOT NULL
COLUMN need text NOT NULL DEFAULT 'completed'::text
CONSTRAINT command_dependencies_need_check CHECK ((need = ANY (ARRAY['completed'::text, 'ended'::text])))
CONSTRAINT command_dependencies_pkey PRIMARY KEY (workspace_id, command_id, after_id)
CONSTRAINT command_dependencies_workspace_id_after_id_fkey FOREIGN KEY (workspace_id, after_id) REFERENCES kolony.commands(workspace_id, command_id)
CONSTRAINT command_dependencies_workspace_id_command_id_fkey FOREIGN KEY (workspace_id, command_id) REFERENCES kolony.commands(workspace_id, command_id)
CONSTRAINT not_after_itself CHECK ((command_id <> after_id))
CREATE INDEX command_dependencies_by_after ON kolony.command_dependencies USING btree (workspace_id, after_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table commands
OWNER kolony_owner WITH (fillfactor=90, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000, autovacuum_analyze_scale_factor=0.02, autovacuum_vacuum_cost_delay=0)
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
COLUMN kind text NOT NULL DEFAULT 'natural'::text
COLUMN parent_id uuid
COLUMN subjects uuid[] NOT NULL DEFAULT '{}'::uuid[]
COLUMN not_before timestamp with time zone
COLUMN idempotency_key text
COLUMN at_a_time integer
COLUMN free_seats integer
COLUMN stop_after integer
COLUMN target_words text
COLUMN preset_id uuid
COLUMN preset_version integer
COLUMN constraint_id uuid
COLUMN token_budget bigint
COLUMN memory_limit_mb integer
COLUMN cpu_limit_percent integer
CONSTRAINT commands_at_a_time_check CHECK ((at_a_time > 0))
CONSTRAINT commands_content_check CHECK (((content ~ '\S'::text) AND (octet_length(content) <= 4194304)))
CONSTRAINT commands_cpu_limit_percent_check CHECK ((cpu_limit_percent > 0))
CONSTRAINT commands_created_by_fkey FOREIGN KEY (created_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT commands_idempotency_key_check CHECK (((length(idempotency_key) >= 1) AND (length(idempotency_key) <= 200)))
CONSTRAINT commands_max_attempts_check CHECK (((max_attempts >= 1) AND (max_attempts <= 100)))
CONSTRAINT commands_memory_limit_mb_check CHECK ((memory_limit_mb > 0))
CONSTRAINT commands_outcome_check CHECK ((outcome = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text])))
CONSTRAINT commands_pkey PRIMARY KEY (workspace_id, command_id)
CONSTRAINT commands_priority_check CHECK (((priority >= 0) AND (priority <= 100)))
CONSTRAINT commands_retry_on_check CHECK ((retry_on = ANY (ARRAY['lost'::text, 'failure'::text])))
CONSTRAINT commands_stop_after_check CHECK ((stop_after > 0))
CONSTRAINT commands_subjects_check CHECK ((cardinality(subjects) <= 1000))
CONSTRAINT commands_target_words_check CHECK ((length(target_words) <= 2000))
CONSTRAINT commands_targets_check CHECK (((cardinality(targets) >= 1) AND (cardinality(targets) <= 100000)))
CONSTRAINT commands_time_limit_ms_check CHECK (((time_limit_ms >= 1) AND (time_limit_ms <= '31536000000'::bigint)))
CONSTRAINT commands_token_budget_check CHECK ((token_budget > 0))
CONSTRAINT commands_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CONSTRAINT commands_workspace_id_number_key UNIQUE (workspace_id, number)
CONSTRAINT commands_workspace_id_parent_id_fkey FOREIGN KEY (workspace_id, parent_id) REFERENCES kolony.commands(workspace_id, command_id)
CONSTRAINT commands_workspace_id_preset_id_preset_version_fkey FOREIGN KEY (workspace_id, preset_id, preset_version) REFERENCES kolony.preset_versions(workspace_id, preset_id, version)
CONSTRAINT finished_once CHECK (((outcome IS NULL) = (finished_at IS NULL)))
CONSTRAINT kind_is_known CHECK ((kind = ANY (ARRAY['natural'::text, 'investigate'::text, 'review'::text, 'plan'::text, 'synthesize'::text])))
CREATE INDEX commands_by_creator ON kolony.commands USING btree (created_by)
CREATE INDEX commands_by_parent ON kolony.commands USING btree (workspace_id, parent_id) WHERE (parent_id IS NOT NULL)
CREATE INDEX commands_by_preset ON kolony.commands USING btree (workspace_id, preset_id, preset_version) WHERE (preset_id IS NOT NULL)
CREATE INDEX commands_failed ON kolony.commands USING btree (workspace_id, created_by, finished_at) WHERE (outcome = 'failed'::text)
CREATE INDEX commands_open ON kolony.commands USING btree (workspace_id, command_id) WHERE (outcome IS NULL)
CREATE UNIQUE INDEX commands_by_key ON kolony.commands USING btree (workspace_id, created_by, idempotency_key) WHERE (idempotency_key IS NOT NULL)
CREATE CONSTRAINT TRIGGER free_dependents AFTER UPDATE OF outcome ON kolony.commands DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((new.outcome IS NOT NULL) AND (old.outcome IS DISTINCT FROM new.outcome))) EXECUTE FUNCTION kolony.free_dependents()
CREATE TRIGGER audit_drafted AFTER INSERT ON kolony.commands FOR EACH ROW WHEN ((new.submitted_at IS NULL)) EXECUTE FUNCTION kolony.audit_command('COMMAND_DRAFTED')
CREATE TRIGGER audit_edited AFTER UPDATE OF content, priority ON kolony.commands FOR EACH ROW WHEN (((old.content <> new.content) OR (old.priority <> new.priority))) EXECUTE FUNCTION kolony.audit_command('COMMAND_EDITED')
CREATE TRIGGER audit_sent AFTER INSERT ON kolony.commands FOR EACH ROW WHEN ((new.submitted_at IS NOT NULL)) EXECUTE FUNCTION kolony.audit_command('COMMAND_SENT')
CREATE TRIGGER audit_submitted AFTER UPDATE OF submitted_at ON kolony.commands FOR EACH ROW WHEN (((old.submitted_at IS NULL) AND (new.submitted_at IS NOT NULL))) EXECUTE FUNCTION kolony.audit_command('COMMAND_SUBMITTED')
CREATE TRIGGER check_kind AFTER INSERT OR UPDATE OF kind, subjects ON kolony.commands FOR EACH ROW WHEN (((new.kind <> 'natural'::text) OR (new.subjects <> '{}'::uuid[]))) EXECUTE FUNCTION kolony.check_kind_of_row()
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.commands REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_commands()
CREATE TRIGGER events_made AFTER INSERT ON kolony.commands REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_commands()
CREATE TRIGGER events_of_draft AFTER UPDATE ON kolony.commands FOR EACH ROW WHEN ((old.submitted_at IS NULL)) EXECUTE FUNCTION kolony.events_of_draft()
CREATE TRIGGER note_ended AFTER UPDATE ON kolony.commands REFERENCING OLD TABLE AS was NEW TABLE AS became FOR EACH STATEMENT EXECUTE FUNCTION kolony.note_ended_commands()
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.commands FOR EACH ROW WHEN ((new.updated_at = old.updated_at)) EXECUTE FUNCTION kolony.stamp_update()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON free_seats with at_a_time: how many more of its runs may be let in now

--- table constraint_profiles
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN constraint_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN name text NOT NULL
COLUMN description text NOT NULL DEFAULT ''::text
COLUMN time_limit_ms bigint
COLUMN token_budget bigint
COLUMN memory_limit_mb integer
COLUMN cpu_limit_percent integer
COLUMN is_default boolean NOT NULL DEFAULT false
COLUMN created_by uuid
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN updated_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN deleted_at timestamp with time zone
CONSTRAINT constraint_name_has_a_length CHECK (((length(name) >= 1) AND (length(name) <= 100)))
CONSTRAINT constraint_name_is_printable CHECK (((name = btrim(name)) AND (name !~ '[\u0001-\u001f\u007f-\u009f]'::text)))
CONSTRAINT constraint_profiles_cpu_limit_percent_check CHECK (((cpu_limit_percent >= 1) AND (cpu_limit_percent <= 100000)))
CONSTRAINT constraint_profiles_created_by_fkey FOREIGN KEY (created_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT constraint_profiles_description_check CHECK ((length(description) <= 10000))
CONSTRAINT constraint_profiles_memory_limit_mb_check CHECK (((memory_limit_mb >= 1) AND (memory_limit_mb <= 16777216)))
CONSTRAINT constraint_profiles_pkey PRIMARY KEY (workspace_id, constraint_id)
CONSTRAINT constraint_profiles_time_limit_ms_check CHECK (((time_limit_ms >= 1) AND (time_limit_ms <= '31536000000'::bigint)))
CONSTRAINT constraint_profiles_token_budget_check CHECK (((token_budget >= 1) AND (token_budget <= '1000000000000'::bigint)))
CONSTRAINT constraint_profiles_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CONSTRAINT what_is_deleted_is_no_default CHECK (((deleted_at IS NULL) OR (NOT is_default)))
CREATE INDEX constraint_profiles_by_creator ON kolony.constraint_profiles USING btree (created_by)
CREATE UNIQUE INDEX constraint_name_is_free ON kolony.constraint_profiles USING btree (workspace_id, name) WHERE (deleted_at IS NULL)
CREATE UNIQUE INDEX one_default_constraint ON kolony.constraint_profiles USING btree (workspace_id) WHERE is_default
CREATE TRIGGER audit AFTER INSERT OR UPDATE ON kolony.constraint_profiles FOR EACH ROW EXECUTE FUNCTION kolony.audit_constraint()
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.constraint_profiles FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON cpu_limit_percent of one processor: 250 is two and a half
COMMENT ON memory_limit_mb of all processes of a run together, in 1,000,000 bytes

--- table conversation_reads
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN conversation_id uuid NOT NULL
COLUMN profile_id uuid NOT NULL
COLUMN upto integer NOT NULL
CONSTRAINT conversation_reads_pkey PRIMARY KEY (workspace_id, conversation_id, profile_id)
CONSTRAINT conversation_reads_profile_id_fkey FOREIGN KEY (profile_id) REFERENCES kolony.profiles(profile_id)
CONSTRAINT conversation_reads_upto_check CHECK ((upto >= 0))
CONSTRAINT conversation_reads_workspace_id_conversation_id_fkey FOREIGN KEY (workspace_id, conversation_id) REFERENCES kolony.conversations(workspace_id, conversation_id)
CREATE INDEX conversation_reads_by_profile ON kolony.conversation_reads USING btree (profile_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY reader FOR SELECT USING (((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])) AND (profile_id = ( SELECT kolony.my_profile_id() AS my_profile_id))))

--- table conversation_replies
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN attempt_id uuid NOT NULL
COLUMN content text NOT NULL
COLUMN cut boolean NOT NULL
CONSTRAINT conversation_replies_content_check CHECK ((octet_length(content) <= 4194304))
CONSTRAINT conversation_replies_pkey PRIMARY KEY (workspace_id, attempt_id)
CONSTRAINT conversation_replies_workspace_id_attempt_id_fkey FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts(workspace_id, attempt_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)

--- table conversation_sessions
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN conversation_id uuid NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN session_id text NOT NULL
COLUMN adapter text NOT NULL
COLUMN program text NOT NULL DEFAULT ''::text
COLUMN version text NOT NULL DEFAULT ''::text
COLUMN mode text NOT NULL DEFAULT ''::text
COLUMN cwd text NOT NULL DEFAULT ''::text
COLUMN host text NOT NULL DEFAULT ''::text
COLUMN how text NOT NULL
COLUMN attempt_id uuid NOT NULL
COLUMN noted_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
CONSTRAINT conversation_sessions_adapter_check CHECK ((length(adapter) <= 100))
CONSTRAINT conversation_sessions_cwd_check CHECK ((length(cwd) <= 5000))
CONSTRAINT conversation_sessions_how_check CHECK ((how = ANY (ARRAY['new'::text, 'resumed'::text, 'loaded'::text, 'lost'::text])))
CONSTRAINT conversation_sessions_mode_check CHECK ((length(mode) <= 200))
CONSTRAINT conversation_sessions_pkey PRIMARY KEY (workspace_id, conversation_id)
CONSTRAINT conversation_sessions_program_check CHECK ((length(program) <= 200))
CONSTRAINT conversation_sessions_session_id_check CHECK (((length(session_id) >= 1) AND (length(session_id) <= 500)))
CONSTRAINT conversation_sessions_version_check CHECK ((length(version) <= 200))
CONSTRAINT conversation_sessions_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT conversation_sessions_workspace_id_attempt_id_fkey FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts(workspace_id, attempt_id)
CONSTRAINT conversation_sessions_workspace_id_conversation_id_fkey FOREIGN KEY (workspace_id, conversation_id) REFERENCES kolony.conversations(workspace_id, conversation_id)
CREATE INDEX conversation_sessions_by_agent ON kolony.conversation_sessions USING btree (workspace_id, agent_id)
CREATE INDEX conversation_sessions_by_attempt ON kolony.conversation_sessions USING btree (workspace_id, attempt_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table conversations
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN conversation_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN number bigint NOT NULL GENERATED ALWAYS AS IDENTITY
COLUMN agent_id uuid NOT NULL
COLUMN title text NOT NULL
COLUMN opened_by uuid NOT NULL
COLUMN created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
COLUMN last_number integer NOT NULL DEFAULT 0
COLUMN last_message_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
COLUMN archived_at timestamp with time zone
CONSTRAINT conversation_title_has_a_length CHECK (((title ~ '\S'::text) AND (length(title) <= 200)))
CONSTRAINT conversations_last_number_check CHECK ((last_number >= 0))
CONSTRAINT conversations_opened_by_fkey FOREIGN KEY (opened_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT conversations_pkey PRIMARY KEY (workspace_id, conversation_id)
CONSTRAINT conversations_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT conversations_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CONSTRAINT conversations_workspace_id_number_key UNIQUE (workspace_id, number)
CREATE INDEX conversations_by_age ON kolony.conversations USING btree (workspace_id, last_message_at DESC)
CREATE INDEX conversations_by_agent ON kolony.conversations USING btree (workspace_id, agent_id)
CREATE INDEX conversations_by_opener ON kolony.conversations USING btree (opened_by)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table events
OWNER kolony_owner PARTITION BY RANGE (at)
COLUMN workspace_id uuid NOT NULL
COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id()
COLUMN event_id bigint NOT NULL DEFAULT nextval('kolony.event_ids'::regclass)
COLUMN at timestamp with time zone NOT NULL
COLUMN kind text NOT NULL
COLUMN agent_id uuid
COLUMN command_id uuid
COLUMN run_id uuid
COLUMN profile_id uuid
COLUMN facts jsonb NOT NULL DEFAULT '{}'::jsonb
COLUMN was jsonb
CONSTRAINT events_pkey PRIMARY KEY (workspace_id, xid, event_id, at)
CREATE INDEX events_by_agent ON ONLY kolony.events USING btree (workspace_id, agent_id, at) WHERE (agent_id IS NOT NULL)
CREATE INDEX events_by_command ON ONLY kolony.events USING btree (workspace_id, command_id, at) WHERE ((run_id IS NULL) AND (command_id IS NOT NULL))
CREATE INDEX events_by_run ON ONLY kolony.events USING btree (workspace_id, run_id, at) WHERE (run_id IS NOT NULL)
CREATE INDEX events_by_time ON ONLY kolony.events USING btree (workspace_id, at, event_id)
CREATE INDEX events_delaying ON ONLY kolony.events USING btree (workspace_id, at) WHERE (kind = 'run.delayed'::text)
CREATE INDEX events_overwriting ON ONLY kolony.events USING btree (workspace_id, at) WHERE (was IS NOT NULL)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
POLICY retention TO kolony_owner USING (true) WITH CHECK (false)
COMMENT ON profile_id whose step it was; null: of a program or of the clock
COMMENT ON was what the change overwrote and no other column keeps, for replay
COMMENT ON xid read below the snapshot's xmin and in the order (xid, event_id), none is missed

--- table inbox_marks
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN profile_id uuid NOT NULL
COLUMN item_id uuid NOT NULL
COLUMN snoozed_until timestamp with time zone
COLUMN done_at timestamp with time zone
COLUMN marked_at timestamp with time zone NOT NULL DEFAULT now()
CONSTRAINT inbox_marks_pkey PRIMARY KEY (workspace_id, profile_id, item_id)
CONSTRAINT inbox_marks_profile_id_fkey FOREIGN KEY (profile_id) REFERENCES kolony.profiles(profile_id)
CONSTRAINT inbox_marks_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CREATE INDEX inbox_marks_by_person ON kolony.inbox_marks USING btree (profile_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY own FOR SELECT USING (((profile_id = ( SELECT kolony.my_profile_id() AS my_profile_id)) AND (workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[]))))

--- table keeping
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN location text
COLUMN set_by uuid
COLUMN set_at timestamp with time zone
CONSTRAINT keeping_location_check CHECK (((length(location) >= 1) AND (length(location) <= 1000)))
CONSTRAINT keeping_pkey PRIMARY KEY (workspace_id)
CONSTRAINT keeping_set_by_fkey FOREIGN KEY (set_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT keeping_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CREATE INDEX keeping_by_setter ON kolony.keeping USING btree (set_by)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON location where output is archived: file:///a/folder or s3://bucket/prefix; null: nowhere

--- table leases
OWNER kolony_owner WITH (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500)
COLUMN workspace_id uuid NOT NULL
COLUMN run_id uuid NOT NULL
COLUMN attempt_id uuid NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN session_id uuid NOT NULL
CONSTRAINT leases_attempt_id_workspace_id_key UNIQUE (attempt_id, workspace_id)
CONSTRAINT leases_pkey PRIMARY KEY (run_id, workspace_id)
CONSTRAINT leases_workspace_id_attempt_id_fkey FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts(workspace_id, attempt_id)
CREATE INDEX leases_by_agent ON kolony.leases USING btree (agent_id)
CREATE INDEX leases_by_session ON kolony.leases USING btree (session_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table legal_holds
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN hold_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN scope text NOT NULL
COLUMN subject_id uuid
COLUMN reason text NOT NULL
COLUMN placed_by uuid NOT NULL
COLUMN placed_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN lifted_by uuid
COLUMN lifted_at timestamp with time zone
CONSTRAINT held_subject CHECK (((scope = 'workspace'::text) = (subject_id IS NULL)))
CONSTRAINT legal_holds_lifted_by_fkey FOREIGN KEY (lifted_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT legal_holds_pkey PRIMARY KEY (workspace_id, hold_id)
CONSTRAINT legal_holds_placed_by_fkey FOREIGN KEY (placed_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT legal_holds_reason_check CHECK (((reason ~ '\S'::text) AND (length(reason) <= 1000)))
CONSTRAINT legal_holds_scope_check CHECK ((scope = ANY (ARRAY['workspace'::text, 'agent'::text, 'command'::text, 'run'::text])))
CONSTRAINT legal_holds_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CONSTRAINT lifted_by_somebody CHECK (((lifted_at IS NULL) = (lifted_by IS NULL)))
CREATE INDEX legal_holds_active ON kolony.legal_holds USING btree (workspace_id, scope, subject_id) WHERE (lifted_at IS NULL)
CREATE INDEX legal_holds_by_lifter ON kolony.legal_holds USING btree (lifted_by) WHERE (lifted_by IS NOT NULL)
CREATE INDEX legal_holds_by_placer ON kolony.legal_holds USING btree (placed_by)
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

--- table message_attachments
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN attachment_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN message_id uuid NOT NULL
COLUMN name text NOT NULL
COLUMN bytes integer GENERATED s octet_length(data)
COLUMN data bytea NOT NULL
CONSTRAINT attachment_fits_a_folder CHECK ((octet_length(name) <= 250))
CONSTRAINT attachment_has_a_file_name CHECK (((name !~ '[/\\\u0001-\u001f\u007f-\u009f]'::text) AND (name !~ '^\.'::text)))
CONSTRAINT attachment_has_a_short_name CHECK (((length(name) >= 1) AND (length(name) <= 200)))
CONSTRAINT attachment_is_small CHECK ((octet_length(data) <= 4194304))
CONSTRAINT message_attachments_pkey PRIMARY KEY (workspace_id, attachment_id)
CONSTRAINT message_attachments_workspace_id_message_id_fkey FOREIGN KEY (workspace_id, message_id) REFERENCES kolony.messages(workspace_id, message_id)
CONSTRAINT message_attachments_workspace_id_message_id_name_key UNIQUE (workspace_id, message_id, name)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table messages
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN conversation_id uuid NOT NULL
COLUMN number integer NOT NULL
COLUMN message_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN origin text NOT NULL
COLUMN author_id uuid
COLUMN content text NOT NULL
COLUMN cut boolean NOT NULL DEFAULT false
COLUMN command_id uuid
COLUMN run_id uuid
COLUMN attempt_id uuid
COLUMN unanswered boolean NOT NULL DEFAULT false
COLUMN created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
CONSTRAINT messages_author_id_fkey FOREIGN KEY (author_id) REFERENCES kolony.profiles(profile_id)
CONSTRAINT messages_content_check CHECK ((octet_length(content) <= 4194304))
CONSTRAINT messages_number_check CHECK ((number > 0))
CONSTRAINT messages_origin_check CHECK ((origin = ANY (ARRAY['person'::text, 'agent'::text, 'note'::text])))
CONSTRAINT messages_pkey PRIMARY KEY (workspace_id, conversation_id, number)
CONSTRAINT messages_workspace_id_attempt_id_fkey FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts(workspace_id, attempt_id)
CONSTRAINT messages_workspace_id_command_id_fkey FOREIGN KEY (workspace_id, command_id) REFERENCES kolony.commands(workspace_id, command_id)
CONSTRAINT messages_workspace_id_conversation_id_fkey FOREIGN KEY (workspace_id, conversation_id) REFERENCES kolony.conversations(workspace_id, conversation_id)
CONSTRAINT messages_workspace_id_message_id_key UNIQUE (workspace_id, message_id)
CONSTRAINT messages_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs(workspace_id, run_id)
CONSTRAINT person_has_a_command CHECK (((origin <> 'person'::text) OR ((command_id IS NOT NULL) AND (run_id IS NOT NULL))))
CONSTRAINT written_by_a_person CHECK (((origin = 'person'::text) = (author_id IS NOT NULL)))
CREATE INDEX messages_by_attempt ON kolony.messages USING btree (workspace_id, attempt_id) WHERE (attempt_id IS NOT NULL)
CREATE INDEX messages_by_author ON kolony.messages USING btree (author_id) WHERE (author_id IS NOT NULL)
CREATE INDEX messages_by_command ON kolony.messages USING btree (workspace_id, command_id) WHERE (command_id IS NOT NULL)
CREATE INDEX messages_by_run ON kolony.messages USING btree (workspace_id, run_id) WHERE (run_id IS NOT NULL)
CREATE INDEX messages_unanswered ON kolony.messages USING btree (workspace_id, conversation_id, number) WHERE unanswered
CREATE TRIGGER events_made AFTER INSERT ON kolony.messages REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_results()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON cut what was said was longer: this is the end of it
COMMENT ON unanswered of a person: its run has not ended

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

--- table model_prices
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN pattern text NOT NULL
COLUMN valid_from date NOT NULL
COLUMN input_usd numeric(12,6)
COLUMN cached_usd numeric(12,6)
COLUMN cache_write_usd numeric(12,6)
COLUMN output_usd numeric(12,6)
COLUMN currency text NOT NULL DEFAULT 'USD'::text
COLUMN set_by uuid
COLUMN updated_at timestamp with time zone NOT NULL DEFAULT now()
CONSTRAINT both_or_no_price CHECK (((input_usd IS NULL) = (output_usd IS NULL)))
CONSTRAINT model_prices_cache_write_usd_check CHECK ((cache_write_usd >= (0)::numeric))
CONSTRAINT model_prices_cached_usd_check CHECK ((cached_usd >= (0)::numeric))
CONSTRAINT model_prices_currency_check CHECK ((currency = 'USD'::text))
CONSTRAINT model_prices_input_usd_check CHECK ((input_usd >= (0)::numeric))
CONSTRAINT model_prices_output_usd_check CHECK ((output_usd >= (0)::numeric))
CONSTRAINT model_prices_pattern_check CHECK (((length(pattern) >= 1) AND (length(pattern) <= 200)))
CONSTRAINT model_prices_pkey PRIMARY KEY (workspace_id, pattern, valid_from)
CONSTRAINT model_prices_set_by_fkey FOREIGN KEY (set_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT model_prices_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CONSTRAINT price_has_a_plain_pattern CHECK ((pattern !~ '[\u0001-\u0020\u007f-\u009f]'::text))
CREATE INDEX model_prices_by_setter ON kolony.model_prices USING btree (set_by)
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.model_prices FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON input_usd null: nothing is estimated for these models

--- table notification_events
OWNER kolony_owner WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0)
COLUMN workspace_id uuid NOT NULL
COLUMN event_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY
COLUMN kind text NOT NULL
COLUMN priority text NOT NULL
COLUMN title text NOT NULL
COLUMN message text NOT NULL
COLUMN data jsonb NOT NULL
COLUMN agent_id uuid
COLUMN owner uuid
COLUMN by_profile uuid
COLUMN only_to uuid[]
COLUMN dedupe text
COLUMN at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
COLUMN count integer NOT NULL DEFAULT 1
CONSTRAINT notification_events_pkey PRIMARY KEY (workspace_id, event_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)

--- table notification_kinds
OWNER kolony_owner
COLUMN kind text NOT NULL
COLUMN place smallint NOT NULL
COLUMN about text NOT NULL
COLUMN audience text NOT NULL
COLUMN channels text[] NOT NULL
COLUMN enabled boolean NOT NULL
CONSTRAINT notification_kinds_audience_check CHECK ((audience = ANY (ARRAY['owner'::text, 'operators'::text, 'admins'::text, 'everyone'::text])))
CONSTRAINT notification_kinds_channels_check CHECK ((channels <@ ARRAY['bell'::text, 'desktop'::text]))
CONSTRAINT notification_kinds_kind_check CHECK ((kind ~ '^[a-z][a-z_]{0,40}$'::text))
CONSTRAINT notification_kinds_pkey PRIMARY KEY (kind)
CONSTRAINT notification_kinds_place_key UNIQUE (place)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((( SELECT kolony.my_workspace_ids() AS my_workspace_ids) <> '{}'::uuid[]))
COMMENT what there is to be told, and to whom without any rule

--- table notification_rules
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN rule_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN profile_id uuid
COLUMN kind text NOT NULL
COLUMN audience text NOT NULL
COLUMN agent_id uuid
COLUMN tag text
COLUMN priority text
COLUMN channels text[] NOT NULL DEFAULT '{bell,desktop}'::text[]
COLUMN enabled boolean NOT NULL DEFAULT true
COLUMN created_by uuid
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN updated_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN deleted_at timestamp with time zone
CONSTRAINT notification_rules_audience_check CHECK ((audience = ANY (ARRAY['owner'::text, 'operators'::text, 'admins'::text, 'everyone'::text])))
CONSTRAINT notification_rules_channels_check CHECK ((channels <@ ARRAY['bell'::text, 'desktop'::text]))
CONSTRAINT notification_rules_created_by_fkey FOREIGN KEY (created_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT notification_rules_kind_fkey FOREIGN KEY (kind) REFERENCES kolony.notification_kinds(kind)
CONSTRAINT notification_rules_pkey PRIMARY KEY (workspace_id, rule_id)
CONSTRAINT notification_rules_priority_check CHECK ((priority = ANY (ARRAY['low'::text, 'medium'::text, 'high'::text, 'critical'::text])))
CONSTRAINT notification_rules_profile_id_fkey FOREIGN KEY (profile_id) REFERENCES kolony.profiles(profile_id)
CONSTRAINT notification_rules_tag_check CHECK (((length(tag) >= 1) AND (length(tag) <= 100)))
CONSTRAINT notification_rules_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT notification_rules_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CONSTRAINT one_own_rule_is_about_me CHECK (((profile_id IS NULL) OR (audience = ANY (ARRAY['owner'::text, 'everyone'::text]))))
CREATE INDEX notification_rules_by_agent ON kolony.notification_rules USING btree (workspace_id, agent_id)
CREATE INDEX notification_rules_by_kind ON kolony.notification_rules USING btree (kind)
CREATE INDEX notification_rules_by_maker ON kolony.notification_rules USING btree (created_by)
CREATE INDEX notification_rules_of_person ON kolony.notification_rules USING btree (profile_id)
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.notification_rules FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY reader FOR SELECT USING (((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])) AND ((profile_id IS NULL) OR (profile_id = ( SELECT kolony.my_profile_id() AS my_profile_id)))))
COMMENT ON priority null: as the event comes

--- table notification_settings
OWNER kolony_owner
COLUMN profile_id uuid NOT NULL
COLUMN quiet_from time without time zone
COLUMN quiet_to time without time zone
COLUMN time_zone text NOT NULL DEFAULT 'UTC'::text
COLUMN bell text NOT NULL DEFAULT 'away'::text
COLUMN desktop text NOT NULL DEFAULT 'auto'::text
COLUMN sound_from text NOT NULL DEFAULT 'high'::text
COLUMN updated_at timestamp with time zone NOT NULL DEFAULT now()
CONSTRAINT notification_settings_bell_check CHECK ((bell = ANY (ARRAY['never'::text, 'away'::text, 'always'::text])))
CONSTRAINT notification_settings_desktop_check CHECK ((desktop = ANY (ARRAY['off'::text, 'auto'::text, 'osc9'::text, 'osc777'::text, 'notify-send'::text])))
CONSTRAINT notification_settings_pkey PRIMARY KEY (profile_id)
CONSTRAINT notification_settings_profile_id_fkey FOREIGN KEY (profile_id) REFERENCES kolony.profiles(profile_id)
CONSTRAINT notification_settings_sound_from_check CHECK ((sound_from = ANY (ARRAY['low'::text, 'medium'::text, 'high'::text, 'critical'::text])))
CONSTRAINT notification_settings_time_zone_check CHECK ((length(time_zone) <= 100))
CONSTRAINT quiet_hours_have_a_length CHECK ((quiet_from <> quiet_to))
CONSTRAINT quiet_hours_have_both_ends CHECK (((quiet_from IS NULL) = (quiet_to IS NULL)))
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.notification_settings FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY mine FOR SELECT USING ((profile_id = ( SELECT kolony.my_profile_id() AS my_profile_id)))

--- table notification_turns
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN looked_at timestamp with time zone NOT NULL DEFAULT '-infinity'::timestamp with time zone
CONSTRAINT notification_turns_pkey PRIMARY KEY (workspace_id)
CONSTRAINT notification_turns_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)

--- table notifications
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN notification_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN profile_id uuid NOT NULL
COLUMN kind text NOT NULL
COLUMN priority text NOT NULL
COLUMN title text NOT NULL
COLUMN message text NOT NULL DEFAULT ''::text
COLUMN data jsonb NOT NULL DEFAULT '{}'::jsonb
COLUMN channels text[] NOT NULL DEFAULT '{}'::text[]
COLUMN quiet boolean NOT NULL DEFAULT false
COLUMN dedupe text
COLUMN count integer NOT NULL DEFAULT 1
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN last_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN read_at timestamp with time zone
COLUMN expires_at timestamp with time zone NOT NULL
CONSTRAINT notifications_channels_check CHECK ((channels <@ ARRAY['bell'::text, 'desktop'::text]))
CONSTRAINT notifications_count_check CHECK ((count > 0))
CONSTRAINT notifications_data_check CHECK ((jsonb_typeof(data) = 'object'::text))
CONSTRAINT notifications_dedupe_check CHECK (((length(dedupe) >= 1) AND (length(dedupe) <= 200)))
CONSTRAINT notifications_kind_fkey FOREIGN KEY (kind) REFERENCES kolony.notification_kinds(kind)
CONSTRAINT notifications_message_check CHECK ((length(message) <= 1000))
CONSTRAINT notifications_pkey PRIMARY KEY (workspace_id, notification_id)
CONSTRAINT notifications_priority_check CHECK ((priority = ANY (ARRAY['low'::text, 'medium'::text, 'high'::text, 'critical'::text])))
CONSTRAINT notifications_profile_id_fkey FOREIGN KEY (profile_id) REFERENCES kolony.profiles(profile_id)
CONSTRAINT notifications_title_check CHECK (((length(title) >= 1) AND (length(title) <= 300)))
CONSTRAINT notifications_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CREATE INDEX notifications_by_kind ON kolony.notifications USING btree (kind)
CREATE INDEX notifications_expiring ON kolony.notifications USING btree (expires_at)
CREATE INDEX notifications_of_asks ON kolony.notifications USING btree (workspace_id) WHERE ((kind = 'approval'::text) AND (read_at IS NULL))
CREATE INDEX notifications_of_person ON kolony.notifications USING btree (profile_id, workspace_id, last_at DESC)
CREATE INDEX notifications_unread ON kolony.notifications USING btree (profile_id, workspace_id) WHERE (read_at IS NULL)
CREATE UNIQUE INDEX notifications_counted ON kolony.notifications USING btree (workspace_id, profile_id, dedupe) WHERE (dedupe IS NOT NULL)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY mine FOR SELECT USING (((profile_id = ( SELECT kolony.my_profile_id() AS my_profile_id)) AND (workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[]))))
COMMENT ON dedupe what else of this name comes soon is counted here; null: no more
COMMENT ON quiet came in the person's quiet hours: kept, and not sounded

--- table output_archives
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN run_id uuid NOT NULL
COLUMN attempt integer NOT NULL
COLUMN state text NOT NULL
COLUMN output_day date NOT NULL
COLUMN finished_at timestamp with time zone NOT NULL
COLUMN location text
COLUMN object text
COLUMN stale text[] NOT NULL DEFAULT '{}'::text[]
COLUMN host text NOT NULL DEFAULT ''::text
COLUMN sha256 text
COLUMN object_bytes bigint
COLUMN digest bytea
COLUMN chunk_count bigint
COLUMN byte_count bigint
COLUMN line_count bigint
COLUMN words tsvector
COLUMN words_cut boolean NOT NULL DEFAULT false
COLUMN ticket uuid
COLUMN taken_until timestamp with time zone
COLUMN archived_at timestamp with time zone
COLUMN archived_by uuid
COLUMN restored_at timestamp with time zone
COLUMN restored_by uuid
COLUMN removed_at timestamp with time zone
CONSTRAINT archived_is_proved CHECK (((state <> ALL (ARRAY['archived'::text, 'restored'::text])) OR (num_nulls(location, object, sha256, object_bytes, digest, chunk_count, archived_at) = 0)))
CONSTRAINT output_archives_archived_by_fkey FOREIGN KEY (archived_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT output_archives_attempt_check CHECK ((attempt > 0))
CONSTRAINT output_archives_digest_check CHECK ((length(digest) = 32))
CONSTRAINT output_archives_host_check CHECK ((length(host) <= 255))
CONSTRAINT output_archives_object_bytes_check CHECK ((object_bytes > 0))
CONSTRAINT output_archives_object_check CHECK ((length(object) <= 300))
CONSTRAINT output_archives_pkey PRIMARY KEY (workspace_id, run_id, attempt)
CONSTRAINT output_archives_restored_by_fkey FOREIGN KEY (restored_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT output_archives_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text))
CONSTRAINT output_archives_state_check CHECK ((state = ANY (ARRAY['taken'::text, 'archived'::text, 'restoring'::text, 'restored'::text, 'removing'::text, 'removed'::text])))
CONSTRAINT output_archives_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs(workspace_id, run_id)
CONSTRAINT taken_for_a_time CHECK (((state = ANY (ARRAY['taken'::text, 'removing'::text])) = (taken_until IS NOT NULL)))
CREATE INDEX output_archives_by_archiver ON kolony.output_archives USING btree (archived_by) WHERE (archived_by IS NOT NULL)
CREATE INDEX output_archives_by_restorer ON kolony.output_archives USING btree (restored_by) WHERE (restored_by IS NOT NULL)
CREATE INDEX output_archives_due ON kolony.output_archives USING btree (workspace_id, finished_at) WHERE (state = ANY (ARRAY['archived'::text, 'restored'::text, 'removing'::text]))
CREATE INDEX output_archives_words ON kolony.output_archives USING gin (words) WHERE (words IS NOT NULL)
CREATE CONSTRAINT TRIGGER half_restored AFTER UPDATE OF state ON kolony.output_archives DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.state = 'restoring'::text)) EXECUTE FUNCTION kolony.refuse_half_restored()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON digest kolony.output_digest of its rows: the same before, in the object and after
COMMENT ON stale objects that may be left of who took it before and never came back
COMMENT ON words_cut it has more different words than are kept to be found by

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
POLICY retention FOR SELECT TO kolony_owner USING (true)
COMMENT ON first_line newlines in all earlier chunks of the attempt, of every stream

--- table people_group_members
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN group_id uuid NOT NULL
COLUMN profile_id uuid NOT NULL
CONSTRAINT people_group_members_pkey PRIMARY KEY (workspace_id, group_id, profile_id)
CONSTRAINT people_group_members_profile_id_fkey FOREIGN KEY (profile_id) REFERENCES kolony.profiles(profile_id)
CONSTRAINT people_group_members_workspace_id_group_id_fkey FOREIGN KEY (workspace_id, group_id) REFERENCES kolony.people_groups(workspace_id, group_id) ON DELETE CASCADE
CREATE INDEX people_group_members_by_person ON kolony.people_group_members USING btree (profile_id, workspace_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table people_groups
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN group_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN name text NOT NULL
COLUMN made_by uuid
COLUMN made_at timestamp with time zone NOT NULL DEFAULT now()
CONSTRAINT people_group_name CHECK (((length(name) >= 1) AND (length(name) <= 100)))
CONSTRAINT people_group_plain_name CHECK (((name = btrim(name)) AND (name !~ '[\u0001-\u001f\u007f-\u009f]'::text)))
CONSTRAINT people_groups_made_by_fkey FOREIGN KEY (made_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT people_groups_pkey PRIMARY KEY (workspace_id, group_id)
CONSTRAINT people_groups_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CONSTRAINT people_groups_workspace_id_name_key UNIQUE (workspace_id, name)
CREATE INDEX people_groups_by_maker ON kolony.people_groups USING btree (made_by)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT a team of people, for what they spend together

--- table plan_items
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN command_id uuid NOT NULL
COLUMN run_id uuid NOT NULL
COLUMN attempt_id uuid NOT NULL
COLUMN item integer NOT NULL
CONSTRAINT plan_items_item_check CHECK (((item >= 1) AND (item <= 200)))
CONSTRAINT plan_items_pkey PRIMARY KEY (workspace_id, command_id)
CONSTRAINT plan_items_workspace_id_attempt_id_fkey FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts(workspace_id, attempt_id)
CONSTRAINT plan_items_workspace_id_attempt_id_item_key UNIQUE (workspace_id, attempt_id, item)
CONSTRAINT plan_items_workspace_id_command_id_fkey FOREIGN KEY (workspace_id, command_id) REFERENCES kolony.commands(workspace_id, command_id)
CONSTRAINT plan_items_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs(workspace_id, run_id)
CREATE INDEX plan_items_by_run ON kolony.plan_items USING btree (workspace_id, run_id, item)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table preset_versions
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN preset_id uuid NOT NULL
COLUMN version integer NOT NULL
COLUMN description text NOT NULL DEFAULT ''::text
COLUMN content text NOT NULL
COLUMN kind text NOT NULL DEFAULT 'natural'::text
COLUMN priority smallint NOT NULL DEFAULT 50
COLUMN target_words text NOT NULL DEFAULT ''::text
COLUMN constraint_id uuid
COLUMN variables jsonb NOT NULL DEFAULT '[]'::jsonb
COLUMN changed_by uuid NOT NULL
COLUMN changed_at timestamp with time zone NOT NULL DEFAULT now()
CONSTRAINT preset_versions_changed_by_fkey FOREIGN KEY (changed_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT preset_versions_content_check CHECK (((content ~ '\S'::text) AND (octet_length(content) <= 4194304)))
CONSTRAINT preset_versions_description_check CHECK ((length(description) <= 10000))
CONSTRAINT preset_versions_kind_check CHECK ((kind = ANY (ARRAY['natural'::text, 'investigate'::text, 'review'::text, 'plan'::text, 'synthesize'::text])))
CONSTRAINT preset_versions_pkey PRIMARY KEY (workspace_id, preset_id, version)
CONSTRAINT preset_versions_priority_check CHECK (((priority >= 0) AND (priority <= 100)))
CONSTRAINT preset_versions_target_words_check CHECK ((length(target_words) <= 10000))
CONSTRAINT preset_versions_variables_check CHECK (((jsonb_typeof(variables) = 'array'::text) AND (pg_column_size(variables) <= 100000)))
CONSTRAINT preset_versions_version_check CHECK ((version > 0))
CONSTRAINT preset_versions_workspace_id_constraint_id_fkey FOREIGN KEY (workspace_id, constraint_id) REFERENCES kolony.constraint_profiles(workspace_id, constraint_id)
CONSTRAINT preset_versions_workspace_id_preset_id_fkey FOREIGN KEY (workspace_id, preset_id) REFERENCES kolony.presets(workspace_id, preset_id)
CREATE INDEX preset_versions_by_changer ON kolony.preset_versions USING btree (changed_by)
CREATE INDEX preset_versions_by_constraint ON kolony.preset_versions USING btree (workspace_id, constraint_id) WHERE (constraint_id IS NOT NULL)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY reader FOR SELECT USING ((preset_id = ANY (( SELECT kolony.my_preset_ids() AS my_preset_ids)::uuid[])))

--- table presets
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN preset_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN owner_id uuid NOT NULL
COLUMN name text NOT NULL
COLUMN shared boolean NOT NULL DEFAULT false
COLUMN version integer NOT NULL DEFAULT 1
COLUMN used_count bigint NOT NULL DEFAULT 0
COLUMN last_used_at timestamp with time zone
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN deleted_at timestamp with time zone
CONSTRAINT preset_name_has_a_length CHECK (((length(name) >= 1) AND (length(name) <= 100)))
CONSTRAINT preset_name_is_printable CHECK (((name = btrim(name)) AND (name !~ '[\u0001-\u001f\u007f-\u009f]'::text)))
CONSTRAINT presets_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES kolony.profiles(profile_id)
CONSTRAINT presets_pkey PRIMARY KEY (workspace_id, preset_id)
CONSTRAINT presets_version_check CHECK ((version > 0))
CONSTRAINT presets_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CREATE INDEX presets_by_owner ON kolony.presets USING btree (owner_id)
CREATE UNIQUE INDEX preset_name_is_free ON kolony.presets USING btree (workspace_id, owner_id, name) WHERE (deleted_at IS NULL)
CREATE UNIQUE INDEX shared_preset_name_is_free ON kolony.presets USING btree (workspace_id, name) WHERE (shared AND (deleted_at IS NULL))
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY reader FOR SELECT USING (((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])) AND (shared OR (owner_id = ( SELECT kolony.my_profile_id() AS my_profile_id)))))

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
COLUMN place numeric NOT NULL DEFAULT EXTRACT(epoch FROM clock_timestamp())
CONSTRAINT ready_runs_pkey PRIMARY KEY (workspace_id, run_id)
CONSTRAINT ready_runs_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT ready_runs_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs(workspace_id, run_id)
CREATE INDEX ready_runs_in_order ON kolony.ready_runs USING btree (workspace_id, ((- priority)), place, run_id)
CREATE INDEX ready_runs_queue ON kolony.ready_runs USING btree (workspace_id, agent_id, priority DESC, place, run_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table report_findings
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN report_id uuid NOT NULL
COLUMN place integer NOT NULL
COLUMN severity text NOT NULL
COLUMN title text NOT NULL
COLUMN detail text NOT NULL
COLUMN evidence text NOT NULL
COLUMN file text
COLUMN line integer
CONSTRAINT report_findings_line_check CHECK ((line > 0))
CONSTRAINT report_findings_pkey PRIMARY KEY (workspace_id, report_id, place)
CONSTRAINT report_findings_place_check CHECK ((place > 0))
CONSTRAINT report_findings_severity_check CHECK ((severity = ANY (ARRAY['critical'::text, 'high'::text, 'medium'::text, 'low'::text, 'info'::text])))
CONSTRAINT report_findings_workspace_id_report_id_fkey FOREIGN KEY (workspace_id, report_id) REFERENCES kolony.reports(workspace_id, report_id) ON DELETE CASCADE
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table reports
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN report_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN run_id uuid NOT NULL
COLUMN attempt_id uuid NOT NULL
COLUMN title text NOT NULL
COLUMN summary text NOT NULL
COLUMN status text NOT NULL
COLUMN source text NOT NULL
COLUMN sections jsonb NOT NULL
COLUMN recommendations jsonb NOT NULL
COLUMN attachments text[] NOT NULL
COLUMN body text NOT NULL
COLUMN words tsvector GENERATED s (setweight(to_tsvector('english'::regconfig, title), 'A'::"char") || setweight(to_tsvector('english'::regconfig, body), 'B'::"char"))
COLUMN digest bytea NOT NULL
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN updated_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN completed_at timestamp with time zone
COLUMN status_by uuid
CONSTRAINT completed_or_not CHECK (((status = 'complete'::text) = (completed_at IS NOT NULL)))
CONSTRAINT one_of_a_run UNIQUE (workspace_id, run_id)
CONSTRAINT reports_pkey PRIMARY KEY (workspace_id, report_id)
CONSTRAINT reports_recommendations_check CHECK ((jsonb_typeof(recommendations) = 'array'::text))
CONSTRAINT reports_sections_check CHECK ((jsonb_typeof(sections) = 'array'::text))
CONSTRAINT reports_source_check CHECK ((source = ANY (ARRAY['report.json'::text, 'answer'::text])))
CONSTRAINT reports_status_by_fkey FOREIGN KEY (status_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT reports_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'in_progress'::text, 'complete'::text])))
CONSTRAINT reports_title_check CHECK (((title ~ '\S'::text) AND (length(title) <= 300)))
CONSTRAINT reports_workspace_id_attempt_id_fkey FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts(workspace_id, attempt_id)
CONSTRAINT reports_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs(workspace_id, run_id)
CREATE INDEX reports_by_attempt ON kolony.reports USING btree (workspace_id, attempt_id)
CREATE INDEX reports_by_judge ON kolony.reports USING btree (status_by) WHERE (status_by IS NOT NULL)
CREATE INDEX reports_by_words ON kolony.reports USING gin (words) WITH (fastupdate=off)
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.reports REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_results()
CREATE TRIGGER events_made AFTER INSERT ON kolony.reports REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_results()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON body all of its text but the title, cut to what an index takes
COMMENT ON status_by who set its status; null: its agent

--- table retention_kinds
OWNER kolony_owner
COLUMN kind text NOT NULL
COLUMN place smallint NOT NULL
COLUMN title text NOT NULL
COLUMN about text NOT NULL
COLUMN standard integer NOT NULL
COLUMN least integer NOT NULL
COLUMN most integer NOT NULL
COLUMN forever text
CONSTRAINT retention_kinds_kind_check CHECK ((kind ~ '^[a-z][a-z_]{0,40}$'::text))
CONSTRAINT retention_kinds_pkey PRIMARY KEY (kind)
CONSTRAINT retention_kinds_place_key UNIQUE (place)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((( SELECT kolony.my_workspace_ids() AS my_workspace_ids) <> '{}'::uuid[]))
COMMENT ON forever what no number of days is called; null: there is always one
COMMENT ON standard days, where a workspace says nothing

--- table retention_settings
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN kind text NOT NULL
COLUMN days integer
COLUMN set_by uuid
COLUMN set_at timestamp with time zone NOT NULL DEFAULT now()
CONSTRAINT retention_settings_days_check CHECK (((days >= 0) AND (days <= 36500)))
CONSTRAINT retention_settings_kind_fkey FOREIGN KEY (kind) REFERENCES kolony.retention_kinds(kind)
CONSTRAINT retention_settings_pkey PRIMARY KEY (workspace_id, kind)
CONSTRAINT retention_settings_set_by_fkey FOREIGN KEY (set_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT retention_settings_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CREATE INDEX retention_settings_by_kind ON kolony.retention_settings USING btree (kind)
CREATE INDEX retention_settings_by_setter ON kolony.retention_settings USING btree (set_by)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table runs
OWNER kolony_owner WITH (fillfactor=80, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000, autovacuum_analyze_scale_factor=0.02, autovacuum_vacuum_cost_delay=0)
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
COLUMN held_at timestamp with time zone
COLUMN held_by uuid
COLUMN held_why text
COLUMN interrupt_at timestamp with time zone
COLUMN interrupt_by uuid
COLUMN interrupt_why text
COLUMN interrupt_heard_at timestamp with time zone
COLUMN limit_hit text
COLUMN cancel_stop uuid
COLUMN reason text
COLUMN warning text
CONSTRAINT finished_once CHECK (((outcome IS NULL) = (finished_at IS NULL)))
CONSTRAINT held_runs_are_open CHECK (((held_at IS NULL) OR (outcome IS NULL)))
CONSTRAINT limit_is_known CHECK ((limit_hit = ANY (ARRAY['time_limit'::text, 'token_budget'::text, 'memory_limit'::text, 'cpu_limit'::text, 'budget'::text])))
CONSTRAINT runs_cancel_by_fkey FOREIGN KEY (cancel_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT runs_cancel_why_check CHECK ((length(cancel_why) <= 1000))
CONSTRAINT runs_error_check CHECK ((length(error) <= 10000))
CONSTRAINT runs_held_by_fkey FOREIGN KEY (held_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT runs_held_why_check CHECK ((length(held_why) <= 1000))
CONSTRAINT runs_interrupt_by_fkey FOREIGN KEY (interrupt_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT runs_interrupt_why_check CHECK ((length(interrupt_why) <= 1000))
CONSTRAINT runs_ordinal_check CHECK ((ordinal > 0))
CONSTRAINT runs_outcome_check CHECK ((outcome = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text])))
CONSTRAINT runs_pkey PRIMARY KEY (workspace_id, run_id)
CONSTRAINT runs_priority_check CHECK (((priority >= 0) AND (priority <= 100)))
CONSTRAINT runs_reason_check CHECK ((length(reason) <= 60))
CONSTRAINT runs_warning_check CHECK ((length(warning) <= 1000))
CONSTRAINT runs_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT runs_workspace_id_command_id_fkey FOREIGN KEY (workspace_id, command_id) REFERENCES kolony.commands(workspace_id, command_id)
CONSTRAINT runs_workspace_id_command_id_ordinal_key UNIQUE (workspace_id, command_id, ordinal)
CREATE INDEX runs_by_agent ON kolony.runs USING btree (workspace_id, agent_id, run_id DESC)
CREATE INDEX runs_by_canceller ON kolony.runs USING btree (cancel_by) WHERE (cancel_by IS NOT NULL)
CREATE INDEX runs_by_holder ON kolony.runs USING btree (held_by) WHERE (held_by IS NOT NULL)
CREATE INDEX runs_by_interrupter ON kolony.runs USING btree (interrupt_by) WHERE (interrupt_by IS NOT NULL)
CREATE INDEX runs_by_outcome ON kolony.runs USING btree (workspace_id, outcome, run_id DESC) WHERE (outcome IS NOT NULL)
CREATE INDEX runs_ended ON kolony.runs USING btree (workspace_id, finished_at) WHERE (outcome IS NOT NULL)
CREATE INDEX runs_open ON kolony.runs USING btree (workspace_id, run_id) WHERE (outcome IS NULL)
CREATE TRIGGER answer_message AFTER UPDATE ON kolony.runs REFERENCING OLD TABLE AS was NEW TABLE AS became FOR EACH STATEMENT EXECUTE FUNCTION kolony.answer_messages()
CREATE TRIGGER audit AFTER UPDATE OF cancel_at, outcome, priority ON kolony.runs FOR EACH ROW WHEN ((((old.cancel_at IS NULL) AND (new.cancel_at IS NOT NULL) AND (NOT (new.cancel_stop IS DISTINCT FROM old.cancel_stop))) OR ((old.outcome IS NOT NULL) AND (new.outcome IS NULL)) OR (old.priority <> new.priority))) EXECUTE FUNCTION kolony.audit_run()
CREATE TRIGGER audit_steering AFTER UPDATE OF held_at, interrupt_at, agent_id ON kolony.runs FOR EACH ROW WHEN (((old.held_at IS DISTINCT FROM new.held_at) OR (old.interrupt_at IS DISTINCT FROM new.interrupt_at) OR (old.agent_id <> new.agent_id))) EXECUTE FUNCTION kolony.audit_steering()
CREATE TRIGGER close_questions AFTER UPDATE OF cancel_at ON kolony.runs FOR EACH ROW WHEN (((old.cancel_at IS NULL) AND (new.cancel_at IS NOT NULL) AND (NOT (new.cancel_stop IS DISTINCT FROM old.cancel_stop)))) EXECUTE FUNCTION kolony.close_questions('its run is being cancelled')
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.runs REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_runs()
CREATE TRIGGER events_made AFTER INSERT ON kolony.runs REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_runs()
CREATE TRIGGER events_of_run AFTER UPDATE ON kolony.runs FOR EACH ROW WHEN (((new.priority <> old.priority) OR (new.agent_id <> old.agent_id) OR ((new.outcome IS NULL) AND (old.outcome IS NOT NULL)) OR (new.held_at IS DISTINCT FROM old.held_at) OR (new.interrupt_at IS DISTINCT FROM old.interrupt_at) OR (new.interrupt_heard_at IS DISTINCT FROM old.interrupt_heard_at))) EXECUTE FUNCTION kolony.events_of_run()
CREATE TRIGGER note_failed AFTER UPDATE OF outcome ON kolony.runs FOR EACH ROW WHEN (((new.outcome = 'failed'::text) AND (old.outcome IS NULL))) EXECUTE FUNCTION kolony.note_failed_run()
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.runs FOR EACH ROW WHEN ((new.updated_at = old.updated_at)) EXECUTE FUNCTION kolony.stamp_update()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON cancel_stop the emergency stop that asked to cancel it

--- table saved_views
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN view_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN profile_id uuid NOT NULL
COLUMN list text NOT NULL
COLUMN name text NOT NULL
COLUMN shared boolean NOT NULL DEFAULT false
COLUMN definition jsonb NOT NULL
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN updated_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN deleted_at timestamp with time zone
CONSTRAINT saved_views_definition_check CHECK (((jsonb_typeof(definition) = 'object'::text) AND (pg_column_size(definition) <= 8000)))
CONSTRAINT saved_views_list_check CHECK ((list ~ '^[a-z][a-z_]{0,39}$'::text))
CONSTRAINT saved_views_name_check CHECK (((length(name) >= 1) AND (length(name) <= 60)))
CONSTRAINT saved_views_pkey PRIMARY KEY (workspace_id, view_id)
CONSTRAINT saved_views_profile_id_fkey FOREIGN KEY (profile_id) REFERENCES kolony.profiles(profile_id)
CONSTRAINT saved_views_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CONSTRAINT view_name_is_printable CHECK ((name !~ '[\u0001-\u001f\u007f-\u009f]'::text))
CONSTRAINT view_name_is_trimmed CHECK ((name = btrim(name)))
CREATE INDEX saved_views_by_profile ON kolony.saved_views USING btree (profile_id)
CREATE UNIQUE INDEX saved_views_by_name ON kolony.saved_views USING btree (workspace_id, profile_id, list, name) WHERE (deleted_at IS NULL)
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.saved_views FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY mine_or_shared FOR SELECT USING (((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])) AND (shared OR (profile_id = ( SELECT kolony.my_profile_id() AS my_profile_id)))))
COMMENT ON definition what the list was like: filter, order, columns, groups

--- table scheduled_runs
OWNER kolony_owner WITH (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500)
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
CREATE TRIGGER events_made AFTER INSERT ON kolony.scheduled_runs REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_delays()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table session_usage
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN session text NOT NULL
COLUMN base jsonb NOT NULL DEFAULT '{}'::jsonb
COLUMN since jsonb NOT NULL DEFAULT '{}'::jsonb
COLUMN at timestamp with time zone NOT NULL DEFAULT now()
CONSTRAINT session_usage_pkey PRIMARY KEY (workspace_id, agent_id, session)
CONSTRAINT session_usage_session_check CHECK (((length(session) >= 1) AND (length(session) <= 300)))
CONSTRAINT session_usage_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)

--- table shipped_prices
OWNER kolony_owner
COLUMN pattern text NOT NULL
COLUMN input_usd numeric NOT NULL
COLUMN cached_usd numeric
COLUMN cache_write_usd numeric
COLUMN output_usd numeric NOT NULL
COLUMN as_of date NOT NULL
CONSTRAINT shipped_prices_pkey PRIMARY KEY (pattern)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((( SELECT kolony.my_workspace_ids() AS my_workspace_ids) <> '{}'::uuid[]))
COMMENT ON as_of when somebody looked at the makers' lists; they change

--- table stale_agents
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN told_at timestamp with time zone NOT NULL DEFAULT now()
CONSTRAINT stale_agents_pkey PRIMARY KEY (workspace_id, agent_id)
CONSTRAINT stale_agents_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT agents that have not been seen for long, of which admins were told

--- table stop_gates
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
CONSTRAINT stop_gates_pkey PRIMARY KEY (workspace_id)
CONSTRAINT stop_gates_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)

--- table stop_hearings
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN stop_id uuid NOT NULL
COLUMN session_id uuid NOT NULL
COLUMN heard_at timestamp with time zone NOT NULL DEFAULT now()
CONSTRAINT stop_hearings_pkey PRIMARY KEY (workspace_id, stop_id, session_id)
CONSTRAINT stop_hearings_workspace_id_session_id_fkey FOREIGN KEY (workspace_id, session_id) REFERENCES kolony.agent_sessions(workspace_id, session_id)
CONSTRAINT stop_hearings_workspace_id_stop_id_fkey FOREIGN KEY (workspace_id, stop_id) REFERENCES kolony.stops(workspace_id, stop_id)
CREATE INDEX stop_hearings_by_session ON kolony.stop_hearings USING btree (workspace_id, session_id)
CREATE TRIGGER events_made AFTER INSERT ON kolony.stop_hearings REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_stops()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table stopped_agents
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN stop_id uuid NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN lifted_at timestamp with time zone
COLUMN lifted_by uuid
CONSTRAINT stopped_agents_lifted_by_fkey FOREIGN KEY (lifted_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT stopped_agents_pkey PRIMARY KEY (workspace_id, stop_id, agent_id)
CONSTRAINT stopped_agents_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT stopped_agents_workspace_id_stop_id_fkey FOREIGN KEY (workspace_id, stop_id) REFERENCES kolony.stops(workspace_id, stop_id)
CREATE INDEX stopped_agents_by_agent ON kolony.stopped_agents USING btree (workspace_id, agent_id)
CREATE INDEX stopped_agents_by_lifter ON kolony.stopped_agents USING btree (lifted_by) WHERE (lifted_by IS NOT NULL)
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.stopped_agents REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_stops()
CREATE TRIGGER events_made AFTER INSERT ON kolony.stopped_agents REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_stops()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

--- table stops
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN stop_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN everyone boolean NOT NULL
COLUMN why text NOT NULL
COLUMN began_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN began_by uuid NOT NULL
COLUMN confirm_by timestamp with time zone NOT NULL
COLUMN lifted_at timestamp with time zone
COLUMN lifted_by uuid
CONSTRAINT lifted_by_somebody CHECK (((lifted_at IS NULL) = (lifted_by IS NULL)))
CONSTRAINT stops_began_by_fkey FOREIGN KEY (began_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT stops_lifted_by_fkey FOREIGN KEY (lifted_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT stops_pkey PRIMARY KEY (workspace_id, stop_id)
CONSTRAINT stops_why_check CHECK ((length(why) <= 1000))
CONSTRAINT stops_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CREATE INDEX stops_by_beginner ON kolony.stops USING btree (began_by)
CREATE INDEX stops_by_lifter ON kolony.stops USING btree (lifted_by) WHERE (lifted_by IS NOT NULL)
CREATE INDEX stops_open ON kolony.stops USING btree (workspace_id, stop_id) WHERE (lifted_at IS NULL)
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.stops REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_stops()
CREATE TRIGGER events_made AFTER INSERT ON kolony.stops REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_stops()
CREATE TRIGGER note_began AFTER INSERT ON kolony.stops FOR EACH ROW EXECUTE FUNCTION kolony.note_stop()
CREATE TRIGGER note_lifted AFTER UPDATE OF lifted_at ON kolony.stops FOR EACH ROW WHEN (((old.lifted_at IS NULL) AND (new.lifted_at IS NOT NULL))) EXECUTE FUNCTION kolony.note_stop()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON confirm_by when a runner that has not confirmed has had its time
COMMENT ON everyone every agent, those that are made later too; but those with a lifted row

--- table trace_entries
OWNER kolony_owner PARTITION BY RANGE (day)
COLUMN workspace_id uuid NOT NULL
COLUMN run_id uuid NOT NULL
COLUMN attempt integer NOT NULL
COLUMN key text NOT NULL
COLUMN day date NOT NULL
COLUMN entry_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN parent_key text
COLUMN position integer NOT NULL
COLUMN revision bigint NOT NULL
COLUMN type text NOT NULL
COLUMN name text
COLUMN status text NOT NULL
COLUMN summary text
COLUMN input json
COLUMN input_size bigint
COLUMN output json
COLUMN output_size bigint
COLUMN error text
COLUMN tokens bigint
COLUMN confidence double precision
COLUMN attributes jsonb NOT NULL DEFAULT '{}'::jsonb
COLUMN started_at timestamp with time zone NOT NULL
COLUMN ended_at timestamp with time zone
COLUMN duration_ms double precision
COLUMN line_from bigint
COLUMN line_to bigint
CONSTRAINT trace_entries_attributes_check CHECK (((jsonb_typeof(attributes) = 'object'::text) AND (octet_length((attributes)::text) <= 65536)))
CONSTRAINT trace_entries_check CHECK ((line_to >= line_from))
CONSTRAINT trace_entries_confidence_check CHECK (((confidence >= (0)::double precision) AND (confidence <= (1)::double precision)))
CONSTRAINT trace_entries_duration_ms_check CHECK ((duration_ms >= (0)::double precision))
CONSTRAINT trace_entries_error_check CHECK ((length(error) <= 10000))
CONSTRAINT trace_entries_input_check CHECK ((octet_length((input)::text) <= 1048576))
CONSTRAINT trace_entries_input_size_check CHECK ((input_size >= 0))
CONSTRAINT trace_entries_key_check CHECK (((length(key) >= 1) AND (length(key) <= 300)))
CONSTRAINT trace_entries_line_from_check CHECK ((line_from >= 0))
CONSTRAINT trace_entries_name_check CHECK ((length(name) <= 500))
CONSTRAINT trace_entries_output_check CHECK ((octet_length((output)::text) <= 1048576))
CONSTRAINT trace_entries_output_size_check CHECK ((output_size >= 0))
CONSTRAINT trace_entries_parent_key_check CHECK (((length(parent_key) >= 1) AND (length(parent_key) <= 300)))
CONSTRAINT trace_entries_pkey PRIMARY KEY (workspace_id, run_id, attempt, key, day)
CONSTRAINT trace_entries_position_check CHECK (("position" >= 0))
CONSTRAINT trace_entries_revision_check CHECK ((revision > 0))
CONSTRAINT trace_entries_status_check CHECK ((status = ANY (ARRAY['running'::text, 'completed'::text, 'failed'::text, 'denied'::text, 'cancelled'::text])))
CONSTRAINT trace_entries_summary_check CHECK ((length(summary) <= 400))
CONSTRAINT trace_entries_tokens_check CHECK ((tokens >= 0))
CONSTRAINT trace_entries_type_check CHECK ((type = ANY (ARRAY['llm_prompt'::text, 'tool_call'::text, 'response'::text, 'thought'::text, 'plan'::text, 'event'::text])))
CREATE INDEX trace_entries_news ON ONLY kolony.trace_entries USING btree (workspace_id, run_id, attempt, revision)
CREATE INDEX trace_entries_order ON ONLY kolony.trace_entries USING btree (workspace_id, run_id, attempt, "position")
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
POLICY retention FOR SELECT TO kolony_owner USING (true)
COMMENT ON attributes by the names of OpenTelemetry's GenAI conventions, where they have one
COMMENT ON input_size bytes of its JSON before it was cut
COMMENT ON key names the entry within its attempt, as its runner does
COMMENT ON line_from newlines in the attempt's output when the entry began
COMMENT ON position in the order in which the runner heard of the entries first
COMMENT ON revision goes up with all news of an attempt: read on above the last one seen

--- table undo_steps
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN step_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN profile_id uuid NOT NULL
COLUMN kind text NOT NULL
COLUMN title text NOT NULL
COLUMN facts jsonb NOT NULL
COLUMN made_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN undone_at timestamp with time zone
CONSTRAINT undo_steps_facts_check CHECK ((jsonb_typeof(facts) = 'object'::text))
CONSTRAINT undo_steps_kind_check CHECK ((kind = ANY (ARRAY['cancel'::text, 'retire'::text, 'delete_preset'::text, 'delete_constraint'::text, 'delete_rule'::text, 'delete_view'::text])))
CONSTRAINT undo_steps_pkey PRIMARY KEY (workspace_id, step_id)
CONSTRAINT undo_steps_profile_id_fkey FOREIGN KEY (profile_id) REFERENCES kolony.profiles(profile_id)
CONSTRAINT undo_steps_title_check CHECK ((length(title) <= 300))
CONSTRAINT undo_steps_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CREATE INDEX undo_steps_by_person ON kolony.undo_steps USING btree (profile_id, step_id DESC)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY mine FOR SELECT USING (((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])) AND (profile_id = ( SELECT kolony.my_profile_id() AS my_profile_id))))

--- table upkeep
OWNER kolony_owner
COLUMN job text NOT NULL
COLUMN every interval NOT NULL
COLUMN last_began timestamp with time zone
COLUMN last_ended timestamp with time zone
COLUMN last_result jsonb
COLUMN done_before bigint NOT NULL DEFAULT 0
CONSTRAINT upkeep_every_check CHECK ((every > '00:00:00'::interval))
CONSTRAINT upkeep_job_check CHECK ((job ~ '^[a-z][a-z_]{0,62}$'::text))
CONSTRAINT upkeep_pkey PRIMARY KEY (job)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((( SELECT kolony.my_workspace_ids() AS my_workspace_ids) <> '{}'::uuid[]))
COMMENT ON done_before what a job that takes several turns has done in this round
COMMENT ON last_result what it did, in counts; or the error that it ended with, under "error"

--- table upkeep_history
OWNER kolony_owner
COLUMN job text NOT NULL
COLUMN began timestamp with time zone NOT NULL
COLUMN ended timestamp with time zone NOT NULL
COLUMN result jsonb NOT NULL
CONSTRAINT upkeep_history_job_fkey FOREIGN KEY (job) REFERENCES kolony.upkeep(job)
CONSTRAINT upkeep_history_pkey PRIMARY KEY (job, began)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((( SELECT kolony.my_workspace_ids() AS my_workspace_ids) <> '{}'::uuid[]))

--- table usage_days
OWNER kolony_owner WITH (fillfactor=50, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0)
COLUMN workspace_id uuid NOT NULL
COLUMN day date NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN profile_id uuid NOT NULL
COLUMN model text NOT NULL
COLUMN preset_id uuid
COLUMN input_fresh bigint NOT NULL
COLUMN input_cached bigint NOT NULL
COLUMN cache_write bigint NOT NULL
COLUMN output bigint NOT NULL
COLUMN reasoning bigint NOT NULL
COLUMN calls bigint NOT NULL
COLUMN cost_usd numeric NOT NULL
COLUMN estimated_usd numeric NOT NULL
CONSTRAINT one_sum_of_each UNIQUE NULLS NOT DISTINCT (workspace_id, day, agent_id, profile_id, model, preset_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON profile_id who ordered the work

--- table usage_reports
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN attempt_id uuid NOT NULL
COLUMN number integer NOT NULL
COLUMN run_id uuid NOT NULL
COLUMN at timestamp with time zone NOT NULL DEFAULT now()
COLUMN day date NOT NULL
COLUMN model text NOT NULL
COLUMN source text NOT NULL
COLUMN scope text NOT NULL
COLUMN input_fresh bigint NOT NULL
COLUMN input_cached bigint NOT NULL
COLUMN cache_write bigint NOT NULL
COLUMN output bigint NOT NULL
COLUMN reasoning bigint NOT NULL
COLUMN calls bigint NOT NULL
COLUMN cost_usd numeric NOT NULL
COLUMN estimated_usd numeric NOT NULL
COLUMN said jsonb NOT NULL
COLUMN raw jsonb
CONSTRAINT usage_reports_model_check CHECK ((length(model) <= 200))
CONSTRAINT usage_reports_number_check CHECK ((number >= 0))
CONSTRAINT usage_reports_pkey PRIMARY KEY (workspace_id, attempt_id, number)
CONSTRAINT usage_reports_scope_check CHECK ((scope = ANY (ARRAY['call'::text, 'turn'::text, 'session'::text])))
CONSTRAINT usage_reports_source_check CHECK ((length(source) <= 100))
CONSTRAINT usage_reports_workspace_id_attempt_id_fkey FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts(workspace_id, attempt_id)
CREATE INDEX usage_reports_by_run ON kolony.usage_reports USING btree (workspace_id, run_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON cost_usd below zero where an agent's own sum is less than what was estimated
COMMENT ON estimated_usd the part of cost_usd that is by the price list

--- table webhook_deliveries
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN delivery_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN webhook_id uuid NOT NULL
COLUMN kind text NOT NULL
COLUMN title text NOT NULL
COLUMN body text NOT NULL
COLUMN state text NOT NULL DEFAULT 'pending'::text
COLUMN tries integer NOT NULL DEFAULT 0
COLUMN next_try_at timestamp with time zone DEFAULT now()
COLUMN last_status integer
COLUMN last_error text
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN tried_at timestamp with time zone
COLUMN ended_at timestamp with time zone
CONSTRAINT ended_has_a_time CHECK (((state = 'pending'::text) = (ended_at IS NULL)))
CONSTRAINT pending_has_a_time CHECK (((state = 'pending'::text) = (next_try_at IS NOT NULL)))
CONSTRAINT webhook_deliveries_body_check CHECK ((octet_length(body) <= 65536))
CONSTRAINT webhook_deliveries_last_error_check CHECK ((length(last_error) <= 500))
CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (workspace_id, delivery_id)
CONSTRAINT webhook_deliveries_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text, 'cancelled'::text])))
CONSTRAINT webhook_deliveries_workspace_id_webhook_id_fkey FOREIGN KEY (workspace_id, webhook_id) REFERENCES kolony.webhooks(workspace_id, webhook_id)
CREATE INDEX webhook_deliveries_due ON kolony.webhook_deliveries USING btree (workspace_id, next_try_at) WHERE (state = 'pending'::text)
CREATE INDEX webhook_deliveries_ended ON kolony.webhook_deliveries USING btree (ended_at)
CREATE INDEX webhook_deliveries_of ON kolony.webhook_deliveries USING btree (workspace_id, webhook_id, delivery_id DESC)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY reader FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.audited_workspace_ids() AS audited_workspace_ids)::uuid[])))

--- table webhook_secrets
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN webhook_id uuid NOT NULL
COLUMN secret text NOT NULL
CONSTRAINT webhook_secrets_pkey PRIMARY KEY (workspace_id, webhook_id)
CONSTRAINT webhook_secrets_secret_check CHECK (((length(secret) >= 16) AND (length(secret) <= 500)))
CONSTRAINT webhook_secrets_workspace_id_webhook_id_fkey FOREIGN KEY (workspace_id, webhook_id) REFERENCES kolony.webhooks(workspace_id, webhook_id)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)

--- table webhooks
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN webhook_id uuid NOT NULL DEFAULT kolony.new_id()
COLUMN name text NOT NULL
COLUMN url text NOT NULL
COLUMN kinds text[] NOT NULL DEFAULT '{}'::text[]
COLUMN at_least text NOT NULL DEFAULT 'low'::text
COLUMN created_by uuid
COLUMN created_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN updated_at timestamp with time zone NOT NULL DEFAULT now()
COLUMN deleted_at timestamp with time zone
CONSTRAINT webhook_name_is_printable CHECK ((name !~ '[\u0001-\u001f\u007f-\u009f]'::text))
CONSTRAINT webhook_name_is_trimmed CHECK ((name = btrim(name)))
CONSTRAINT webhooks_at_least_check CHECK ((at_least = ANY (ARRAY['low'::text, 'medium'::text, 'high'::text, 'critical'::text])))
CONSTRAINT webhooks_created_by_fkey FOREIGN KEY (created_by) REFERENCES kolony.profiles(profile_id)
CONSTRAINT webhooks_name_check CHECK (((length(name) >= 1) AND (length(name) <= 100)))
CONSTRAINT webhooks_pkey PRIMARY KEY (workspace_id, webhook_id)
CONSTRAINT webhooks_url_check CHECK ((length(url) <= 2000))
CONSTRAINT webhooks_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CREATE INDEX webhooks_by_maker ON kolony.webhooks USING btree (created_by)
CREATE UNIQUE INDEX webhook_name_is_free ON kolony.webhooks USING btree (workspace_id, name) WHERE (deleted_at IS NULL)
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.webhooks FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY reader FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.audited_workspace_ids() AS audited_workspace_ids)::uuid[])))
COMMENT ON kinds the kinds of notifications that it gets; empty: all

--- table work_folders
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN run_id uuid NOT NULL
COLUMN agent_id uuid NOT NULL
COLUMN conversation_id uuid
COLUMN host text NOT NULL
COLUMN path text NOT NULL
COLUMN repository text NOT NULL DEFAULT ''::text
COLUMN isolation text NOT NULL
COLUMN base_commit text
COLUMN base_dirty boolean NOT NULL DEFAULT false
COLUMN state text NOT NULL
COLUMN dirty_files integer
COLUMN new_commits integer
COLUMN size_bytes bigint
COLUMN made_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
COLUMN seen_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
CONSTRAINT work_folders_base_commit_check CHECK ((base_commit ~ '^[0-9a-f]{7,64}$'::text))
CONSTRAINT work_folders_dirty_files_check CHECK ((dirty_files >= 0))
CONSTRAINT work_folders_host_check CHECK ((length(host) <= 255))
CONSTRAINT work_folders_isolation_check CHECK ((isolation = ANY (ARRAY['none'::text, 'run'::text, 'conversation'::text])))
CONSTRAINT work_folders_new_commits_check CHECK ((new_commits >= 0))
CONSTRAINT work_folders_path_check CHECK (((length(path) >= 1) AND (length(path) <= 5000)))
CONSTRAINT work_folders_pkey PRIMARY KEY (workspace_id, run_id)
CONSTRAINT work_folders_repository_check CHECK ((length(repository) <= 5000))
CONSTRAINT work_folders_size_bytes_check CHECK ((size_bytes >= 0))
CONSTRAINT work_folders_state_check CHECK ((state = ANY (ARRAY['in use'::text, 'kept'::text, 'removed'::text])))
CONSTRAINT work_folders_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents(workspace_id, agent_id)
CONSTRAINT work_folders_workspace_id_conversation_id_fkey FOREIGN KEY (workspace_id, conversation_id) REFERENCES kolony.conversations(workspace_id, conversation_id)
CONSTRAINT work_folders_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs(workspace_id, run_id)
CREATE INDEX work_folders_by_agent ON kolony.work_folders USING btree (workspace_id, agent_id)
CREATE INDEX work_folders_by_conversation ON kolony.work_folders USING btree (workspace_id, conversation_id) WHERE (conversation_id IS NOT NULL)
CREATE INDEX work_folders_there ON kolony.work_folders USING btree (workspace_id, seen_at DESC) WHERE (state <> 'removed'::text)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON base_dirty the repository had changes that nobody had committed: they are not in it

--- table workspace_jobs
OWNER kolony_owner
COLUMN workspace_id uuid NOT NULL
COLUMN job text NOT NULL
COLUMN last_began timestamp with time zone NOT NULL
COLUMN last_seen timestamp with time zone NOT NULL
COLUMN last_ended timestamp with time zone
COLUMN by_profile uuid NOT NULL
COLUMN host text NOT NULL
COLUMN done bigint NOT NULL DEFAULT 0
COLUMN total bigint NOT NULL DEFAULT 0
COLUMN last_result jsonb
CONSTRAINT workspace_jobs_by_profile_fkey FOREIGN KEY (by_profile) REFERENCES kolony.profiles(profile_id)
CONSTRAINT workspace_jobs_done_check CHECK ((done >= 0))
CONSTRAINT workspace_jobs_host_check CHECK ((length(host) <= 255))
CONSTRAINT workspace_jobs_job_check CHECK ((job = 'archive'::text))
CONSTRAINT workspace_jobs_pkey PRIMARY KEY (workspace_id, job)
CONSTRAINT workspace_jobs_total_check CHECK ((total >= 0))
CONSTRAINT workspace_jobs_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES kolony.workspaces(workspace_id)
CREATE INDEX workspace_jobs_by_profile ON kolony.workspace_jobs USING btree (by_profile)
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))

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
COLUMN masks_secrets boolean NOT NULL DEFAULT true
COLUMN time_zone text NOT NULL DEFAULT 'UTC'::text
COLUMN redacts_tokens boolean NOT NULL DEFAULT true
CONSTRAINT audit_is_kept_for_a_month CHECK (((audit_days >= 30) AND (audit_days <= 3650)))
CONSTRAINT lease_outlives_heartbeat CHECK ((lease_seconds >= (3 * heartbeat_seconds)))
CONSTRAINT time_zone_has_a_length CHECK (((length(time_zone) >= 1) AND (length(time_zone) <= 100)))
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
CREATE TRIGGER make_stop_gate AFTER INSERT ON kolony.workspaces FOR EACH ROW EXECUTE FUNCTION kolony.make_stop_gate()
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.workspaces FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update()
ROW SECURITY ENABLED FORCED
POLICY api TO kolony_api USING (true) WITH CHECK (true)
POLICY backup FOR SELECT TO kolony_backup USING (true)
POLICY member FOR SELECT USING ((workspace_id = ANY (( SELECT kolony.my_workspace_ids() AS my_workspace_ids)::uuid[])))
COMMENT ON admits_viewers a login that comes for the first time becomes a viewer here
COMMENT ON channel NOTIFY channel; unguessable as a courtesy, nothing secret passes on it
COMMENT ON masks_secrets agents' secrets are stars in what their runners store
COMMENT ON redacts_tokens what looks like a token is stars in what runners store
COMMENT ON time_zone whose days, weeks and months usage and budgets are counted by

--- view agent_listed
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN agent_id uuid
COLUMN name text
COLUMN type text
COLUMN category text
COLUMN description text
COLUMN tags text[]
COLUMN desired text
COLUMN created_at timestamp with time zone
COLUMN created_by_login text
COLUMN sessions bigint
COLUMN slots bigint
COLUMN running bigint
COLUMN ready bigint
COLUMN scheduled bigint
COLUMN blocked bigint
COLUMN host text
COLUMN version text
COLUMN adapter text
COLUMN health jsonb
COLUMN last_seen timestamp with time zone
COLUMN status text
COLUMN activity text
AS
 SELECT a.workspace_id,
    a.agent_id,
    a.name,
    a.type,
    a.category,
    a.description,
    a.tags,
    a.desired,
    a.created_at,
    c.login AS created_by_login,
    COALESCE(live.sessions, (0)::bigint) AS sessions,
    COALESCE(live.slots, (0)::bigint) AS slots,
    COALESCE(work.running, (0)::bigint) AS running,
    COALESCE(queue.ready, (0)::bigint) AS ready,
    COALESCE(later.scheduled, (0)::bigint) AS scheduled,
    COALESCE(held_up.blocked, (0)::bigint) AS blocked,
    ( SELECT s.host
           FROM kolony.agent_sessions s
          WHERE ((s.workspace_id = a.workspace_id) AND (s.agent_id = a.agent_id))
          ORDER BY s.session_id DESC
         LIMIT 1) AS host,
    ( SELECT s.version
           FROM kolony.agent_sessions s
          WHERE ((s.workspace_id = a.workspace_id) AND (s.agent_id = a.agent_id))
          ORDER BY s.session_id DESC
         LIMIT 1) AS version,
    ( SELECT s.adapter
           FROM kolony.agent_sessions s
          WHERE ((s.workspace_id = a.workspace_id) AND (s.agent_id = a.agent_id))
          ORDER BY s.session_id DESC
         LIMIT 1) AS adapter,
    ( SELECT s.health
           FROM kolony.agent_sessions s
          WHERE ((s.workspace_id = a.workspace_id) AND (s.agent_id = a.agent_id))
          ORDER BY s.session_id DESC
         LIMIT 1) AS health,
    ( SELECT s.last_seen
           FROM kolony.agent_sessions s
          WHERE ((s.workspace_id = a.workspace_id) AND (s.agent_id = a.agent_id))
          ORDER BY s.session_id DESC
         LIMIT 1) AS last_seen,
        CASE
            WHEN ((live.sessions > 0) AND (work.running > 0)) THEN 'busy'::text
            WHEN ((live.sessions > 0) AND (NOT live.ready)) THEN 'connecting'::text
            WHEN (live.sessions > 0) THEN 'online'::text
            WHEN ( SELECT s.end_error
               FROM kolony.agent_sessions s
              WHERE ((s.workspace_id = a.workspace_id) AND (s.agent_id = a.agent_id))
              ORDER BY s.session_id DESC
             LIMIT 1) THEN 'error'::text
            ELSE 'offline'::text
        END AS status,
        CASE
            WHEN (work.running > 0) THEN 'processing'::text
            WHEN ((queue.ready > 0) OR (later.scheduled > 0) OR (held_up.blocked > 0)) THEN 'queued'::text
            ELSE 'idle'::text
        END AS activity
   FROM ((((((kolony.agents a
     LEFT JOIN kolony.profiles c ON ((c.profile_id = a.created_by)))
     LEFT JOIN ( SELECT s.workspace_id,
            s.agent_id,
            count(*) AS sessions,
            sum(s.concurrency) AS slots,
            bool_or(s.ready) AS ready
           FROM kolony.agent_sessions s
          WHERE ((s.ended_at IS NULL) AND ((s.last_seen + make_interval(secs => (s.lease_seconds)::double precision)) >= now()))
          GROUP BY s.workspace_id, s.agent_id) live ON (((live.workspace_id = a.workspace_id) AND (live.agent_id = a.agent_id))))
     LEFT JOIN ( SELECT l.workspace_id,
            l.agent_id,
            count(*) AS running
           FROM (kolony.leases l
             JOIN kolony.agent_sessions s ON (((s.workspace_id = l.workspace_id) AND (s.session_id = l.session_id))))
          WHERE ((s.ended_at IS NULL) AND ((s.last_seen + make_interval(secs => (s.lease_seconds)::double precision)) >= now()))
          GROUP BY l.workspace_id, l.agent_id) work ON (((work.workspace_id = a.workspace_id) AND (work.agent_id = a.agent_id))))
     LEFT JOIN ( SELECT q.workspace_id,
            q.agent_id,
            count(*) AS ready
           FROM kolony.ready_runs q
          GROUP BY q.workspace_id, q.agent_id) queue ON (((queue.workspace_id = a.workspace_id) AND (queue.agent_id = a.agent_id))))
     LEFT JOIN ( SELECT q.workspace_id,
            q.agent_id,
            count(*) AS scheduled
           FROM kolony.scheduled_runs q
          GROUP BY q.workspace_id, q.agent_id) later ON (((later.workspace_id = a.workspace_id) AND (later.agent_id = a.agent_id))))
     LEFT JOIN ( SELECT q.workspace_id,
            q.agent_id,
            count(*) AS blocked
           FROM kolony.blocked_runs q
          GROUP BY q.workspace_id, q.agent_id) held_up ON (((held_up.workspace_id = a.workspace_id) AND (held_up.agent_id = a.agent_id))));

--- view agent_listed_then
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN agent_id uuid
COLUMN name text
COLUMN type text
COLUMN category text
COLUMN description text
COLUMN tags text[]
COLUMN desired text
COLUMN created_at timestamp with time zone
COLUMN created_by_login text
COLUMN sessions bigint
COLUMN slots bigint
COLUMN running bigint
COLUMN ready bigint
COLUMN scheduled bigint
COLUMN blocked bigint
COLUMN host text
COLUMN version text
COLUMN adapter text
COLUMN health jsonb
COLUMN last_seen timestamp with time zone
COLUMN status text
COLUMN activity text
COLUMN icon text
COLUMN desired_why text
COLUMN desired_since timestamp with time zone
COLUMN desired_by_login text
COLUMN pid integer
COLUMN connected_at timestamp with time zone
COLUMN disconnected_at timestamp with time zone
COLUMN end_reason text
AS
 SELECT a.workspace_id,
    a.agent_id,
    a.name,
    a.type,
    a.category,
    a.description,
    a.tags,
    a.desired,
    a.created_at,
    c.login AS created_by_login,
    COALESCE(live.sessions, (0)::bigint) AS sessions,
    COALESCE(live.slots, (0)::bigint) AS slots,
    COALESCE(work.running, (0)::bigint) AS running,
    COALESCE(queue.ready, (0)::bigint) AS ready,
    COALESCE(queue.scheduled, (0)::bigint) AS scheduled,
    COALESCE(queue.blocked, (0)::bigint) AS blocked,
    newest.host,
    newest.version,
    newest.adapter,
    newest.health,
    newest.last_seen,
        CASE
            WHEN ((live.sessions > 0) AND (work.running > 0)) THEN 'busy'::text
            WHEN ((live.sessions > 0) AND (NOT live.ready)) THEN 'connecting'::text
            WHEN (live.sessions > 0) THEN 'online'::text
            WHEN newest.end_error THEN 'error'::text
            ELSE 'offline'::text
        END AS status,
        CASE
            WHEN (work.running > 0) THEN 'processing'::text
            WHEN (((queue.ready + queue.scheduled) + queue.blocked) > 0) THEN 'queued'::text
            ELSE 'idle'::text
        END AS activity,
    a.icon,
    a.desired_why,
    a.desired_since,
    d.login AS desired_by_login,
    newest.pid,
    newest.started_at AS connected_at,
        CASE
            WHEN (live.sessions IS NULL) THEN COALESCE(newest.ended_at, newest.last_seen)
            ELSE NULL::timestamp with time zone
        END AS disconnected_at,
    newest.end_reason
   FROM ((((((kolony.agents_then a
     LEFT JOIN kolony.profiles c ON ((c.profile_id = a.created_by)))
     LEFT JOIN kolony.profiles d ON ((d.profile_id = a.desired_by)))
     LEFT JOIN ( SELECT s.workspace_id,
            s.agent_id,
            count(*) AS sessions,
            sum(s.concurrency) AS slots,
            bool_or(s.ready) AS ready
           FROM kolony.agent_sessions_then s
          WHERE ((s.ended_at IS NULL) AND ((s.last_seen + make_interval(secs => (s.lease_seconds)::double precision)) >= ( SELECT kolony.moment() AS moment)))
          GROUP BY s.workspace_id, s.agent_id) live ON (((live.workspace_id = a.workspace_id) AND (live.agent_id = a.agent_id))))
     LEFT JOIN ( SELECT l.workspace_id,
            l.agent_id,
            count(*) AS running
           FROM (kolony.leases_then l
             JOIN kolony.agent_sessions_then s ON (((s.workspace_id = l.workspace_id) AND (s.session_id = l.session_id))))
          WHERE ((s.ended_at IS NULL) AND ((s.last_seen + make_interval(secs => (s.lease_seconds)::double precision)) >= ( SELECT kolony.moment() AS moment)))
          GROUP BY l.workspace_id, l.agent_id) work ON (((work.workspace_id = a.workspace_id) AND (work.agent_id = a.agent_id))))
     LEFT JOIN ( SELECT q.workspace_id,
            q.agent_id,
            count(*) FILTER (WHERE ((NOT q.held) AND (NOT q.after) AND (q.due_at IS NULL))) AS ready,
            count(*) FILTER (WHERE ((NOT q.held) AND (NOT q.after) AND (q.due_at IS NOT NULL))) AS scheduled,
            count(*) FILTER (WHERE (q.held OR q.after)) AS blocked
           FROM kolony.waiting_runs_then q
          GROUP BY q.workspace_id, q.agent_id) queue ON (((queue.workspace_id = a.workspace_id) AND (queue.agent_id = a.agent_id))))
     LEFT JOIN ( SELECT DISTINCT ON (s.workspace_id, s.agent_id) s.workspace_id,
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
            s.end_error,
            s.ready_at
           FROM kolony.agent_sessions_then s
          ORDER BY s.workspace_id, s.agent_id, s.session_id DESC) newest ON (((newest.workspace_id = a.workspace_id) AND (newest.agent_id = a.agent_id))));

--- view agent_note_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN agent_id uuid
COLUMN name text
COLUMN content text
COLUMN bytes integer
COLUMN version integer
COLUMN updated_by_login text
COLUMN updated_run text
COLUMN created_at timestamp with time zone
COLUMN updated_at timestamp with time zone
AS
 SELECT n.workspace_id,
    n.agent_id,
    n.name,
    n.content,
    octet_length(n.content) AS bytes,
    n.version,
    w.login AS updated_by_login,
    (('#'::text || c.number) ||
        CASE
            WHEN (cardinality(c.targets) > 1) THEN ('.'::text || r.ordinal)
            ELSE ''::text
        END) AS updated_run,
    n.created_at,
    n.updated_at
   FROM (((kolony.agent_notes n
     LEFT JOIN kolony.profiles w ON ((w.profile_id = n.updated_by)))
     LEFT JOIN kolony.runs r ON (((r.workspace_id = n.workspace_id) AND (r.run_id = n.updated_run))))
     LEFT JOIN kolony.commands c ON (((c.workspace_id = r.workspace_id) AND (c.command_id = r.command_id))));

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
COLUMN blocked bigint
COLUMN agent_stopped boolean
COLUMN asks bigint
COLUMN tags text[]
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
            WHEN (((queue.ready + queue.scheduled) + queue.blocked) > 0) THEN 'queued'::text
            ELSE 'idle'::text
        END AS activity,
    queue.blocked,
    kolony.is_stopped(a.workspace_id, a.agent_id) AS agent_stopped,
        CASE
            WHEN (work.running = 0) THEN (0)::bigint
            ELSE kolony.open_asks(a.workspace_id, a.agent_id, NULL::uuid)
        END AS asks,
    a.tags
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
                  WHERE ((q.workspace_id = a.workspace_id) AND (q.agent_id = a.agent_id))) AS scheduled,
            ( SELECT count(*) AS count
                   FROM kolony.blocked_runs q
                  WHERE ((q.workspace_id = a.workspace_id) AND (q.agent_id = a.agent_id))) AS blocked) queue)
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

--- view agent_overview_then
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN agent_id uuid
COLUMN name text
COLUMN type text
COLUMN category text
COLUMN description text
COLUMN tags text[]
COLUMN desired text
COLUMN created_at timestamp with time zone
COLUMN created_by_login text
COLUMN sessions bigint
COLUMN slots bigint
COLUMN running bigint
COLUMN ready bigint
COLUMN scheduled bigint
COLUMN blocked bigint
COLUMN host text
COLUMN version text
COLUMN adapter text
COLUMN health jsonb
COLUMN last_seen timestamp with time zone
COLUMN status text
COLUMN activity text
COLUMN icon text
COLUMN desired_why text
COLUMN desired_since timestamp with time zone
COLUMN desired_by_login text
COLUMN pid integer
COLUMN connected_at timestamp with time zone
COLUMN disconnected_at timestamp with time zone
COLUMN end_reason text
COLUMN agent_stopped boolean
COLUMN asks bigint
AS
 SELECT o.workspace_id,
    o.agent_id,
    o.name,
    o.type,
    o.category,
    o.description,
    o.tags,
    o.desired,
    o.created_at,
    o.created_by_login,
    o.sessions,
    o.slots,
    o.running,
    o.ready,
    o.scheduled,
    o.blocked,
    o.host,
    o.version,
    o.adapter,
    o.health,
    o.last_seen,
    o.status,
    o.activity,
    o.icon,
    o.desired_why,
    o.desired_since,
    o.desired_by_login,
    o.pid,
    o.connected_at,
    o.disconnected_at,
    o.end_reason,
    (EXISTS ( SELECT
           FROM (kolony.stops s
             LEFT JOIN kolony.stopped_agents t ON (((t.workspace_id = s.workspace_id) AND (t.stop_id = s.stop_id) AND (t.agent_id = o.agent_id))))
          WHERE ((s.workspace_id = o.workspace_id) AND (s.began_at <= ( SELECT kolony.moment() AS moment)) AND ((s.lifted_at > ( SELECT kolony.moment() AS moment)) IS NOT FALSE) AND ((t.lifted_at > ( SELECT kolony.moment() AS moment)) IS NOT FALSE) AND (s.everyone OR (t.agent_id IS NOT NULL))))) AS agent_stopped,
        CASE
            WHEN (o.running = 0) THEN (0)::bigint
            ELSE ( SELECT count(*) AS count
               FROM kolony.approvals q
              WHERE ((q.workspace_id = o.workspace_id) AND (q.agent_id = o.agent_id) AND (q.created_at <= ( SELECT kolony.moment() AS moment)) AND ((COALESCE(q.answered_at, q.cancelled_at, q.expired_at) > ( SELECT kolony.moment() AS moment)) IS NOT FALSE) AND ((q.expires_at > ( SELECT kolony.moment() AS moment)) IS NOT FALSE)))
        END AS asks
   FROM (kolony.agent_listed_then o
     CROSS JOIN ( SELECT) one);

--- view agent_sessions_then
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN session_id uuid
COLUMN agent_id uuid
COLUMN token_id uuid
COLUMN host text
COLUMN pid integer
COLUMN version text
COLUMN adapter text
COLUMN concurrency integer
COLUMN lease_seconds integer
COLUMN started_at timestamp with time zone
COLUMN last_seen timestamp with time zone
COLUMN ready boolean
COLUMN health jsonb
COLUMN ended_at timestamp with time zone
COLUMN end_reason text
COLUMN end_error boolean
COLUMN ready_at timestamp with time zone
AS
 SELECT s.workspace_id,
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
    LEAST(s.last_seen, ( SELECT kolony.moment() AS moment)) AS last_seen,
    COALESCE((s.ready_at <= ( SELECT kolony.moment() AS moment)), false) AS ready,
        CASE
            WHEN (s.last_seen <= ( SELECT kolony.moment() AS moment)) THEN s.health
            ELSE '{}'::jsonb
        END AS health,
        CASE
            WHEN (s.ended_at <= ( SELECT kolony.moment() AS moment)) THEN s.ended_at
            ELSE NULL::timestamp with time zone
        END AS ended_at,
        CASE
            WHEN (s.ended_at <= ( SELECT kolony.moment() AS moment)) THEN s.end_reason
            ELSE NULL::text
        END AS end_reason,
    (s.end_error AND COALESCE((s.ended_at <= ( SELECT kolony.moment() AS moment)), false)) AS end_error,
        CASE
            WHEN (s.ready_at <= ( SELECT kolony.moment() AS moment)) THEN s.ready_at
            ELSE NULL::timestamp with time zone
        END AS ready_at
   FROM (kolony.agent_sessions s
     CROSS JOIN ( SELECT) one)
  WHERE (s.started_at <= ( SELECT kolony.moment() AS moment));

--- view agent_variable_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN agent_id uuid
COLUMN name text
COLUMN description text
COLUMN secret boolean
COLUMN value text
COLUMN length integer
COLUMN created_at timestamp with time zone
COLUMN updated_by_login text
COLUMN updated_at timestamp with time zone
AS
 SELECT v.workspace_id,
    v.agent_id,
    v.name,
    v.description,
    v.secret,
    v.shown AS value,
    v.length,
    v.created_at,
    w.login AS updated_by_login,
    v.updated_at
   FROM (kolony.agent_variables v
     LEFT JOIN kolony.profiles w ON ((w.profile_id = v.updated_by)));

--- view agents_then
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN agent_id uuid
COLUMN name text
COLUMN type text
COLUMN category text
COLUMN icon text
COLUMN description text
COLUMN instructions text
COLUMN config jsonb
COLUMN desired text
COLUMN desired_why text
COLUMN desired_by uuid
COLUMN desired_since timestamp with time zone
COLUMN created_by uuid
COLUMN created_at timestamp with time zone
COLUMN updated_at timestamp with time zone
COLUMN tags text[]
AS
 SELECT a.workspace_id,
    a.agent_id,
    COALESCE((w.was ->> 'name'::text), a.name) AS name,
    COALESCE((w.was ->> 'type'::text), a.type) AS type,
    COALESCE((w.was ->> 'category'::text), a.category) AS category,
    COALESCE((w.was ->> 'icon'::text), a.icon) AS icon,
    a.description,
    a.instructions,
    a.config,
    COALESCE((w.was ->> 'desired'::text), a.desired) AS desired,
        CASE
            WHEN ((w.was IS NULL) OR (((w.was ->> 'desired_since'::text))::timestamp with time zone = a.desired_since)) THEN a.desired_why
            ELSE ''::text
        END AS desired_why,
        CASE
            WHEN (w.was IS NULL) THEN a.desired_by
            ELSE ((w.was ->> 'desired_by'::text))::uuid
        END AS desired_by,
        CASE
            WHEN (w.was IS NULL) THEN a.desired_since
            ELSE ((w.was ->> 'desired_since'::text))::timestamp with time zone
        END AS desired_since,
    a.created_by,
    a.created_at,
    a.updated_at,
        CASE
            WHEN (w.was IS NULL) THEN a.tags
            ELSE ARRAY( SELECT t.value AS t
               FROM jsonb_array_elements_text((w.was -> 'tags'::text)) t(value))
        END AS tags
   FROM (kolony.agents a
     LEFT JOIN ( SELECT DISTINCT ON (e.workspace_id, e.agent_id) e.workspace_id,
            e.agent_id,
            e.was
           FROM kolony.events e
          WHERE ((e.was IS NOT NULL) AND (e.run_id IS NULL) AND (e.at > kolony.moment()))
          ORDER BY e.workspace_id, e.agent_id, e.at, e.event_id) w ON (((w.workspace_id = a.workspace_id) AND (w.agent_id = a.agent_id))))
  WHERE (a.created_at <= ( SELECT kolony.moment() AS moment));

--- view approval_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN approval_id uuid
COLUMN run_id uuid
COLUMN attempt_id uuid
COLUMN agent_id uuid
COLUMN agent text
COLUMN command_id uuid
COLUMN command_number bigint
COLUMN ordinal integer
COLUMN target_count integer
COLUMN name text
COLUMN kind text
COLUMN title text
COLUMN detail text
COLUMN options jsonb
COLUMN risk text
COLUMN created_at timestamp with time zone
COLUMN expires_at timestamp with time zone
COLUMN answer text
COLUMN allowed boolean
COLUMN note text
COLUMN answered_by_login text
COLUMN answered_at timestamp with time zone
COLUMN cancelled_at timestamp with time zone
COLUMN cancelled_why text
COLUMN heard_at timestamp with time zone
COLUMN state text
COLUMN tool text
COLUMN command text
COLUMN rule_id uuid
COLUMN rule_by_login text
AS
 SELECT p.workspace_id,
    p.approval_id,
    p.run_id,
    p.attempt_id,
    p.agent_id,
    a.name AS agent,
    r.command_id,
    c.number AS command_number,
    r.ordinal,
    cardinality(c.targets) AS target_count,
    p.name,
    p.kind,
    p.title,
    p.detail,
    p.options,
    p.risk,
    p.created_at,
    p.expires_at,
    p.answer,
    p.allowed,
    p.note,
    w.login AS answered_by_login,
    p.answered_at,
    p.cancelled_at,
    p.cancelled_why,
    p.heard_at,
        CASE
            WHEN (p.cancelled_at IS NOT NULL) THEN 'cancelled'::text
            WHEN (p.answered_at IS NULL) THEN
            CASE
                WHEN ((p.expired_at IS NOT NULL) OR (p.expires_at <= now())) THEN 'expired'::text
                ELSE 'open'::text
            END
            WHEN (p.allowed IS NULL) THEN 'answered'::text
            WHEN p.allowed THEN 'allowed'::text
            ELSE 'denied'::text
        END AS state,
    p.tool,
    p.command,
    p.rule_id,
    u.login AS rule_by_login
   FROM ((((((kolony.approvals p
     JOIN kolony.runs r ON (((r.workspace_id = p.workspace_id) AND (r.run_id = p.run_id))))
     JOIN kolony.commands c ON (((c.workspace_id = r.workspace_id) AND (c.command_id = r.command_id))))
     JOIN kolony.agents a ON (((a.workspace_id = p.workspace_id) AND (a.agent_id = p.agent_id))))
     LEFT JOIN kolony.profiles w ON ((w.profile_id = p.answered_by)))
     LEFT JOIN kolony.approval_rules l ON (((l.workspace_id = p.workspace_id) AND (l.rule_id = p.rule_id))))
     LEFT JOIN kolony.profiles u ON ((u.profile_id = l.created_by)));

--- view approval_rule_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN rule_id uuid
COLUMN agent_id uuid
COLUMN agent text
COLUMN tool text
COLUMN prefix text
COLUMN decision text
COLUMN until timestamp with time zone
COLUMN note text
COLUMN hits bigint
COLUMN last_hit_at timestamp with time zone
COLUMN created_by_login text
COLUMN created_at timestamp with time zone
COLUMN revoked_by_login text
COLUMN revoked_at timestamp with time zone
COLUMN state text
AS
 SELECT l.workspace_id,
    l.rule_id,
    l.agent_id,
    a.name AS agent,
    l.tool,
    l.prefix,
    l.decision,
    l.until,
    l.note,
    l.hits,
    l.last_hit_at,
    w.login AS created_by_login,
    l.created_at,
    v.login AS revoked_by_login,
    l.revoked_at,
        CASE
            WHEN (l.revoked_at IS NOT NULL) THEN 'revoked'::text
            WHEN (l.until <= now()) THEN 'over'::text
            ELSE 'in force'::text
        END AS state
   FROM (((kolony.approval_rules l
     LEFT JOIN kolony.agents a ON (((a.workspace_id = l.workspace_id) AND (a.agent_id = l.agent_id))))
     LEFT JOIN kolony.profiles w ON ((w.profile_id = l.created_by)))
     LEFT JOIN kolony.profiles v ON ((v.profile_id = l.revoked_by)));

--- view artifact_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN artifact_id uuid
COLUMN run_id uuid
COLUMN attempt integer
COLUMN name text
COLUMN kind text
COLUMN media_type text
COLUMN size bigint
COLUMN sha256 text
COLUMN content_id uuid
COLUMN kept boolean
COLUMN why_not text
COLUMN created_at timestamp with time zone
AS
 SELECT a.workspace_id,
    a.artifact_id,
    a.run_id,
    t.number AS attempt,
    a.name,
    a.kind,
    a.media_type,
    a.size,
    a.sha256,
    a.content_id,
    (a.kept_at IS NOT NULL) AS kept,
        CASE
            WHEN (a.kept_at IS NOT NULL) THEN NULL::text
            ELSE COALESCE(a.why_not,
            CASE
                WHEN (t.outcome IS NULL) THEN 'it is being stored'::text
                ELSE 'its runner went before all of it was stored'::text
            END)
        END AS why_not,
    a.created_at
   FROM (kolony.artifacts a
     JOIN kolony.attempts t ON (((t.workspace_id = a.workspace_id) AND (t.attempt_id = a.attempt_id))));

--- view attempt_steps_then
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN attempt_id uuid
COLUMN number integer
COLUMN step text
COLUMN detail text
COLUMN at timestamp with time zone
AS
 SELECT s.workspace_id,
    s.attempt_id,
    s.number,
    s.step,
    s.detail,
    s.at
   FROM (kolony.attempt_steps s
     CROSS JOIN ( SELECT) one)
  WHERE (s.at <= ( SELECT kolony.moment() AS moment));

--- view attempts_then
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN attempt_id uuid
COLUMN run_id uuid
COLUMN number integer
COLUMN agent_id uuid
COLUMN session_id uuid
COLUMN claimed_at timestamp with time zone
COLUMN output_day date
COLUMN started_at timestamp with time zone
COLUMN ended_at timestamp with time zone
COLUMN outcome text
COLUMN exit_code integer
COLUMN signal integer
COLUMN error text
COLUMN usage jsonb
COLUMN chunk_count bigint
COLUMN byte_count bigint
COLUMN line_count bigint
COLUMN limit_hit text
COLUMN reason text
COLUMN warning text
AS
 SELECT t.workspace_id,
    t.attempt_id,
    t.run_id,
    t.number,
    t.agent_id,
    t.session_id,
    t.claimed_at,
    t.output_day,
        CASE
            WHEN (t.started_at <= ( SELECT kolony.moment() AS moment)) THEN t.started_at
            ELSE NULL::timestamp with time zone
        END AS started_at,
        CASE
            WHEN o.ver THEN t.ended_at
            ELSE NULL::timestamp with time zone
        END AS ended_at,
        CASE
            WHEN o.ver THEN t.outcome
            ELSE NULL::text
        END AS outcome,
        CASE
            WHEN o.ver THEN t.exit_code
            ELSE NULL::integer
        END AS exit_code,
        CASE
            WHEN o.ver THEN t.signal
            ELSE NULL::integer
        END AS signal,
        CASE
            WHEN o.ver THEN t.error
            ELSE NULL::text
        END AS error,
        CASE
            WHEN o.ver THEN t.usage
            ELSE '{}'::jsonb
        END AS usage,
        CASE
            WHEN o.ver THEN t.chunk_count
            ELSE NULL::bigint
        END AS chunk_count,
        CASE
            WHEN o.ver THEN t.byte_count
            ELSE NULL::bigint
        END AS byte_count,
        CASE
            WHEN o.ver THEN t.line_count
            ELSE NULL::bigint
        END AS line_count,
        CASE
            WHEN o.ver THEN t.limit_hit
            ELSE NULL::text
        END AS limit_hit,
        CASE
            WHEN o.ver THEN t.reason
            ELSE NULL::text
        END AS reason,
        CASE
            WHEN o.ver THEN t.warning
            ELSE NULL::text
        END AS warning
   FROM (kolony.attempts t
     CROSS JOIN LATERAL ( SELECT COALESCE((t.ended_at <= ( SELECT kolony.moment() AS moment)), false) AS ver) o)
  WHERE (t.claimed_at <= ( SELECT kolony.moment() AS moment));

--- view budget_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN budget_id uuid
COLUMN scope text
COLUMN subject_id uuid
COLUMN subject text
COLUMN period text
COLUMN token_limit bigint
COLUMN usd_limit numeric(15,6)
COLUMN warn_percent smallint
COLUMN hard boolean
COLUMN set_by_login text
COLUMN updated_at timestamp with time zone
COLUMN starts date
COLUMN tokens bigint
COLUMN cost_usd numeric
COLUMN tokens_left bigint
COLUMN usd_left numeric
COLUMN share numeric
COLUMN warned_at timestamp with time zone
COLUMN emptied_at timestamp with time zone
AS
 SELECT b.workspace_id,
    b.budget_id,
    b.scope,
    b.subject_id,
    COALESCE(g.name, a.name, p.name, ('#'::text || c.number), o.login) AS subject,
    b.period,
    b.token_limit,
    b.usd_limit,
    b.warn_percent,
    b.hard,
    p2.login AS set_by_login,
    b.updated_at,
    k.starts,
    COALESCE(s.tokens, (0)::bigint) AS tokens,
    COALESCE(s.cost_usd, (0)::numeric) AS cost_usd,
        CASE
            WHEN (b.token_limit IS NOT NULL) THEN GREATEST((b.token_limit - COALESCE(s.tokens, (0)::bigint)), (0)::bigint)
            ELSE NULL::bigint
        END AS tokens_left,
        CASE
            WHEN (b.usd_limit IS NOT NULL) THEN GREATEST((b.usd_limit - COALESCE(s.cost_usd, (0)::numeric)), (0)::numeric)
            ELSE NULL::numeric
        END AS usd_left,
    GREATEST(
        CASE
            WHEN (b.token_limit = 0) THEN (1)::numeric
            ELSE ((COALESCE(s.tokens, (0)::bigint))::numeric / (b.token_limit)::numeric)
        END,
        CASE
            WHEN (b.usd_limit = (0)::numeric) THEN (1)::numeric
            ELSE (COALESCE(s.cost_usd, (0)::numeric) / b.usd_limit)
        END) AS share,
    s.warned_at,
    s.emptied_at
   FROM (((((((((kolony.budgets b
     JOIN kolony.workspaces w ON ((w.workspace_id = b.workspace_id)))
     CROSS JOIN LATERAL ( SELECT
                CASE b.period
                    WHEN 'total'::text THEN '0001-01-01'::date
                    ELSE (date_trunc(b.period, (now() AT TIME ZONE w.time_zone)))::date
                END AS starts) k)
     LEFT JOIN kolony.budget_spending s ON (((s.workspace_id = b.workspace_id) AND (s.budget_id = b.budget_id) AND (s.starts = k.starts))))
     LEFT JOIN kolony.people_groups g ON (((g.workspace_id = b.workspace_id) AND (g.group_id = b.group_id))))
     LEFT JOIN kolony.agents a ON (((a.workspace_id = b.workspace_id) AND (a.agent_id = b.agent_id))))
     LEFT JOIN kolony.presets p ON (((p.workspace_id = b.workspace_id) AND (p.preset_id = b.preset_id))))
     LEFT JOIN kolony.commands c ON (((c.workspace_id = b.workspace_id) AND (c.command_id = b.command_id))))
     LEFT JOIN kolony.profiles o ON ((o.profile_id = b.profile_id)))
     LEFT JOIN kolony.profiles p2 ON ((p2.profile_id = b.set_by)))
  WHERE (b.removed_at IS NULL);

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
COLUMN kind text
COLUMN parent_number bigint
COLUMN parent_id uuid
COLUMN subjects uuid[]
COLUMN not_before timestamp with time zone
COLUMN at_a_time integer
COLUMN stop_after integer
COLUMN target_words text
COLUMN preset_id uuid
COLUMN preset_version integer
COLUMN constraint_id uuid
COLUMN token_budget bigint
COLUMN memory_limit_mb integer
COLUMN cpu_limit_percent integer
COLUMN idempotency_key text
COLUMN held bigint
COLUMN interrupted bigint
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
        END AS status,
    c.kind,
    u.number AS parent_number,
    c.parent_id,
    c.subjects,
    c.not_before,
    c.at_a_time,
    c.stop_after,
    c.target_words,
    c.preset_id,
    c.preset_version,
    c.constraint_id,
    c.token_budget,
    c.memory_limit_mb,
    c.cpu_limit_percent,
    c.idempotency_key,
    k.held,
    k.interrupted
   FROM (((kolony.commands c
     LEFT JOIN kolony.profiles p ON ((p.profile_id = c.created_by)))
     LEFT JOIN kolony.commands u ON (((u.workspace_id = c.workspace_id) AND (u.command_id = c.parent_id))))
     CROSS JOIN LATERAL ( SELECT count(*) AS total,
            count(*) FILTER (WHERE (o.status = 'waiting'::text)) AS waiting,
            count(*) FILTER (WHERE (o.status = 'dispatching'::text)) AS dispatching,
            count(*) FILTER (WHERE (o.status = ANY (ARRAY['executing'::text, 'interrupted'::text]))) AS executing,
            count(*) FILTER (WHERE (o.status = 'completed'::text)) AS completed,
            count(*) FILTER (WHERE (o.status = 'failed'::text)) AS failed,
            count(*) FILTER (WHERE (o.status = 'cancelled'::text)) AS cancelled,
            count(*) FILTER (WHERE (o.held_at IS NOT NULL)) AS held,
            count(*) FILTER (WHERE (o.status = 'interrupted'::text)) AS interrupted
           FROM kolony.run_overview o
          WHERE ((o.workspace_id = c.workspace_id) AND (o.command_id = c.command_id))) k);

--- view command_overview_then
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
COLUMN kind text
COLUMN parent_number bigint
COLUMN parent_id uuid
COLUMN subjects uuid[]
COLUMN not_before timestamp with time zone
COLUMN at_a_time integer
COLUMN stop_after integer
COLUMN target_words text
COLUMN preset_id uuid
COLUMN preset_version integer
COLUMN constraint_id uuid
COLUMN token_budget bigint
COLUMN memory_limit_mb integer
COLUMN cpu_limit_percent integer
COLUMN idempotency_key text
COLUMN held bigint
COLUMN interrupted bigint
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
            WHEN ((k.executing > 0) OR (k.interrupted > 0) OR (((k.completed + k.failed) + k.cancelled) > 0)) THEN 'executing'::text
            WHEN (k.dispatching > 0) THEN 'dispatching'::text
            ELSE 'queued'::text
        END AS status,
    c.kind,
    u.number AS parent_number,
    c.parent_id,
    c.subjects,
    c.not_before,
    c.at_a_time,
    c.stop_after,
    c.target_words,
    c.preset_id,
    c.preset_version,
    c.constraint_id,
    c.token_budget,
    c.memory_limit_mb,
    c.cpu_limit_percent,
    c.idempotency_key,
    k.held,
    k.interrupted
   FROM (((kolony.commands_then c
     LEFT JOIN kolony.commands u ON (((u.workspace_id = c.workspace_id) AND (u.command_id = c.parent_id))))
     LEFT JOIN kolony.profiles p ON ((p.profile_id = c.created_by)))
     CROSS JOIN LATERAL ( SELECT count(*) AS total,
            count(*) FILTER (WHERE (o.status = 'waiting'::text)) AS waiting,
            count(*) FILTER (WHERE (o.status = 'dispatching'::text)) AS dispatching,
            count(*) FILTER (WHERE (o.status = 'executing'::text)) AS executing,
            count(*) FILTER (WHERE (o.status = 'completed'::text)) AS completed,
            count(*) FILTER (WHERE (o.status = 'failed'::text)) AS failed,
            count(*) FILTER (WHERE (o.status = 'cancelled'::text)) AS cancelled,
            count(*) FILTER (WHERE (o.held_at IS NOT NULL)) AS held,
            count(*) FILTER (WHERE (o.status = 'interrupted'::text)) AS interrupted
           FROM kolony.run_overview_then o
          WHERE ((o.workspace_id = c.workspace_id) AND (o.command_id = c.command_id))) k);

--- view commands_then
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN command_id uuid
COLUMN number bigint
COLUMN content text
COLUMN title text
COLUMN priority smallint
COLUMN targets uuid[]
COLUMN max_attempts smallint
COLUMN retry_on text
COLUMN time_limit_ms bigint
COLUMN created_by uuid
COLUMN created_at timestamp with time zone
COLUMN updated_at timestamp with time zone
COLUMN submitted_at timestamp with time zone
COLUMN outcome text
COLUMN finished_at timestamp with time zone
COLUMN kind text
COLUMN parent_id uuid
COLUMN subjects uuid[]
COLUMN not_before timestamp with time zone
COLUMN idempotency_key text
COLUMN at_a_time integer
COLUMN free_seats integer
COLUMN stop_after integer
COLUMN target_words text
COLUMN preset_id uuid
COLUMN preset_version integer
COLUMN constraint_id uuid
COLUMN token_budget bigint
COLUMN memory_limit_mb integer
COLUMN cpu_limit_percent integer
AS
 SELECT c.workspace_id,
    c.command_id,
    c.number,
    c.content,
    c.title,
    c.priority,
    c.targets,
    c.max_attempts,
    c.retry_on,
    c.time_limit_ms,
    c.created_by,
    c.created_at,
    c.updated_at,
        CASE
            WHEN (c.submitted_at <= ( SELECT kolony.moment() AS moment)) THEN c.submitted_at
            ELSE NULL::timestamp with time zone
        END AS submitted_at,
        CASE
            WHEN (c.finished_at <= ( SELECT kolony.moment() AS moment)) THEN c.outcome
            ELSE NULL::text
        END AS outcome,
        CASE
            WHEN (c.finished_at <= ( SELECT kolony.moment() AS moment)) THEN c.finished_at
            ELSE NULL::timestamp with time zone
        END AS finished_at,
    c.kind,
    c.parent_id,
    c.subjects,
    c.not_before,
    c.idempotency_key,
    c.at_a_time,
    c.free_seats,
    c.stop_after,
    c.target_words,
    c.preset_id,
    c.preset_version,
    c.constraint_id,
    c.token_budget,
    c.memory_limit_mb,
    c.cpu_limit_percent
   FROM (kolony.commands c
     CROSS JOIN ( SELECT) one)
  WHERE (c.created_at <= ( SELECT kolony.moment() AS moment));

--- view conversation_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN conversation_id uuid
COLUMN number bigint
COLUMN title text
COLUMN agent_id uuid
COLUMN agent text
COLUMN agent_desired text
COLUMN opened_by uuid
COLUMN opened_by_login text
COLUMN created_at timestamp with time zone
COLUMN messages integer
COLUMN last_message_at timestamp with time zone
COLUMN archived_at timestamp with time zone
COLUMN unread integer
COLUMN last_origin text
COLUMN last_words text
COLUMN open_run_id uuid
COLUMN open_runs bigint
AS
 SELECT c.workspace_id,
    c.conversation_id,
    c.number,
    c.title,
    c.agent_id,
    a.name AS agent,
    a.desired AS agent_desired,
    c.opened_by,
    p.login AS opened_by_login,
    c.created_at,
    c.last_number AS messages,
    c.last_message_at,
    c.archived_at,
    GREATEST((c.last_number - COALESCE(d.upto, 0)), 0) AS unread,
    l.origin AS last_origin,
    "left"(l.content, 200) AS last_words,
    o.run_id AS open_run_id,
    o.waiting AS open_runs
   FROM (((((kolony.conversations c
     JOIN kolony.agents a ON (((a.workspace_id = c.workspace_id) AND (a.agent_id = c.agent_id))))
     LEFT JOIN kolony.profiles p ON ((p.profile_id = c.opened_by)))
     LEFT JOIN kolony.conversation_reads d ON (((d.workspace_id = c.workspace_id) AND (d.conversation_id = c.conversation_id) AND (d.profile_id = ( SELECT kolony.my_profile_id() AS my_profile_id)))))
     LEFT JOIN kolony.messages l ON (((l.workspace_id = c.workspace_id) AND (l.conversation_id = c.conversation_id) AND (l.number = c.last_number))))
     CROSS JOIN LATERAL ( SELECT (array_agg(m.run_id ORDER BY m.number))[1] AS run_id,
            count(*) AS waiting
           FROM kolony.messages m
          WHERE ((m.workspace_id = c.workspace_id) AND (m.conversation_id = c.conversation_id) AND m.unanswered)) o);

--- view ended_runs_then
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN run_id uuid
COLUMN finished_at timestamp with time zone
AS
 SELECT r.workspace_id,
    r.run_id,
    r.finished_at
   FROM kolony.runs r
  WHERE ((r.outcome IS NOT NULL) AND (r.finished_at <= kolony.moment()))
UNION ALL
 SELECT w.workspace_id,
    w.run_id,
    ((w.was ->> 'finished_at'::text))::timestamp with time zone AS finished_at
   FROM ( SELECT DISTINCT ON (e.workspace_id, e.run_id) e.workspace_id,
            e.run_id,
            e.was
           FROM kolony.events e
          WHERE ((e.was IS NOT NULL) AND (e.run_id IS NOT NULL) AND (e.at > kolony.moment()))
          ORDER BY e.workspace_id, e.run_id, e.at, e.event_id) w
  WHERE (((w.was ->> 'finished_at'::text))::timestamp with time zone <= ( SELECT kolony.moment() AS moment));

--- view hold_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN hold_id uuid
COLUMN scope text
COLUMN subject_id uuid
COLUMN subject text
COLUMN reason text
COLUMN placed_by text
COLUMN placed_at timestamp with time zone
COLUMN lifted_by text
COLUMN lifted_at timestamp with time zone
AS
 SELECT h.workspace_id,
    h.hold_id,
    h.scope,
    h.subject_id,
        CASE h.scope
            WHEN 'workspace'::text THEN ( SELECT w.slug
               FROM kolony.workspaces w
              WHERE (w.workspace_id = h.workspace_id))
            WHEN 'agent'::text THEN ( SELECT a.name
               FROM kolony.agents a
              WHERE ((a.workspace_id = h.workspace_id) AND (a.agent_id = h.subject_id)))
            WHEN 'command'::text THEN ( SELECT ('#'::text || c.number)
               FROM kolony.commands c
              WHERE ((c.workspace_id = h.workspace_id) AND (c.command_id = h.subject_id)))
            ELSE ( SELECT (('#'::text || c.number) ||
                    CASE
                        WHEN (cardinality(c.targets) > 1) THEN ('.'::text || r.ordinal)
                        ELSE ''::text
                    END)
               FROM (kolony.runs r
                 JOIN kolony.commands c ON (((c.workspace_id = r.workspace_id) AND (c.command_id = r.command_id))))
              WHERE ((r.workspace_id = h.workspace_id) AND (r.run_id = h.subject_id)))
        END AS subject,
    h.reason,
    p.login AS placed_by,
    h.placed_at,
    l.login AS lifted_by,
    h.lifted_at
   FROM ((kolony.legal_holds h
     LEFT JOIN kolony.profiles p ON ((p.profile_id = h.placed_by)))
     LEFT JOIN kolony.profiles l ON ((l.profile_id = h.lifted_by)));

--- view leases_then
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN run_id uuid
COLUMN attempt_id uuid
COLUMN agent_id uuid
COLUMN session_id uuid
AS
 SELECT t.workspace_id,
    t.run_id,
    t.attempt_id,
    t.agent_id,
    t.session_id
   FROM (kolony.attempts t
     CROSS JOIN ( SELECT) one)
  WHERE ((t.claimed_at <= ( SELECT kolony.moment() AS moment)) AND ((t.ended_at IS NULL) OR (t.ended_at > ( SELECT kolony.moment() AS moment))));

--- view open_runs_then
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN run_id uuid
COLUMN command_id uuid
COLUMN ordinal integer
COLUMN agent_id uuid
COLUMN priority smallint
COLUMN created_at timestamp with time zone
COLUMN held boolean
COLUMN leased boolean
COLUMN executing boolean
COLUMN dispatching boolean
COLUMN place numeric
AS
 SELECT r.workspace_id,
    r.run_id,
    r.command_id,
    r.ordinal,
        CASE
            WHEN (w.was IS NULL) THEN r.agent_id
            ELSE ((w.was ->> 'agent_id'::text))::uuid
        END AS agent_id,
        CASE
            WHEN (w.was IS NULL) THEN r.priority
            ELSE ((w.was ->> 'priority'::text))::smallint
        END AS priority,
    r.created_at,
    COALESCE((
        CASE
            WHEN (w.was IS NULL) THEN r.held_at
            ELSE ((w.was ->> 'held_at'::text))::timestamp with time zone
        END <= ( SELECT kolony.moment() AS moment)), false) AS held,
    (b.run_id IS NOT NULL) AS leased,
    COALESCE((b.there AND (b.started OR h.heard)), false) AS executing,
    COALESCE((b.there AND (NOT b.started) AND (NOT h.heard)), false) AS dispatching,
    EXTRACT(epoch FROM r.created_at) AS place
   FROM (((( SELECT o.workspace_id,
            o.run_id,
            o.command_id,
            o.ordinal,
            o.agent_id,
            o.priority,
            o.created_at,
            o.held_at,
            o.interrupt_heard_at
           FROM kolony.runs o
          WHERE ((o.outcome IS NULL) AND (o.created_at <= ( SELECT kolony.moment() AS moment)))
        UNION ALL
         SELECT n.workspace_id,
            n.run_id,
            n.command_id,
            n.ordinal,
            n.agent_id,
            n.priority,
            n.created_at,
            n.held_at,
            n.interrupt_heard_at
           FROM kolony.runs n
          WHERE ((n.outcome IS NOT NULL) AND (n.finished_at > kolony.moment()) AND (n.created_at <= ( SELECT kolony.moment() AS moment)))) r
     LEFT JOIN ( SELECT DISTINCT ON (e.workspace_id, e.run_id) e.workspace_id,
            e.run_id,
            e.was
           FROM kolony.events e
          WHERE ((e.was IS NOT NULL) AND (e.run_id IS NOT NULL) AND (e.at > kolony.moment()))
          ORDER BY e.workspace_id, e.run_id, e.at, e.event_id) w ON (((w.workspace_id = r.workspace_id) AND (w.run_id = r.run_id))))
     LEFT JOIN ( SELECT t.workspace_id,
            t.run_id,
            COALESCE((t.started_at <= ( SELECT kolony.moment() AS moment)), false) AS started,
            ((s.ended_at IS NULL) AND ((s.last_seen + make_interval(secs => (s.lease_seconds)::double precision)) >= ( SELECT kolony.moment() AS moment))) AS there
           FROM ((( SELECT l.workspace_id,
                    l.attempt_id
                   FROM kolony.leases l
                UNION ALL
                 SELECT d.workspace_id,
                    d.attempt_id
                   FROM kolony.attempts d
                  WHERE ((d.ended_at IS NOT NULL) AND (d.ended_at > kolony.moment()))) k
             CROSS JOIN LATERAL ( SELECT u.workspace_id,
                    u.attempt_id,
                    u.run_id,
                    u.number,
                    u.agent_id,
                    u.session_id,
                    u.claimed_at,
                    u.output_day,
                    u.started_at,
                    u.ended_at,
                    u.outcome,
                    u.exit_code,
                    u.signal,
                    u.error,
                    u.usage,
                    u.chunk_count,
                    u.byte_count,
                    u.line_count,
                    u.limit_hit,
                    u.over_budget_at,
                    u.reason,
                    u.warning
                   FROM kolony.attempts u
                  WHERE ((u.workspace_id = k.workspace_id) AND (u.attempt_id = k.attempt_id))
                 LIMIT 1) t)
             LEFT JOIN LATERAL ( SELECT v.workspace_id,
                    v.session_id,
                    v.agent_id,
                    v.token_id,
                    v.host,
                    v.pid,
                    v.version,
                    v.adapter,
                    v.concurrency,
                    v.lease_seconds,
                    v.started_at,
                    v.last_seen,
                    v.ready,
                    v.health,
                    v.ended_at,
                    v.end_reason,
                    v.end_error,
                    v.ready_at
                   FROM kolony.agent_sessions_then v
                  WHERE ((v.workspace_id = t.workspace_id) AND (v.session_id = t.session_id))
                 LIMIT 1) s ON (true))
          WHERE (t.claimed_at <= ( SELECT kolony.moment() AS moment))) b ON (((b.workspace_id = r.workspace_id) AND (b.run_id = r.run_id))))
     CROSS JOIN LATERAL ( SELECT COALESCE((
                CASE
                    WHEN (w.was IS NULL) THEN r.interrupt_heard_at
                    ELSE ((w.was ->> 'interrupt_heard_at'::text))::timestamp with time zone
                END <= ( SELECT kolony.moment() AS moment)), false) AS heard) h)
  WHERE ((w.was IS NULL) OR ((((w.was ->> 'finished_at'::text))::timestamp with time zone <= ( SELECT kolony.moment() AS moment)) IS NOT TRUE));

--- view output_chunks_then
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN run_id uuid
COLUMN attempt integer
COLUMN seq integer
COLUMN day date
COLUMN stream text
COLUMN at timestamp with time zone
COLUMN first_line bigint
COLUMN line_count integer
COLUMN data bytea
AS
 SELECT c.workspace_id,
    c.run_id,
    c.attempt,
    c.seq,
    c.day,
    c.stream,
    c.at,
    c.first_line,
    c.line_count,
    c.data
   FROM (kolony.output_chunks c
     CROSS JOIN ( SELECT) one)
  WHERE (c.at <= ( SELECT kolony.moment() AS moment));

--- view plan_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN run_id uuid
COLUMN item integer
COLUMN command_id uuid
COLUMN number bigint
COLUMN title text
COLUMN content text
COLUMN priority smallint
COLUMN agent_id uuid
COLUMN agent text
COLUMN after_items integer[]
COLUMN state text
AS
 SELECT i.workspace_id,
    i.run_id,
    i.item,
    c.command_id,
    c.number,
    c.title,
    c.content,
    c.priority,
    a.agent_id,
    a.name AS agent,
    d.after_items,
        CASE
            WHEN (c.submitted_at IS NOT NULL) THEN 'accepted'::text
            WHEN (c.outcome IS NOT NULL) THEN 'discarded'::text
            ELSE 'draft'::text
        END AS state
   FROM (((kolony.plan_items i
     JOIN kolony.commands c ON (((c.workspace_id = i.workspace_id) AND (c.command_id = i.command_id))))
     JOIN kolony.agents a ON (((a.workspace_id = c.workspace_id) AND (a.agent_id = c.targets[1]))))
     CROSS JOIN LATERAL ( SELECT COALESCE(array_agg(o.item ORDER BY o.item), '{}'::integer[]) AS after_items
           FROM (kolony.command_dependencies n
             JOIN kolony.plan_items o ON (((o.workspace_id = n.workspace_id) AND (o.command_id = n.after_id))))
          WHERE ((n.workspace_id = i.workspace_id) AND (n.command_id = i.command_id) AND (o.attempt_id = i.attempt_id))) d)
  WHERE (i.attempt_id = ( SELECT l.attempt_id
           FROM kolony.plan_items l
          WHERE ((l.workspace_id = i.workspace_id) AND (l.run_id = i.run_id))
          ORDER BY l.attempt_id DESC
         LIMIT 1));

--- view preset_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN preset_id uuid
COLUMN name text
COLUMN shared boolean
COLUMN owner_id uuid
COLUMN owner_login text
COLUMN mine boolean
COLUMN version integer
COLUMN description text
COLUMN content text
COLUMN kind text
COLUMN priority smallint
COLUMN target_words text
COLUMN constraint_id uuid
COLUMN constraint_name text
COLUMN variables jsonb
COLUMN changed_at timestamp with time zone
COLUMN changed_by_login text
COLUMN created_at timestamp with time zone
COLUMN used_count bigint
COLUMN last_used_at timestamp with time zone
AS
 SELECT p.workspace_id,
    p.preset_id,
    p.name,
    p.shared,
    p.owner_id,
    o.login AS owner_login,
    (p.owner_id = kolony.my_profile_id()) AS mine,
    p.version,
    v.description,
    v.content,
    v.kind,
    v.priority,
    v.target_words,
    v.constraint_id,
    c.name AS constraint_name,
    v.variables,
    v.changed_at,
    e.login AS changed_by_login,
    p.created_at,
    p.used_count,
    p.last_used_at
   FROM ((((kolony.presets p
     JOIN kolony.preset_versions v USING (workspace_id, preset_id, version))
     LEFT JOIN kolony.constraint_profiles c ON (((c.workspace_id = v.workspace_id) AND (c.constraint_id = v.constraint_id))))
     LEFT JOIN kolony.profiles o ON ((o.profile_id = p.owner_id)))
     LEFT JOIN kolony.profiles e ON ((e.profile_id = v.changed_by)))
  WHERE (p.deleted_at IS NULL);

--- view price_list
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN pattern text
COLUMN valid_from date
COLUMN input_usd numeric
COLUMN cached_usd numeric
COLUMN cache_write_usd numeric
COLUMN output_usd numeric
COLUMN currency text
COLUMN shipped boolean
COLUMN set_by_login text
AS
 SELECT w.workspace_id,
    s.pattern,
    s.as_of AS valid_from,
    s.input_usd,
    s.cached_usd,
    s.cache_write_usd,
    s.output_usd,
    'USD'::text AS currency,
    true AS shipped,
    NULL::text AS set_by_login
   FROM (kolony.workspaces w
     CROSS JOIN kolony.shipped_prices s)
  WHERE (NOT (EXISTS ( SELECT
           FROM kolony.model_prices m
          WHERE ((m.workspace_id = w.workspace_id) AND (m.pattern = s.pattern)))))
UNION ALL
 SELECT m.workspace_id,
    m.pattern,
    m.valid_from,
    m.input_usd,
    m.cached_usd,
    m.cache_write_usd,
    m.output_usd,
    m.currency,
    false AS shipped,
    p.login AS set_by_login
   FROM (kolony.model_prices m
     LEFT JOIN kolony.profiles p ON ((p.profile_id = m.set_by)));

--- view report_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN report_id uuid
COLUMN run_id uuid
COLUMN command_id uuid
COLUMN command_number bigint
COLUMN ordinal integer
COLUMN target_count integer
COLUMN agent_id uuid
COLUMN agent text
COLUMN title text
COLUMN summary text
COLUMN status text
COLUMN source text
COLUMN finding_count bigint
COLUMN critical bigint
COLUMN high bigint
COLUMN medium bigint
COLUMN low bigint
COLUMN info bigint
COLUMN created_at timestamp with time zone
COLUMN updated_at timestamp with time zone
COLUMN completed_at timestamp with time zone
COLUMN status_by_login text
AS
 SELECT p.workspace_id,
    p.report_id,
    p.run_id,
    c.command_id,
    c.number AS command_number,
    r.ordinal,
    cardinality(c.targets) AS target_count,
    r.agent_id,
    a.name AS agent,
    p.title,
    p.summary,
        CASE
            WHEN ((p.status = 'in_progress'::text) AND (r.outcome IS NOT NULL)) THEN 'draft'::text
            ELSE p.status
        END AS status,
    p.source,
    f.finding_count,
    f.critical,
    f.high,
    f.medium,
    f.low,
    f.info,
    p.created_at,
    p.updated_at,
    p.completed_at,
    w.login AS status_by_login
   FROM (((((kolony.reports p
     JOIN kolony.runs r ON (((r.workspace_id = p.workspace_id) AND (r.run_id = p.run_id))))
     JOIN kolony.commands c ON (((c.workspace_id = r.workspace_id) AND (c.command_id = r.command_id))))
     JOIN kolony.agents a ON (((a.workspace_id = r.workspace_id) AND (a.agent_id = r.agent_id))))
     LEFT JOIN kolony.profiles w ON ((w.profile_id = p.status_by)))
     CROSS JOIN LATERAL ( SELECT count(*) AS finding_count,
            count(*) FILTER (WHERE (o.severity = 'critical'::text)) AS critical,
            count(*) FILTER (WHERE (o.severity = 'high'::text)) AS high,
            count(*) FILTER (WHERE (o.severity = 'medium'::text)) AS medium,
            count(*) FILTER (WHERE (o.severity = 'low'::text)) AS low,
            count(*) FILTER (WHERE (o.severity = 'info'::text)) AS info
           FROM kolony.report_findings o
          WHERE ((o.workspace_id = p.workspace_id) AND (o.report_id = p.report_id))) f);

--- view retention_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN kind text
COLUMN place smallint
COLUMN title text
COLUMN about text
COLUMN days integer
COLUMN standard integer
COLUMN least integer
COLUMN most integer
COLUMN forever text
COLUMN set_by text
COLUMN set_at timestamp with time zone
AS
 SELECT w.workspace_id,
    k.kind,
    k.place,
    k.title,
    k.about,
        CASE
            WHEN (k.kind = 'audit'::text) THEN w.audit_days
            WHEN (s.kind IS NULL) THEN k.standard
            ELSE s.days
        END AS days,
    k.standard,
    k."least",
    k.most,
    k.forever,
    p.login AS set_by,
    s.set_at
   FROM (((kolony.workspaces w
     CROSS JOIN kolony.retention_kinds k)
     LEFT JOIN kolony.retention_settings s ON (((s.workspace_id = w.workspace_id) AND (s.kind = k.kind))))
     LEFT JOIN kolony.profiles p ON ((p.profile_id = s.set_by)));

--- view run_listed
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN run_id uuid
COLUMN command_id uuid
COLUMN ordinal integer
COLUMN agent_id uuid
COLUMN priority smallint
COLUMN created_at timestamp with time zone
COLUMN finished_at timestamp with time zone
COLUMN outcome text
COLUMN exit_code integer
COLUMN error text
COLUMN cancel_at timestamp with time zone
COLUMN held_at timestamp with time zone
COLUMN limit_hit text
COLUMN agent text
COLUMN command_number bigint
COLUMN title text
COLUMN kind text
COLUMN created_by_login text
COLUMN attempt integer
COLUMN status text
COLUMN lost boolean
COLUMN place numeric
AS
 SELECT r.workspace_id,
    r.run_id,
    r.command_id,
    r.ordinal,
    r.agent_id,
    r.priority,
    r.created_at,
    r.finished_at,
    r.outcome,
    r.exit_code,
    r.error,
    r.cancel_at,
    r.held_at,
    r.limit_hit,
    a.name AS agent,
    ( SELECT c.number
           FROM kolony.commands c
          WHERE ((c.workspace_id = r.workspace_id) AND (c.command_id = r.command_id))) AS command_number,
    ( SELECT c.title
           FROM kolony.commands c
          WHERE ((c.workspace_id = r.workspace_id) AND (c.command_id = r.command_id))) AS title,
    ( SELECT c.kind
           FROM kolony.commands c
          WHERE ((c.workspace_id = r.workspace_id) AND (c.command_id = r.command_id))) AS kind,
    ( SELECT p.login
           FROM (kolony.commands c
             JOIN kolony.profiles p ON ((p.profile_id = c.created_by)))
          WHERE ((c.workspace_id = r.workspace_id) AND (c.command_id = r.command_id))) AS created_by_login,
    COALESCE(( SELECT max(e.number) AS max
           FROM kolony.attempts e
          WHERE ((e.workspace_id = r.workspace_id) AND (e.run_id = r.run_id))), 0) AS attempt,
        CASE
            WHEN (r.outcome IS NOT NULL) THEN r.outcome
            WHEN ((l.run_id IS NULL) OR (s.ended_at IS NOT NULL) OR ((s.last_seen + make_interval(secs => (s.lease_seconds)::double precision)) < now())) THEN 'waiting'::text
            WHEN (r.interrupt_heard_at IS NOT NULL) THEN 'interrupted'::text
            WHEN (t.started_at IS NULL) THEN 'dispatching'::text
            ELSE 'executing'::text
        END AS status,
    ((r.outcome IS NULL) AND (l.run_id IS NOT NULL) AND ((s.ended_at IS NOT NULL) OR ((s.last_seen + make_interval(secs => (s.lease_seconds)::double precision)) < now()))) AS lost,
    COALESCE(q.place, k.place, EXTRACT(epoch FROM r.created_at)) AS place
   FROM ((((((kolony.runs r
     LEFT JOIN kolony.agents a ON (((a.workspace_id = r.workspace_id) AND (a.agent_id = r.agent_id))))
     LEFT JOIN kolony.leases l ON (((l.workspace_id = r.workspace_id) AND (l.run_id = r.run_id))))
     LEFT JOIN kolony.agent_sessions s ON (((s.workspace_id = l.workspace_id) AND (s.session_id = l.session_id))))
     LEFT JOIN kolony.attempts t ON (((t.workspace_id = l.workspace_id) AND (t.attempt_id = l.attempt_id))))
     LEFT JOIN kolony.ready_runs q ON (((q.workspace_id = r.workspace_id) AND (q.run_id = r.run_id))))
     LEFT JOIN kolony.blocked_runs k ON (((k.workspace_id = r.workspace_id) AND (k.run_id = r.run_id))));

--- view run_listed_then
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN run_id uuid
COLUMN command_id uuid
COLUMN ordinal integer
COLUMN agent_id uuid
COLUMN priority smallint
COLUMN created_at timestamp with time zone
COLUMN finished_at timestamp with time zone
COLUMN outcome text
COLUMN exit_code integer
COLUMN error text
COLUMN cancel_at timestamp with time zone
COLUMN held_at timestamp with time zone
COLUMN limit_hit text
COLUMN agent text
COLUMN command_number bigint
COLUMN title text
COLUMN kind text
COLUMN created_by_login text
COLUMN attempt integer
COLUMN status text
COLUMN lost boolean
COLUMN place numeric
AS
 SELECT r.workspace_id,
    r.run_id,
    r.command_id,
    r.ordinal,
    r.agent_id,
    r.priority,
    r.created_at,
    r.finished_at,
    r.outcome,
    r.exit_code,
    r.error,
    r.cancel_at,
    r.held_at,
    r.limit_hit,
    a.name AS agent,
    c.number AS command_number,
    c.title,
    c.kind,
    ( SELECT p.login
           FROM kolony.profiles p
          WHERE (p.profile_id = c.created_by)) AS created_by_login,
    COALESCE(( SELECT max(e.number) AS max
           FROM kolony.attempts e
          WHERE ((e.workspace_id = r.workspace_id) AND (e.run_id = r.run_id) AND (e.claimed_at <= ( SELECT kolony.moment() AS moment)))), 0) AS attempt,
        CASE
            WHEN (r.outcome IS NOT NULL) THEN r.outcome
            WHEN ((t.run_id IS NULL) OR (s.ended_at IS NOT NULL) OR ((s.last_seen + make_interval(secs => (s.lease_seconds)::double precision)) < ( SELECT kolony.moment() AS moment))) THEN 'waiting'::text
            WHEN (r.interrupt_heard_at IS NOT NULL) THEN 'interrupted'::text
            WHEN (t.started_at IS NULL) THEN 'dispatching'::text
            ELSE 'executing'::text
        END AS status,
    ((r.outcome IS NULL) AND (t.run_id IS NOT NULL) AND ((s.ended_at IS NOT NULL) OR ((s.last_seen + make_interval(secs => (s.lease_seconds)::double precision)) < ( SELECT kolony.moment() AS moment)))) AS lost,
    EXTRACT(epoch FROM r.created_at) AS place
   FROM ((((kolony.runs_then r
     JOIN kolony.commands c ON (((c.workspace_id = r.workspace_id) AND (c.command_id = r.command_id))))
     LEFT JOIN kolony.agents_then a ON (((a.workspace_id = r.workspace_id) AND (a.agent_id = r.agent_id))))
     LEFT JOIN kolony.attempts_then t ON (((t.workspace_id = r.workspace_id) AND (t.run_id = r.run_id) AND (t.ended_at IS NULL))))
     LEFT JOIN kolony.agent_sessions_then s ON (((s.workspace_id = t.workspace_id) AND (s.session_id = t.session_id))));

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
COLUMN kind text
COLUMN not_before timestamp with time zone
COLUMN constraint_id uuid
COLUMN held_at timestamp with time zone
COLUMN held_by_login text
COLUMN held_why text
COLUMN interrupt_at timestamp with time zone
COLUMN interrupt_by_login text
COLUMN interrupt_why text
COLUMN interrupt_heard_at timestamp with time zone
COLUMN limit_hit text
COLUMN waits_for text
COLUMN position bigint
COLUMN asks bigint
COLUMN reason text
COLUMN warning text
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
            WHEN (r.interrupt_heard_at IS NOT NULL) THEN 'interrupted'::text
            WHEN (t.started_at IS NULL) THEN 'dispatching'::text
            ELSE 'executing'::text
        END AS status,
    ((r.outcome IS NULL) AND (l.run_id IS NOT NULL) AND ((s.ended_at IS NOT NULL) OR ((s.last_seen + make_interval(secs => (s.lease_seconds)::double precision)) < now()))) AS lost,
    COALESCE(t.number, 0) AS attempt,
    c.max_attempts,
    COALESCE(d.due_at, k.due_at) AS due_at,
    t.claimed_at,
    t.started_at,
    r.exit_code,
    r.error,
    r.cancel_at,
    r.cancel_why,
    b.login AS cancel_by_login,
    a.desired AS agent_desired,
    c.kind,
    c.not_before,
    c.constraint_id,
    r.held_at,
    h.login AS held_by_login,
    r.held_why,
    r.interrupt_at,
    i.login AS interrupt_by_login,
    r.interrupt_why,
    r.interrupt_heard_at,
    r.limit_hit,
        CASE
            WHEN k.held THEN 'hold'::text
            WHEN k.after THEN 'dependency'::text
            WHEN k.beyond THEN 'window'::text
            WHEN (d.run_id IS NOT NULL) THEN 'time'::text
            ELSE NULL::text
        END AS waits_for,
        CASE
            WHEN ((r.outcome IS NULL) AND (l.run_id IS NULL)) THEN ( SELECT ( SELECT n.nth
                       FROM ( SELECT a_1.run_id,
                                row_number() OVER (ORDER BY a_1.priority DESC, a_1.place, a_1.run_id) AS nth
                               FROM kolony.ready_runs a_1
                              WHERE ((a_1.workspace_id = q.workspace_id) AND (a_1.agent_id = q.agent_id))
                              ORDER BY a_1.priority DESC, a_1.place, a_1.run_id
                             LIMIT 1000) n
                      WHERE (n.run_id = q.run_id)
                     LIMIT 1) AS nth
               FROM kolony.ready_runs q
              WHERE ((q.workspace_id = r.workspace_id) AND (q.run_id = r.run_id)))
            ELSE NULL::bigint
        END AS "position",
        CASE
            WHEN (l.run_id IS NULL) THEN (0)::bigint
            ELSE kolony.open_asks(r.workspace_id, r.agent_id, r.run_id)
        END AS asks,
    r.reason,
    r.warning
   FROM (((((((((((kolony.runs r
     JOIN kolony.commands c ON (((c.workspace_id = r.workspace_id) AND (c.command_id = r.command_id))))
     JOIN kolony.agents a ON (((a.workspace_id = r.workspace_id) AND (a.agent_id = r.agent_id))))
     LEFT JOIN kolony.profiles p ON ((p.profile_id = c.created_by)))
     LEFT JOIN kolony.profiles b ON ((b.profile_id = r.cancel_by)))
     LEFT JOIN kolony.profiles h ON ((h.profile_id = r.held_by)))
     LEFT JOIN kolony.profiles i ON ((i.profile_id = r.interrupt_by)))
     LEFT JOIN kolony.leases l ON (((l.workspace_id = r.workspace_id) AND (l.run_id = r.run_id))))
     LEFT JOIN kolony.agent_sessions s ON (((s.workspace_id = l.workspace_id) AND (s.session_id = l.session_id))))
     LEFT JOIN LATERAL ( SELECT e.number,
            e.claimed_at,
            e.started_at
           FROM kolony.attempts e
          WHERE ((e.workspace_id = r.workspace_id) AND (e.run_id = r.run_id))
          ORDER BY e.number DESC
         LIMIT 1) t ON (true))
     LEFT JOIN kolony.scheduled_runs d ON (((d.workspace_id = r.workspace_id) AND (d.run_id = r.run_id))))
     LEFT JOIN kolony.blocked_runs k ON (((k.workspace_id = r.workspace_id) AND (k.run_id = r.run_id))));

--- view run_overview_then
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
COLUMN kind text
COLUMN not_before timestamp with time zone
COLUMN constraint_id uuid
COLUMN held_at timestamp with time zone
COLUMN held_by_login text
COLUMN held_why text
COLUMN interrupt_at timestamp with time zone
COLUMN interrupt_by_login text
COLUMN interrupt_why text
COLUMN interrupt_heard_at timestamp with time zone
COLUMN limit_hit text
COLUMN waits_for text
COLUMN position bigint
COLUMN asks bigint
COLUMN reason text
COLUMN warning text
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
            WHEN ((l.run_id IS NULL) OR (s.ended_at IS NOT NULL) OR ((s.last_seen + make_interval(secs => (s.lease_seconds)::double precision)) < ( SELECT kolony.moment() AS moment))) THEN 'waiting'::text
            WHEN (r.interrupt_heard_at IS NOT NULL) THEN 'interrupted'::text
            WHEN (t.started_at IS NULL) THEN 'dispatching'::text
            ELSE 'executing'::text
        END AS status,
    ((r.outcome IS NULL) AND (l.run_id IS NOT NULL) AND ((s.ended_at IS NOT NULL) OR ((s.last_seen + make_interval(secs => (s.lease_seconds)::double precision)) < ( SELECT kolony.moment() AS moment)))) AS lost,
    COALESCE(t.number, 0) AS attempt,
    c.max_attempts,
    w.due_at,
    t.claimed_at,
    t.started_at,
    r.exit_code,
    r.error,
    r.cancel_at,
    r.cancel_why,
    b.login AS cancel_by_login,
    a.desired AS agent_desired,
    c.kind,
    c.not_before,
    c.constraint_id,
    r.held_at,
    h.login AS held_by_login,
    r.held_why,
    r.interrupt_at,
    i.login AS interrupt_by_login,
    r.interrupt_why,
    r.interrupt_heard_at,
    r.limit_hit,
        CASE
            WHEN w.held THEN 'hold'::text
            WHEN w.after THEN 'dependency'::text
            WHEN (w.due_at IS NOT NULL) THEN 'time'::text
            ELSE NULL::text
        END AS waits_for,
    NULL::bigint AS "position",
        CASE
            WHEN (l.run_id IS NULL) THEN (0)::bigint
            ELSE ( SELECT count(*) AS count
               FROM kolony.approvals q
              WHERE ((q.workspace_id = r.workspace_id) AND (q.run_id = r.run_id) AND (q.created_at <= ( SELECT kolony.moment() AS moment)) AND ((COALESCE(q.answered_at, q.cancelled_at, q.expired_at) > ( SELECT kolony.moment() AS moment)) IS NOT FALSE) AND ((q.expires_at > ( SELECT kolony.moment() AS moment)) IS NOT FALSE)))
        END AS asks,
    r.reason,
    r.warning
   FROM (((((((((((kolony.runs_then r
     JOIN kolony.commands c ON (((c.workspace_id = r.workspace_id) AND (c.command_id = r.command_id))))
     JOIN LATERAL ( SELECT n.workspace_id,
            n.agent_id,
            n.name,
            n.type,
            n.category,
            n.icon,
            n.description,
            n.instructions,
            n.config,
            n.desired,
            n.desired_why,
            n.desired_by,
            n.desired_since,
            n.created_by,
            n.created_at,
            n.updated_at,
            n.tags
           FROM kolony.agents_then n
          WHERE ((n.workspace_id = r.workspace_id) AND (n.agent_id = r.agent_id))
         LIMIT 1) a ON (true))
     LEFT JOIN kolony.profiles p ON ((p.profile_id = c.created_by)))
     LEFT JOIN kolony.profiles b ON ((b.profile_id = r.cancel_by)))
     LEFT JOIN kolony.profiles h ON ((h.profile_id = r.held_by)))
     LEFT JOIN kolony.profiles i ON ((i.profile_id = r.interrupt_by)))
     LEFT JOIN kolony.leases_then l ON (((l.workspace_id = r.workspace_id) AND (l.run_id = r.run_id))))
     LEFT JOIN kolony.agent_sessions_then s ON (((s.workspace_id = l.workspace_id) AND (s.session_id = l.session_id))))
     LEFT JOIN LATERAL ( SELECT e.number,
            e.claimed_at,
            e.started_at
           FROM kolony.attempts_then e
          WHERE ((e.workspace_id = r.workspace_id) AND (e.run_id = r.run_id))
          ORDER BY e.number DESC
         LIMIT 1) t ON (true))
     LEFT JOIN LATERAL ( SELECT ((e.facts ->> 'due_at'::text))::timestamp with time zone AS due_at
           FROM kolony.events e
          WHERE ((e.workspace_id = r.workspace_id) AND (e.run_id = r.run_id) AND (e.kind = 'run.delayed'::text) AND (e.at <= kolony.moment()) AND (e.at > (kolony.moment() - '00:10:00'::interval)))
          ORDER BY e.at DESC
         LIMIT 1) d ON (true))
     LEFT JOIN LATERAL ( SELECT (r.held_at IS NOT NULL) AS held,
            (EXISTS ( SELECT
                   FROM (kolony.command_dependencies y
                     JOIN kolony.commands k ON (((k.workspace_id = y.workspace_id) AND (k.command_id = y.after_id))))
                  WHERE ((y.workspace_id = r.workspace_id) AND (y.command_id = r.command_id) AND (((k.finished_at <= ( SELECT kolony.moment() AS moment)) AND ((y.need = 'ended'::text) OR (k.outcome = 'completed'::text))) IS NOT TRUE)))) AS after,
                CASE
                    WHEN (c.not_before > ( SELECT kolony.moment() AS moment)) THEN c.not_before
                    WHEN (d.due_at > ( SELECT kolony.moment() AS moment)) THEN d.due_at
                    ELSE NULL::timestamp with time zone
                END AS due_at
          WHERE ((r.outcome IS NULL) AND (l.run_id IS NULL))) w ON (true));

--- view runs_then
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN run_id uuid
COLUMN command_id uuid
COLUMN ordinal integer
COLUMN agent_id uuid
COLUMN priority smallint
COLUMN failed_tries smallint
COLUMN created_at timestamp with time zone
COLUMN updated_at timestamp with time zone
COLUMN cancel_at timestamp with time zone
COLUMN cancel_by uuid
COLUMN cancel_why text
COLUMN outcome text
COLUMN finished_at timestamp with time zone
COLUMN exit_code integer
COLUMN error text
COLUMN held_at timestamp with time zone
COLUMN held_by uuid
COLUMN held_why text
COLUMN interrupt_at timestamp with time zone
COLUMN interrupt_by uuid
COLUMN interrupt_why text
COLUMN interrupt_heard_at timestamp with time zone
COLUMN limit_hit text
COLUMN reason text
COLUMN warning text
AS
 SELECT r.workspace_id,
    r.run_id,
    r.command_id,
    r.ordinal,
    x.agent_id,
    x.priority,
    r.failed_tries,
    r.created_at,
    r.updated_at,
        CASE
            WHEN (x.cancel_at <= ( SELECT kolony.moment() AS moment)) THEN x.cancel_at
            ELSE NULL::timestamp with time zone
        END AS cancel_at,
        CASE
            WHEN (x.cancel_at <= ( SELECT kolony.moment() AS moment)) THEN x.cancel_by
            ELSE NULL::uuid
        END AS cancel_by,
        CASE
            WHEN ((x.cancel_at <= ( SELECT kolony.moment() AS moment)) AND (x.cancel_at = r.cancel_at)) THEN r.cancel_why
            ELSE NULL::text
        END AS cancel_why,
        CASE
            WHEN (x.finished_at <= ( SELECT kolony.moment() AS moment)) THEN x.outcome
            ELSE NULL::text
        END AS outcome,
        CASE
            WHEN (x.finished_at <= ( SELECT kolony.moment() AS moment)) THEN x.finished_at
            ELSE NULL::timestamp with time zone
        END AS finished_at,
        CASE
            WHEN ((x.finished_at <= ( SELECT kolony.moment() AS moment)) AND (x.finished_at = r.finished_at)) THEN r.exit_code
            ELSE ( SELECT
                    CASE
                        WHEN (NOT (EXISTS ( SELECT
                           FROM kolony.events e
                          WHERE ((e.workspace_id = r.workspace_id) AND (e.run_id = r.run_id) AND (e.kind = 'run.retried'::text) AND (e.at > t.ended_at) AND (e.at <= kolony.moment()))))) THEN t.exit_code
                        ELSE NULL::integer
                    END AS "case"
               FROM kolony.attempts t
              WHERE ((t.workspace_id = r.workspace_id) AND (t.run_id = r.run_id) AND (t.ended_at <= ( SELECT kolony.moment() AS moment)))
              ORDER BY t.number DESC
             LIMIT 1)
        END AS exit_code,
        CASE
            WHEN ((x.finished_at <= ( SELECT kolony.moment() AS moment)) AND (x.finished_at = r.finished_at)) THEN r.error
            ELSE ( SELECT
                    CASE
                        WHEN (NOT (EXISTS ( SELECT
                           FROM kolony.events e
                          WHERE ((e.workspace_id = r.workspace_id) AND (e.run_id = r.run_id) AND (e.kind = 'run.retried'::text) AND (e.at > t.ended_at) AND (e.at <= kolony.moment()))))) THEN t.error
                        ELSE NULL::text
                    END AS "case"
               FROM kolony.attempts t
              WHERE ((t.workspace_id = r.workspace_id) AND (t.run_id = r.run_id) AND (t.ended_at <= ( SELECT kolony.moment() AS moment)))
              ORDER BY t.number DESC
             LIMIT 1)
        END AS error,
        CASE
            WHEN (x.held_at <= ( SELECT kolony.moment() AS moment)) THEN x.held_at
            ELSE NULL::timestamp with time zone
        END AS held_at,
        CASE
            WHEN (x.held_at <= ( SELECT kolony.moment() AS moment)) THEN x.held_by
            ELSE NULL::uuid
        END AS held_by,
        CASE
            WHEN ((x.held_at <= ( SELECT kolony.moment() AS moment)) AND (x.held_at = r.held_at)) THEN r.held_why
            ELSE NULL::text
        END AS held_why,
        CASE
            WHEN (x.interrupt_at <= ( SELECT kolony.moment() AS moment)) THEN x.interrupt_at
            ELSE NULL::timestamp with time zone
        END AS interrupt_at,
        CASE
            WHEN (x.interrupt_at <= ( SELECT kolony.moment() AS moment)) THEN x.interrupt_by
            ELSE NULL::uuid
        END AS interrupt_by,
        CASE
            WHEN ((x.interrupt_at <= ( SELECT kolony.moment() AS moment)) AND (x.interrupt_at = r.interrupt_at)) THEN r.interrupt_why
            ELSE NULL::text
        END AS interrupt_why,
        CASE
            WHEN (x.interrupt_heard_at <= ( SELECT kolony.moment() AS moment)) THEN x.interrupt_heard_at
            ELSE NULL::timestamp with time zone
        END AS interrupt_heard_at,
        CASE
            WHEN (x.finished_at <= ( SELECT kolony.moment() AS moment)) THEN x.limit_hit
            ELSE NULL::text
        END AS limit_hit,
        CASE
            WHEN (x.finished_at <= ( SELECT kolony.moment() AS moment)) THEN x.reason
            ELSE NULL::text
        END AS reason,
        CASE
            WHEN ((x.finished_at <= ( SELECT kolony.moment() AS moment)) AND (x.finished_at = r.finished_at)) THEN r.warning
            ELSE NULL::text
        END AS warning
   FROM ((kolony.runs r
     LEFT JOIN ( SELECT DISTINCT ON (e.workspace_id, e.run_id) e.workspace_id,
            e.run_id,
            e.was
           FROM kolony.events e
          WHERE ((e.was IS NOT NULL) AND (e.run_id IS NOT NULL) AND (e.at > kolony.moment()))
          ORDER BY e.workspace_id, e.run_id, e.at, e.event_id) w ON (((w.workspace_id = r.workspace_id) AND (w.run_id = r.run_id))))
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN (w.was IS NULL) THEN r.agent_id
                    ELSE ((w.was ->> 'agent_id'::text))::uuid
                END AS agent_id,
                CASE
                    WHEN (w.was IS NULL) THEN r.priority
                    ELSE ((w.was ->> 'priority'::text))::smallint
                END AS priority,
                CASE
                    WHEN (w.was IS NULL) THEN r.outcome
                    ELSE (w.was ->> 'outcome'::text)
                END AS outcome,
                CASE
                    WHEN (w.was IS NULL) THEN r.finished_at
                    ELSE ((w.was ->> 'finished_at'::text))::timestamp with time zone
                END AS finished_at,
                CASE
                    WHEN (w.was IS NULL) THEN r.cancel_at
                    ELSE ((w.was ->> 'cancel_at'::text))::timestamp with time zone
                END AS cancel_at,
                CASE
                    WHEN (w.was IS NULL) THEN r.cancel_by
                    ELSE ((w.was ->> 'cancel_by'::text))::uuid
                END AS cancel_by,
                CASE
                    WHEN (w.was IS NULL) THEN r.held_at
                    ELSE ((w.was ->> 'held_at'::text))::timestamp with time zone
                END AS held_at,
                CASE
                    WHEN (w.was IS NULL) THEN r.held_by
                    ELSE ((w.was ->> 'held_by'::text))::uuid
                END AS held_by,
                CASE
                    WHEN (w.was IS NULL) THEN r.interrupt_at
                    ELSE ((w.was ->> 'interrupt_at'::text))::timestamp with time zone
                END AS interrupt_at,
                CASE
                    WHEN (w.was IS NULL) THEN r.interrupt_by
                    ELSE ((w.was ->> 'interrupt_by'::text))::uuid
                END AS interrupt_by,
                CASE
                    WHEN (w.was IS NULL) THEN r.interrupt_heard_at
                    ELSE ((w.was ->> 'interrupt_heard_at'::text))::timestamp with time zone
                END AS interrupt_heard_at,
                CASE
                    WHEN (w.was IS NULL) THEN r.limit_hit
                    ELSE (w.was ->> 'limit_hit'::text)
                END AS limit_hit,
                CASE
                    WHEN (w.was IS NULL) THEN r.reason
                    ELSE (w.was ->> 'reason'::text)
                END AS reason) x)
  WHERE (r.created_at <= ( SELECT kolony.moment() AS moment));

--- view stop_acknowledgements
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN stop_id uuid
COLUMN agent_id uuid
COLUMN agent text
COLUMN running bigint
COLUMN sessions bigint
COLUMN heard_at timestamp with time zone
COLUMN host text
COLUMN state text
COLUMN since timestamp with time zone
AS
 SELECT f.workspace_id,
    f.stop_id,
    f.agent_id,
    a.name AS agent,
    COALESCE(held.running, (0)::bigint) AS running,
    live.sessions,
    live.heard_at,
    COALESCE(live.host, silent.host, lost.host, ''::text) AS host,
        CASE
            WHEN ((silent.since IS NOT NULL) OR (lost.since IS NOT NULL) OR (((held.running > 0) OR (live.unheard > 0)) AND (s.confirm_by < now()))) THEN 'not confirmed'::text
            WHEN (live.unheard > 0) THEN 'asked'::text
            WHEN (held.running > 0) THEN 'ending'::text
            WHEN (live.heard_at IS NOT NULL) THEN 'ended'::text
            ELSE 'not connected'::text
        END AS state,
        CASE
            WHEN ((silent.since IS NOT NULL) OR (lost.since IS NOT NULL)) THEN LEAST(silent.since, lost.since)
            WHEN (((held.running > 0) OR (live.unheard > 0)) AND (s.confirm_by < now())) THEN s.confirm_by
            WHEN (live.unheard > 0) THEN s.began_at
            ELSE COALESCE(live.heard_at, s.began_at)
        END AS since
   FROM ((((((kolony.stops_in_force f
     JOIN kolony.stops s ON (((s.workspace_id = f.workspace_id) AND (s.stop_id = f.stop_id))))
     JOIN kolony.agents a ON (((a.workspace_id = f.workspace_id) AND (a.agent_id = f.agent_id))))
     CROSS JOIN LATERAL ( SELECT count(*) AS sessions,
            max(e.host) AS host,
            max(h.heard_at) AS heard_at,
            count(*) FILTER (WHERE ((h.heard_at IS NULL) AND (e.started_at <= s.began_at))) AS unheard
           FROM (kolony.agent_sessions e
             LEFT JOIN kolony.stop_hearings h ON (((h.workspace_id = s.workspace_id) AND (h.stop_id = s.stop_id) AND (h.session_id = e.session_id))))
          WHERE ((e.workspace_id = f.workspace_id) AND (e.agent_id = f.agent_id) AND (e.ended_at IS NULL) AND ((e.last_seen + make_interval(secs => (e.lease_seconds)::double precision)) >= now()))) live)
     LEFT JOIN LATERAL ( SELECT count(*) AS running
           FROM kolony.leases l
          WHERE ((l.workspace_id = f.workspace_id) AND (l.agent_id = f.agent_id))) held ON (true))
     LEFT JOIN LATERAL ( SELECT (e.last_seen + make_interval(secs => (e.lease_seconds)::double precision)) AS since,
            e.host
           FROM (kolony.leases l
             JOIN kolony.agent_sessions e ON (((e.workspace_id = l.workspace_id) AND (e.session_id = l.session_id))))
          WHERE ((l.workspace_id = f.workspace_id) AND (l.agent_id = f.agent_id) AND ((e.ended_at IS NOT NULL) OR ((e.last_seen + make_interval(secs => (e.lease_seconds)::double precision)) < now())))
          ORDER BY (e.last_seen + make_interval(secs => (e.lease_seconds)::double precision))
         LIMIT 1) silent ON (true))
     LEFT JOIN LATERAL ( SELECT t.ended_at AS since,
            e.host
           FROM (kolony.attempts t
             JOIN kolony.agent_sessions e ON (((e.workspace_id = t.workspace_id) AND (e.session_id = t.session_id))))
          WHERE ((t.workspace_id = f.workspace_id) AND (t.agent_id = f.agent_id) AND (t.outcome = 'lost'::text) AND (t.ended_at >= s.began_at) AND (NOT (EXISTS ( SELECT
                   FROM (kolony.stop_hearings h
                     JOIN kolony.agent_sessions n ON (((n.workspace_id = h.workspace_id) AND (n.session_id = h.session_id))))
                  WHERE ((h.workspace_id = s.workspace_id) AND (h.stop_id = s.stop_id) AND (n.agent_id = t.agent_id) AND (n.host = e.host) AND (n.pid = e.pid) AND (n.started_at >= t.ended_at))))))
          ORDER BY t.ended_at
         LIMIT 1) lost ON (true))
  WHERE ((a.desired <> 'retired'::text) OR (held.running > 0) OR (lost.since IS NOT NULL));

--- view stop_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN stop_id uuid
COLUMN everyone boolean
COLUMN why text
COLUMN began_at timestamp with time zone
COLUMN began_by_login text
COLUMN confirm_by timestamp with time zone
COLUMN lifted_at timestamp with time zone
COLUMN lifted_by_login text
COLUMN agents bigint
COLUMN confirmed bigint
COLUMN running bigint
COLUMN missing bigint
AS
 SELECT s.workspace_id,
    s.stop_id,
    s.everyone,
    s.why,
    s.began_at,
    b.login AS began_by_login,
    s.confirm_by,
    s.lifted_at,
    l.login AS lifted_by_login,
    k.agents,
    k.confirmed,
    k.running,
    k.missing
   FROM (((kolony.stops s
     LEFT JOIN kolony.profiles b ON ((b.profile_id = s.began_by)))
     LEFT JOIN kolony.profiles l ON ((l.profile_id = s.lifted_by)))
     CROSS JOIN LATERAL ( SELECT count(*) AS agents,
            count(*) FILTER (WHERE (o.state = ANY (ARRAY['ended'::text, 'not connected'::text]))) AS confirmed,
            (COALESCE(sum(o.running), (0)::numeric))::bigint AS running,
            count(*) FILTER (WHERE (o.state = 'not confirmed'::text)) AS missing
           FROM kolony.stop_acknowledgements o
          WHERE ((o.workspace_id = s.workspace_id) AND (o.stop_id = s.stop_id))) k);

--- view stops_in_force
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN agent_id uuid
COLUMN stop_id uuid
COLUMN everyone boolean
COLUMN why text
COLUMN began_at timestamp with time zone
COLUMN began_by_login text
AS
 SELECT s.workspace_id,
    a.agent_id,
    s.stop_id,
    s.everyone,
    s.why,
    s.began_at,
    p.login AS began_by_login
   FROM (((kolony.stops s
     JOIN kolony.agents a ON ((a.workspace_id = s.workspace_id)))
     LEFT JOIN kolony.stopped_agents t ON (((t.workspace_id = s.workspace_id) AND (t.stop_id = s.stop_id) AND (t.agent_id = a.agent_id))))
     LEFT JOIN kolony.profiles p ON ((p.profile_id = s.began_by)))
  WHERE ((s.lifted_at IS NULL) AND (t.lifted_at IS NULL) AND (s.everyone OR (t.agent_id IS NOT NULL)));

--- view trace_entries_then
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN run_id uuid
COLUMN attempt integer
COLUMN key text
COLUMN day date
COLUMN entry_id uuid
COLUMN parent_key text
COLUMN position integer
COLUMN revision bigint
COLUMN type text
COLUMN name text
COLUMN status text
COLUMN summary text
COLUMN input json
COLUMN input_size bigint
COLUMN output json
COLUMN output_size bigint
COLUMN error text
COLUMN tokens bigint
COLUMN confidence double precision
COLUMN attributes jsonb
COLUMN started_at timestamp with time zone
COLUMN ended_at timestamp with time zone
COLUMN duration_ms double precision
COLUMN line_from bigint
COLUMN line_to bigint
AS
 SELECT e.workspace_id,
    e.run_id,
    e.attempt,
    e.key,
    e.day,
    e.entry_id,
    e.parent_key,
    e."position",
    e.revision,
    e.type,
    e.name,
        CASE
            WHEN o.ver THEN e.status
            ELSE 'running'::text
        END AS status,
    e.summary,
    e.input,
    e.input_size,
        CASE
            WHEN o.ver THEN e.output
            ELSE NULL::json
        END AS output,
        CASE
            WHEN o.ver THEN e.output_size
            ELSE NULL::bigint
        END AS output_size,
        CASE
            WHEN o.ver THEN e.error
            ELSE NULL::text
        END AS error,
        CASE
            WHEN o.ver THEN e.tokens
            ELSE NULL::bigint
        END AS tokens,
    e.confidence,
    e.attributes,
    e.started_at,
        CASE
            WHEN o.ver THEN e.ended_at
            ELSE NULL::timestamp with time zone
        END AS ended_at,
        CASE
            WHEN o.ver THEN e.duration_ms
            ELSE NULL::double precision
        END AS duration_ms,
    e.line_from,
        CASE
            WHEN o.ver THEN e.line_to
            ELSE NULL::bigint
        END AS line_to
   FROM (kolony.trace_entries e
     CROSS JOIN LATERAL ( SELECT (((e.ended_at IS NULL) AND (e.status <> 'running'::text)) OR COALESCE((e.ended_at <= ( SELECT kolony.moment() AS moment)), false)) AS ver) o)
  WHERE (e.started_at <= ( SELECT kolony.moment() AS moment));

--- view usage_overview
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN attempt_id uuid
COLUMN run_id uuid
COLUMN models text[]
COLUMN input_fresh bigint
COLUMN input_cached bigint
COLUMN cache_write bigint
COLUMN output bigint
COLUMN reasoning bigint
COLUMN calls bigint
COLUMN cost_usd numeric
COLUMN estimated_usd numeric
COLUMN last_at timestamp with time zone
COLUMN total bigint
COLUMN usage jsonb
AS
 SELECT u.workspace_id,
    u.attempt_id,
    u.run_id,
    u.models,
    u.input_fresh,
    u.input_cached,
    u.cache_write,
    u.output,
    u.reasoning,
    u.calls,
    u.cost_usd,
    u.estimated_usd,
    u.last_at,
    k.total,
    jsonb_build_object('input_tokens', (k.total - u.output), 'input_fresh', u.input_fresh, 'input_cached', u.input_cached, 'cache_write', u.cache_write, 'output_tokens', u.output, 'reasoning', u.reasoning, 'calls', u.calls, 'total_tokens', k.total, 'cost_usd', u.cost_usd, 'cost_estimated', (u.estimated_usd > (0)::numeric), 'models', to_jsonb(u.models)) AS usage
   FROM (kolony.attempt_usage u
     CROSS JOIN LATERAL ( SELECT (((u.input_fresh + u.input_cached) + u.cache_write) + u.output) AS total) k);

--- view waiting_runs_then
OWNER kolony_owner WITH (security_invoker=true)
COLUMN workspace_id uuid
COLUMN run_id uuid
COLUMN agent_id uuid
COLUMN command_id uuid
COLUMN ordinal integer
COLUMN priority smallint
COLUMN created_at timestamp with time zone
COLUMN held boolean
COLUMN after boolean
COLUMN due_at timestamp with time zone
AS
 SELECT r.workspace_id,
    r.run_id,
    r.agent_id,
    r.command_id,
    r.ordinal,
    r.priority,
    r.created_at,
    r.held,
    (EXISTS ( SELECT
           FROM (kolony.command_dependencies d
             JOIN kolony.commands k ON (((k.workspace_id = d.workspace_id) AND (k.command_id = d.after_id))))
          WHERE ((d.workspace_id = r.workspace_id) AND (d.command_id = r.command_id) AND (((k.finished_at <= ( SELECT kolony.moment() AS moment)) AND ((d.need = 'ended'::text) OR (k.outcome = 'completed'::text))) IS NOT TRUE)))) AS after,
        CASE
            WHEN (c.not_before > ( SELECT kolony.moment() AS moment)) THEN c.not_before
            WHEN (w.due_at > ( SELECT kolony.moment() AS moment)) THEN w.due_at
            ELSE NULL::timestamp with time zone
        END AS due_at
   FROM ((kolony.open_runs_then r
     JOIN kolony.commands c ON (((c.workspace_id = r.workspace_id) AND (c.command_id = r.command_id))))
     LEFT JOIN ( SELECT DISTINCT ON (e.workspace_id, e.run_id) e.workspace_id,
            e.run_id,
            ((e.facts ->> 'due_at'::text))::timestamp with time zone AS due_at
           FROM kolony.events e
          WHERE ((e.kind = 'run.delayed'::text) AND (e.at <= kolony.moment()) AND (e.at > (kolony.moment() - '00:10:00'::interval)))
          ORDER BY e.workspace_id, e.run_id, e.at DESC) w ON (((w.workspace_id = r.workspace_id) AND (w.run_id = r.run_id))))
  WHERE (NOT r.leased);

--- function accept_plan(the_run uuid, only_items integer[])
OWNER kolony_api ARGUMENTS (the_run uuid, only_items integer[] DEFAULT NULL::integer[]) RETURNS TABLE(item integer, command_id uuid, number bigint, waits_for bigint[]) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    run kolony.runs := kolony.run_for_step(the_run);
    drafts uuid[];
    draft uuid;
BEGIN
    SELECT array_agg(d.command_id ORDER BY d.item) INTO drafts
    FROM kolony.plan_drafts(run.workspace_id, the_run, only_items) d;
    FOREACH draft IN ARRAY drafts LOOP
        PERFORM kolony.submit_command(draft);
    END LOOP;
    RETURN QUERY
    SELECT i.item, c.command_id, c.number, array(
        SELECT o.number FROM kolony.command_dependencies n
        JOIN kolony.commands o ON o.workspace_id = n.workspace_id AND o.command_id = n.after_id
        WHERE n.workspace_id = c.workspace_id AND n.command_id = c.command_id AND o.submitted_at IS NULL
        ORDER BY o.number)
    FROM kolony.plan_items i
    JOIN kolony.commands c ON c.workspace_id = i.workspace_id AND c.command_id = i.command_id
    WHERE i.workspace_id = run.workspace_id AND i.command_id = ANY (drafts) ORDER BY i.item;
END

--- function acknowledge_stop(the_session uuid)
OWNER kolony_api ARGUMENTS (the_session uuid) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    session kolony.agent_sessions := kolony.my_session(the_session);
    heard uuid;
    counted integer := 0;
BEGIN
    FOR heard IN
        SELECT f.stop_id FROM kolony.stops_in_force f
        WHERE f.workspace_id = session.workspace_id AND f.agent_id = session.agent_id ORDER BY f.stop_id
    LOOP
        counted := counted + 1;
        INSERT INTO kolony.stop_hearings (workspace_id, stop_id, session_id)
        VALUES (session.workspace_id, heard, the_session) ON CONFLICT DO NOTHING;
        IF FOUND THEN
            PERFORM kolony.hint(session.workspace_id, 'stop:' || heard);
        END IF;
    END LOOP;
    RETURN counted;
END

--- function add_message(home uuid, thread uuid, message kolony.messages)
OWNER kolony_api ARGUMENTS (home uuid, thread uuid, message kolony.messages) RETURNS kolony.messages LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    added kolony.messages;
BEGIN
    UPDATE kolony.conversations c SET last_number = c.last_number + 1, last_message_at = clock_timestamp(),
        archived_at = CASE WHEN message.origin <> 'person' THEN c.archived_at END
    WHERE c.workspace_id = home AND c.conversation_id = thread RETURNING c.last_number INTO STRICT message.number;
    INSERT INTO kolony.messages (workspace_id, conversation_id, number, origin, author_id, content, cut, command_id,
        run_id, attempt_id, unanswered)
    VALUES (home, thread, message.number, message.origin, message.author_id, message.content,
        coalesce(message.cut, false), message.command_id, message.run_id, message.attempt_id, message.origin = 'person')
    RETURNING * INTO added;
    PERFORM kolony.hint(home, 'conversation:' || thread);
    RETURN added;
END

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

--- function add_rule(in_workspace uuid, of_agent uuid, tool text, prefix text, decision text, until timestamp with time zone, note text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, of_agent uuid, tool text, prefix text, decision text, until timestamp with time zone DEFAULT NULL::timestamp with time zone, note text DEFAULT NULL::text) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    IF of_agent IS NOT NULL AND kolony.workspace_of_agent(of_agent) <> in_workspace THEN
        RAISE EXCEPTION 'there is no such agent here' USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    END IF;
    RETURN kolony.keep_approval_rule(in_workspace, of_agent, tool, prefix, decision, until, note);
END

--- function add_webhook(in_workspace uuid, called text, url text, secret text, kinds text[], at_least text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, called text, url text, secret text, kinds text[] DEFAULT '{}'::text[], at_least text DEFAULT 'low'::text) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_variable
DECLARE
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM kolony.check_webhook(called, url, kinds, at_least);
    PERFORM kolony.check_webhook_secret(secret);
    INSERT INTO kolony.webhooks (workspace_id, name, url, kinds, at_least, created_by)
    VALUES (in_workspace, called, url, coalesce(kinds, '{}'), at_least, kolony.my_profile_id())
    ON CONFLICT (workspace_id, name) WHERE deleted_at IS NULL DO NOTHING
    RETURNING webhook_id INTO made;
    IF made IS NULL THEN
        RAISE EXCEPTION 'there is a webhook "%" already', called USING ERRCODE = '23505', HINT = 'choose another name';
    END IF;
    INSERT INTO kolony.webhook_secrets (workspace_id, webhook_id, secret) VALUES (in_workspace, made, secret);
    -- Its host alone: the rest of an address may be a secret.
    PERFORM kolony.record_audit(in_workspace, 'WEBHOOK_ADDED', called, jsonb_build_object('host',
        substring(url FROM '^https?://([^/?]+)'), 'kinds', kinds, 'at_least', at_least));
    PERFORM kolony.hint(in_workspace, 'note:*');
    RETURN made;
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

--- function agent_brief(home uuid, of_agent uuid)
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid) RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'variables', CASE WHEN EXISTS (SELECT FROM kolony.agent_variables v
                                       WHERE v.workspace_id = home AND v.agent_id = of_agent)
                          THEN kolony.variables_brief(home, of_agent) END,
        'memory', CASE WHEN EXISTS (SELECT FROM kolony.agent_notes n
                                    WHERE n.workspace_id = home AND n.agent_id = of_agent)
                       THEN kolony.memory_brief(home, of_agent) END,
        'settings', kolony.settings_brief(home)));
END

--- function agent_for_writing(of_agent uuid)
OWNER kolony_api ARGUMENTS (of_agent uuid) RETURNS kolony.agents LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    home uuid := kolony.workspace_of_agent(of_agent);
    agent kolony.agents;
BEGIN
    PERFORM kolony.require_role(home, 'operator');
    SELECT a.* INTO STRICT agent FROM kolony.agents a
    WHERE a.workspace_id = home AND a.agent_id = of_agent FOR NO KEY UPDATE;
    RETURN agent;
END

--- function agents_to_stop(home uuid, wanted uuid[])
OWNER kolony_api ARGUMENTS (home uuid, wanted uuid[]) RETURNS uuid[] LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    missing uuid;
BEGIN
    IF wanted IS NULL THEN
        RETURN NULL;
    END IF;
    IF cardinality(wanted) = 0 THEN
        RAISE EXCEPTION 'name the agents; null is everyone' USING ERRCODE = '22023';
    END IF;
    SELECT w INTO missing FROM unnest(wanted) w WHERE NOT EXISTS (
        SELECT FROM kolony.agents a WHERE a.workspace_id = home AND a.agent_id = w) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no agent % in this workspace', coalesce(missing::text, 'null')
            USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    END IF;
    RETURN ARRAY(SELECT DISTINCT w FROM unnest(wanted) w ORDER BY w);
END

--- function allow_login(who text, allowed boolean)
OWNER kolony_roleadm ARGUMENTS (who text, allowed boolean) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF kolony.makes_logins() AND kolony.made_here(who) THEN
        EXECUTE format('ALTER ROLE %I %s', who, CASE WHEN allowed THEN 'LOGIN' ELSE 'NOLOGIN' END);
    END IF;
END

--- function analyze_tables()
OWNER kolony_owner ARGUMENTS () RETURNS jsonb LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=1s
AS
DECLARE
    found record;
    analyzed integer := 0;
    worst record;
BEGIN
    FOR found IN
        SELECT c.relname FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
        WHERE c.relnamespace = 'kolony'::regnamespace AND c.relkind IN ('r', 'p')
          AND pg_has_role(c.relowner, 'USAGE')
          AND CASE c.relkind
                WHEN 'p' THEN coalesce(s.last_analyze, '-infinity') < now() - interval '20 hours'
                ELSE s.n_mod_since_analyze > 1000 + s.n_live_tup / 5 END
        ORDER BY c.relname LIMIT 200
    LOOP
        BEGIN
            EXECUTE format('ANALYZE kolony.%I', found.relname);
            analyzed := analyzed + 1;
        EXCEPTION WHEN lock_not_available OR undefined_table THEN
            NULL; -- somebody is at it, or it was dropped
        END;
    END LOOP;
    SELECT s.relname, s.n_dead_tup AS dead, s.n_live_tup AS live INTO worst FROM pg_stat_user_tables s
    WHERE s.schemaname = 'kolony' ORDER BY s.n_dead_tup DESC, s.relname LIMIT 1;
    RETURN jsonb_build_object('analyzed_tables', analyzed, 'dead_rows',
        (SELECT coalesce(sum(s.n_dead_tup), 0) FROM pg_stat_user_tables s WHERE s.schemaname = 'kolony'))
        || CASE WHEN worst.dead > 100000 AND worst.dead > worst.live
               THEN jsonb_build_object('needs_vacuum', worst.relname) ELSE '{}' END;
END

--- function announce(hints text[])
OWNER kolony_api ARGUMENTS (hints text[]) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    token kolony.agent_tokens := kolony.my_token();
BEGIN
    IF pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify(w.channel, h.hint) FROM kolony.workspaces w
        CROSS JOIN (SELECT DISTINCT e AS hint FROM unnest(hints[1:100]) e
                    WHERE e ~ '^(agent|run|output|trace|artifact|conversation):([0-9a-f-]{36}|\*)$') h
        WHERE w.workspace_id = token.workspace_id;
    END IF;
END

--- function answer_always(the_approval uuid, allow boolean, prefix text, until timestamp with time zone, any_agent boolean, note text)
OWNER kolony_api ARGUMENTS (the_approval uuid, allow boolean, prefix text DEFAULT NULL::text, until timestamp with time zone DEFAULT NULL::timestamp with time zone, any_agent boolean DEFAULT false, note text DEFAULT NULL::text) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    asked kolony.approvals := kolony.approval_for_step(the_approval);
    wanted CONSTANT text := CASE WHEN allow THEN 'allow' ELSE 'reject' END;
BEGIN
    IF asked.kind <> 'permission' OR asked.command IS NULL THEN
        RAISE EXCEPTION 'a rule answers what asks for a permission by its command' USING ERRCODE = '22023',
            HINT = 'answer this one alone';
    END IF;
    PERFORM kolony.answer_approval(the_approval, allow, NULL, note);
    IF NOT kolony.rule_fits(coalesce(prefix, asked.command), wanted, asked.command) THEN
        RAISE EXCEPTION 'a rule for this would not have answered what is asked here' USING ERRCODE = '22023',
            HINT = 'a rule fits what begins with its words and holds no shell operators; leave the words out for one '
                || 'that fits exactly this command';
    END IF;
    RETURN kolony.keep_approval_rule(asked.workspace_id, CASE WHEN any_agent THEN NULL ELSE asked.agent_id END,
        asked.tool, coalesce(prefix, asked.command), wanted, until, note);
END

--- function answer_approval(the_approval uuid, allow boolean, answer text, note text)
OWNER kolony_api ARGUMENTS (the_approval uuid, allow boolean, answer text DEFAULT NULL::text, note text DEFAULT NULL::text) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    asked kolony.approvals := kolony.approval_for_step(the_approval);
BEGIN
    PERFORM kolony.check_answer(asked, allow, nullif(answer, ''), note);
    -- A runner that is gone hears no answer, and its question ends with its attempt.
    PERFORM kolony.settle_lost(asked.workspace_id, asked.agent_id);
    RETURN kolony.record_answer(asked, allow, answer, note);
END

--- function answer_approvals(approvals uuid[], allow boolean, answer text, note text)
OWNER kolony_api ARGUMENTS (approvals uuid[], allow boolean, answer text DEFAULT NULL::text, note text DEFAULT NULL::text) RETURNS TABLE(approval_id uuid, became text, refused text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    one uuid;
BEGIN
    IF coalesce(cardinality(approvals), 0) NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION '1 to 1000 questions are answered at once' USING ERRCODE = '22023';
    END IF;
    FOR one IN SELECT DISTINCT w FROM unnest(approvals) w ORDER BY w LOOP
        BEGIN
            approval_id := one;
            became := kolony.answer_approval(one, allow, answer, note);
            refused := NULL;
        EXCEPTION WHEN no_data_found OR object_not_in_prerequisite_state OR invalid_parameter_value THEN
            became := NULL;
            refused := SQLERRM;
        END;
        RETURN NEXT;
    END LOOP;
END

--- function answer_message()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    asked kolony.messages;
    last kolony.attempts;
    reply kolony.messages;
    about text;
BEGIN
    SELECT * INTO asked FROM kolony.messages m
    WHERE m.workspace_id = NEW.workspace_id AND m.run_id = NEW.run_id AND m.origin = 'person';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM FROM kolony.conversations c
    WHERE c.workspace_id = asked.workspace_id AND c.conversation_id = asked.conversation_id FOR NO KEY UPDATE;
    UPDATE kolony.messages m SET unanswered = NEW.outcome IS NULL
    WHERE m.workspace_id = asked.workspace_id AND m.conversation_id = asked.conversation_id AND m.number = asked.number;
    IF NEW.outcome IS NULL THEN
        PERFORM kolony.hint(asked.workspace_id, 'conversation:' || asked.conversation_id);
        RETURN NULL;
    END IF;
    SELECT * INTO last FROM kolony.attempts t
    WHERE t.workspace_id = NEW.workspace_id AND t.run_id = NEW.run_id ORDER BY t.number DESC LIMIT 1;
    reply.command_id := NEW.command_id;
    reply.run_id := NEW.run_id;
    reply.attempt_id := last.attempt_id;
    IF last.attempt_id IS NOT NULL THEN
        DELETE FROM kolony.conversation_replies y
        WHERE y.workspace_id = NEW.workspace_id AND y.attempt_id = last.attempt_id
        RETURNING y.content, y.cut INTO reply.content, reply.cut;
        IF NOT FOUND THEN
            SELECT p.content, p.cut INTO reply.content, reply.cut FROM kolony.printed_end(NEW.workspace_id, last) p;
        END IF;
    END IF;
    IF reply.content ~ '\S' THEN
        reply.origin := 'agent';
        PERFORM kolony.add_message(asked.workspace_id, asked.conversation_id, reply);
    END IF;
    about := '#' || (SELECT c.number FROM kolony.commands c
                     WHERE c.workspace_id = NEW.workspace_id AND c.command_id = NEW.command_id);
    IF NEW.outcome <> 'completed' OR coalesce(reply.content, '') !~ '\S' THEN
        reply.origin := 'note';
        reply.cut := false;
        reply.content := CASE NEW.outcome
            WHEN 'completed' THEN about || ' ended without an answer'
            WHEN 'failed' THEN concat_ws(': ', about || ' failed', "left"(NEW.error, 2000))
            ELSE concat_ws(': ', about || ' was cancelled', "left"(coalesce(nullif(NEW.cancel_why, ''), NEW.error), 2000)) END;
        PERFORM kolony.add_message(asked.workspace_id, asked.conversation_id, reply);
    END IF;
    RETURN NULL;
END

--- function answer_message_of(ended kolony.runs)
OWNER kolony_api ARGUMENTS (ended kolony.runs) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    asked kolony.messages;
    last kolony.attempts;
    reply kolony.messages;
    about text;
BEGIN
    SELECT * INTO asked FROM kolony.messages m
    WHERE m.workspace_id = ended.workspace_id AND m.run_id = ended.run_id AND m.origin = 'person';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM FROM kolony.conversations c
    WHERE c.workspace_id = asked.workspace_id AND c.conversation_id = asked.conversation_id FOR NO KEY UPDATE;
    UPDATE kolony.messages m SET unanswered = ended.outcome IS NULL
    WHERE m.workspace_id = asked.workspace_id AND m.conversation_id = asked.conversation_id AND m.number = asked.number;
    IF ended.outcome IS NULL THEN
        PERFORM kolony.hint(asked.workspace_id, 'conversation:' || asked.conversation_id);
        RETURN;
    END IF;
    SELECT * INTO last FROM kolony.attempts t
    WHERE t.workspace_id = ended.workspace_id AND t.run_id = ended.run_id ORDER BY t.number DESC LIMIT 1;
    reply.command_id := ended.command_id;
    reply.run_id := ended.run_id;
    reply.attempt_id := last.attempt_id;
    IF last.attempt_id IS NOT NULL THEN
        DELETE FROM kolony.conversation_replies y
        WHERE y.workspace_id = ended.workspace_id AND y.attempt_id = last.attempt_id
        RETURNING y.content, y.cut INTO reply.content, reply.cut;
        IF NOT FOUND THEN
            SELECT p.content, p.cut INTO reply.content, reply.cut FROM kolony.printed_end(ended.workspace_id, last) p;
        END IF;
    END IF;
    IF reply.content ~ '\S' THEN
        reply.origin := 'agent';
        PERFORM kolony.add_message(asked.workspace_id, asked.conversation_id, reply);
    END IF;
    about := '#' || (SELECT c.number FROM kolony.commands c
                     WHERE c.workspace_id = ended.workspace_id AND c.command_id = ended.command_id);
    IF ended.outcome <> 'completed' OR coalesce(reply.content, '') !~ '\S' THEN
        reply.origin := 'note';
        reply.cut := false;
        reply.content := CASE ended.outcome
            WHEN 'completed' THEN about || ' ended without an answer'
            WHEN 'failed' THEN concat_ws(': ', about || ' failed', "left"(ended.error, 2000))
            ELSE concat_ws(': ', about || ' was cancelled', "left"(coalesce(nullif(ended.cancel_why, ''), ended.error), 2000)) END;
        PERFORM kolony.add_message(asked.workspace_id, asked.conversation_id, reply);
    END IF;
END

--- function answer_messages()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    ended kolony.runs;
BEGIN
    FOR ended IN
        SELECT n.* FROM became n JOIN was o USING (workspace_id, run_id)
        WHERE (o.outcome IS NULL) <> (n.outcome IS NULL)
          AND EXISTS (SELECT FROM kolony.messages m
                      WHERE m.workspace_id = n.workspace_id AND m.run_id = n.run_id AND m.origin = 'person')
        ORDER BY n.run_id
    LOOP
        PERFORM kolony.answer_message_of(ended);
    END LOOP;
    RETURN NULL;
END

--- function answered_for(home uuid, session uuid)
OWNER kolony_api ARGUMENTS (home uuid, session uuid) RETURNS TABLE(run_id uuid, attempt_id uuid, approval_id uuid) LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT p.run_id, p.attempt_id, p.approval_id
    FROM kolony.leases l
    JOIN kolony.approvals p ON p.workspace_id = l.workspace_id AND p.attempt_id = l.attempt_id
    WHERE l.workspace_id = home AND l.session_id = session AND p.heard_at IS NULL
      AND (p.answered_at IS NOT NULL OR p.cancelled_at IS NOT NULL OR p.expired_at IS NOT NULL
           OR p.expires_at <= clock_timestamp())

--- function append_artifact_part(the_attempt uuid, the_artifact uuid, at_part integer, with_data bytea)
OWNER kolony_api ARGUMENTS (the_attempt uuid, the_artifact uuid, at_part integer, with_data bytea) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    home CONSTANT uuid := held.workspace_id;
    this kolony.artifacts;
    stored bigint;
    whole bytea;
BEGIN
    SELECT a.* INTO this FROM kolony.artifacts a
    WHERE a.workspace_id = home AND a.artifact_id = the_artifact AND a.attempt_id = the_attempt FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this attempt has no such artifact' USING ERRCODE = 'P0002';
    END IF;
    IF this.kept_at IS NOT NULL THEN
        RETURN true;
    END IF;
    IF this.content_id IS DISTINCT FROM this.artifact_id THEN
        RAISE EXCEPTION 'the content of this artifact is not kept' USING ERRCODE = '55000';
    END IF;
    INSERT INTO kolony.artifact_parts (workspace_id, artifact_id, part, data)
    VALUES (home, the_artifact, at_part, with_data) ON CONFLICT (workspace_id, artifact_id, part) DO NOTHING;
    SELECT sum(length(p.data)) INTO stored FROM kolony.artifact_parts p
    WHERE p.workspace_id = home AND p.artifact_id = the_artifact;
    IF stored > this.size THEN
        RAISE EXCEPTION 'this is more than was said of it' USING ERRCODE = '22023';
    ELSIF stored < this.size THEN
        RETURN false;
    END IF;
    SELECT string_agg(p.data, '' ORDER BY p.part) INTO whole FROM kolony.artifact_parts p
    WHERE p.workspace_id = home AND p.artifact_id = the_artifact;
    IF encode(sha256(whole), 'hex') <> this.sha256 THEN
        RAISE EXCEPTION 'this is not what was said of it' USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.artifacts a SET kept_at = now() WHERE a.workspace_id = home AND a.artifact_id = the_artifact;
    PERFORM kolony.hint(home, 'artifact:' || this.run_id);
    RETURN true;
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

--- function append_trace(the_attempt uuid, entries jsonb)
OWNER kolony_api ARGUMENTS (the_attempt uuid, entries jsonb) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    this kolony.attempts;
BEGIN
    IF jsonb_typeof(entries) IS DISTINCT FROM 'array' OR jsonb_array_length(entries) > 1000 THEN
        RAISE EXCEPTION 'entries of a trace come as an array of at most 1000' USING ERRCODE = '22023';
    END IF;
    SELECT t.* INTO STRICT this FROM kolony.attempts t
    WHERE t.workspace_id = held.workspace_id AND t.attempt_id = the_attempt;
    PERFORM kolony.ensure_trace_partition(this.output_day);
    UPDATE kolony.trace_entries t SET
        parent_key = coalesce(e.parent, t.parent_key), revision = e.revision, type = coalesce(e.type, t.type),
        name = coalesce("left"(e.name, 500), t.name), status = coalesce(e.status, t.status),
        summary = coalesce("left"(e.summary, 400), t.summary),
        input = coalesce(e.input::json, t.input), input_size = coalesce(e.input_size, t.input_size),
        output = CASE WHEN e.append IS NULL THEN coalesce(e.output::json, t.output)
            ELSE kolony.json_joined(coalesce(e.output::json, t.output, '""'), e.append::json) END,
        output_size = coalesce(e.output_size, t.output_size), error = coalesce("left"(e.error, 10000), t.error),
        tokens = coalesce(e.tokens, t.tokens), confidence = coalesce(e.confidence, t.confidence),
        attributes = CASE WHEN octet_length((t.attributes || coalesce(e.attributes, '{}'))::text) <= 65536
            THEN t.attributes || coalesce(e.attributes, '{}') ELSE t.attributes END,
        ended_at = coalesce(e.ended_at, t.ended_at),
        duration_ms = coalesce(e.duration_ms, t.duration_ms), line_to = coalesce(e.line_to, t.line_to)
    FROM jsonb_to_recordset(entries) AS e(
        key text, parent text, revision bigint, type text, name text, status text, summary text, input text,
        input_size bigint, output text, append text, output_size bigint, error text, tokens bigint,
        confidence double precision, attributes jsonb, ended_at timestamptz, duration_ms double precision, line_to bigint)
    WHERE t.workspace_id = held.workspace_id AND t.run_id = held.run_id AND t.attempt = this.number
      AND t.day = this.output_day AND t.key = e.key AND e.revision > t.revision;
    INSERT INTO kolony.trace_entries (workspace_id, run_id, attempt, day, key, parent_key, position, revision, type, name,
        status, summary, input, input_size, output, output_size, error, tokens, confidence, attributes, started_at,
        ended_at, duration_ms, line_from, line_to)
    SELECT held.workspace_id, held.run_id, this.number, this.output_day, e.key, e.parent, e.position, e.revision, e.type,
           "left"(e.name, 500), coalesce(e.status, 'running'), "left"(e.summary, 400), e.input::json, e.input_size,
           CASE WHEN e.append IS NULL THEN e.output::json
               ELSE kolony.json_joined(coalesce(e.output::json, '""'), e.append::json) END,
           e.output_size, "left"(e.error, 10000), e.tokens, e.confidence, coalesce(e.attributes, '{}'),
           coalesce(e.started_at, now()), e.ended_at, e.duration_ms, e.line_from, e.line_to
    FROM jsonb_to_recordset(entries) AS e(
        key text, parent text, position integer, revision bigint, type text, name text, status text, summary text,
        input text, input_size bigint, output text, append text, output_size bigint, error text, tokens bigint,
        confidence double precision, attributes jsonb, started_at timestamptz, ended_at timestamptz,
        duration_ms double precision, line_from bigint, line_to bigint)
    WHERE NOT EXISTS (SELECT FROM kolony.trace_entries t
        WHERE t.workspace_id = held.workspace_id AND t.run_id = held.run_id AND t.attempt = this.number
          AND t.day = this.output_day AND t.key = e.key)
    ON CONFLICT (workspace_id, run_id, attempt, key, day) DO NOTHING;
END

--- function approval_for_step(the_approval uuid)
OWNER kolony_api ARGUMENTS (the_approval uuid) RETURNS kolony.approvals LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    asked kolony.approvals;
BEGIN
    SELECT * INTO asked FROM kolony.approvals p
    WHERE p.approval_id = the_approval AND p.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such question here' USING ERRCODE = 'P0002', HINT = 'see kolony inbox';
    END IF;
    PERFORM kolony.require_role(asked.workspace_id, 'operator');
    RETURN asked;
END

--- function approval_state(of_approval kolony.approvals)
OWNER kolony_api ARGUMENTS (of_approval kolony.approvals) RETURNS text LANGUAGE sql VOLATILE SET search_path=pg_catalog, pg_temp
AS
    SELECT CASE WHEN of_approval.cancelled_at IS NOT NULL THEN 'cancelled'
                WHEN of_approval.answered_at IS NULL THEN
                    CASE WHEN of_approval.expired_at IS NOT NULL OR of_approval.expires_at <= clock_timestamp()
                         THEN 'expired' ELSE 'open' END
                WHEN of_approval.allowed IS NULL THEN 'answered'
                WHEN of_approval.allowed THEN 'allowed'
                ELSE 'denied' END

--- function archive_conversation(the_conversation uuid, archived boolean)
OWNER kolony_api ARGUMENTS (the_conversation uuid, archived boolean DEFAULT true) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    thread kolony.conversations := kolony.conversation_for_step(the_conversation, 'operator');
BEGIN
    IF archived IS NULL OR archived = (thread.archived_at IS NOT NULL) THEN
        RETURN;
    END IF;
    UPDATE kolony.conversations c SET archived_at = CASE WHEN archived THEN clock_timestamp() END
    WHERE c.workspace_id = thread.workspace_id AND c.conversation_id = the_conversation;
    PERFORM kolony.record_audit(thread.workspace_id, 'CONVERSATION_CHANGED', '~' || thread.number,
        jsonb_build_object('archived', archived), thread.agent_id);
    PERFORM kolony.hint(thread.workspace_id, 'conversation:' || the_conversation);
END

--- function archive_for_step(in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid, in_state text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid, in_state text) RETURNS kolony.output_archives LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    its kolony.output_archives;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM kolony.hold_off_holds(in_workspace);
    SELECT * INTO its FROM kolony.output_archives a
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'that output is not on its way to the archive' USING ERRCODE = 'P0002';
    END IF;
    IF its.state <> in_state OR its.ticket IS DISTINCT FROM the_ticket THEN
        RAISE EXCEPTION 'somebody else has taken that output since' USING ERRCODE = '55000';
    END IF;
    RETURN its;
END

--- function are_tags(words text[])
OWNER kolony_owner ARGUMENTS (words text[]) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path=pg_catalog, pg_temp
AS
    SELECT words IS NOT NULL AND cardinality(words) <= 50
       AND coalesce((SELECT bool_and(coalesce(w ~ '^[[:alnum:]][[:alnum:]._:/-]{0,39}$', false)) FROM unnest(words) w), true)

--- function artifact_cap(home uuid, the_run uuid, with_size bigint)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid, with_size bigint) RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    files bigint;
    bytes bigint;
BEGIN
    IF with_size > 16777216 THEN
        RETURN 'a file of more than 16 MiB is not kept';
    END IF;
    SELECT count(*), coalesce(sum(a.size) FILTER (WHERE a.content_id = a.artifact_id), 0) INTO files, bytes
    FROM kolony.artifacts a
    WHERE a.workspace_id = home AND a.run_id = the_run AND a.content_id IS NOT NULL;
    RETURN CASE WHEN files >= 1000 THEN 'a run keeps at most 1,000 files'
                WHEN bytes + with_size > 67108864 THEN 'a run keeps at most 64 MiB' END;
END

--- function ask(the_attempt uuid, name text, kind text, title text, detail text, options jsonb, risk text, expires_seconds integer, tool text, command text, request jsonb)
OWNER kolony_api ARGUMENTS (the_attempt uuid, name text, kind text, title text, detail text DEFAULT ''::text, options jsonb DEFAULT NULL::jsonb, risk text DEFAULT 'medium'::text, expires_seconds integer DEFAULT NULL::integer, tool text DEFAULT NULL::text, command text DEFAULT NULL::text, request jsonb DEFAULT NULL::jsonb) RETURNS TABLE(approval_id uuid, state text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_variable
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    run kolony.runs;
    rule kolony.approval_rules;
    asked kolony.approvals;
BEGIN
    PERFORM kolony.check_ask(name, kind, title, coalesce(detail, ''), risk, expires_seconds);
    IF octet_length(command) > 1048576 THEN
        RAISE EXCEPTION 'a command of more than 1 MiB cannot be shown to anybody' USING ERRCODE = '22023';
    END IF;
    -- Held, so that whoever cancels the run sees this question, or is seen here.
    SELECT r.* INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = held.workspace_id AND r.run_id = held.run_id FOR NO KEY UPDATE;
    held := kolony.my_lease(the_attempt);
    SELECT p.* INTO asked FROM kolony.approvals p
    WHERE p.workspace_id = held.workspace_id AND p.attempt_id = the_attempt AND p.name = name;
    IF NOT FOUND THEN
        IF (SELECT count(*) FROM kolony.approvals p
            WHERE p.workspace_id = held.workspace_id AND p.attempt_id = the_attempt) >= 1000
        THEN
            RAISE EXCEPTION 'an attempt asks at most 1000 times' USING ERRCODE = '54000';
        END IF;
        IF run.cancel_at IS NULL AND kind = 'permission' AND num_nonnulls(tool, command) > 0 THEN
            rule := kolony.rule_for(held.workspace_id, held.agent_id, tool, command);
        END IF;
        IF rule.rule_id IS NOT NULL THEN
            -- One that was revoked meanwhile answers nothing.
            UPDATE kolony.approval_rules l SET hits = l.hits + 1, last_hit_at = clock_timestamp()
            WHERE l.workspace_id = rule.workspace_id AND l.rule_id = rule.rule_id AND l.revoked_at IS NULL
            RETURNING l.* INTO rule;
        END IF;
        INSERT INTO kolony.approvals AS p (workspace_id, run_id, attempt_id, agent_id, name, kind, title, detail,
            options, risk, created_at, expires_at, cancelled_at, cancelled_why, tool, command, request, rule_id,
            answered_at, allowed)
        VALUES (held.workspace_id, held.run_id, the_attempt, held.agent_id, name, kind, title, coalesce(detail, ''),
            kolony.checked_options(options), risk, clock_timestamp(),
            clock_timestamp() + make_interval(secs => expires_seconds),
            CASE WHEN run.cancel_at IS NOT NULL THEN clock_timestamp() END,
            CASE WHEN run.cancel_at IS NOT NULL THEN 'its run is being cancelled' END,
            "left"(tool, 200), command, request, rule.rule_id,
            CASE WHEN rule.rule_id IS NOT NULL THEN clock_timestamp() END, rule.decision = 'allow')
        RETURNING p.* INTO asked;
        IF rule.rule_id IS NULL THEN
            PERFORM kolony.hint(held.workspace_id, 'inbox:' || asked.approval_id);
        ELSE
            PERFORM kolony.record_audit(held.workspace_id, 'APPROVAL_RULED', "left"(title, 200), jsonb_build_object(
                'became', kolony.approval_state(asked), 'rule_id', rule.rule_id, 'tool', "left"(tool, 200),
                'command', "left"(command, 200)), held.agent_id, NULL, held.run_id);
            PERFORM kolony.hint(held.workspace_id, 'approval_rule:' || rule.rule_id);
        END IF;
    END IF;
    RETURN QUERY SELECT asked.approval_id, kolony.approval_state(asked);
END

--- function assign_run(the_run uuid, to_agent uuid)
OWNER kolony_api ARGUMENTS (the_run uuid, to_agent uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    run kolony.runs := kolony.run_for_step(the_run);
    waiting kolony.blocked_runs;
    target kolony.agents;
BEGIN
    PERFORM kolony.settle_lost(run.workspace_id, run.agent_id);
    SELECT * INTO target FROM kolony.agents a
    WHERE a.workspace_id = run.workspace_id AND a.agent_id = to_agent FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such agent here' USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    ELSIF target.desired = 'retired' THEN
        RAISE EXCEPTION 'the agent "%" is retired', target.name USING ERRCODE = '55000', HINT = 'resume it, or choose another';
    END IF;
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run FOR NO KEY UPDATE;
    waiting := kolony.take_waiting(run.workspace_id, the_run);
    PERFORM kolony.require_waiting(run, waiting);
    IF run.agent_id = to_agent THEN
        RAISE EXCEPTION 'it is a run of "%" already', target.name USING ERRCODE = '55000';
    END IF;
    waiting.agent_id := to_agent;
    UPDATE kolony.runs r SET agent_id = to_agent WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run;
    PERFORM kolony.put_waiting(waiting);
    UPDATE kolony.commands c SET targets[run.ordinal] = to_agent
    WHERE c.workspace_id = run.workspace_id AND c.command_id = run.command_id;
    PERFORM kolony.hint(run.workspace_id, 'agent:' || run.agent_id), kolony.hint(run.workspace_id, 'agent:' || to_agent);
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
    changed := kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW), ARRAY['name', 'type', 'category', 'icon', 'tags']);
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

--- function audit_constraint()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    limits CONSTANT text[] := ARRAY['time_limit_ms', 'token_budget', 'memory_limit_mb', 'cpu_limit_percent'];
    facts jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT jsonb_object_agg(l, to_jsonb(NEW) -> l) INTO facts FROM unnest(limits) l;
        PERFORM kolony.record_audit(NEW.workspace_id, 'CONSTRAINT_CREATED', NEW.name,
            facts || jsonb_build_object('is_default', NEW.is_default));
    ELSIF OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'CONSTRAINT_DELETED', NEW.name,
            jsonb_build_object('was_default', OLD.is_default));
    ELSE
        facts := kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW),
            ARRAY['name', 'description', 'is_default', 'deleted_at'] || limits);
        IF facts <> '{}' THEN
            PERFORM kolony.record_audit(NEW.workspace_id, 'CONSTRAINT_CHANGED', NEW.name, facts);
        END IF;
    END IF;
    RETURN NULL;
END

--- function audit_limit()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.record_audit(NEW.workspace_id,
        CASE NEW.limit_hit WHEN 'time_limit' THEN 'TIME_LIMIT_EXCEEDED' WHEN 'token_budget' THEN 'TOKEN_LIMIT_EXCEEDED'
            WHEN 'memory_limit' THEN 'MEMORY_LIMIT_EXCEEDED' WHEN 'budget' THEN 'BUDGET_EXCEEDED'
            ELSE 'CPU_LIMIT_EXCEEDED' END,
        '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || r.ordinal ELSE '' END,
        jsonb_build_object('attempt', NEW.number) || CASE NEW.limit_hit
            WHEN 'time_limit' THEN jsonb_build_object('time_limit_ms', c.time_limit_ms)
            WHEN 'token_budget' THEN jsonb_build_object('token_budget', c.token_budget)
            WHEN 'memory_limit' THEN jsonb_build_object('memory_limit_mb', c.memory_limit_mb)
            WHEN 'budget' THEN jsonb_build_object('why', "left"(NEW.error, 200))
            ELSE jsonb_build_object('cpu_limit_percent', c.cpu_limit_percent) END,
        NEW.agent_id, c.command_id, NEW.run_id)
    FROM kolony.runs r JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    WHERE r.workspace_id = NEW.workspace_id AND r.run_id = NEW.run_id;
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
    IF OLD.outcome IS NOT NULL AND NEW.outcome IS NULL AND NOT kolony.is_undoing() THEN
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

--- function audit_steering()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    about text := (SELECT '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || NEW.ordinal ELSE '' END
                   FROM kolony.commands c WHERE c.workspace_id = NEW.workspace_id AND c.command_id = NEW.command_id);
BEGIN
    IF NEW.held_by IS NOT NULL AND OLD.held_at IS NULL AND NOT kolony.is_undoing() THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_HELD', about,
            jsonb_build_object('reason', "left"(NEW.held_why, 200)), NEW.agent_id, NEW.command_id, NEW.run_id);
    ELSIF OLD.held_at IS NOT NULL AND NEW.held_at IS NULL AND NEW.outcome IS NULL THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_RELEASED', about, '{}',
            NEW.agent_id, NEW.command_id, NEW.run_id);
    END IF;
    IF NEW.interrupt_at IS NOT NULL AND OLD.interrupt_at IS DISTINCT FROM NEW.interrupt_at THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_INTERRUPTED', about,
            jsonb_build_object('reason', "left"(NEW.interrupt_why, 200)), NEW.agent_id, NEW.command_id, NEW.run_id);
    END IF;
    IF NEW.agent_id <> OLD.agent_id THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_ASSIGNED', about, jsonb_build_object(
            'before', (SELECT a.name FROM kolony.agents a
                       WHERE a.workspace_id = OLD.workspace_id AND a.agent_id = OLD.agent_id),
            'after', (SELECT a.name FROM kolony.agents a
                      WHERE a.workspace_id = NEW.workspace_id AND a.agent_id = NEW.agent_id)),
            NEW.agent_id, NEW.command_id, NEW.run_id);
    END IF;
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
        'max_waiting_runs', 'time_zone']);
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

--- function bar_agents(home uuid, wanted uuid[])
OWNER kolony_api ARGUMENTS (home uuid, wanted uuid[]) RETURNS uuid[] LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM FROM kolony.stop_gates g WHERE g.workspace_id = home FOR UPDATE;
    IF wanted IS NULL THEN
        PERFORM count(*) FROM (
            SELECT FROM kolony.agents a WHERE a.workspace_id = home ORDER BY a.agent_id FOR NO KEY UPDATE) taken;
    ELSE
        PERFORM FROM kolony.agents a WHERE a.workspace_id = home AND a.agent_id = ANY (wanted)
        ORDER BY a.agent_id FOR NO KEY UPDATE;
    END IF;
    RETURN ARRAY(
        SELECT r.run_id FROM kolony.leases l
        JOIN kolony.runs r ON r.workspace_id = l.workspace_id AND r.run_id = l.run_id
        WHERE l.workspace_id = home AND (wanted IS NULL OR l.agent_id = ANY (wanted)) AND r.cancel_at IS NULL
        ORDER BY r.run_id FOR NO KEY UPDATE OF r);
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
    IF EXISTS (SELECT FROM kolony.budgets b WHERE b.workspace_id = session.workspace_id AND b.removed_at IS NULL) THEN
        RETURN QUERY SELECT 'over_budget', u.run_id, u.attempt_id, u.why
        FROM kolony.refuse_unpaid(session.workspace_id, the_session, session.lease_seconds) u;
    END IF;
    RETURN QUERY
    SELECT CASE WHEN r.cancel_at IS NOT NULL THEN 'cancel' ELSE 'interrupt' END, r.run_id, l.attempt_id,
           coalesce(CASE WHEN r.cancel_at IS NOT NULL THEN r.cancel_why ELSE r.interrupt_why END, '')
    FROM kolony.leases l JOIN kolony.runs r ON r.workspace_id = l.workspace_id AND r.run_id = l.run_id
    WHERE l.workspace_id = session.workspace_id AND l.session_id = the_session
      AND (r.cancel_at IS NOT NULL OR r.interrupt_at IS NOT NULL AND r.interrupt_heard_at IS NULL)
    UNION ALL
    SELECT 'lost', NULL, h, '' FROM unnest(holding) h
    WHERE NOT EXISTS (SELECT FROM kolony.leases l
                      WHERE l.workspace_id = session.workspace_id AND l.attempt_id = h AND l.session_id = the_session)
    UNION ALL
    SELECT 'unknown', l.run_id, l.attempt_id, '' FROM kolony.leases l
    WHERE l.workspace_id = session.workspace_id AND l.session_id = the_session AND l.attempt_id <> ALL (holding)
    UNION ALL
    SELECT 'answered', f.run_id, f.attempt_id, f.approval_id::text
    FROM kolony.answered_for(session.workspace_id, the_session) f
    UNION ALL
    SELECT 'stopped', NULL, NULL, s.why FROM kolony.stops s
    WHERE s.workspace_id = session.workspace_id
      AND s.stop_id = kolony.stop_in_force(session.workspace_id, session.agent_id)
    UNION ALL
    SELECT a.desired, NULL, NULL, a.desired_why FROM kolony.agents a
    WHERE a.workspace_id = session.workspace_id AND a.agent_id = session.agent_id AND a.desired <> 'active';
END

--- function begin_attempt(the_attempt uuid)
OWNER kolony_api ARGUMENTS (the_attempt uuid) RETURNS jsonb LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
BEGIN
    PERFORM kolony.start_attempt(the_attempt);
    RETURN kolony.agent_brief(held.workspace_id, held.agent_id)
        || coalesce(kolony.run_brief(held.workspace_id, held.run_id, true), '{}');
END

--- function begin_job(in_workspace uuid, the_job text, on_host text, in_total bigint)
OWNER kolony_api ARGUMENTS (in_workspace uuid, the_job text, on_host text, in_total bigint) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    INSERT INTO kolony.workspace_jobs AS j (workspace_id, job, last_began, last_seen, by_profile, host, total)
    VALUES (in_workspace, the_job, clock_timestamp(), clock_timestamp(), kolony.my_profile_id(),
        "left"(coalesce(on_host, ''), 255), in_total)
    ON CONFLICT (workspace_id, job) DO UPDATE SET last_began = EXCLUDED.last_began, last_seen = EXCLUDED.last_seen,
        last_ended = NULL, by_profile = EXCLUDED.by_profile, host = EXCLUDED.host, total = EXCLUDED.total, done = 0;
    PERFORM kolony.hint(in_workspace, 'upkeep:*');
END

--- function book_report(mine kolony.attempt_usage, report jsonb, place integer, today date)
OWNER kolony_api ARGUMENTS (mine kolony.attempt_usage, report jsonb, place integer, today date) RETURNS kolony.attempt_usage LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    its_session CONSTANT text := "left"(coalesce(nullif(report ->> 'session_id', ''), nullif(mine.session, ''),
                                                 'attempt ' || mine.attempt_id), 300);
    its_model CONSTANT text := "left"(coalesce(nullif(report ->> 'model', ''),
                                               mine.models[cardinality(mine.models)], ''), 200);
    recent jsonb;
    sums jsonb;
    added jsonb;
    cost numeric;
    estimated numeric;
BEGIN
    INSERT INTO kolony.session_usage AS s (workspace_id, agent_id, session)
    VALUES (mine.workspace_id, mine.agent_id, its_session)
    ON CONFLICT (workspace_id, agent_id, session) DO UPDATE SET at = now()
    RETURNING s.base, s.since INTO sums, recent;
    SELECT w.since, w.base, w.added INTO recent, sums, added FROM kolony.weigh_tokens(report, recent, sums) w;
    SELECT w.since, w.base, w.cost, w.estimated INTO recent, sums, cost, estimated
    FROM kolony.weigh_money(report, kolony.estimate(mine.workspace_id, its_model, today, added), recent, sums) w;
    UPDATE kolony.session_usage s SET base = sums, since = recent
    WHERE s.workspace_id = mine.workspace_id AND s.agent_id = mine.agent_id AND s.session = its_session;
    INSERT INTO kolony.usage_reports (workspace_id, attempt_id, number, run_id, day, model, source, scope, input_fresh,
        input_cached, cache_write, output, reasoning, calls, cost_usd, estimated_usd, said, raw)
    VALUES (mine.workspace_id, mine.attempt_id, place, mine.run_id, today, its_model,
        "left"(coalesce(report ->> 'source', ''), 100),
        CASE WHEN report ->> 'scope' IN ('call', 'turn') THEN report ->> 'scope' ELSE 'session' END,
        (added ->> 'input_fresh')::bigint, (added ->> 'input_cached')::bigint, (added ->> 'cache_write')::bigint,
        (added ->> 'output')::bigint, (added ->> 'reasoning')::bigint, (added ->> 'calls')::bigint, cost, estimated,
        report - 'raw', CASE WHEN length((report -> 'raw')::text) <= 65536 THEN nullif(report -> 'raw', 'null') END);
    mine.reports := place + 1;
    IF its_model <> '' AND (its_model = ANY (mine.models) OR cardinality(mine.models) < 50) THEN
        mine.models := array_remove(mine.models, its_model) || its_model;
    END IF;
    mine.input_fresh := mine.input_fresh + (added ->> 'input_fresh')::bigint;
    mine.input_cached := mine.input_cached + (added ->> 'input_cached')::bigint;
    mine.cache_write := mine.cache_write + (added ->> 'cache_write')::bigint;
    mine.output := mine.output + (added ->> 'output')::bigint;
    mine.reasoning := mine.reasoning + (added ->> 'reasoning')::bigint;
    mine.calls := mine.calls + (added ->> 'calls')::bigint;
    mine.cost_usd := mine.cost_usd + cost;
    mine.estimated_usd := mine.estimated_usd + estimated;
    mine.session := its_session;
    RETURN mine;
END

--- function bring_back(home uuid, cancelled jsonb)
OWNER kolony_api ARGUMENTS (home uuid, cancelled jsonb) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    was jsonb;
    restored jsonb := '[]';
    waiting kolony.blocked_runs;
    touched uuid[] := '{}';
BEGIN
    FOR was IN SELECT f FROM jsonb_array_elements(cancelled) f ORDER BY (f ->> 'run_id')::uuid LOOP
        waiting := jsonb_populate_record(NULL::kolony.blocked_runs, was);
        PERFORM FROM kolony.runs r
        WHERE r.workspace_id = home AND r.run_id = waiting.run_id AND r.outcome = 'cancelled'
          AND r.cancel_at = (was ->> 'cancelled_at')::timestamptz FOR NO KEY UPDATE;
        CONTINUE WHEN NOT FOUND;
        UPDATE kolony.runs r SET outcome = NULL, finished_at = NULL, cancel_at = NULL, cancel_by = NULL,
            cancel_why = NULL, held_at = (was ->> 'held_at')::timestamptz, held_by = (was ->> 'held_by')::uuid,
            held_why = was ->> 'held_why'
        WHERE r.workspace_id = home AND r.run_id = waiting.run_id;
        restored := restored || jsonb_build_array(was);
    END LOOP;
    FOR was IN SELECT f FROM jsonb_array_elements(restored) f LOOP
        waiting := jsonb_populate_record(NULL::kolony.blocked_runs, was);
        -- What comes first may just have been brought back too; its command is summed up below.
        waiting.after := waiting.after AND (kolony.comes_later(home, waiting.command_id) OR EXISTS (
            SELECT FROM kolony.command_dependencies d
            JOIN kolony.runs r ON r.workspace_id = d.workspace_id AND r.command_id = d.after_id
            WHERE d.workspace_id = home AND d.command_id = waiting.command_id AND r.outcome IS NULL));
        waiting.beyond := (SELECT c.at_a_time IS NOT NULL FROM kolony.commands c
                           WHERE c.workspace_id = home AND c.command_id = waiting.command_id);
        PERFORM kolony.put_waiting(waiting);
        IF kolony.is_retired(home, waiting.agent_id) THEN
            RAISE EXCEPTION 'an agent of it is retired' USING ERRCODE = '55000', HINT = 'resume the agent first';
        END IF;
        touched := touched || waiting.command_id;
    END LOOP;
    PERFORM kolony.roll_up(home, t.command_id)
    FROM (SELECT DISTINCT unnest(touched) AS command_id ORDER BY 1) t;
    PERFORM kolony.require_room(home, 'waiting runs');
    PERFORM kolony.hint(home, 'agents:*');
    RETURN cardinality(touched);
END

--- function budget_brief(home uuid, the_run uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid) RETURNS numeric LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN (
        SELECT min(b.usd_left) FROM kolony.runs r
        JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
        CROSS JOIN LATERAL kolony.budgets_on(home, r.agent_id, c.command_id, c.preset_id, c.created_by) b
        WHERE r.workspace_id = home AND r.run_id = the_run AND b.hard);
END

--- function budget_subject(home uuid, scope text, subject text)
OWNER kolony_api ARGUMENTS (home uuid, scope text, subject text) RETURNS uuid LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_variable
DECLARE
    found uuid;
BEGIN
    CASE scope
        WHEN 'workspace' THEN
            IF coalesce(subject, '') <> '' THEN
                RAISE EXCEPTION 'a budget of the workspace is about nothing else' USING ERRCODE = '22023';
            END IF;
            RETURN NULL;
        WHEN 'agent' THEN
            SELECT a.agent_id INTO found FROM kolony.agents a
            WHERE a.workspace_id = home AND subject IN (a.name, a.agent_id::text);
        WHEN 'preset' THEN
            SELECT p.preset_id INTO found FROM kolony.presets p
            WHERE p.workspace_id = home AND p.deleted_at IS NULL AND subject IN (p.name, p.preset_id::text)
              AND p.preset_id = ANY (kolony.my_preset_ids());
        WHEN 'command' THEN
            SELECT c.command_id INTO found FROM kolony.commands c
            WHERE c.workspace_id = home AND (c.command_id::text = subject
                OR ltrim(subject, '#') ~ '^[0-9]{1,18}$' AND c.number = CASE WHEN ltrim(subject, '#') ~ '^[0-9]{1,18}$'
                                                                          THEN ltrim(subject, '#')::bigint END);
        WHEN 'person' THEN
            SELECT p.profile_id INTO found FROM kolony.profiles p
            JOIN kolony.memberships m ON m.profile_id = p.profile_id AND m.workspace_id = home
            WHERE subject IN (p.login, p.profile_id::text) ORDER BY m.granted_at DESC LIMIT 1;
        WHEN 'people' THEN
            SELECT g.group_id INTO found FROM kolony.people_groups g
            WHERE g.workspace_id = home AND subject IN (g.name, g.group_id::text);
        ELSE
            RAISE EXCEPTION 'a budget is one of the workspace, people, an agent, a preset, a command or a person'
                USING ERRCODE = '22023';
    END CASE;
    IF found IS NULL THEN
        RAISE EXCEPTION 'there is no % "%" here', CASE scope WHEN 'people' THEN 'team of people' ELSE scope END,
            coalesce(subject, '') USING ERRCODE = 'P0002',
            HINT = CASE scope WHEN 'people' THEN 'see kolony budget team list' WHEN 'person' THEN 'see kolony user list'
                              ELSE format('see kolony %s list', scope) END;
    END IF;
    RETURN found;
END

--- function budget_words(its kolony.budget_overview)
OWNER kolony_api ARGUMENTS (its kolony.budget_overview) RETURNS text LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT CASE its.scope WHEN 'workspace' THEN 'the workspace' WHEN 'people' THEN format('the team "%s"', its.subject)
                WHEN 'command' THEN 'command ' || its.subject ELSE format('the %s "%s"', its.scope, its.subject) END
        || ' has used ' || concat_ws(' and ',
            CASE WHEN its.usd_limit IS NOT NULL THEN format('$%s of $%s', to_char(its.cost_usd, 'FM999999990.00'),
                                                            to_char(its.usd_limit, 'FM999999990.00')) END,
            CASE WHEN its.token_limit IS NOT NULL THEN format('%s of %s tokens', its.tokens, its.token_limit) END)
        || CASE its.period WHEN 'total' THEN ' in all' WHEN 'day' THEN ' today' ELSE ' this ' || its.period END

--- function budgets_on(home uuid, of_agent uuid, the_command uuid, the_preset uuid, person uuid)
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid, the_command uuid, the_preset uuid, person uuid) RETURNS SETOF kolony.budget_overview LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.budgets b WHERE b.workspace_id = home AND b.removed_at IS NULL) THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT o.* FROM kolony.budget_overview o
    WHERE o.workspace_id = home AND CASE o.scope
        WHEN 'workspace' THEN true
        WHEN 'agent' THEN o.subject_id = of_agent
        WHEN 'command' THEN o.subject_id = the_command
        WHEN 'preset' THEN o.subject_id = the_preset
        WHEN 'person' THEN o.subject_id = person
        ELSE EXISTS (SELECT FROM kolony.people_group_members m
                     WHERE m.workspace_id = home AND m.group_id = o.subject_id AND m.profile_id = person) END
    ORDER BY o.budget_id;
END

--- function cancel_command(the_command uuid, why text)
OWNER kolony_api ARGUMENTS (the_command uuid, why text DEFAULT ''::text) RETURNS TABLE(cancelled bigint, requested bigint) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    command kolony.commands := kolony.command_for_step(the_command, 'operator');
    open_run uuid;
    one record;
    undoable jsonb := '[]';
    asked uuid[] := '{}';
BEGIN
    UPDATE kolony.commands c SET outcome = 'cancelled', finished_at = now()
    WHERE c.workspace_id = command.workspace_id AND c.command_id = the_command
      AND c.submitted_at IS NULL AND c.outcome IS NULL;
    IF FOUND THEN
        PERFORM kolony.remember_undo(command.workspace_id, 'cancel', format('cancel of the draft #%s', command.number),
            jsonb_build_object('draft', the_command));
    ELSE
        FOR open_run IN
            SELECT r.run_id FROM kolony.runs r
            WHERE r.workspace_id = command.workspace_id AND r.command_id = the_command AND r.outcome IS NULL
            ORDER BY r.run_id
        LOOP
            SELECT * INTO one FROM kolony.cancel_open_run(command.workspace_id, open_run, "left"(coalesce(why, ''), 1000));
            CONTINUE WHEN one.became IS NULL;
            asked := asked || open_run;
            IF one.was IS NOT NULL AND jsonb_array_length(undoable) < 10000 THEN
                undoable := undoable || jsonb_build_array(one.was);
            END IF;
        END LOOP;
        IF asked = '{}' THEN
            RAISE EXCEPTION 'command #% has ended already (%)', command.number, (SELECT c.outcome FROM kolony.commands c
                WHERE c.workspace_id = command.workspace_id AND c.command_id = the_command) USING ERRCODE = '55000';
        END IF;
        PERFORM kolony.roll_up(command.workspace_id, the_command);
        PERFORM kolony.remember_cancel(command.workspace_id, undoable);
        PERFORM kolony.settle_lost(command.workspace_id, NULL);
    END IF;
    PERFORM kolony.record_audit(command.workspace_id, 'COMMAND_CANCELLED', '#' || command.number,
        jsonb_build_object('reason', "left"(why, 200), 'runs', cardinality(asked)), NULL, the_command);
    PERFORM kolony.hint(command.workspace_id, 'agents:*');
    RETURN QUERY SELECT count(*) FILTER (WHERE r.outcome IS NOT NULL), count(*) FILTER (WHERE r.outcome IS NULL)
                 FROM kolony.runs r WHERE r.workspace_id = command.workspace_id AND r.run_id = ANY (asked);
END

--- function cancel_for_stop(home uuid, the_stop uuid, at_work uuid[], because text)
OWNER kolony_api ARGUMENTS (home uuid, the_stop uuid, at_work uuid[], because text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    me CONSTANT uuid := kolony.my_profile_id();
BEGIN
    UPDATE kolony.runs r SET cancel_at = now(), cancel_by = me, cancel_why = because, cancel_stop = the_stop
    WHERE r.workspace_id = home AND r.run_id = ANY (at_work);
    UPDATE kolony.approvals p SET
        expired_at = CASE WHEN p.expires_at <= clock_timestamp() THEN clock_timestamp() END,
        cancelled_at = CASE WHEN p.expires_at <= clock_timestamp() THEN NULL ELSE clock_timestamp() END,
        cancelled_why = CASE WHEN p.expires_at <= clock_timestamp() THEN NULL ELSE because END
    WHERE p.workspace_id = home AND p.run_id = ANY (at_work)
      AND p.answered_at IS NULL AND p.cancelled_at IS NULL AND p.expired_at IS NULL;
    PERFORM pg_current_xact_id(); -- as kolony.record_audit does
    INSERT INTO kolony.audit_log (workspace_id, entry_id, at, event, login, profile_id, client_address, application,
        agent_id, command_id, run_id, subject, details)
    SELECT home, nextval('kolony.audit_entries'), clock_timestamp(), 'RUN_CANCELLED', session_user, me,
           inet_client_addr(), "left"(current_setting('application_name'), 64), r.agent_id, r.command_id, r.run_id,
           '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || r.ordinal ELSE '' END,
           jsonb_build_object('reason', "left"(because, 200), 'at_once', false)
    FROM kolony.runs r
    JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    WHERE r.workspace_id = home AND r.run_id = ANY (at_work);
END

--- function cancel_open_run(home uuid, the_run uuid, why text, OUT became text, OUT was jsonb)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid, why text, OUT became text, OUT was jsonb) RETURNS record LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    run kolony.runs;
    waiting kolony.blocked_runs;
BEGIN
    -- The run first: whoever is just putting it back into a queue holds it until the queue has it.
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = home AND r.run_id = the_run FOR NO KEY UPDATE;
    IF run.outcome IS NOT NULL THEN
        RETURN;
    END IF;
    waiting := kolony.take_waiting(home, the_run);
    IF waiting.run_id IS NULL THEN
        UPDATE kolony.runs r SET cancel_at = coalesce(r.cancel_at, now()),
            cancel_by = coalesce(r.cancel_by, kolony.my_profile_id()), cancel_why = coalesce(r.cancel_why, why)
        WHERE r.workspace_id = home AND r.run_id = the_run;
        became := 'requested';
        RETURN;
    END IF;
    UPDATE kolony.runs r SET outcome = 'cancelled', finished_at = now(), cancel_at = now(),
        cancel_by = kolony.my_profile_id(), cancel_why = why, held_at = NULL, held_by = NULL, held_why = NULL
    WHERE r.workspace_id = home AND r.run_id = the_run;
    became := 'cancelled';
    was := to_jsonb(waiting) || jsonb_build_object('cancelled_at', now(), 'held_at', run.held_at,
        'held_by', run.held_by, 'held_why', run.held_why, 'error', run.error, 'exit_code', run.exit_code);
END

--- function cancel_run(the_run uuid, why text)
OWNER kolony_api ARGUMENTS (the_run uuid, why text DEFAULT ''::text) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    run kolony.runs := kolony.run_for_step(the_run);
    requested text := (SELECT s.became FROM kolony.take_steps(ARRAY[the_run], 'cancel', why, NULL, true) s);
BEGIN
    RETURN coalesce((SELECT r.outcome FROM kolony.runs r
                     WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run), requested);
END

--- function cancel_runs(the_runs uuid[], why text)
OWNER kolony_api ARGUMENTS (the_runs uuid[], why text DEFAULT ''::text) RETURNS TABLE(run_id uuid, became text, refused text) LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT * FROM kolony.take_steps(the_runs, 'cancel', why, NULL, false)

--- function change_constraint(the_constraint uuid, new_name text, new_description text, new_time_limit_ms bigint, new_token_budget bigint, new_memory_limit_mb integer, new_cpu_limit_percent integer)
OWNER kolony_api ARGUMENTS (the_constraint uuid, new_name text, new_description text, new_time_limit_ms bigint, new_token_budget bigint, new_memory_limit_mb integer, new_cpu_limit_percent integer) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    profile kolony.constraint_profiles := kolony.constraint_for_step(the_constraint);
BEGIN
    IF profile.deleted_at IS NOT NULL THEN
        RAISE EXCEPTION 'the constraint profile "%" is deleted', profile.name USING ERRCODE = '55000';
    END IF;
    PERFORM kolony.check_constraint(new_name, new_time_limit_ms, new_token_budget, new_memory_limit_mb,
        new_cpu_limit_percent);
    PERFORM kolony.refuse_taken_constraint(profile.workspace_id, new_name, the_constraint);
    UPDATE kolony.constraint_profiles p SET name = new_name, description = coalesce(new_description, ''),
        time_limit_ms = new_time_limit_ms, token_budget = new_token_budget, memory_limit_mb = new_memory_limit_mb,
        cpu_limit_percent = new_cpu_limit_percent
    WHERE p.workspace_id = profile.workspace_id AND p.constraint_id = the_constraint;
    PERFORM kolony.hint(profile.workspace_id, 'constraint:' || the_constraint);
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

--- function change_notification_rule(the_rule uuid, audience text, priority text, channels text[], enabled boolean)
OWNER kolony_api ARGUMENTS (the_rule uuid, audience text, priority text, channels text[], enabled boolean) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_variable
DECLARE
    rule kolony.notification_rules := kolony.rule_for_step(the_rule);
BEGIN
    PERFORM kolony.check_rule(audience, priority, channels);
    IF rule.profile_id IS NOT NULL AND audience NOT IN ('owner', 'everyone') THEN
        RAISE EXCEPTION 'a rule of your own is about what is yours (owner) or about all of it (everyone)'
            USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.notification_rules r SET audience = audience, priority = priority, channels = channels,
        enabled = coalesce(enabled, r.enabled)
    WHERE r.workspace_id = rule.workspace_id AND r.rule_id = the_rule;
    IF rule.profile_id IS NULL THEN
        PERFORM kolony.record_audit(rule.workspace_id, 'RULE_CHANGED', rule.kind, jsonb_build_object('audience', audience,
            'priority', priority, 'enabled', enabled), rule.agent_id);
    END IF;
    PERFORM kolony.hint(rule.workspace_id, 'note:*');
END

--- function change_preset(the_preset uuid, changes jsonb, expected integer)
OWNER kolony_api ARGUMENTS (the_preset uuid, changes jsonb, expected integer DEFAULT NULL::integer) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    preset kolony.presets := kolony.preset_for_step(the_preset, true);
    old_name text := preset.name;
    before kolony.preset_versions;
    says kolony.preset_versions;
    facts jsonb;
BEGIN
    SELECT * INTO STRICT before FROM kolony.preset_versions v WHERE v.workspace_id = preset.workspace_id
        AND v.preset_id = the_preset AND v.version = preset.version;
    IF expected <> preset.version THEN
        RAISE EXCEPTION '"%" was changed by % meanwhile: it is version % now', preset.name,
            (SELECT p.login FROM kolony.profiles p WHERE p.profile_id = before.changed_by), preset.version
            USING ERRCODE = '55000', HINT = 'look at it again';
    END IF;
    preset.name := coalesce(changes ->> 'name', preset.name);
    says := kolony.changed_preset(before, changes - 'name');
    IF says = before AND preset.name = old_name THEN
        RETURN preset.version;
    END IF;
    preset.version := preset.version + (says <> before)::integer;
    -- That the texts changed, and no more: a private one is nobody else's business.
    facts := kolony.changed_facts(
        to_jsonb(before) || jsonb_build_object('name', old_name),
        to_jsonb(says) || jsonb_build_object('name', preset.name, 'version', preset.version),
        ARRAY['name', 'version', 'kind', 'priority']);
    says.version := nullif(preset.version, before.version); -- a new name alone is no new version
    PERFORM kolony.keep_preset(preset, says, 'PRESET_CHANGED', facts);
    RETURN preset.version;
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

--- function change_webhook(the_webhook uuid, url text, kinds text[], at_least text, secret text)
OWNER kolony_api ARGUMENTS (the_webhook uuid, url text DEFAULT NULL::text, kinds text[] DEFAULT NULL::text[], at_least text DEFAULT NULL::text, secret text DEFAULT NULL::text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_variable
DECLARE
    webhook kolony.webhooks := kolony.webhook_for_step(the_webhook);
BEGIN
    PERFORM kolony.check_webhook(webhook.name, coalesce(url, webhook.url), coalesce(kinds, webhook.kinds),
        coalesce(at_least, webhook.at_least));
    UPDATE kolony.webhooks w SET url = coalesce(url, w.url), kinds = coalesce(kinds, w.kinds),
        at_least = coalesce(at_least, w.at_least)
    WHERE w.workspace_id = webhook.workspace_id AND w.webhook_id = the_webhook;
    IF secret IS NOT NULL THEN
        PERFORM kolony.check_webhook_secret(secret);
        UPDATE kolony.webhook_secrets s SET secret = secret
        WHERE s.workspace_id = webhook.workspace_id AND s.webhook_id = the_webhook;
    END IF;
    PERFORM kolony.record_audit(webhook.workspace_id, 'WEBHOOK_CHANGED', webhook.name, jsonb_build_object('host',
        substring(coalesce(url, webhook.url) FROM '^https?://([^/?]+)'), 'secret', secret IS NOT NULL));
    PERFORM kolony.hint(webhook.workspace_id, 'note:*');
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

--- function changed_preset(before kolony.preset_versions, changes jsonb)
OWNER kolony_api ARGUMENTS (before kolony.preset_versions, changes jsonb) RETURNS kolony.preset_versions LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    after_it kolony.preset_versions := before;
    odd text;
BEGIN
    SELECT k INTO odd FROM jsonb_object_keys(changes) k
    WHERE k NOT IN ('content', 'description', 'kind', 'priority', 'target_words', 'constraint_id', 'variables') LIMIT 1;
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION 'a preset has no "%"', "left"(odd, 80) USING ERRCODE = '22023',
            HINT = 'it has content, description, kind, priority, target_words, constraint_id and variables';
    END IF;
    BEGIN
        after_it.priority := coalesce((changes ->> 'priority')::smallint, before.priority);
        after_it.constraint_id := CASE WHEN changes ? 'constraint_id' THEN (changes ->> 'constraint_id')::uuid
                                       ELSE before.constraint_id END;
    EXCEPTION WHEN invalid_text_representation OR numeric_value_out_of_range THEN
        RAISE EXCEPTION 'a priority is a number from 0 to 100, and a constraint is named by its id'
            USING ERRCODE = '22023';
    END;
    after_it.content := coalesce(changes ->> 'content', before.content);
    after_it.description := coalesce(changes ->> 'description', before.description);
    after_it.kind := coalesce(changes ->> 'kind', before.kind);
    after_it.target_words := coalesce(changes ->> 'target_words', before.target_words);
    after_it.variables := coalesce(changes -> 'variables', before.variables);
    PERFORM kolony.check_preset(after_it);
    -- One that was deleted meanwhile does not stand in the way of another change.
    IF after_it.constraint_id <> coalesce(before.constraint_id, '00000000-0000-0000-0000-000000000000')
       AND NOT EXISTS (SELECT FROM kolony.constraint_profiles c WHERE c.workspace_id = before.workspace_id
                         AND c.constraint_id = after_it.constraint_id AND c.deleted_at IS NULL)
    THEN
        RAISE EXCEPTION 'there is no such constraint profile here'
            USING ERRCODE = 'P0002', HINT = 'see kolony constraint list';
    END IF;
    RETURN after_it;
END

--- function check_answer(asked kolony.approvals, allow boolean, answer text, note text)
OWNER kolony_api ARGUMENTS (asked kolony.approvals, allow boolean, answer text, note text) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF asked.kind = 'permission' AND allow IS NULL THEN
        RAISE EXCEPTION 'this asks for a permission' USING ERRCODE = '22023', HINT = 'allow it or deny it';
    END IF;
    IF asked.kind = 'question' AND allow IS NOT FALSE AND answer IS NULL THEN
        RAISE EXCEPTION 'this question needs an answer'
            USING ERRCODE = '22023', HINT = 'give one, or deny it';
    END IF;
    IF answer IS NOT NULL AND asked.options <> '[]'
       AND NOT asked.options @> jsonb_build_array(jsonb_build_object('id', answer))
    THEN
        RAISE EXCEPTION '"%" is none of the options', "left"(answer, 100) USING ERRCODE = '22023',
            HINT = 'choose one of ' || (SELECT string_agg(o ->> 'id', ', ') FROM jsonb_array_elements(asked.options) o);
    END IF;
    IF octet_length(answer) > 65536 THEN
        RAISE EXCEPTION 'an answer has at most 64 KiB' USING ERRCODE = '22023';
    END IF;
    IF length(note) > 1000 THEN
        RAISE EXCEPTION 'a note has at most 1000 characters' USING ERRCODE = '22023';
    END IF;
END

--- function check_approval_rule(of_agent uuid, tool text, prefix text, decision text, until timestamp with time zone, note text)
OWNER kolony_api ARGUMENTS (of_agent uuid, tool text, prefix text, decision text, until timestamp with time zone, note text) RETURNS void LANGUAGE plpgsql STABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    wrong text := CASE
        WHEN decision IS NULL OR decision NOT IN ('allow', 'reject') THEN 'a rule allows or rejects'
        WHEN prefix IS NOT NULL AND prefix !~ '\S' THEN 'a rule needs words that commands begin with'
        WHEN prefix IS NULL AND tool IS NULL THEN 'a rule is about a tool, or about what commands begin with'
        WHEN tool IS NOT NULL AND (tool !~ '\S' OR length(tool) > 200) THEN 'a tool has 1 to 200 characters'
        WHEN octet_length(prefix) > 1048576 THEN 'a command has at most 1 MiB'
        WHEN until <= clock_timestamp() THEN 'a rule ends in the future'
        WHEN length(note) > 1000 THEN 'a note has at most 1000 characters' END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '22023';
    END IF;
    IF decision = 'allow' AND prefix IS NULL
       AND (of_agent IS NULL OR tool NOT IN ('read', 'edit', 'move', 'search', 'fetch', 'think'))
    THEN
        RAISE EXCEPTION 'nothing is allowed to do whatever it likes' USING ERRCODE = '22023',
            HINT = 'say what commands begin with; read, edit, move, search, fetch and think go without, for one agent';
    END IF;
END

--- function check_artifact(name text, kind text, media_type text, size bigint, sha256 text)
OWNER kolony_api ARGUMENTS (name text, kind text, media_type text, size bigint, sha256 text) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    wrong text := CASE
        WHEN name IS NULL OR octet_length(name) NOT BETWEEN 1 AND 1024 OR name ~ '[[:cntrl:]]'
            OR name ~ '(^|/)(\.{1,2})?(/|$)' THEN
            'an artifact is named by a relative path of 1 to 1,024 bytes without control characters'
        WHEN kind IS NULL OR kind NOT IN ('file', 'diff', 'patch') THEN 'an artifact is a file, a diff or a patch'
        WHEN media_type IS NULL OR length(media_type) > 100 OR media_type !~ '^[a-z0-9.+-]+/[a-z0-9.+-]+$' THEN
            'a media type is written as text/plain'
        WHEN size IS NULL OR size < 0 THEN 'a size is 0 or more'
        WHEN sha256 !~ '^[0-9a-f]{64}$' THEN 'a SHA-256 is 64 hexadecimal digits' END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '22023';
    END IF;
END

--- function check_ask(name text, kind text, title text, detail text, risk text, expires_seconds integer)
OWNER kolony_api ARGUMENTS (name text, kind text, title text, detail text, risk text, expires_seconds integer) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    wrong text := CASE
        WHEN name IS NULL OR name !~ '^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$' THEN
            'a name is 1 to 100 of the characters A-Z, a-z, 0-9, ".", "_" and "-", and begins with none of "." and "-"'
        WHEN kind IS NULL OR kind NOT IN ('permission', 'question') THEN 'a kind is "permission" or "question"'
        WHEN title IS NULL OR title !~ '\S' THEN 'a title is needed'
        WHEN length(title) > 500 THEN format('a title has at most 500 characters, this one has %s', length(title))
        WHEN octet_length(detail) > 65536 THEN
            format('a detail has at most 64 KiB, this one has %s bytes', octet_length(detail))
        WHEN risk IS NULL OR risk NOT IN ('low', 'medium', 'high') THEN 'a risk is "low", "medium" or "high"'
        WHEN expires_seconds NOT BETWEEN 1 AND 31536000 THEN 'it expires in 1 second to 365 days' END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '22023';
    END IF;
END

--- function check_constraint(new_name text, time_limit_ms bigint, token_budget bigint, memory_limit_mb integer, cpu_limit_percent integer)
OWNER kolony_api ARGUMENTS (new_name text, time_limit_ms bigint, token_budget bigint, memory_limit_mb integer, cpu_limit_percent integer) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF new_name IS NULL OR new_name <> btrim(new_name) OR length(new_name) NOT BETWEEN 1 AND 100
       OR new_name ~ '[\u0001-\u001f\u007f-\u009f]'
    THEN
        RAISE EXCEPTION 'a constraint profile''s name is 1 to 100 printable characters' USING ERRCODE = '22023';
    END IF;
    IF time_limit_ms NOT BETWEEN 1 AND 31536000000 THEN
        RAISE EXCEPTION 'a time limit is 1 ms to 365 days' USING ERRCODE = '22023';
    END IF;
    IF token_budget NOT BETWEEN 1 AND 1000000000000 THEN
        RAISE EXCEPTION 'a token budget is 1 to 1000000000000 tokens' USING ERRCODE = '22023';
    END IF;
    IF memory_limit_mb NOT BETWEEN 1 AND 16777216 THEN
        RAISE EXCEPTION 'a memory limit is 1 to 16777216 MB' USING ERRCODE = '22023';
    END IF;
    IF cpu_limit_percent NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'a CPU limit is 1 to 100000 percent of one processor' USING ERRCODE = '22023';
    END IF;
END

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

--- function check_conversation_title(title text)
OWNER kolony_api ARGUMENTS (title text) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF title IS NULL OR title !~ '\S' OR length(title) > 200 THEN
        RAISE EXCEPTION 'a conversation has a title of 1 to 200 characters' USING ERRCODE = '22023';
    END IF;
END

--- function check_kind(kind text, subjects uuid[])
OWNER kolony_api ARGUMENTS (kind text, subjects uuid[]) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    about CONSTANT integer := coalesce(cardinality(subjects), 0);
    wrong text := CASE
        WHEN kind IS NULL OR kind NOT IN ('natural', 'investigate', 'review', 'plan', 'synthesize') THEN
            format('a command is natural, investigate, review, plan or synthesize, not "%s"', "left"(kind, 40))
        WHEN kind = 'review' AND about <> 1 THEN format('a review is about exactly one run, not %s', about)
        WHEN kind = 'synthesize' AND about = 0 THEN 'a synthesis is about at least one run'
        WHEN kind = 'synthesize' AND about > 100 THEN format('a synthesis is about at most 100 runs, not %s', about)
        WHEN kind NOT IN ('review', 'synthesize') AND about > 0 THEN
            format('a command of the kind %s is about no run', kind)
        WHEN about <> (SELECT count(DISTINCT s) FROM unnest(subjects) s) THEN 'a run is named twice' END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '22023', HINT = CASE
            WHEN kind IN ('review', 'synthesize') THEN 'name runs, by number or id' ELSE 'see kolony send --help' END;
    END IF;
END

--- function check_kind_of_row()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    missing uuid;
BEGIN
    PERFORM kolony.check_kind(NEW.kind, NEW.subjects);
    SELECT s INTO missing FROM unnest(NEW.subjects) s
    WHERE NOT EXISTS (SELECT FROM kolony.runs r WHERE r.workspace_id = NEW.workspace_id AND r.run_id = s) LIMIT 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'there is no run % in this workspace', missing
            USING ERRCODE = 'P0002', HINT = 'see kolony run list';
    END IF;
    RETURN NULL;
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

--- function check_note(name text, content text)
OWNER kolony_api ARGUMENTS (name text, content text) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF name IS NULL OR name !~ '^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$' THEN
        RAISE EXCEPTION 'a note''s name is 1 to 100 of the characters A-Z, a-z, 0-9, ".", "_" and "-"'
            USING ERRCODE = '22023', HINT = 'it begins with none of "." and "-"';
    END IF;
    IF content IS NULL OR octet_length(content) > 65536 THEN
        RAISE EXCEPTION 'a note has at most 64 KiB' USING ERRCODE = '22023';
    END IF;
END

--- function check_plan_item(home uuid, planner uuid, one jsonb, place integer)
OWNER kolony_api ARGUMENTS (home uuid, planner uuid, one jsonb, place integer) RETURNS uuid LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    agent kolony.agents;
    stray text;
    wrong text;
BEGIN
    IF jsonb_typeof(one) <> 'object' THEN
        RAISE EXCEPTION 'item %: it is no JSON object', place USING ERRCODE = '22023';
    END IF;
    SELECT k INTO stray FROM jsonb_object_keys(one) k WHERE k NOT IN ('content', 'agent', 'priority', 'after') LIMIT 1;
    SELECT a.* INTO agent FROM kolony.agents a WHERE a.workspace_id = home
        AND CASE WHEN coalesce(one -> 'agent', 'null') = 'null' THEN a.agent_id = planner
                 ELSE a.name = one ->> 'agent' AND jsonb_typeof(one -> 'agent') = 'string' END;
    wrong := CASE
        WHEN stray IS NOT NULL THEN
            format('"%s" is no part of an item; content, agent, priority and after are', "left"(stray, 40))
        WHEN jsonb_typeof(one -> 'content') IS DISTINCT FROM 'string' OR one ->> 'content' !~ '\S' THEN
            'its content is no text'
        WHEN octet_length(one ->> 'content') > 4194304 THEN 'its content has more than 4 MiB'
        WHEN agent.agent_id IS NULL THEN format('there is no agent "%s"', "left"(one ->> 'agent', 100))
        WHEN agent.desired = 'retired' THEN format('the agent "%s" is retired', agent.name)
        WHEN coalesce(one -> 'priority', 'null') <> 'null' AND (jsonb_typeof(one -> 'priority') <> 'number'
            OR one ->> 'priority' !~ '^[0-9]{1,3}$' OR (one ->> 'priority')::integer > 100) THEN
            format('a priority is 0 to 100, not %s', "left"(one ->> 'priority', 40))
        WHEN jsonb_typeof(coalesce(one -> 'after', '[]')) <> 'array' THEN 'its "after" is no list' END;
    IF wrong IS NULL THEN
        SELECT CASE WHEN n ~ '^[0-9]+$' AND n::numeric >= place AND n::numeric <= 200 THEN
                        format('it comes after item %s, which stands no earlier', n)
                    ELSE format('"after" names %s; items are counted from 1', "left"(n, 40)) END
        INTO wrong FROM jsonb_array_elements_text(coalesce(one -> 'after', '[]')) n
        WHERE n IS NULL OR n !~ '^[0-9]{1,3}$' OR n::integer NOT BETWEEN 1 AND place - 1 LIMIT 1;
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'item %: %', place, wrong USING ERRCODE = '22023';
    END IF;
    RETURN agent.agent_id;
END

--- function check_preset(its kolony.preset_versions)
OWNER kolony_api ARGUMENTS (its kolony.preset_versions) RETURNS void LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    odd record;
BEGIN
    PERFORM kolony.check_content(its.content);
    IF length(its.description) > 10000 OR length(its.target_words) > 10000 THEN
        RAISE EXCEPTION 'a description and a target have at most 10000 characters' USING ERRCODE = '22023';
    END IF;
    IF its.kind NOT IN ('natural', 'investigate', 'review', 'plan', 'synthesize') THEN
        RAISE EXCEPTION 'there is no kind "%"', "left"(its.kind, 80)
            USING ERRCODE = '22023', HINT = 'there are natural, investigate, review, plan and synthesize';
    END IF;
    IF its.priority NOT BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION 'a priority is 0 to 100, not %', its.priority USING ERRCODE = '22023';
    END IF;
    IF jsonb_typeof(its.variables) <> 'array' OR jsonb_array_length(its.variables) > 50
       OR pg_column_size(its.variables) > 100000
    THEN
        RAISE EXCEPTION 'a preset has a list of at most 50 variables' USING ERRCODE = '22023';
    END IF;
    PERFORM kolony.check_preset_variable(v) FROM jsonb_array_elements(its.variables) v;
    SELECT v ->> 'name' AS name INTO odd FROM jsonb_array_elements(its.variables) v
    GROUP BY 1 HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there are two variables "%"', odd.name USING ERRCODE = '22023';
    END IF;
    SELECT * INTO odd FROM kolony.placeholders(its.content) p
    WHERE p.filter <> 'sh' OR NOT EXISTS (SELECT FROM jsonb_array_elements(its.variables) v
                                          WHERE v ->> 'name' = p.name) ORDER BY p.place LIMIT 1;
    IF odd.filter <> 'sh' THEN
        RAISE EXCEPTION '{{%|%}} cannot be: there is no "%"', odd.name, odd.filter, odd.filter
            USING ERRCODE = '22023', HINT = '{{name|sh}} quotes a value for a shell';
    ELSIF odd.name IS NOT NULL THEN
        RAISE EXCEPTION 'the text has {{%}}, and there is no variable "%"', odd.name, odd.name
            USING ERRCODE = '22023', HINT = 'say what it is: text, number, choice, agent or run';
    END IF;
END

--- function check_preset_variable(variable jsonb)
OWNER kolony_api ARGUMENTS (variable jsonb) RETURNS void LANGUAGE plpgsql STABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    its_name text := variable ->> 'name';
    its_type text := variable ->> 'type';
    odd text;
BEGIN
    IF jsonb_typeof(variable) <> 'object' OR coalesce(its_name, '') !~ '^[A-Za-z_][A-Za-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION 'a variable has a name of a-z, 0-9 and "_" that begins with no digit, not %',
            "left"(coalesce(its_name, variable::text), 80) USING ERRCODE = '22023';
    END IF;
    IF coalesce(its_type, '') NOT IN ('text', 'number', 'choice', 'agent', 'run') THEN
        RAISE EXCEPTION 'the variable "%" is of no known type', its_name
            USING ERRCODE = '22023', HINT = 'there are text, number, choice, agent and run';
    END IF;
    SELECT k INTO odd FROM jsonb_each(variable) AS each (k, v)
    WHERE CASE k WHEN 'name' THEN false WHEN 'type' THEN false
               WHEN 'required' THEN jsonb_typeof(v) <> 'boolean'
               WHEN 'default' THEN jsonb_typeof(v) NOT IN ('string', 'null')
               WHEN 'help' THEN jsonb_typeof(v) <> 'string' OR length(v #>> '{}') > 1000
               WHEN 'choices' THEN its_type <> 'choice' OR jsonb_typeof(v) <> 'array'
               ELSE true END LIMIT 1;
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION 'the variable "%" has a "%" that cannot be', its_name, "left"(odd, 80)
            USING ERRCODE = '22023', HINT = 'it may have default, required, choices (of a choice) and help';
    END IF;
    IF its_type = 'choice' AND (jsonb_array_length(coalesce(variable -> 'choices', '[]')) NOT BETWEEN 1 AND 100
        OR EXISTS (SELECT FROM jsonb_array_elements(variable -> 'choices') c
                   WHERE jsonb_typeof(c) <> 'string' OR length(c #>> '{}') NOT BETWEEN 1 AND 500))
    THEN
        RAISE EXCEPTION 'the choice "%" needs 1 to 100 words to choose from', its_name USING ERRCODE = '22023';
    END IF;
    IF its_type IN ('number', 'choice') THEN
        PERFORM kolony.checked_value(NULL, variable, variable ->> 'default');
    END IF;
END

--- function check_role(as_role text)
OWNER kolony_api ARGUMENTS (as_role text) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF as_role IS NULL OR as_role NOT IN ('viewer', 'operator', 'admin') THEN
        RAISE EXCEPTION 'a role is viewer, operator or admin' USING ERRCODE = '22023';
    END IF;
END

--- function check_rule(audience text, priority text, channels text[])
OWNER kolony_api ARGUMENTS (audience text, priority text, channels text[]) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF audience IS NULL OR audience NOT IN ('owner', 'admins', 'operators', 'everyone') THEN
        RAISE EXCEPTION 'a rule is for the owner, admins, operators or everyone' USING ERRCODE = '22023';
    END IF;
    IF priority NOT IN ('low', 'medium', 'high', 'critical') THEN
        RAISE EXCEPTION 'a priority of notifications is low, medium, high or critical' USING ERRCODE = '22023';
    END IF;
    IF channels IS NULL OR NOT channels <@ ARRAY['bell', 'desktop'] THEN
        RAISE EXCEPTION 'channels are bell and desktop; the list has every notification anyway' USING ERRCODE = '22023';
    END IF;
END

--- function check_sending(home uuid, to_agents uuid[], command kolony.commands)
OWNER kolony_api ARGUMENTS (home uuid, to_agents uuid[], command kolony.commands) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    missing uuid;
    wrong text := CASE
        WHEN command.max_attempts IS NULL OR command.max_attempts NOT BETWEEN 1 AND 100 THEN
            format('a command has 1 to 100 attempts, not %s', command.max_attempts)
        WHEN command.retry_on IS NULL OR command.retry_on NOT IN ('lost', 'failure') THEN
            'a command is tried again when it was lost, or also at a failure'
        WHEN command.time_limit_ms NOT BETWEEN 1 AND 31536000000 THEN 'a time limit is 1 ms to 365 days'
        WHEN command.token_budget < 1 THEN 'a token budget is at least 1'
        WHEN command.memory_limit_mb < 1 THEN 'a memory limit is at least 1 MB'
        WHEN command.cpu_limit_percent < 1 THEN 'a CPU limit is at least 1 percent'
        WHEN command.at_a_time < 1 THEN format('at least one run goes at a time, not %s', command.at_a_time)
        WHEN command.stop_after < 1 THEN format('the rest is held after at least one failure, not %s', command.stop_after)
        WHEN length(command.idempotency_key) NOT BETWEEN 1 AND 200 THEN 'an idempotency key has 1 to 200 characters'
        WHEN length(command.target_words) > 2000 THEN 'the words for its targets are at most 2000 characters'
        WHEN coalesce(cardinality(to_agents), 0) = 0 THEN 'a command needs at least one agent'
        WHEN cardinality(to_agents) > 100000 THEN 'a command goes to at most 100000 agents'
        WHEN cardinality(to_agents) <> (SELECT count(DISTINCT t) FROM unnest(to_agents) t) THEN 'an agent is named twice'
        END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '22023';
    END IF;
    PERFORM kolony.check_kind(command.kind, command.subjects);
    SELECT t INTO missing FROM unnest(to_agents) t WHERE NOT EXISTS (
        SELECT FROM kolony.agents a WHERE a.workspace_id = home AND a.agent_id = t) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no agent % in this workspace', coalesce(missing::text, 'null')
            USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    END IF;
    IF command.parent_id IS NOT NULL AND NOT EXISTS (SELECT FROM kolony.commands c
        WHERE c.workspace_id = home AND c.command_id = command.parent_id) THEN
        RAISE EXCEPTION 'the command that this one is to come from is not there' USING ERRCODE = 'P0002';
    END IF;
END

--- function check_variable(name text, value text, secret boolean, description text)
OWNER kolony_api ARGUMENTS (name text, value text, secret boolean, description text) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    wrong text := CASE
        WHEN name IS NULL OR name !~ '^[A-Za-z_][A-Za-z0-9_]{0,199}$' THEN
            'a variable''s name is letters, digits and "_", and begins with no digit'
        WHEN name ~* '^(KOLONY_|PG|LD_|DYLD_|BASH_FUNC_)'
             OR name ~* ('^(ENV|BASH_ENV|SHELLOPTS|BASHOPTS|PS4|IFS|PROMPT_COMMAND|GCONV_PATH|HOSTALIASES|LOCALDOMAIN'
                 || '|RES_OPTIONS)$') THEN
            format('%s is not for agents'' variables: it reaches into the runner or into every program', name)
        WHEN value IS NULL THEN 'a variable needs a value'
        WHEN octet_length(value) > 32768 THEN 'a value has at most 32 KiB'
        WHEN secret IS NULL THEN 'a variable is secret or not'
        WHEN secret AND length(btrim(value, E' \t\r\n')) < 4 THEN
            'a secret of less than 4 characters could not be told apart in what a program prints'
        WHEN length(description) > 1000 THEN 'a description has at most 1000 characters' END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '22023';
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

--- function check_webhook(called text, url text, kinds text[], at_least text)
OWNER kolony_api ARGUMENTS (called text, url text, kinds text[], at_least text) RETURNS void LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    unknown text;
BEGIN
    IF called IS NULL OR length(called) NOT BETWEEN 1 AND 100 OR called <> btrim(called)
       OR called ~ '[\u0001-\u001f\u007f-\u009f]'
    THEN
        RAISE EXCEPTION 'a webhook''s name is 1 to 100 printable characters without blanks at its ends'
            USING ERRCODE = '22023';
    END IF;
    -- Without a name or password in it, which logs would show. In clear only to the machine that delivers.
    IF url IS NULL OR length(url) > 2000 OR url !~ '^https?://[^\s/?#@\u0001-\u0020\u007f-\u009f]+([/?][\u0021-\u007e]*)?$' THEN
        RAISE EXCEPTION 'that is no address of a webhook' USING ERRCODE = '22023', HINT = 'such as https://example.org/hook';
    END IF;
    IF url !~ '^https://' AND url !~ '^http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?([/?]|$)' THEN
        RAISE EXCEPTION 'a webhook''s address begins with https://; http:// only for localhost' USING ERRCODE = '22023';
    END IF;
    SELECT u INTO unknown FROM unnest(kinds) u
    WHERE NOT EXISTS (SELECT FROM kolony.notification_kinds k WHERE k.kind = u) LIMIT 1;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'there is no kind of notification "%"', unknown USING ERRCODE = 'P0002', HINT = format('there are %s',
            (SELECT string_agg(k.kind, ', ' ORDER BY k.place) FROM kolony.notification_kinds k));
    END IF;
    IF at_least IS NULL OR at_least NOT IN ('low', 'medium', 'high', 'critical') THEN
        RAISE EXCEPTION 'a priority of notifications is low, medium, high or critical' USING ERRCODE = '22023';
    END IF;
END

--- function check_webhook_secret(secret text)
OWNER kolony_api ARGUMENTS (secret text) RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF secret IS NULL OR length(secret) NOT BETWEEN 16 AND 500 THEN
        RAISE EXCEPTION 'a webhook''s secret has 16 to 500 characters' USING ERRCODE = '22023';
    END IF;
END

--- function checked_attachment(one jsonb, place text)
OWNER kolony_api ARGUMENTS (one jsonb, place text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    given CONSTANT jsonb := CASE WHEN jsonb_typeof(one) = 'string' THEN jsonb_build_object('name', one) ELSE one END;
BEGIN
    IF jsonb_typeof(given) <> 'object' THEN
        RAISE EXCEPTION '% is %, no name', place, jsonb_typeof(one) USING ERRCODE = '22023';
    END IF;
    RETURN to_jsonb(regexp_replace(kolony.report_text(given, place, '{name,path,file}', 1024, true),
        '^(\./)?(artifacts/)?', ''));
END

--- function checked_finding(one jsonb, place text)
OWNER kolony_api ARGUMENTS (one jsonb, place text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    severity text;
    title text;
    detail text;
    line CONSTANT jsonb := coalesce(one -> 'line', 'null');
    evidence CONSTANT jsonb := coalesce(one -> 'evidence', 'null');
BEGIN
    IF jsonb_typeof(one) <> 'object' THEN
        RAISE EXCEPTION '% is %, not an object', place, jsonb_typeof(one) USING ERRCODE = '22023';
    END IF;
    severity := lower(kolony.report_text(one, place, '{severity}', 100, true));
    IF severity NOT IN ('critical', 'high', 'medium', 'low', 'info') THEN
        RAISE EXCEPTION '%.severity is "%"; it has to be critical, high, medium, low or info', place, severity
            USING ERRCODE = '22023';
    END IF;
    detail := kolony.report_text(one, place, '{detail,description}', 100000, false);
    title := kolony.report_text(one, place, '{title,name}', 500, detail !~ '\S');
    IF jsonb_typeof(line) NOT IN ('null', 'number', 'string') OR line <> 'null' AND one ->> 'line' !~ '^[1-9][0-9]{0,8}$'
    THEN
        RAISE EXCEPTION '%.line is %; lines are counted from 1', place, "left"(line::text, 40) USING ERRCODE = '22023';
    END IF;
    IF octet_length(evidence::text) > 1000000 THEN
        RAISE EXCEPTION '%.evidence has % bytes; at most 1000000 are taken', place, octet_length(evidence::text)
            USING ERRCODE = '22023';
    END IF;
    RETURN jsonb_build_object(
        'severity', severity, 'title', CASE WHEN title ~ '\S' THEN title
            ELSE "left"(split_part(ltrim(detail, E' \t\r\n'), E'\n', 1), 200) END, 'detail', detail,
        'evidence', CASE
            WHEN evidence = 'null' THEN ''
            WHEN jsonb_typeof(evidence) = 'string' THEN evidence #>> '{}'
            WHEN jsonb_typeof(evidence) = 'array' AND NOT EXISTS (
                SELECT FROM jsonb_array_elements(evidence) e WHERE jsonb_typeof(e) <> 'string') THEN
                coalesce((SELECT string_agg(e, E'\n' ORDER BY n)
                          FROM jsonb_array_elements_text(evidence) WITH ORDINALITY AS t (e, n)), '')
            ELSE jsonb_pretty(evidence) END,
        'file', nullif(kolony.report_text(one, place, '{file,path,location}', 4096, false), ''),
        'line', CASE WHEN line <> 'null' THEN (one ->> 'line')::integer END);
END

--- function checked_options(given jsonb)
OWNER kolony_api ARGUMENTS (given jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    one jsonb;
    kept jsonb := '[]';
BEGIN
    IF given IS NULL OR given = 'null' THEN
        RETURN kept;
    END IF;
    IF jsonb_typeof(given) <> 'array' OR jsonb_array_length(given) > 20 THEN
        RAISE EXCEPTION 'options are a list of at most 20' USING ERRCODE = '22023';
    END IF;
    FOR one IN SELECT * FROM jsonb_array_elements(given) LOOP
        IF jsonb_typeof(one) <> 'object' OR jsonb_typeof(one -> 'id') IS DISTINCT FROM 'string'
           OR length(one ->> 'id') NOT BETWEEN 1 AND 100 OR one ->> 'id' !~ '\S'
           OR jsonb_typeof(coalesce(one -> 'label', '""')) <> 'string' OR length(one ->> 'label') > 500
        THEN
            RAISE EXCEPTION 'an option is {"id": 1 to 100 characters, "label": at most 500 characters}'
                USING ERRCODE = '22023';
        END IF;
        IF kept @> jsonb_build_array(jsonb_build_object('id', one -> 'id')) THEN
            RAISE EXCEPTION 'two options have the id "%"', one ->> 'id' USING ERRCODE = '22023';
        END IF;
        kept := kept || jsonb_build_array(jsonb_build_object('id', one -> 'id',
            'label', coalesce(nullif(one ->> 'label', ''), one ->> 'id')));
    END LOOP;
    RETURN kept;
END

--- function checked_recommendation(one jsonb, place text)
OWNER kolony_api ARGUMENTS (one jsonb, place text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    given CONSTANT jsonb := CASE WHEN jsonb_typeof(one) = 'string' THEN jsonb_build_object('title', one) ELSE one END;
BEGIN
    IF jsonb_typeof(given) <> 'object' THEN
        RAISE EXCEPTION '% is %, neither a text nor an object', place, jsonb_typeof(one) USING ERRCODE = '22023';
    END IF;
    RETURN jsonb_build_object(
        'title', kolony.report_text(given, place, '{title,action,text}', 10000, true),
        'detail', kolony.report_text(given, place, '{detail,rationale,description}', 100000, false),
        'priority', kolony.report_text(given, place, '{priority}', 100, false));
END

--- function checked_report(document jsonb)
OWNER kolony_api ARGUMENTS (document jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    kept jsonb;
BEGIN
    IF document IS NULL OR jsonb_typeof(document) <> 'object' THEN
        RAISE EXCEPTION 'it is %, not an object', coalesce(jsonb_typeof(document), 'nothing') USING ERRCODE = '22023';
    END IF;
    kept := jsonb_build_object(
        'sections', (SELECT coalesce(jsonb_agg(kolony.checked_section(e, format('sections[%s]', n - 1)) ORDER BY n), '[]')
            FROM jsonb_array_elements(kolony.report_list(document, 'sections', 500)) WITH ORDINALITY t (e, n)),
        'findings', (SELECT coalesce(jsonb_agg(kolony.checked_finding(e, format('findings[%s]', n - 1)) ORDER BY n), '[]')
            FROM jsonb_array_elements(kolony.report_list(document, 'findings', 1000)) WITH ORDINALITY t (e, n)),
        'recommendations', (SELECT coalesce(jsonb_agg(
                kolony.checked_recommendation(e, format('recommendations[%s]', n - 1)) ORDER BY n), '[]')
            FROM jsonb_array_elements(kolony.report_list(document, 'recommendations', 500)) WITH ORDINALITY t (e, n)),
        'attachments', (SELECT coalesce(jsonb_agg(
                kolony.checked_attachment(e, format('attachments[%s]', n - 1)) ORDER BY n), '[]')
            FROM jsonb_array_elements(kolony.report_list(document, 'attachments', 500)) WITH ORDINALITY t (e, n)));
    kept := kept || jsonb_build_object(
        'title', kolony.report_text(document, '', '{title}', 300, false),
        'summary', kolony.report_text(document, '', '{summary}', 200000, false),
        'status', lower(kolony.report_text(document, '', '{status}', 100, false)));
    IF kept ->> 'status' NOT IN ('', 'draft', 'in_progress', 'complete') THEN
        RAISE EXCEPTION 'status is "%"; it has to be draft, in_progress or complete', kept ->> 'status'
            USING ERRCODE = '22023';
    END IF;
    IF concat(kept ->> 'title', kept ->> 'summary') !~ '\S' AND kept -> 'sections' = '[]' AND kept -> 'findings' = '[]'
       AND kept -> 'recommendations' = '[]'
    THEN
        RAISE EXCEPTION 'it has neither title nor summary, sections, findings or recommendations'
            USING ERRCODE = '22023';
    END IF;
    RETURN kept;
END

--- function checked_section(one jsonb, place text)
OWNER kolony_api ARGUMENTS (one jsonb, place text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF jsonb_typeof(one) <> 'object' THEN
        RAISE EXCEPTION '% is %, not an object', place, jsonb_typeof(one) USING ERRCODE = '22023';
    END IF;
    RETURN jsonb_build_object(
        'title', kolony.report_text(one, place, '{title,heading}', 500, true),
        'body', kolony.report_text(one, place, '{body,content,text}', 1000000, false));
END

--- function checked_value(home uuid, variable jsonb, value text)
OWNER kolony_api ARGUMENTS (home uuid, variable jsonb, value text) RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    its_name text := variable ->> 'name';
    parts text[];
    matching integer;
BEGIN
    IF coalesce(value, '') = '' THEN
        RETURN '';
    END IF;
    CASE variable ->> 'type'
        WHEN 'number' THEN
            IF value !~ '^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$' THEN
                RAISE EXCEPTION '"%" is a number, not "%"', its_name, "left"(value, 80) USING ERRCODE = '22023';
            END IF;
        WHEN 'choice' THEN
            IF NOT variable -> 'choices' ? value THEN
                RAISE EXCEPTION '"%" cannot be "%"', its_name, "left"(value, 80) USING ERRCODE = '22023',
                    HINT = "left"('it is one of ' || (SELECT string_agg(c, ', ')
                        FROM jsonb_array_elements_text(variable -> 'choices') c), 500);
            END IF;
        WHEN 'agent' THEN
            IF NOT EXISTS (SELECT FROM kolony.agents a WHERE a.workspace_id = home AND a.name = value) THEN
                RAISE EXCEPTION '"%": there is no agent "%" here', its_name, "left"(value, 100)
                    USING ERRCODE = '22023', HINT = 'see kolony agent list';
            END IF;
        WHEN 'run' THEN
            -- Without its "#", which a shell would take for the beginning of a comment.
            parts := regexp_match(value, '^\s*#?([0-9]{1,18})(?:\.([0-9]{1,9}))?\s*$');
            SELECT count(*) INTO matching FROM kolony.commands c
            JOIN kolony.runs r ON r.workspace_id = c.workspace_id AND r.command_id = c.command_id
            WHERE c.workspace_id = home AND c.number = parts[1]::bigint
              AND (parts[2] IS NULL OR r.ordinal = parts[2]::integer);
            IF matching = 0 THEN
                RAISE EXCEPTION '"%": there is no run "%" here', its_name, "left"(value, 80)
                    USING ERRCODE = '22023', HINT = 'give its number, for example 12 or 12.3';
            ELSIF matching > 1 THEN
                RAISE EXCEPTION '"%": command % has several runs', its_name, parts[1]
                    USING ERRCODE = '22023', HINT = format('say which, for example %s.1', parts[1]);
            END IF;
            RETURN parts[1] || coalesce('.' || parts[2], '');
        ELSE
            NULL;
    END CASE;
    RETURN value;
END

--- function claim_attempts(the_session uuid, up_to integer, at_once boolean)
OWNER kolony_api ARGUMENTS (the_session uuid, up_to integer, at_once boolean DEFAULT true) RETURNS TABLE(run_id uuid, attempt_id uuid, attempt integer, command_id uuid, command_number bigint, ordinal integer, content text, instructions text, config jsonb, time_limit_ms bigint, max_attempts integer, target_count integer, kind text, subjects uuid[], token_budget bigint, memory_limit_mb integer, cpu_limit_percent integer, brief jsonb, shared jsonb) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s SET plan_cache_mode=force_generic_plan SET enable_seqscan=off SET enable_bitmapscan=off SET enable_sort=off
AS
#variable_conflict use_column
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    session kolony.agent_sessions;
    agent kolony.agents;
    room integer;
    stopped boolean;
    budgeted boolean;
    due boolean;
    lost boolean;
    unpaid_commands uuid[];
    unpaid_presets uuid[];
    unpaid_people uuid[];
    closed boolean;
    some_unpaid boolean := false;
    places tid[];
    picked uuid[];
    tried_runs uuid[];
    tries uuid[];
    numbers integer[];
    light integer;
BEGIN
    SELECT * INTO STRICT agent FROM kolony.agents a
    WHERE a.workspace_id = token.workspace_id AND a.agent_id = token.agent_id FOR NO KEY UPDATE;
    PERFORM FROM kolony.agent_sessions s
    WHERE s.workspace_id = token.workspace_id AND s.session_id = the_session AND s.agent_id = token.agent_id FOR SHARE;
    session := kolony.my_session(the_session);
    -- Behind the locks, and in one look: what nearly never is there is asked for by name only where it is.
    SELECT least(up_to, session.concurrency - (SELECT count(*) FROM kolony.leases l
               WHERE l.workspace_id = session.workspace_id AND l.session_id = the_session)),
           EXISTS (SELECT FROM kolony.stops s WHERE s.workspace_id = session.workspace_id AND s.lifted_at IS NULL),
           EXISTS (SELECT FROM kolony.budgets b
                   WHERE b.workspace_id = session.workspace_id AND b.removed_at IS NULL),
           EXISTS (SELECT FROM kolony.scheduled_runs f
                   WHERE f.workspace_id = session.workspace_id AND f.agent_id = session.agent_id AND f.due_at <= now()),
           EXISTS (SELECT FROM kolony.agent_sessions s
                   WHERE s.workspace_id = session.workspace_id AND s.agent_id = session.agent_id AND s.ended_at IS NULL
                     AND s.last_seen + make_interval(secs => s.lease_seconds) < clock_timestamp())
           OR EXISTS (SELECT FROM (
                          SELECT DISTINCT l.session_id FROM kolony.leases l
                          WHERE l.workspace_id = session.workspace_id AND l.agent_id = session.agent_id
                            AND l.session_id <> the_session) h
                      JOIN kolony.agent_sessions s
                          ON s.workspace_id = session.workspace_id AND s.session_id = h.session_id
                      WHERE s.ended_at IS NOT NULL
                         OR s.last_seen + make_interval(secs => s.lease_seconds) < clock_timestamp())
    INTO room, stopped, budgeted, due, lost;
    IF agent.desired <> 'active' OR stopped AND NOT kolony.pass_gate(session.workspace_id, session.agent_id) THEN
        RETURN;
    END IF;
    IF lost THEN
        PERFORM kolony.settle_lost(session.workspace_id, session.agent_id);
    END IF;
    IF room <= 0 THEN
        RETURN;
    END IF;
    IF budgeted THEN
        SELECT u.closed, u.commands, u.presets, u.people INTO closed, unpaid_commands, unpaid_presets, unpaid_people
        FROM kolony.unpaid(session.workspace_id, session.agent_id) u;
        IF closed THEN
            RETURN;
        END IF;
        some_unpaid := num_nonnulls(unpaid_commands, unpaid_presets, unpaid_people) > 0;
    END IF;
    IF due THEN
        PERFORM kolony.make_due(session.workspace_id, session.agent_id);
    END IF;
    SELECT array_agg(n.place), array_agg(n.run_id) INTO places, picked FROM (
        SELECT q.ctid AS place, q.run_id FROM kolony.ready_runs q
        WHERE q.workspace_id = session.workspace_id AND q.agent_id = session.agent_id
          AND NOT (some_unpaid AND EXISTS (
              SELECT FROM kolony.runs r
              JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
              WHERE r.workspace_id = q.workspace_id AND r.run_id = q.run_id
                AND (c.command_id = ANY (unpaid_commands) OR c.preset_id = ANY (unpaid_presets)
                     OR c.created_by = ANY (unpaid_people))))
        ORDER BY q.priority DESC, q.place, q.run_id LIMIT room FOR UPDATE SKIP LOCKED) n;
    IF picked IS NULL THEN
        PERFORM kolony.settle_blocked(session.workspace_id, session.agent_id);
        RETURN;
    END IF;
    IF to_regclass('kolony.output_chunks_' || to_char(current_date, 'YYYY_MM')) IS NULL THEN
        PERFORM kolony.ensure_output_partition(current_date);
    END IF;
    IF cardinality(picked) > 10 THEN
        light := kolony.count_light(session.workspace_id, picked, 8388608);
        places := places[:light];
    END IF;
    WITH taken AS (
        DELETE FROM kolony.ready_runs q WHERE q.ctid = ANY (places) RETURNING q.workspace_id, q.run_id, q.attempt),
    tried AS (
        INSERT INTO kolony.attempts AS t (workspace_id, run_id, number, agent_id, session_id, started_at)
        SELECT taken.workspace_id, taken.run_id, taken.attempt, session.agent_id, the_session,
               CASE WHEN at_once THEN now() END
        FROM taken
        RETURNING t.run_id, t.attempt_id, t.number),
    leased AS (
        INSERT INTO kolony.leases (workspace_id, run_id, attempt_id, agent_id, session_id)
        SELECT session.workspace_id, tried.run_id, tried.attempt_id, session.agent_id, the_session FROM tried)
    SELECT array_agg(tried.run_id), array_agg(tried.attempt_id), array_agg(tried.number)
    INTO tried_runs, tries, numbers FROM tried;
    RETURN QUERY
    SELECT p.run_id, p.attempt_id, p.number, c.command_id, c.number, r.ordinal, c.content,
           -- Nothing is added to a natural command's.
           CASE c.kind WHEN 'natural' THEN coalesce(agent.instructions, '')
                       ELSE kolony.instructed(agent.instructions, c.kind) END, agent.config, c.time_limit_ms, c.max_attempts::integer,
           cardinality(c.targets), c.kind, c.subjects, c.token_budget, c.memory_limit_mb, c.cpu_limit_percent,
           CASE WHEN at_once AND (budgeted OR EXISTS (
                    SELECT FROM kolony.messages m WHERE m.workspace_id = session.workspace_id AND m.run_id = p.run_id))
                THEN kolony.run_brief(session.workspace_id, p.run_id, budgeted) END,
           CASE WHEN at_once AND p.run_id = picked[1] THEN kolony.agent_brief(session.workspace_id, session.agent_id) END
    -- One by one, by their keys: joined, all of a workspace's runs may be read where statistics say that there are none.
    FROM unnest(tried_runs, tries, numbers) AS p (run_id, attempt_id, number)
    CROSS JOIN LATERAL (SELECT * FROM kolony.runs
                        WHERE workspace_id = session.workspace_id AND run_id = p.run_id OFFSET 0) r
    CROSS JOIN LATERAL (SELECT * FROM kolony.commands
                        WHERE workspace_id = session.workspace_id AND command_id = r.command_id OFFSET 0) c
    ORDER BY array_position(picked, p.run_id);
    IF cardinality(places) < room THEN
        PERFORM kolony.settle_blocked(session.workspace_id, session.agent_id);
    END IF;
END

--- function claim_runs(the_session uuid, up_to integer)
OWNER kolony_api ARGUMENTS (the_session uuid, up_to integer) RETURNS TABLE(run_id uuid, attempt_id uuid, attempt integer, command_id uuid, command_number bigint, ordinal integer, content text, instructions text, config jsonb, time_limit_ms bigint, max_attempts integer, target_count integer, kind text, subjects uuid[], token_budget bigint, memory_limit_mb integer, cpu_limit_percent integer) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
BEGIN
    RETURN QUERY SELECT c.run_id, c.attempt_id, c.attempt, c.command_id, c.command_number, c.ordinal, c.content,
        c.instructions, c.config, c.time_limit_ms, c.max_attempts, c.target_count, c.kind, c.subjects, c.token_budget,
        c.memory_limit_mb, c.cpu_limit_percent
    FROM kolony.claim_attempts(the_session, up_to, false) c;
END

--- function clear_the_way()
OWNER kolony_roleadm ARGUMENTS () RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    before CONSTANT timestamptz := clock_timestamp() - interval '1 second';
    found record;
    ended integer := 0;
BEGIN
    FOR found IN
        SELECT a.usename::text AS login, a.pid FROM pg_stat_activity a
        WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
          AND a.pid IN (SELECT l.pid FROM pg_locks l
                        WHERE l.relation = ANY (ARRAY['kolony.agents', 'kolony.stop_gates', 'kolony.runs']::regclass[])
                          AND l.mode IN ('RowShareLock', 'RowExclusiveLock') AND l.granted)
          AND (pg_has_role(a.usesysid, 'kolony_agents', 'MEMBER') AND a.xact_start < before
               OR pg_has_role(a.usesysid, 'kolony_user', 'MEMBER') AND a.state LIKE 'idle in transaction%'
               AND a.state_change < before)
        ORDER BY a.pid
    LOOP
        BEGIN
            IF pg_terminate_backend(found.pid, 2000) THEN
                PERFORM kolony.note_ended_session(found.login, found.pid, 'held up an emergency stop');
                ended := ended + 1;
            END IF;
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;
        END;
    END LOOP;
    RETURN ended;
END

--- function close_questions()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    closed uuid;
BEGIN
    FOR closed IN
        UPDATE kolony.approvals p SET
            expired_at = CASE WHEN p.expires_at <= clock_timestamp() THEN clock_timestamp() END,
            cancelled_at = CASE WHEN p.expires_at <= clock_timestamp() THEN NULL ELSE clock_timestamp() END,
            cancelled_why = CASE WHEN p.expires_at <= clock_timestamp() THEN NULL ELSE TG_ARGV[0] END
        WHERE p.workspace_id = NEW.workspace_id AND p.run_id = NEW.run_id AND p.agent_id = NEW.agent_id
          AND p.answered_at IS NULL AND p.cancelled_at IS NULL AND p.expired_at IS NULL
        RETURNING p.approval_id
    LOOP
        PERFORM kolony.hint(NEW.workspace_id, 'inbox:' || closed);
    END LOOP;
    RETURN NULL;
END

--- function close_questions_of_ended()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    closed record;
BEGIN
    IF NOT EXISTS (SELECT FROM became n JOIN kolony.approvals p
                       ON p.workspace_id = n.workspace_id AND p.run_id = n.run_id AND p.agent_id = n.agent_id
                   WHERE p.answered_at IS NULL AND p.cancelled_at IS NULL AND p.expired_at IS NULL) THEN
        RETURN NULL;
    END IF;
    FOR closed IN
        UPDATE kolony.approvals p SET
            expired_at = CASE WHEN p.expires_at <= clock_timestamp() THEN clock_timestamp() END,
            cancelled_at = CASE WHEN p.expires_at <= clock_timestamp() THEN NULL ELSE clock_timestamp() END,
            cancelled_why = CASE WHEN p.expires_at <= clock_timestamp() THEN NULL ELSE 'its attempt has ended' END
        FROM became n JOIN was o USING (workspace_id, attempt_id)
        WHERE o.outcome IS NULL AND n.outcome IS NOT NULL
          AND p.workspace_id = n.workspace_id AND p.run_id = n.run_id AND p.agent_id = n.agent_id
          AND p.answered_at IS NULL AND p.cancelled_at IS NULL AND p.expired_at IS NULL
        RETURNING p.workspace_id, p.approval_id
    LOOP
        PERFORM kolony.hint(closed.workspace_id, 'inbox:' || closed.approval_id);
    END LOOP;
    RETURN NULL;
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

--- function comes_later(home uuid, the_command uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_command uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN EXISTS (
        SELECT FROM kolony.command_dependencies d
        JOIN kolony.commands c ON c.workspace_id = d.workspace_id AND c.command_id = d.after_id
        WHERE d.workspace_id = home AND d.command_id = the_command
          AND (c.outcome IS NULL OR d.need = 'completed' AND c.outcome <> 'completed'));
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

--- function complete_attempts(ends jsonb)
OWNER kolony_api ARGUMENTS (ends jsonb) RETURNS SETOF uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
BEGIN
    RETURN QUERY SELECT * FROM kolony.end_completed(ends);
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

--- function constraint_for_step(the_constraint uuid)
OWNER kolony_api ARGUMENTS (the_constraint uuid) RETURNS kolony.constraint_profiles LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    profile kolony.constraint_profiles;
BEGIN
    SELECT * INTO profile FROM kolony.constraint_profiles p
    WHERE p.constraint_id = the_constraint AND p.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such constraint profile here'
            USING ERRCODE = 'P0002', HINT = 'see kolony constraint list';
    END IF;
    PERFORM kolony.require_role(profile.workspace_id, 'admin');
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = profile.workspace_id FOR NO KEY UPDATE;
    SELECT * INTO profile FROM kolony.constraint_profiles p
    WHERE p.workspace_id = profile.workspace_id AND p.constraint_id = the_constraint;
    RETURN profile;
END

--- function conversation_brief(home uuid, the_run uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid) RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    asked kolony.messages;
    here record;
BEGIN
    SELECT * INTO asked FROM kolony.messages m WHERE m.workspace_id = home AND m.run_id = the_run AND m.origin = 'person';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT s.host, l.agent_id INTO here FROM kolony.leases l
    JOIN kolony.agent_sessions s ON s.workspace_id = l.workspace_id AND s.session_id = l.session_id
    WHERE l.workspace_id = home AND l.run_id = the_run;
    RETURN jsonb_build_object(
        'conversation_id', asked.conversation_id,
        'resume', (SELECT jsonb_build_object('session_id', k.session_id, 'adapter', k.adapter, 'cwd', k.cwd, 'mode', k.mode)
                   FROM kolony.conversation_sessions k
                   WHERE k.workspace_id = home AND k.conversation_id = asked.conversation_id
                     AND k.agent_id = here.agent_id AND k.host = here.host),
        'missed', (SELECT jsonb_agg(jsonb_build_object('origin', w.origin, 'who', w.who, 'text', w.words, 'cut', w.cut)
                                    ORDER BY w.number)
                   FROM (SELECT m.number, m.origin, coalesce(p.login, '') AS who, "left"(m.content, 6000) AS words,
                                m.cut OR length(m.content) > 6000 AS cut,
                                sum(least(octet_length(m.content), 24000)) OVER (ORDER BY m.number DESC) AS so_far
                         FROM kolony.messages m LEFT JOIN kolony.profiles p ON p.profile_id = m.author_id
                         WHERE m.workspace_id = home AND m.conversation_id = asked.conversation_id
                           AND m.number BETWEEN asked.number - 40 AND asked.number - 1) w
                   WHERE w.so_far <= 65536),
        'attachments', (SELECT jsonb_agg(jsonb_build_object('attachment_id', f.attachment_id, 'name', f.name,
                                                            'bytes', f.bytes) ORDER BY f.attachment_id)
                        FROM kolony.message_attachments f
                        WHERE f.workspace_id = home AND f.message_id = asked.message_id));
END

--- function conversation_for_step(the_conversation uuid, needed text)
OWNER kolony_api ARGUMENTS (the_conversation uuid, needed text) RETURNS kolony.conversations LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    thread kolony.conversations;
BEGIN
    SELECT * INTO thread FROM kolony.conversations c
    WHERE c.conversation_id = the_conversation AND c.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such conversation here' USING ERRCODE = 'P0002', HINT = 'see kolony conversation list';
    END IF;
    PERFORM kolony.require_role(thread.workspace_id, needed);
    -- Agents come first: a message is a command to this one, and whoever retires it ends runs whose threads it holds.
    PERFORM FROM kolony.agents a WHERE a.workspace_id = thread.workspace_id AND a.agent_id = thread.agent_id FOR KEY SHARE;
    SELECT * INTO STRICT thread FROM kolony.conversations c
    WHERE c.workspace_id = thread.workspace_id AND c.conversation_id = the_conversation FOR NO KEY UPDATE;
    RETURN thread;
END

--- function count_archive(in_workspace uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid) RETURNS bigint LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    cutoff CONSTANT timestamptz := kolony.old_before(in_workspace, 'archive');
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    RETURN (
        SELECT count(*) FROM (
            SELECT FROM (SELECT DISTINCT c.run_id, c.attempt FROM kolony.output_chunks c
                         WHERE c.workspace_id = in_workspace AND c.day <= cutoff::date + 1) c
            JOIN kolony.runs r ON r.workspace_id = in_workspace AND r.run_id = c.run_id AND r.finished_at < cutoff
            LEFT JOIN kolony.output_archives a
              ON a.workspace_id = in_workspace AND a.run_id = c.run_id AND a.attempt = c.attempt
            WHERE (a.run_id IS NULL OR a.state = 'taken') AND NOT kolony.is_held(in_workspace, c.run_id)
            LIMIT 10000) due);
END

--- function count_light(home uuid, of_runs uuid[], bytes bigint)
OWNER kolony_api ARGUMENTS (home uuid, of_runs uuid[], bytes bigint) RETURNS integer LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN (
        SELECT greatest(1, count(*) FILTER (WHERE w.so_far <= bytes)) FROM (
            SELECT sum(octet_length(c.content)) OVER (ORDER BY p.nth) AS so_far
            FROM unnest(of_runs) WITH ORDINALITY AS p (run_id, nth)
            JOIN kolony.runs r ON r.workspace_id = home AND r.run_id = p.run_id
            JOIN kolony.commands c ON c.workspace_id = home AND c.command_id = r.command_id) w);
END

--- function counted(number bigint, thing text)
OWNER kolony_api ARGUMENTS (number bigint, thing text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT number || ' ' || thing || CASE WHEN number = 1 THEN '' ELSE 's' END

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

--- function delete_constraint(the_constraint uuid)
OWNER kolony_api ARGUMENTS (the_constraint uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    profile kolony.constraint_profiles := kolony.constraint_for_step(the_constraint);
BEGIN
    IF profile.deleted_at IS NOT NULL THEN
        RETURN;
    END IF;
    UPDATE kolony.constraint_profiles p SET deleted_at = now(), is_default = false
    WHERE p.workspace_id = profile.workspace_id AND p.constraint_id = the_constraint;
    PERFORM kolony.remember_undo(profile.workspace_id, 'delete_constraint',
        format('constraint profile "%s" deleted', profile.name),
        jsonb_build_object('constraint_id', the_constraint, 'was_default', profile.is_default));
    PERFORM kolony.hint(profile.workspace_id, 'constraint:' || the_constraint);
END

--- function delete_note(of_agent uuid, name text)
OWNER kolony_api ARGUMENTS (of_agent uuid, name text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_variable
DECLARE
    agent kolony.agents := kolony.agent_for_writing(of_agent);
BEGIN
    DELETE FROM kolony.agent_notes n
    WHERE n.workspace_id = agent.workspace_id AND n.agent_id = of_agent AND n.name = name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no note "%" of this agent', "left"(name, 100)
            USING ERRCODE = 'P0002', HINT = 'see kolony agent memory list';
    END IF;
    PERFORM kolony.record_audit(agent.workspace_id, 'NOTE_DELETED', agent.name || ' ' || name,
        jsonb_build_object('name', name), of_agent);
    PERFORM kolony.hint(agent.workspace_id, 'note_kept:' || of_agent);
END

--- function delete_notification_rule(the_rule uuid)
OWNER kolony_api ARGUMENTS (the_rule uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    rule kolony.notification_rules := kolony.rule_for_step(the_rule);
BEGIN
    UPDATE kolony.notification_rules r SET deleted_at = now()
    WHERE r.workspace_id = rule.workspace_id AND r.rule_id = the_rule;
    IF rule.profile_id IS NULL THEN
        PERFORM kolony.record_audit(rule.workspace_id, 'RULE_DELETED', rule.kind, '{}', rule.agent_id);
    END IF;
    PERFORM kolony.remember_undo(rule.workspace_id, 'delete_rule', format('rule for %s deleted', rule.kind),
        jsonb_build_object('rule_id', the_rule));
    PERFORM kolony.hint(rule.workspace_id, 'note:*');
END

--- function delete_preset(the_preset uuid)
OWNER kolony_api ARGUMENTS (the_preset uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    preset kolony.presets := kolony.preset_for_step(the_preset, true);
BEGIN
    preset.deleted_at := now();
    PERFORM kolony.keep_preset(preset, NULL, 'PRESET_DELETED', '{}');
    PERFORM kolony.remember_undo(preset.workspace_id, 'delete_preset', format('preset "%s" deleted', preset.name),
        jsonb_build_object('preset_id', the_preset));
END

--- function delete_view(the_view uuid)
OWNER kolony_api ARGUMENTS (the_view uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    view kolony.saved_views;
BEGIN
    SELECT * INTO view FROM kolony.saved_views v
    WHERE v.view_id = the_view AND v.workspace_id = ANY (kolony.my_workspace_ids()) AND v.deleted_at IS NULL
      AND (v.shared OR v.profile_id = kolony.my_profile_id()) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such view' USING ERRCODE = 'P0002', HINT = 'see kolony view list';
    END IF;
    PERFORM kolony.require_role(view.workspace_id,
        CASE WHEN view.profile_id = kolony.my_profile_id() THEN 'viewer' ELSE 'admin' END);
    UPDATE kolony.saved_views v SET deleted_at = now()
    WHERE v.workspace_id = view.workspace_id AND v.view_id = the_view;
    PERFORM kolony.remember_undo(view.workspace_id, 'delete_view', view.name, jsonb_build_object('view_id', the_view));
    PERFORM kolony.hint(view.workspace_id, 'view:' || the_view);
END

--- function delivery_body(home uuid, the_delivery uuid, event kolony.notification_events)
OWNER kolony_api ARGUMENTS (home uuid, the_delivery uuid, event kolony.notification_events) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT jsonb_build_object('id', the_delivery, 'workspace', w.slug, 'kind', event.kind, 'priority', event.priority,
        'title', event.title, 'message', event.message, 'count', event.count, 'at', event.at, 'data', event.data)::text
    FROM kolony.workspaces w WHERE w.workspace_id = home

--- function disable_person(in_workspace uuid, who text)
OWNER kolony_roleadm ARGUMENTS (in_workspace uuid, who text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    still_somewhere boolean := kolony.change_disabled(in_workspace, who, true);
BEGIN
    PERFORM kolony.shut_out(who, still_somewhere);
END

--- function discard_plan(the_run uuid, only_items integer[])
OWNER kolony_api ARGUMENTS (the_run uuid, only_items integer[] DEFAULT NULL::integer[]) RETURNS TABLE(item integer, command_id uuid, number bigint) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    run kolony.runs := kolony.run_for_step(the_run);
BEGIN
    FOR item, command_id, number IN SELECT * FROM kolony.plan_drafts(run.workspace_id, the_run, only_items) LOOP
        PERFORM kolony.cancel_command(command_id, 'discarded from a plan');
        RETURN NEXT;
    END LOOP;
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
            RETURN kolony.keep_months();
        WHEN 'seal_audit' THEN
            SELECT coalesce(sum(kolony.seal_audit(w.workspace_id)), 0) INTO counted FROM kolony.workspaces w;
            RETURN jsonb_build_object('sealed_entries', counted);
        WHEN 'retain_audit' THEN
            RETURN kolony.retain_audit();
        WHEN 'hand_out' THEN
            RETURN kolony.hand_out_everywhere();
        WHEN 'retain_notes' THEN
            RETURN kolony.retain_notifications();
        WHEN 'retain_output', 'retain_traces', 'retain_artifacts', 'retain_usage', 'retain_events' THEN
            RETURN kolony.retain(substr(the_job, 8));
        WHEN 'orphans' THEN
            RETURN kolony.retain(the_job);
        WHEN 'stale_agents' THEN
            RETURN kolony.find_stale_agents();
        WHEN 'analyze' THEN
            RETURN kolony.analyze_tables();
    END CASE;
END

--- function draw_on_budgets(mine kolony.attempt_usage, more_tokens bigint, more_usd numeric)
OWNER kolony_api ARGUMENTS (mine kolony.attempt_usage, more_tokens bigint, more_usd numeric) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    budget kolony.budget_overview;
    was kolony.budget_spending;
BEGIN
    FOR budget IN SELECT * FROM kolony.budgets_on(mine.workspace_id, mine.agent_id, mine.command_id, mine.preset_id,
                                                  mine.profile_id) LOOP
        INSERT INTO kolony.budget_spending AS s (workspace_id, budget_id, starts, tokens, cost_usd)
        VALUES (mine.workspace_id, budget.budget_id, budget.starts, more_tokens, more_usd)
        ON CONFLICT (workspace_id, budget_id, starts) DO UPDATE SET tokens = s.tokens + EXCLUDED.tokens,
            cost_usd = s.cost_usd + EXCLUDED.cost_usd
        RETURNING * INTO was;
        SELECT * INTO STRICT budget FROM kolony.budget_overview o
        WHERE o.workspace_id = mine.workspace_id AND o.budget_id = budget.budget_id;
        IF budget.share >= 1 AND was.emptied_at IS NULL THEN
            PERFORM kolony.note_budget(budget, true);
        ELSIF budget.share * 100 >= budget.warn_percent AND was.warned_at IS NULL THEN
            PERFORM kolony.note_budget(budget, false);
        END IF;
    END LOOP;
    PERFORM kolony.hint(mine.workspace_id, 'usage:*');
END

--- function drop_month(of_table text, of_month date, with_rows boolean)
OWNER kolony_owner ARGUMENTS (of_table text, of_month date, with_rows boolean) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET TimeZone=UTC SET lock_timeout=1s
AS
DECLARE
    part CONSTANT text := of_table || '_' || to_char(of_month, 'YYYY_MM');
    in_use boolean;
BEGIN
    IF of_table NOT IN ('output_chunks', 'trace_entries', 'events') OR of_month >= date_trunc('month', now())::date
       OR to_regclass('kolony.' || part) IS NULL
    THEN
        RETURN false;
    END IF;
    EXECUTE format('LOCK TABLE kolony.%I IN ACCESS EXCLUSIVE MODE', of_table);
    IF NOT with_rows THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM kolony.%1$I WHERE %2$I >= %3$L AND %2$I < %4$L)', of_table,
            CASE of_table WHEN 'events' THEN 'at' ELSE 'day' END, of_month, (of_month + interval '1 month')::date)
            INTO in_use;
        IF in_use THEN
            RETURN false;
        END IF;
    END IF;
    EXECUTE format('DROP TABLE kolony.%I', part);
    RETURN true;
END

--- function drop_past_months(of_table text, of_kind text)
OWNER kolony_api ARGUMENTS (of_table text, of_kind text) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    cutoff CONSTANT timestamptz := (SELECT min(kolony.old_before(w.workspace_id, of_kind)) FROM kolony.workspaces w);
    part date;
    month_end date;
    whole boolean;
    dropped integer := 0;
BEGIN
    PERFORM kolony.hold_off_holds(w.workspace_id) FROM (SELECT workspace_id FROM kolony.workspaces ORDER BY 1) w;
    FOR part IN
        SELECT to_date("right"(c.relname, 7), 'YYYY_MM') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = ('kolony.' || of_table)::regclass AND c.relname ~ '_\d{4}_\d\d$'
          AND to_date("right"(c.relname, 7), 'YYYY_MM') < date_trunc('month', now()) - interval '1 month'
        ORDER BY 1
    LOOP
        month_end := (part + interval '1 month')::date;
        whole := month_end < cutoff AND NOT EXISTS (SELECT FROM kolony.legal_holds h WHERE h.lifted_at IS NULL)
            AND (of_table = 'events' OR NOT EXISTS (
                SELECT FROM kolony.attempts t JOIN kolony.runs r ON r.workspace_id = t.workspace_id AND r.run_id = t.run_id
                WHERE t.output_day >= part AND t.output_day < month_end
                  AND (r.finished_at IS NULL OR r.finished_at >= cutoff)));
        IF whole AND of_table = 'output_chunks' THEN
            whole := NOT EXISTS (SELECT FROM kolony.output_archives a WHERE a.output_day >= part
                AND a.output_day < month_end AND (a.state = 'restored' OR a.taken_until > clock_timestamp()));
        END IF;
        BEGIN
            IF whole AND of_table = 'output_chunks' THEN
                INSERT INTO kolony.output_archives AS a (workspace_id, run_id, attempt, state, output_day, finished_at,
                    removed_at)
                SELECT t.workspace_id, t.run_id, t.number, 'removed', t.output_day, r.finished_at, clock_timestamp()
                FROM kolony.attempts t JOIN kolony.runs r ON r.workspace_id = t.workspace_id AND r.run_id = t.run_id
                WHERE t.output_day >= part AND t.output_day < month_end AND coalesce(t.chunk_count, 1) > 0
                ON CONFLICT (workspace_id, run_id, attempt) DO UPDATE SET state = 'removed', ticket = NULL,
                    taken_until = NULL, removed_at = EXCLUDED.removed_at
                WHERE a.state = 'taken';
            END IF;
            dropped := dropped + kolony.drop_month(of_table, part, whole)::integer;
        EXCEPTION WHEN lock_not_available THEN
            NULL; -- somebody reads for long, a backup perhaps: next time
        END;
    END LOOP;
    RETURN dropped;
END

--- function edit_agent(of_agent uuid, change jsonb)
OWNER kolony_api ARGUMENTS (of_agent uuid, change jsonb) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    home uuid := kolony.workspace_of_agent(of_agent);
    was kolony.agents;
    new kolony.agents;
    wrong text;
BEGIN
    PERFORM kolony.require_role(home, 'operator');
    IF jsonb_typeof(change) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a change is a JSON object' USING ERRCODE = '22023';
    END IF;
    SELECT c.key INTO wrong FROM jsonb_each(change) c
    WHERE c.key <> ALL (ARRAY['type', 'category', 'icon', 'description', 'instructions', 'config', 'config_changes'])
       OR jsonb_typeof(c.value) <> CASE WHEN c.key LIKE 'config%' THEN 'object' ELSE 'string' END
    ORDER BY c.key LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '"%" cannot be changed to that', "left"(wrong, 60) USING ERRCODE = '22023',
            HINT = 'type, category, icon, description and instructions are texts, config is an object';
    END IF;
    SELECT * INTO STRICT was FROM kolony.agents a WHERE a.workspace_id = home AND a.agent_id = of_agent
    FOR NO KEY UPDATE;
    new := was;
    new.type := coalesce(change ->> 'type', was.type);
    new.category := coalesce(change ->> 'category', was.category);
    new.icon := coalesce(change ->> 'icon', was.icon);
    new.description := coalesce(change ->> 'description', was.description);
    new.instructions := coalesce(change ->> 'instructions', was.instructions);
    new.config := coalesce(change -> 'config', was.config);
    IF change ? 'config_changes' THEN
        SELECT coalesce(jsonb_object_agg(c.key, c.value), '{}') INTO new.config
        FROM jsonb_each(new.config || (change -> 'config_changes')) c
        WHERE change -> 'config_changes' -> c.key IS DISTINCT FROM 'null';
    END IF;
    IF new.type !~ '^[a-z0-9][a-z0-9._-]{0,62}$' THEN
        RAISE EXCEPTION 'an agent''s type is a short word of a-z, 0-9, ".", "_" and "-"' USING ERRCODE = '22023';
    END IF;
    IF length(new.category) > 100 OR length(new.icon) > 8 OR length(new.description) > 10000
       OR length(new.instructions) > 100000 OR pg_column_size(new.config) > 65536 THEN
        RAISE EXCEPTION 'that is too long' USING ERRCODE = '22023',
            HINT = 'category 100 characters, icon 8, description 10,000, instructions 100,000, config 64 KiB';
    END IF;
    IF new IS NOT DISTINCT FROM was THEN
        RETURN false;
    END IF;
    UPDATE kolony.agents a SET type = new.type, category = new.category, icon = new.icon,
        description = new.description, instructions = new.instructions, config = new.config
    WHERE a.workspace_id = home AND a.agent_id = of_agent;
    PERFORM kolony.hint(home, 'agent:' || of_agent);
    RETURN true;
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
    PERFORM kolony.require_not_begun(command);
    IF priority IS NOT NULL THEN
        UPDATE kolony.blocked_runs q SET priority = priority
        WHERE q.workspace_id = command.workspace_id AND q.command_id = the_command;
        UPDATE kolony.scheduled_runs q SET priority = priority FROM kolony.runs r
        WHERE r.workspace_id = command.workspace_id AND r.command_id = the_command
          AND q.workspace_id = r.workspace_id AND q.run_id = r.run_id;
        UPDATE kolony.ready_runs q SET priority = priority FROM kolony.runs r
        WHERE r.workspace_id = command.workspace_id AND r.command_id = the_command
          AND q.workspace_id = r.workspace_id AND q.run_id = r.run_id;
        UPDATE kolony.runs r SET priority = priority
        WHERE r.workspace_id = command.workspace_id AND r.command_id = the_command AND r.outcome IS NULL
          AND r.priority <> priority;
    END IF;
    UPDATE kolony.commands c
    SET content = coalesce(content, c.content), priority = coalesce(priority, c.priority)
    WHERE c.workspace_id = command.workspace_id AND c.command_id = the_command AND c.outcome IS NULL;
    PERFORM kolony.hint(command.workspace_id, 'command:' || the_command);
    PERFORM kolony.hint(command.workspace_id, 'agents:*');
END

--- function empty_budget(home uuid, the_run uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid) RETURNS kolony.budget_overview LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    found kolony.budget_overview;
BEGIN
    SELECT b.* INTO found FROM kolony.runs r
    JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    CROSS JOIN LATERAL kolony.budgets_on(home, r.agent_id, c.command_id, c.preset_id, c.created_by) b
    WHERE r.workspace_id = home AND r.run_id = the_run AND b.hard AND b.share >= 1 LIMIT 1;
    RETURN found;
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
    verdict := kolony.verdict_on(run, command, ended, tries);
    IF verdict IS NULL AND kolony.is_retired(home, held.agent_id) THEN
        verdict := 'cancelled';
        why := concat_ws('; ', 'its agent was retired', why);
    ELSIF ended = 'lost' AND verdict = 'cancelled' THEN
        why := CASE WHEN run.cancel_at IS NOT NULL THEN 'cancel' ELSE 'interrupt' END || ' not confirmed: ' || why;
    ELSIF verdict = 'cancelled' AND run.cancel_at IS NULL THEN
        why := "left"(concat_ws('; ', concat_ws(': ', 'interrupted', nullif(run.interrupt_why, '')), why), 10000);
    ELSIF ended = 'lost' AND verdict = 'failed' THEN
        why := format('attempt %s of %s was lost: %s', tries, command.max_attempts, why);
    END IF;
    UPDATE kolony.runs r SET outcome = verdict, finished_at = CASE WHEN verdict IS NULL THEN NULL ELSE now() END,
        exit_code = with_exit_code, error = why, failed_tries = tries, limit_hit = this.limit_hit,
        reason = this.reason, warning = this.warning
    WHERE r.workspace_id = home AND r.run_id = held.run_id;
    IF verdict IS NOT NULL THEN
        IF verdict = 'failed' AND command.stop_after IS NOT NULL THEN
            PERFORM kolony.stop_at_failures(home, run.command_id);
        END IF;
        PERFORM kolony.roll_up(home, run.command_id);
    ELSIF ended = 'released' THEN
        -- Handed back unharmed: it keeps its place, by the time at which it was asked for.
        INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, enqueued_at, place, attempt)
        VALUES (home, held.run_id, held.agent_id, run.priority, run.created_at, extract(epoch FROM run.created_at),
                this.number + 1);
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

--- function end_completed(ends jsonb)
OWNER kolony_api ARGUMENTS (ends jsonb) RETURNS SETOF uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET plan_cache_mode=force_generic_plan SET enable_seqscan=off SET enable_bitmapscan=off
AS
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    asked CONSTANT uuid[] := ARRAY(SELECT (e ->> 'attempt_id')::uuid FROM jsonb_array_elements(ends) e);
    mine uuid[];
    commands uuid[];
    done uuid[];
BEGIN
    -- In their order, before anything else is touched; what has passed on meanwhile is found out below.
    mine := ARRAY(
        SELECT h.attempt_id FROM (
            SELECT l.attempt_id FROM unnest(asked) a
            JOIN kolony.leases l ON l.workspace_id = token.workspace_id AND l.attempt_id = a
            JOIN kolony.runs r ON r.workspace_id = l.workspace_id AND r.run_id = l.run_id
            WHERE l.agent_id = token.agent_id
            ORDER BY r.run_id FOR NO KEY UPDATE OF r SKIP LOCKED) h);
    WITH said AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(ends) AS e (attempt_id uuid, exit_code integer, signal integer, error text,
            usage jsonb, chunks bigint, bytes bigint, lines bigint, warning text)),
    gone AS (
        DELETE FROM kolony.leases l
        USING said e, kolony.agent_sessions s, kolony.attempts t
        WHERE l.workspace_id = token.workspace_id AND l.attempt_id = ANY (mine) AND l.agent_id = token.agent_id
          AND e.attempt_id = l.attempt_id
          AND s.workspace_id = l.workspace_id AND s.session_id = l.session_id AND s.token_id = token.token_id
          AND s.ended_at IS NULL AND s.last_seen + make_interval(secs => s.lease_seconds) >= clock_timestamp()
          AND t.workspace_id = l.workspace_id AND t.attempt_id = l.attempt_id
          -- No hole: as kolony.output_hole finds it, which says more.
          AND (SELECT count(*) = e.chunks AND coalesce(max(c.seq), -1) = e.chunks - 1 FROM kolony.output_chunks c
               WHERE c.workspace_id = l.workspace_id AND c.run_id = l.run_id AND c.attempt = t.number
                 AND c.day = t.output_day)
        RETURNING l.attempt_id),
    ended AS (
        UPDATE kolony.attempts t SET ended_at = now(), outcome = 'completed', exit_code = e.exit_code,
            signal = e.signal, error = "left"(e.error, 10000), usage = coalesce(e.usage, '{}'), chunk_count = e.chunks,
            byte_count = e.bytes, line_count = e.lines, warning = nullif("left"(e.warning, 1000), '')
        FROM gone JOIN said e USING (attempt_id)
        WHERE t.workspace_id = token.workspace_id AND t.attempt_id = gone.attempt_id
        RETURNING t.attempt_id, t.run_id, t.exit_code, t.error, t.warning),
    settled AS (
        UPDATE kolony.runs r SET outcome = 'completed', finished_at = now(), updated_at = now(),
            exit_code = ended.exit_code, error = ended.error, limit_hit = NULL, reason = NULL, warning = ended.warning
        FROM ended WHERE r.workspace_id = token.workspace_id AND r.run_id = ended.run_id
        RETURNING r.command_id, ended.attempt_id)
    SELECT array_agg(DISTINCT settled.command_id), array_agg(settled.attempt_id) INTO commands, done FROM settled;
    IF commands IS NOT NULL THEN
        PERFORM kolony.roll_up_all(token.workspace_id, commands);
    END IF;
    IF cardinality(done) = cardinality(asked) THEN
        RETURN QUERY SELECT unnest(done);
        RETURN;
    END IF;
    RETURN QUERY SELECT t.attempt_id FROM kolony.attempts t
    WHERE t.workspace_id = token.workspace_id AND t.attempt_id = ANY (asked) AND t.agent_id = token.agent_id
      AND t.outcome = 'completed';
END

--- function end_delivery(the_delivery uuid, of_try integer, status integer, error text)
OWNER kolony_api ARGUMENTS (the_delivery uuid, of_try integer, status integer, error text) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    delivery kolony.webhook_deliveries;
    done CONSTANT boolean := coalesce(status BETWEEN 200 AND 299, false);
    its_name text;
BEGIN
    SELECT * INTO delivery FROM kolony.webhook_deliveries d
    WHERE d.delivery_id = the_delivery AND d.workspace_id = ANY (kolony.my_workspace_ids()) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such delivery here' USING ERRCODE = 'P0002';
    END IF;
    PERFORM kolony.require_role(delivery.workspace_id, 'admin');
    IF delivery.state <> 'pending' OR delivery.tries <> of_try THEN
        RETURN delivery.state;
    END IF;
    delivery.state := CASE WHEN done THEN 'delivered' WHEN of_try >= 10 THEN 'failed' ELSE 'pending' END;
    UPDATE kolony.webhook_deliveries d SET state = delivery.state, last_status = status,
        last_error = CASE WHEN NOT done THEN kolony.plain_words(error, 500) END,
        next_try_at = CASE WHEN delivery.state = 'pending' THEN clock_timestamp()
            + make_interval(secs => 30 * power(2, of_try - 1) * (1 + random() / 2)) END,
        ended_at = CASE WHEN delivery.state <> 'pending' THEN clock_timestamp() END
    WHERE d.workspace_id = delivery.workspace_id AND d.delivery_id = the_delivery;
    IF delivery.state = 'failed' THEN
        SELECT w.name INTO its_name FROM kolony.webhooks w
        WHERE w.workspace_id = delivery.workspace_id AND w.webhook_id = delivery.webhook_id;
        PERFORM kolony.notify_people(delivery.workspace_id, 'webhook_failed', 'medium',
            format('the webhook %s does not take what it is sent', its_name), error,
            jsonb_build_object('webhook_id', delivery.webhook_id, 'webhook', its_name),
            'webhook_failed:' || delivery.webhook_id);
    END IF;
    PERFORM kolony.hint(delivery.workspace_id, 'note:*');
    RETURN delivery.state;
END

--- function end_job(in_workspace uuid, the_job text, its_result jsonb)
OWNER kolony_api ARGUMENTS (in_workspace uuid, the_job text, its_result jsonb) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF jsonb_typeof(its_result) IS DISTINCT FROM 'object' OR octet_length(its_result::text) > 4000 THEN
        RAISE EXCEPTION 'a result is a small JSON object' USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.workspace_jobs j SET last_ended = clock_timestamp(), last_seen = clock_timestamp(),
        last_result = its_result
    WHERE j.workspace_id = in_workspace AND j.job = the_job;
    IF coalesce((its_result ->> 'archived')::bigint, 0) + coalesce((its_result ->> 'removed')::bigint, 0) > 0 THEN
        PERFORM kolony.record_audit(in_workspace, 'OUTPUT_ARCHIVED', NULL, its_result);
    END IF;
    PERFORM kolony.hint(in_workspace, 'upkeep:*');
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
    later boolean := false;
    due timestamptz;
    retired text;
BEGIN
    SELECT * INTO STRICT command FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id = the_command;
    due := CASE WHEN command.not_before > now() THEN command.not_before END;
    IF EXISTS (SELECT FROM kolony.command_dependencies d WHERE d.workspace_id = home AND d.command_id = the_command) THEN
        -- Whoever ends one of those that come first waits until this one shows. Agents come before commands.
        PERFORM FROM kolony.agents a WHERE a.workspace_id = home AND a.agent_id = ANY (command.targets)
        ORDER BY a.agent_id FOR KEY SHARE;
        PERFORM FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id IN (
            SELECT d.after_id FROM kolony.command_dependencies d
            WHERE d.workspace_id = home AND d.command_id = the_command)
        ORDER BY c.command_id FOR SHARE;
        later := kolony.comes_later(home, the_command);
    END IF;
    INSERT INTO kolony.runs (workspace_id, command_id, ordinal, agent_id, priority)
    SELECT home, the_command, t.ordinal, t.agent_id, command.priority
    FROM unnest(command.targets) WITH ORDINALITY AS t (agent_id, ordinal);
    IF later OR command.at_a_time < cardinality(command.targets) THEN
        INSERT INTO kolony.blocked_runs (workspace_id, run_id, agent_id, command_id, ordinal, priority, due_at, after, beyond)
        SELECT home, r.run_id, r.agent_id, the_command, r.ordinal, r.priority, due, later,
               coalesce(r.ordinal > command.at_a_time, false)
        FROM kolony.runs r
        WHERE r.workspace_id = home AND r.command_id = the_command AND (later OR r.ordinal > command.at_a_time)
        ORDER BY r.ordinal;
    END IF;
    IF NOT later AND due IS NULL THEN
        INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, enqueued_at)
        SELECT home, r.run_id, r.agent_id, r.priority, clock_timestamp() FROM kolony.runs r
        WHERE r.workspace_id = home AND r.command_id = the_command
          AND r.ordinal <= coalesce(command.at_a_time, r.ordinal) ORDER BY r.ordinal;
    ELSIF NOT later THEN
        INSERT INTO kolony.scheduled_runs (workspace_id, run_id, agent_id, priority, due_at)
        SELECT home, r.run_id, r.agent_id, r.priority, due FROM kolony.runs r
        WHERE r.workspace_id = home AND r.command_id = the_command
          AND r.ordinal <= coalesce(command.at_a_time, r.ordinal) ORDER BY r.ordinal;
    END IF;
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

--- function ensure_event_partition(for_day date)
OWNER kolony_owner ARGUMENTS (for_day date) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET TimeZone=UTC
AS
DECLARE
    month date := date_trunc('month', for_day)::date;
    part text := 'events_' || to_char(for_day, 'YYYY_MM');
BEGIN
    IF to_regclass('kolony.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    LOCK TABLE kolony.events IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass('kolony.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE kolony.%I (LIKE kolony.events INCLUDING ALL)', part);
    EXECUTE format('ALTER TABLE kolony.%I ENABLE ROW LEVEL SECURITY', part);
    EXECUTE format('ALTER TABLE kolony.%I FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('CREATE POLICY backup ON kolony.%I FOR SELECT TO kolony_backup USING (true)', part);
    EXECUTE format('GRANT SELECT ON kolony.%I TO kolony_backup', part);
    EXECUTE format('ALTER TABLE kolony.events ATTACH PARTITION kolony.%I FOR VALUES FROM (%L) TO (%L)',
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

--- function ensure_trace_partition(for_day date)
OWNER kolony_owner ARGUMENTS (for_day date) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    month date := date_trunc('month', for_day)::date;
    part text := 'trace_entries_' || to_char(for_day, 'YYYY_MM');
BEGIN
    IF to_regclass('kolony.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    LOCK TABLE kolony.trace_entries IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass('kolony.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE kolony.%I (LIKE kolony.trace_entries INCLUDING ALL)', part);
    EXECUTE format('ALTER TABLE kolony.%I ENABLE ROW LEVEL SECURITY', part);
    EXECUTE format('ALTER TABLE kolony.%I FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('CREATE POLICY backup ON kolony.%I FOR SELECT TO kolony_backup USING (true)', part);
    EXECUTE format('GRANT SELECT ON kolony.%I TO kolony_backup', part);
    EXECUTE format('ALTER TABLE kolony.trace_entries ATTACH PARTITION kolony.%I FOR VALUES FROM (%L) TO (%L)',
        part, month, (month + interval '1 month')::date);
END

--- function enter_by_gate()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM FROM kolony.stop_gates g WHERE g.workspace_id = NEW.workspace_id FOR SHARE;
    RETURN NEW;
END

--- function entry_digest(entry kolony.audit_log)
OWNER kolony_api ARGUMENTS (entry kolony.audit_log) RETURNS bytea LANGUAGE sql STABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT sha256(convert_to(jsonb_build_array(entry.workspace_id, entry.entry_id, extract(epoch FROM entry.at),
        entry.event, entry.login, entry.profile_id, entry.client_address, entry.application, entry.agent_id,
        entry.command_id, entry.run_id, entry.subject, entry.details)::text, 'UTF8'))

--- function estimate(home uuid, of_model text, on_day date, figures jsonb)
OWNER kolony_api ARGUMENTS (home uuid, of_model text, on_day date, figures jsonb) RETURNS numeric LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN (
        SELECT ((figures ->> 'input_fresh')::numeric * p.input_usd
                + (figures ->> 'input_cached')::numeric * coalesce(p.cached_usd, p.input_usd)
                + (figures ->> 'cache_write')::numeric * coalesce(p.cache_write_usd, p.input_usd)
                + (figures ->> 'output')::numeric * p.output_usd) / 1000000
        FROM kolony.price_list p
        WHERE p.workspace_id = home AND (p.shipped OR p.valid_from <= on_day)
          AND lower(of_model) LIKE replace(replace(replace(replace(lower(p.pattern), '\', '\\'), '%', '\%'), '_', '\_'),
                                           '*', '%')
        ORDER BY p.shipped, length(p.pattern) DESC, p.valid_from DESC LIMIT 1);
END

--- function event_moment()
OWNER kolony_api ARGUMENTS () RETURNS timestamp with time zone LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    moment CONSTANT timestamptz := clock_timestamp();
    part CONSTANT text := 'kolony.events_' || to_char(moment AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    IF to_regclass(part) IS NULL THEN
        PERFORM kolony.ensure_event_partition((moment AT TIME ZONE 'UTC')::date);
    END IF;
    RETURN moment;
END

--- function events_of_agents()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    moment CONSTANT timestamptz := kolony.event_moment();
    me CONSTANT uuid := kolony.my_profile_id();
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, profile_id, facts)
        SELECT n.workspace_id, moment, 'agent.created', n.agent_id, me, jsonb_build_object('type', n.type)
        FROM new_rows n ORDER BY n.agent_id;
        RETURN NULL;
    END IF;
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, profile_id, facts, was)
    SELECT n.workspace_id, moment, e.kind, n.agent_id, me, e.facts,
           jsonb_build_object('name', o.name, 'type', o.type, 'category', o.category, 'icon', o.icon, 'tags', o.tags,
               'desired', o.desired, 'desired_since', o.desired_since, 'desired_by', o.desired_by)
    FROM new_rows n JOIN old_rows o ON o.workspace_id = n.workspace_id AND o.agent_id = n.agent_id
    CROSS JOIN LATERAL (
        SELECT CASE n.desired WHEN 'paused' THEN 'agent.paused' WHEN 'retired' THEN 'agent.retired'
                              ELSE 'agent.resumed' END,
               jsonb_build_object('before', o.desired, 'after', n.desired)
        WHERE n.desired <> o.desired
        UNION ALL
        SELECT 'agent.tagged', jsonb_build_object('before', cardinality(o.tags), 'after', cardinality(n.tags))
        WHERE n.tags IS DISTINCT FROM o.tags
        UNION ALL
        SELECT 'agent.edited', jsonb_build_object('changed', to_jsonb(changed.names))
        FROM (SELECT array_remove(ARRAY[
                  CASE WHEN n.name <> o.name THEN 'name' END, CASE WHEN n.type <> o.type THEN 'type' END,
                  CASE WHEN n.category <> o.category THEN 'category' END, CASE WHEN n.icon <> o.icon THEN 'icon' END,
                  CASE WHEN n.description <> o.description THEN 'description' END,
                  CASE WHEN n.instructions <> o.instructions THEN 'instructions' END,
                  CASE WHEN n.config <> o.config THEN 'config' END], NULL) AS names) changed
        WHERE changed.names <> '{}') e (kind, facts)
    ORDER BY n.agent_id;
    RETURN NULL;
END

--- function events_of_approvals()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    moment CONSTANT timestamptz := kolony.event_moment();
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts)
    SELECT n.workspace_id, moment, e.kind, n.agent_id, r.command_id, n.run_id, e.person,
           jsonb_build_object('approval_id', n.approval_id) || e.facts
    FROM new_rows n
    LEFT JOIN old_rows o ON o.workspace_id = n.workspace_id AND o.approval_id = n.approval_id
    LEFT JOIN kolony.runs r ON r.workspace_id = n.workspace_id AND r.run_id = n.run_id
    CROSS JOIN LATERAL (
        SELECT 'approval.answered', n.answered_by,
               jsonb_build_object('allowed', n.allowed, 'by_rule', n.rule_id IS NOT NULL)
        WHERE n.answered_at IS NOT NULL AND o.answered_at IS NULL
        UNION ALL
        SELECT 'approval.cancelled', NULL, '{}' WHERE n.cancelled_at IS NOT NULL AND o.cancelled_at IS NULL
        UNION ALL
        SELECT 'approval.expired', NULL, '{}'
        WHERE n.expired_at IS NOT NULL AND o.expired_at IS NULL) e (kind, person, facts)
    ORDER BY n.approval_id;
    RETURN NULL;
END

--- function events_of_attempt()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, facts)
    SELECT NEW.workspace_id, kolony.event_moment(), e.kind, NEW.agent_id,
           (SELECT r.command_id FROM kolony.runs r WHERE r.workspace_id = NEW.workspace_id AND r.run_id = NEW.run_id),
           NEW.run_id, e.facts
    FROM (
        SELECT 'run.started', jsonb_build_object('attempt', NEW.number)
        WHERE NEW.started_at IS NOT NULL AND OLD.started_at IS NULL
        UNION ALL
        SELECT 'run.limit_hit', jsonb_build_object('attempt', NEW.number, 'limit', NEW.limit_hit)
        WHERE NEW.limit_hit IS NOT NULL AND OLD.limit_hit IS NULL
        UNION ALL
        SELECT CASE NEW.outcome WHEN 'lost' THEN 'run.lost' WHEN 'released' THEN 'run.returned'
                                ELSE 'run.attempt_failed' END,
               jsonb_strip_nulls(jsonb_build_object('attempt', NEW.number, 'exit_code', NEW.exit_code,
                   'signal', NEW.signal, 'reason', NEW.reason))
        WHERE NEW.outcome IN ('lost', 'released', 'failed') AND OLD.outcome IS NULL) e (kind, facts);
    RETURN NULL;
END

--- function events_of_claims()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, facts)
    SELECT n.workspace_id, t.moment, CASE WHEN n.started_at IS NULL THEN 'run.claimed' ELSE 'run.started' END,
           n.agent_id, r.command_id, n.run_id, jsonb_build_object('attempt', n.number)
    FROM kolony.event_moment() AS t (moment), new_rows n
    JOIN kolony.runs r ON r.workspace_id = n.workspace_id AND r.run_id = n.run_id;
    RETURN NULL;
END

--- function events_of_commands()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, command_id, profile_id, facts)
        SELECT n.workspace_id, kolony.event_moment(),
               CASE WHEN n.submitted_at IS NULL THEN 'command.drafted' ELSE 'command.sent' END,
               n.command_id, n.created_by, jsonb_build_object('kind', n.kind, 'targets', cardinality(n.targets))
        FROM new_rows n;
        RETURN NULL;
    END IF;
    INSERT INTO kolony.events (workspace_id, at, kind, command_id, profile_id, facts)
    SELECT n.workspace_id, t.moment, 'command.' || coalesce(n.outcome, 'reopened'), n.command_id,
           CASE WHEN n.outcome IS NULL THEN kolony.my_profile_id() END,
           CASE WHEN o.outcome IS NULL THEN '{}' ELSE jsonb_build_object('before', o.outcome) END
    FROM kolony.event_moment() AS t (moment), new_rows n JOIN old_rows o ON o.command_id = n.command_id
    WHERE n.outcome IS DISTINCT FROM o.outcome;
    RETURN NULL;
END

--- function events_of_delays()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    moment CONSTANT timestamptz := kolony.event_moment();
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, facts)
    SELECT n.workspace_id, moment, 'run.delayed', n.agent_id, r.command_id, n.run_id,
           jsonb_build_object('due_at', n.due_at)
    FROM new_rows n JOIN kolony.runs r ON r.workspace_id = n.workspace_id AND r.run_id = n.run_id
    ORDER BY n.run_id;
    RETURN NULL;
END

--- function events_of_draft()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, command_id, profile_id, facts)
    SELECT NEW.workspace_id, kolony.event_moment(), e.kind, NEW.command_id, kolony.my_profile_id(), e.facts
    FROM (
        SELECT 'command.edited', '{}'::jsonb
        WHERE (NEW.content, NEW.priority, NEW.targets, NEW.kind, NEW.not_before, NEW.max_attempts, NEW.retry_on,
               NEW.time_limit_ms, NEW.token_budget, NEW.memory_limit_mb, NEW.cpu_limit_percent, NEW.constraint_id,
               NEW.at_a_time, NEW.stop_after, NEW.parent_id, NEW.subjects)
              IS DISTINCT FROM
              (OLD.content, OLD.priority, OLD.targets, OLD.kind, OLD.not_before, OLD.max_attempts, OLD.retry_on,
               OLD.time_limit_ms, OLD.token_budget, OLD.memory_limit_mb, OLD.cpu_limit_percent, OLD.constraint_id,
               OLD.at_a_time, OLD.stop_after, OLD.parent_id, OLD.subjects)
        UNION ALL
        SELECT 'command.submitted', jsonb_build_object('targets', cardinality(NEW.targets))
        WHERE NEW.submitted_at IS NOT NULL) e (kind, facts);
    RETURN NULL;
END

--- function events_of_questions()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    moment CONSTANT timestamptz := kolony.event_moment();
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts)
    SELECT n.workspace_id, moment, e.kind, n.agent_id, r.command_id, n.run_id, e.person,
           jsonb_build_object('approval_id', n.approval_id) || e.facts
    FROM new_rows n
    LEFT JOIN kolony.runs r ON r.workspace_id = n.workspace_id AND r.run_id = n.run_id
    CROSS JOIN LATERAL (
        SELECT 'approval.asked', NULL::uuid, jsonb_build_object('kind', n.kind)
        UNION ALL -- one that a rule answers is answered as it is asked
        SELECT 'approval.answered', n.answered_by,
               jsonb_build_object('allowed', n.allowed, 'by_rule', n.rule_id IS NOT NULL)
        WHERE n.answered_at IS NOT NULL) e (kind, person, facts)
    ORDER BY n.approval_id;
    RETURN NULL;
END

--- function events_of_results()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    moment CONSTANT timestamptz := kolony.event_moment();
BEGIN
    CASE TG_TABLE_NAME
    WHEN 'messages' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts)
        SELECT n.workspace_id, moment, 'message.said', v.agent_id, n.command_id, n.run_id, n.author_id,
               jsonb_build_object('conversation_id', n.conversation_id, 'number', n.number, 'origin', n.origin)
        FROM new_rows n
        JOIN kolony.conversations v ON v.workspace_id = n.workspace_id AND v.conversation_id = n.conversation_id
        ORDER BY n.conversation_id, n.number;
    WHEN 'artifacts' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, facts)
        SELECT n.workspace_id, moment, 'artifact.made', r.agent_id, r.command_id, n.run_id,
               jsonb_build_object('artifact_id', n.artifact_id, 'size', n.size)
        FROM new_rows n JOIN kolony.runs r ON r.workspace_id = n.workspace_id AND r.run_id = n.run_id
        ORDER BY n.artifact_id;
    WHEN 'reports' THEN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts)
            SELECT n.workspace_id, moment, 'report.made', r.agent_id, r.command_id, n.run_id, n.status_by,
                   jsonb_build_object('report_id', n.report_id, 'status', n.status)
            FROM new_rows n LEFT JOIN kolony.runs r ON r.workspace_id = n.workspace_id AND r.run_id = n.run_id
            ORDER BY n.report_id;
        ELSE
            INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts)
            SELECT n.workspace_id, moment, 'report.status', r.agent_id, r.command_id, n.run_id, n.status_by,
                   jsonb_build_object('report_id', n.report_id, 'before', o.status, 'after', n.status)
            FROM new_rows n JOIN old_rows o ON o.workspace_id = n.workspace_id AND o.report_id = n.report_id
            LEFT JOIN kolony.runs r ON r.workspace_id = n.workspace_id AND r.run_id = n.run_id
            WHERE n.status <> o.status ORDER BY n.report_id;
        END IF;
    END CASE;
    RETURN NULL;
END

--- function events_of_run()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts, was)
    SELECT NEW.workspace_id, kolony.event_moment(), e.kind, NEW.agent_id, NEW.command_id, NEW.run_id, e.person, e.facts,
           CASE WHEN e.overwrites THEN kolony.run_was(OLD) END
    FROM (
        SELECT 'run.retried', kolony.my_profile_id(), jsonb_build_object('before', OLD.outcome), true
        WHERE NEW.outcome IS NULL AND OLD.outcome IS NOT NULL
        UNION ALL
        SELECT 'run.priority', kolony.my_profile_id(),
               jsonb_build_object('before', OLD.priority, 'after', NEW.priority), true
        WHERE NEW.priority <> OLD.priority
        UNION ALL
        SELECT 'run.assigned', kolony.my_profile_id(),
               jsonb_build_object('before', OLD.agent_id, 'after', NEW.agent_id), true
        WHERE NEW.agent_id <> OLD.agent_id
        UNION ALL
        SELECT CASE WHEN NEW.held_at IS NULL THEN 'run.released' ELSE 'run.held' END,
               coalesce(NEW.held_by, kolony.my_profile_id()), '{}', OLD.held_at IS NOT NULL
        WHERE NEW.held_at IS DISTINCT FROM OLD.held_at AND (NEW.outcome IS NULL OR NEW.held_at IS NOT NULL)
        UNION ALL
        SELECT 'run.interrupt_asked', NEW.interrupt_by, '{}', OLD.interrupt_at IS NOT NULL
        WHERE NEW.interrupt_at IS DISTINCT FROM OLD.interrupt_at AND NEW.interrupt_at IS NOT NULL
        UNION ALL
        SELECT 'run.interrupted', NULL, '{}', false
        WHERE NEW.interrupt_heard_at IS NOT NULL AND OLD.interrupt_heard_at IS NULL) e (kind, person, facts, overwrites);
    RETURN NULL;
END

--- function events_of_runs()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts)
        SELECT n.workspace_id, t.moment, 'run.queued', n.agent_id, n.command_id, n.run_id, c.created_by,
               jsonb_build_object('priority', n.priority)
        FROM kolony.event_moment() AS t (moment) CROSS JOIN new_rows n
        LEFT JOIN kolony.commands c ON c.workspace_id = n.workspace_id AND c.command_id = n.command_id
        ORDER BY n.command_id, n.ordinal;
        RETURN NULL;
    END IF;
    -- Ends, and wishes to cancel: an emergency stop has thousands of them in one statement.
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts, was)
    SELECT n.workspace_id, t.moment, 'run.' || coalesce(n.outcome, 'cancel_asked'), n.agent_id, n.command_id, n.run_id,
           CASE WHEN n.outcome IS NULL THEN n.cancel_by
                WHEN n.outcome = 'cancelled' THEN coalesce(n.cancel_by, n.interrupt_by) END,
           CASE WHEN n.outcome IS NULL THEN '{}' ELSE jsonb_strip_nulls(
               jsonb_build_object('exit_code', n.exit_code, 'limit', n.limit_hit, 'reason', n.reason)) END,
           CASE WHEN n.outcome IS NULL AND o.cancel_at IS NOT NULL THEN kolony.run_was(o) END
    FROM kolony.event_moment() AS t (moment), new_rows n JOIN old_rows o ON o.run_id = n.run_id
    WHERE (n.outcome IS NOT NULL AND o.outcome IS NULL)
       OR (n.outcome IS NULL AND n.cancel_at IS NOT NULL AND n.cancel_at IS DISTINCT FROM o.cancel_at);
    RETURN NULL;
END

--- function events_of_session()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    moment CONSTANT timestamptz := kolony.event_moment();
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, facts)
        VALUES (NEW.workspace_id, moment, 'session.opened', NEW.agent_id,
            jsonb_build_object('session_id', NEW.session_id, 'concurrency', NEW.concurrency));
        RETURN NULL;
    END IF;
    IF NEW.ready AND NOT OLD.ready THEN
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, facts)
        VALUES (NEW.workspace_id, moment, 'session.ready', NEW.agent_id,
            jsonb_build_object('session_id', NEW.session_id));
    END IF;
    IF NEW.ended_at IS NOT NULL AND OLD.ended_at IS NULL THEN
        -- Ended by itself, or for the clock: then its last heartbeat is older than its lease.
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, facts)
        VALUES (NEW.workspace_id, moment,
            CASE WHEN NEW.last_seen + make_interval(secs => NEW.lease_seconds) < NEW.ended_at
                 THEN 'session.lost' ELSE 'session.ended' END, NEW.agent_id,
            jsonb_build_object('session_id', NEW.session_id, 'error', NEW.end_error));
    END IF;
    RETURN NULL;
END

--- function events_of_spending()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, facts)
    SELECT NEW.workspace_id, kolony.event_moment(), e.kind, jsonb_build_object('budget_id', NEW.budget_id)
    FROM (VALUES ('budget.warned', NEW.warned_at IS NOT NULL AND OLD.warned_at IS NULL),
                 ('budget.reached', NEW.emptied_at IS NOT NULL AND OLD.emptied_at IS NULL)) e (kind, happened)
    WHERE e.happened;
    RETURN NULL;
END

--- function events_of_steps()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    moment CONSTANT timestamptz := kolony.event_moment();
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, facts)
    SELECT n.workspace_id, moment, 'run.step', t.agent_id, r.command_id, t.run_id,
           jsonb_build_object('attempt', t.number, 'step', n.step)
    FROM new_rows n
    JOIN kolony.attempts t ON t.workspace_id = n.workspace_id AND t.attempt_id = n.attempt_id
    JOIN kolony.runs r ON r.workspace_id = t.workspace_id AND r.run_id = t.run_id
    ORDER BY n.attempt_id, n.number;
    RETURN NULL;
END

--- function events_of_stops()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    moment CONSTANT timestamptz := kolony.event_moment();
BEGIN
    IF TG_TABLE_NAME = 'stop_hearings' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, facts)
        SELECT n.workspace_id, moment, 'stop.confirmed', s.agent_id,
               jsonb_build_object('stop_id', n.stop_id, 'session_id', n.session_id)
        FROM new_rows n
        JOIN kolony.agent_sessions s ON s.workspace_id = n.workspace_id AND s.session_id = n.session_id
        ORDER BY n.session_id;
    ELSIF TG_TABLE_NAME = 'stops' AND TG_OP = 'INSERT' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, profile_id, facts)
        SELECT n.workspace_id, moment, 'stop.pulled', n.began_by,
               jsonb_build_object('stop_id', n.stop_id, 'everyone', n.everyone)
        FROM new_rows n ORDER BY n.stop_id;
    ELSIF TG_TABLE_NAME = 'stops' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, profile_id, facts)
        SELECT n.workspace_id, moment, 'stop.lifted', n.lifted_by, jsonb_build_object('stop_id', n.stop_id)
        FROM new_rows n JOIN old_rows o ON o.workspace_id = n.workspace_id AND o.stop_id = n.stop_id
        WHERE n.lifted_at IS NOT NULL AND o.lifted_at IS NULL ORDER BY n.stop_id;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, profile_id, facts)
        SELECT n.workspace_id, moment, 'agent.stopped', n.agent_id, s.began_by,
               jsonb_build_object('stop_id', n.stop_id)
        FROM new_rows n JOIN kolony.stops s ON s.workspace_id = n.workspace_id AND s.stop_id = n.stop_id
        ORDER BY n.agent_id;
    ELSE
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, profile_id, facts)
        SELECT n.workspace_id, moment, 'agent.freed', n.agent_id, n.lifted_by, jsonb_build_object('stop_id', n.stop_id)
        FROM new_rows n
        JOIN old_rows o ON o.workspace_id = n.workspace_id AND o.stop_id = n.stop_id AND o.agent_id = n.agent_id
        WHERE n.lifted_at IS NOT NULL AND o.lifted_at IS NULL ORDER BY n.agent_id;
    END IF;
    RETURN NULL;
END

--- function expire_token(the_token uuid, at_latest timestamp with time zone)
OWNER kolony_roleadm ARGUMENTS (the_token uuid, at_latest timestamp with time zone) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET DateStyle=ISO
AS
DECLARE
    token record;
BEGIN
    SELECT * INTO token FROM kolony.limit_token(the_token, at_latest);
    PERFORM kolony.change_token_login(token.its_login, format('VALID UNTIL %L', token.its_expiry));
END

--- function extend_archive(in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
BEGIN
    PERFORM kolony.archive_for_step(in_workspace, the_run, the_attempt, the_ticket, 'taken');
    UPDATE kolony.output_archives a SET taken_until = clock_timestamp() + interval '5 minutes'
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt;
END

--- function figure(value jsonb)
OWNER kolony_api ARGUMENTS (value jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT CASE WHEN jsonb_typeof(value) = 'number' AND value::numeric BETWEEN 0 AND 1000000000000000
                THEN value::numeric END

--- function fill_preset(the_preset uuid, given jsonb, of_version integer, partly boolean)
OWNER kolony_api ARGUMENTS (the_preset uuid, given jsonb DEFAULT '{}'::jsonb, of_version integer DEFAULT NULL::integer, partly boolean DEFAULT false) RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    preset kolony.presets := kolony.preset_for_step(the_preset, false);
    its kolony.preset_versions;
    variable jsonb;
    odd text;
    value text;
    filled jsonb := '{}';
    pieces text[];
BEGIN
    SELECT * INTO its FROM kolony.preset_versions v WHERE v.workspace_id = preset.workspace_id
        AND v.preset_id = the_preset AND v.version = coalesce(of_version, preset.version);
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" has no version %', preset.name, of_version USING ERRCODE = 'P0002';
    END IF;
    IF jsonb_typeof(coalesce(given, '{}')) <> 'object' THEN
        RAISE EXCEPTION 'values are given by name, as one JSON object' USING ERRCODE = '22023';
    END IF;
    SELECT k INTO odd FROM jsonb_object_keys(coalesce(given, '{}')) k
    WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(its.variables) v WHERE v ->> 'name' = k) LIMIT 1;
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION '"%" has no variable "%"', preset.name, "left"(odd, 80) USING ERRCODE = '22023',
            HINT = coalesce('it has ' || (SELECT string_agg(v ->> 'name', ', ')
                FROM jsonb_array_elements(its.variables) v), 'it has none at all');
    END IF;
    FOR variable IN SELECT * FROM jsonb_array_elements(its.variables) LOOP
        value := kolony.checked_value(preset.workspace_id, variable,
            coalesce(given ->> (variable ->> 'name'), variable ->> 'default'));
        IF value = '' AND coalesce((variable ->> 'required')::boolean, variable ->> 'default' IS NULL) THEN
            CONTINUE WHEN partly;
            RAISE EXCEPTION '"%" needs a value for "%"', preset.name, variable ->> 'name' USING ERRCODE = '22023',
                HINT = coalesce(nullif(variable ->> 'help', ''), 'it is a ' || (variable ->> 'type'));
        END IF;
        filled := filled || jsonb_build_object(variable ->> 'name', value);
    END LOOP;
    pieces := regexp_split_to_array(its.content,
        '\{\{\s*[A-Za-z_][A-Za-z0-9_]{0,62}\s*(?:\|\s*[a-z]{1,20}\s*)?\}\}');
    RETURN pieces[1] || coalesce((
        SELECT string_agg(CASE
                WHEN NOT filled ? p.name THEN '{{' || p.name || coalesce('|' || p.filter, '') || '}}'
                WHEN p.filter = 'sh' THEN '''' || replace(filled ->> p.name, '''', '''"''"''') || ''''
                ELSE filled ->> p.name END || pieces[p.place::integer + 1], '' ORDER BY p.place)
        FROM kolony.placeholders(its.content) p), '');
END

--- function fill_window(home uuid, the_command uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_command uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    waiting kolony.blocked_runs;
    free integer;
BEGIN
    SELECT greatest(c.at_a_time - (
               SELECT count(*) FROM kolony.runs r
               WHERE r.workspace_id = home AND r.command_id = the_command AND r.outcome IS NULL) + (
               SELECT count(*) FROM kolony.blocked_runs b
               WHERE b.workspace_id = home AND b.command_id = the_command AND b.beyond), 0)
    INTO free FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id = the_command;
    FOR waiting IN
        SELECT b.* FROM kolony.blocked_runs b
        WHERE b.workspace_id = home AND b.command_id = the_command AND b.beyond AND NOT b.held
        ORDER BY b.ordinal FOR UPDATE SKIP LOCKED
    LOOP
        EXIT WHEN free = 0;
        -- Not while the agent is being retired, by somebody who waits for this command.
        PERFORM FROM kolony.agents a
        WHERE a.workspace_id = home AND a.agent_id = waiting.agent_id FOR KEY SHARE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        DELETE FROM kolony.blocked_runs b WHERE b.workspace_id = home AND b.run_id = waiting.run_id;
        waiting.beyond := false;
        PERFORM kolony.put_waiting(waiting);
        PERFORM kolony.hint(home, 'agent:' || waiting.agent_id);
        free := free - 1;
    END LOOP;
    UPDATE kolony.commands c SET free_seats = free
    WHERE c.workspace_id = home AND c.command_id = the_command AND c.free_seats IS DISTINCT FROM free;
END

--- function find_stale_agents()
OWNER kolony_api ARGUMENTS () RETURNS jsonb LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    home uuid;
    since timestamptz;
    names text[];
    told integer := 0;
BEGIN
    FOR home IN SELECT w.workspace_id FROM kolony.workspaces w ORDER BY 1 LOOP
        since := kolony.old_before(home, 'stale_agents');
        DELETE FROM kolony.stale_agents s WHERE s.workspace_id = home AND NOT EXISTS (
            SELECT FROM kolony.agents a WHERE a.workspace_id = home AND a.agent_id = s.agent_id
              AND a.desired <> 'retired' AND NOT EXISTS (
                  SELECT FROM kolony.agent_sessions e WHERE e.workspace_id = home AND e.agent_id = a.agent_id
                    AND e.last_seen >= since));
        WITH fresh AS (
            INSERT INTO kolony.stale_agents (workspace_id, agent_id)
            SELECT home, a.agent_id FROM kolony.agents a
            WHERE a.workspace_id = home AND a.desired <> 'retired' AND a.created_at < since
              AND NOT EXISTS (SELECT FROM kolony.agent_sessions e WHERE e.workspace_id = home
                              AND e.agent_id = a.agent_id AND e.last_seen >= since)
            ON CONFLICT DO NOTHING RETURNING agent_id)
        SELECT array_agg(a.name ORDER BY a.name) INTO names
        FROM fresh f JOIN kolony.agents a ON a.workspace_id = home AND a.agent_id = f.agent_id;
        CONTINUE WHEN names IS NULL;
        told := told + cardinality(names);
        PERFORM kolony.notify_people(home, 'agent_stale', 'low', CASE cardinality(names)
                WHEN 1 THEN format('%s has not been seen for %s days', names[1], kolony.kept_for(home, 'stale_agents'))
                ELSE format('%s agents have not been seen for %s days', cardinality(names),
                    kolony.kept_for(home, 'stale_agents')) END,
            array_to_string(names[1:20], ', ') || CASE WHEN cardinality(names) > 20 THEN ', ...' ELSE '' END
                || '; retire what is not needed any more', jsonb_build_object('agents', to_jsonb(names[1:20])));
    END LOOP;
    RETURN jsonb_build_object('stale_agents', told);
END

--- function finish_archive(in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid, object_sha256 text, object_size bigint, rows_digest bytea, new_words text[], cut boolean)
OWNER kolony_api ARGUMENTS (in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid, object_sha256 text, object_size bigint, rows_digest bytea, new_words text[], cut boolean) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    its kolony.output_archives := kolony.archive_for_step(in_workspace, the_run, the_attempt, the_ticket, 'taken');
    found record;
BEGIN
    IF kolony.is_held(in_workspace, the_run) THEN
        RAISE EXCEPTION 'a legal hold keeps that output where it is' USING ERRCODE = '55000',
            HINT = 'see kolony retention holds';
    END IF;
    IF object_sha256 IS NULL OR object_sha256 !~ '^[0-9a-f]{64}$' OR coalesce(object_size, 0) <= 0
       OR coalesce(cardinality(new_words), 0) > 20000
    THEN
        RAISE EXCEPTION 'an object has a SHA-256, a size and at most 20,000 words' USING ERRCODE = '22023';
    END IF;
    SELECT * INTO found FROM kolony.output_digest(in_workspace, the_run, the_attempt, its.output_day);
    IF found.chunks = 0 OR found.digest IS DISTINCT FROM rows_digest THEN
        RAISE EXCEPTION 'what is in the archive is not what is in the database' USING ERRCODE = '55000',
            HINT = 'it is archived again';
    END IF;
    UPDATE kolony.output_archives a SET state = 'archived', sha256 = object_sha256, object_bytes = object_size,
        digest = found.digest, chunk_count = found.chunks, byte_count = found.bytes, line_count = found.lines,
        words = array_to_tsvector(ARRAY(SELECT DISTINCT w FROM unnest(new_words) w WHERE w ~ '^\w{2,64}$')),
        words_cut = coalesce(cut, false), ticket = NULL, taken_until = NULL, archived_at = clock_timestamp(),
        archived_by = kolony.my_profile_id(), restored_at = NULL, restored_by = NULL
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt;
    DELETE FROM kolony.output_chunks c WHERE c.workspace_id = in_workspace AND c.run_id = the_run
        AND c.attempt = the_attempt AND c.day = its.output_day;
    PERFORM kolony.hint(in_workspace, 'run:' || the_run);
END

--- function finish_attempt(the_attempt uuid, ended text, with_exit_code integer, with_signal integer, with_error text, with_usage jsonb, chunks bigint, bytes bigint, lines bigint, limit_hit text, reason text, warning text)
OWNER kolony_api ARGUMENTS (the_attempt uuid, ended text, with_exit_code integer, with_signal integer, with_error text, with_usage jsonb, chunks bigint, bytes bigint, lines bigint, limit_hit text DEFAULT NULL::text, reason text DEFAULT NULL::text, warning text DEFAULT NULL::text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_variable
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
    IF limit_hit NOT IN ('time_limit', 'token_budget', 'memory_limit', 'cpu_limit', 'budget') THEN
        RAISE EXCEPTION 'a limit is time_limit, token_budget, memory_limit, cpu_limit or budget'
            USING ERRCODE = '22023';
    END IF;
    IF reason !~ '^[a-z][a-z0-9_]{0,59}$' THEN
        RAISE EXCEPTION 'a reason is one word of small letters, digits and _' USING ERRCODE = '22023';
    END IF;
    IF ended = 'completed' THEN
        PERFORM kolony.end_completed(jsonb_build_array(jsonb_build_object('attempt_id', the_attempt,
            'exit_code', with_exit_code, 'signal', with_signal, 'error', with_error, 'usage', with_usage,
            'chunks', chunks, 'bytes', bytes, 'lines', lines, 'warning', warning)));
        PERFORM FROM kolony.attempts t
        WHERE t.workspace_id = token.workspace_id AND t.attempt_id = the_attempt AND t.agent_id = token.agent_id
          AND t.outcome = ended;
        IF FOUND THEN
            RETURN;
        END IF;
        -- It was left alone: below it is ended after a wait, or refused with the reason.
    END IF;
    PERFORM kolony.my_lease(the_attempt);
    SELECT r.* INTO run FROM kolony.runs r
    JOIN kolony.attempts t ON t.workspace_id = r.workspace_id AND t.run_id = r.run_id
    WHERE t.workspace_id = token.workspace_id AND t.attempt_id = the_attempt FOR NO KEY UPDATE OF r;
    held := kolony.my_lease(the_attempt); -- again: it may have passed on while this call waited for the run
    IF ended = 'cancelled' AND run.cancel_at IS NULL AND run.interrupt_at IS NULL THEN
        RAISE EXCEPTION 'nobody asked to cancel this run' USING ERRCODE = '55000';
    END IF;
    hole := kolony.output_hole(held.workspace_id, held.run_id, the_attempt, chunks);
    IF hole IS NOT NULL THEN
        RAISE EXCEPTION 'the output has a hole: %', hole USING ERRCODE = 'KO002', HINT = 'append the missing chunks';
    END IF;
    UPDATE kolony.attempts t SET usage = coalesce(with_usage, '{}'), chunk_count = chunks, byte_count = bytes,
        line_count = lines, limit_hit = CASE WHEN ended = 'failed' THEN limit_hit END,
        reason = CASE WHEN ended = 'failed' THEN reason END, warning = nullif("left"(warning, 1000), '')
    WHERE t.workspace_id = held.workspace_id AND t.attempt_id = the_attempt;
    IF NOT kolony.end_attempt(held.workspace_id, the_attempt, ended, with_exit_code, with_signal, with_error) THEN
        RAISE EXCEPTION 'this attempt has no lease any more' USING ERRCODE = 'KO001', HINT = 'stop its work';
    END IF;
END

--- function finish_removal(in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
BEGIN
    PERFORM kolony.archive_for_step(in_workspace, the_run, the_attempt, the_ticket, 'removing');
    UPDATE kolony.output_archives a SET state = 'removed', removed_at = clock_timestamp(), words = NULL, stale = '{}',
        ticket = NULL, taken_until = NULL
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt;
    PERFORM kolony.hint(in_workspace, 'run:' || the_run);
END

--- function finish_restore(in_workspace uuid, the_run uuid, the_attempt integer)
OWNER kolony_api ARGUMENTS (in_workspace uuid, the_run uuid, the_attempt integer) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    its kolony.output_archives;
    found record;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    SELECT * INTO its FROM kolony.output_archives a
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt FOR UPDATE;
    IF its.state IS DISTINCT FROM 'restoring' THEN
        RAISE EXCEPTION 'that output is not being restored' USING ERRCODE = '55000';
    END IF;
    SELECT * INTO found FROM kolony.output_digest(in_workspace, the_run, the_attempt, its.output_day);
    IF found.digest IS DISTINCT FROM its.digest THEN
        RAISE EXCEPTION 'what the archive gave is not what was put into it' USING ERRCODE = '55000',
            HINT = 'the object was changed or damaged';
    END IF;
    UPDATE kolony.output_archives a SET state = 'restored', restored_at = clock_timestamp(),
        restored_by = kolony.my_profile_id()
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt;
    PERFORM kolony.record_audit(in_workspace, 'OUTPUT_RESTORED', NULL, jsonb_build_object('attempt', the_attempt,
        'bytes', found.bytes), NULL, NULL, the_run);
    PERFORM kolony.hint(in_workspace, 'run:' || the_run);
    PERFORM kolony.hint(in_workspace, 'output:' || the_run);
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

--- function forget_folder(in_workspace uuid, on_host text, the_path text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, on_host text, the_path text) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    forgotten integer;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    UPDATE kolony.work_folders f SET state = 'removed', seen_at = clock_timestamp()
    WHERE f.workspace_id = in_workspace AND f.host = on_host AND f.path = the_path AND f.state <> 'removed';
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    IF forgotten > 0 THEN
        PERFORM kolony.record_audit(in_workspace, 'FOLDER_REMOVED', the_path, jsonb_build_object('host', on_host));
    END IF;
    RETURN forgotten;
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

--- function free_command(home uuid, the_command uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_command uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    waiting kolony.blocked_runs;
BEGIN
    IF kolony.comes_later(home, the_command) THEN
        RETURN;
    END IF;
    FOR waiting IN
        SELECT b.* FROM kolony.blocked_runs b
        WHERE b.workspace_id = home AND b.command_id = the_command AND b.after
        ORDER BY b.run_id FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM FROM kolony.agents a
        WHERE a.workspace_id = home AND a.agent_id = waiting.agent_id FOR KEY SHARE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        DELETE FROM kolony.blocked_runs b WHERE b.workspace_id = home AND b.run_id = waiting.run_id;
        waiting.after := false;
        PERFORM kolony.put_waiting(waiting);
        PERFORM kolony.hint(home, 'agent:' || waiting.agent_id);
    END LOOP;
END

--- function free_dependents()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    later uuid;
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.command_dependencies d
                   WHERE d.workspace_id = NEW.workspace_id AND d.after_id = NEW.command_id) THEN
        RETURN NULL;
    END IF;
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = NEW.workspace_id FOR NO KEY UPDATE;
    FOR later IN
        SELECT d.command_id FROM kolony.command_dependencies d
        WHERE d.workspace_id = NEW.workspace_id AND d.after_id = NEW.command_id ORDER BY d.command_id
    LOOP
        PERFORM kolony.free_command(NEW.workspace_id, later);
    END LOOP;
    RETURN NULL;
END

--- function give_archive_back(in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
BEGIN
    PERFORM kolony.archive_for_step(in_workspace, the_run, the_attempt, the_ticket, 'taken');
    UPDATE kolony.output_archives a SET taken_until = clock_timestamp(), ticket = NULL
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt;
END

--- function hand_out(home uuid)
OWNER kolony_api ARGUMENTS (home uuid) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    turn kolony.notification_turns;
    events kolony.notification_events[];
    told integer := 0;
BEGIN
    -- Many ask, and mostly there is nothing to do: that costs two reads.
    IF EXISTS (SELECT FROM kolony.notification_turns t WHERE t.workspace_id = home
               AND t.looked_at >= clock_timestamp() - interval '5 seconds')
       AND NOT EXISTS (SELECT FROM kolony.notification_events e WHERE e.workspace_id = home)
    THEN
        RETURN 0;
    END IF;
    INSERT INTO kolony.notification_turns (workspace_id) VALUES (home) ON CONFLICT (workspace_id) DO NOTHING;
    SELECT * INTO turn FROM kolony.notification_turns t WHERE t.workspace_id = home FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    IF turn.looked_at < clock_timestamp() - interval '5 seconds' THEN
        PERFORM kolony.note_agents(home, turn.looked_at);
        UPDATE kolony.notification_turns t SET looked_at = clock_timestamp() WHERE t.workspace_id = home;
    END IF;
    -- What nobody asks any more is no news, whoever answered it.
    UPDATE kolony.notifications n SET read_at = now()
    WHERE n.workspace_id = home AND n.kind = 'approval' AND n.read_at IS NULL AND NOT EXISTS (
        SELECT FROM kolony.runs r JOIN kolony.approvals p ON p.workspace_id = r.workspace_id AND p.run_id = r.run_id
        WHERE r.workspace_id = home AND r.command_id = (n.data ->> 'command_id')::uuid AND p.answered_at IS NULL
          AND p.cancelled_at IS NULL AND p.expired_at IS NULL
          AND (p.expires_at IS NULL OR p.expires_at > clock_timestamp()));
    events := kolony.take_events(home);
    IF cardinality(events) > 0 THEN
        told := kolony.tell_each(home, events);
        PERFORM kolony.queue_deliveries(home, events);
        PERFORM kolony.hint(home, 'note:*');
    END IF;
    RETURN told;
END

--- function hand_out_everywhere()
OWNER kolony_api ARGUMENTS () RETURNS jsonb LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    told bigint;
BEGIN
    SELECT coalesce(sum(kolony.hand_out(w.workspace_id)), 0) INTO told FROM kolony.workspaces w;
    RETURN jsonb_build_object('told', told);
END

--- function has_holds(home uuid, wholly boolean)
OWNER kolony_api ARGUMENTS (home uuid, wholly boolean DEFAULT false) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN EXISTS (SELECT FROM kolony.legal_holds h WHERE h.workspace_id = home AND h.lifted_at IS NULL
                   AND (NOT wholly OR h.scope = 'workspace'));
END

--- function hear_answer(the_approval uuid)
OWNER kolony_api ARGUMENTS (the_approval uuid) RETURNS TABLE(name text, state text, answer text, note text, answered_by text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_column
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    asked kolony.approvals;
BEGIN
    -- Waits for an answer that is just being given, and whoever answers after this waits for it.
    SELECT * INTO asked FROM kolony.approvals p
    WHERE p.workspace_id = token.workspace_id AND p.approval_id = the_approval AND p.agent_id = token.agent_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such question of yours' USING ERRCODE = 'P0002';
    END IF;
    IF kolony.approval_state(asked) <> 'open' AND asked.heard_at IS NULL THEN
        UPDATE kolony.approvals p SET heard_at = clock_timestamp(),
            expired_at = CASE WHEN kolony.approval_state(asked) = 'expired'
                              THEN coalesce(p.expired_at, clock_timestamp()) END
        WHERE p.workspace_id = token.workspace_id AND p.approval_id = the_approval RETURNING p.* INTO asked;
        IF asked.expired_at IS NOT NULL THEN
            PERFORM kolony.hint(token.workspace_id, 'inbox:' || the_approval);
        END IF;
    END IF;
    RETURN QUERY SELECT asked.name, kolony.approval_state(asked), asked.answer, asked.note, coalesce(
        (SELECT w.login::text FROM kolony.profiles w WHERE w.profile_id = asked.answered_by),
        (SELECT 'rule of ' || w.login FROM kolony.approval_rules l
         JOIN kolony.profiles w ON w.profile_id = l.created_by
         WHERE l.workspace_id = asked.workspace_id AND l.rule_id = asked.rule_id));
END

--- function held_agents(home uuid, wanted uuid[])
OWNER kolony_api ARGUMENTS (home uuid, wanted uuid[]) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    free uuid[] := ARRAY(
        SELECT a.agent_id FROM kolony.agents a WHERE a.workspace_id = home AND (wanted IS NULL OR a.agent_id = ANY (wanted))
        ORDER BY a.agent_id FOR NO KEY UPDATE SKIP LOCKED);
    names text := (
        SELECT string_agg(h.name, ', ' ORDER BY h.name) FROM (
            SELECT a.name FROM kolony.agents a
            WHERE a.workspace_id = home AND (wanted IS NULL OR a.agent_id = ANY (wanted)) AND a.agent_id <> ALL (free)
            ORDER BY a.name LIMIT 5) h);
BEGIN
    RETURN coalesce(' on ' || names, '');
END

--- function hint(in_workspace uuid, payload text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, payload text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify(w.channel, payload) FROM kolony.workspaces w WHERE w.workspace_id = in_workspace;
    END IF;
END

--- function hmac_sha256(secret bytea, message bytea)
OWNER kolony_api ARGUMENTS (secret bytea, message bytea) RETURNS bytea LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    key bytea := CASE WHEN length(secret) > 64 THEN sha256(secret) ELSE secret END;
    inner_pad bytea := decode(repeat('36', 64), 'hex');
    outer_pad bytea := decode(repeat('5c', 64), 'hex');
BEGIN
    FOR place IN 0 .. length(key) - 1 LOOP
        inner_pad := set_byte(inner_pad, place, get_byte(key, place) # 54);
        outer_pad := set_byte(outer_pad, place, get_byte(key, place) # 92);
    END LOOP;
    RETURN sha256(outer_pad || sha256(inner_pad || message));
END

--- function hold_command(the_command uuid, why text)
OWNER kolony_api ARGUMENTS (the_command uuid, why text DEFAULT ''::text) RETURNS integer LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT kolony.step_command(the_command, 'hold', why)

--- function hold_off_holds(home uuid)
OWNER kolony_api ARGUMENTS (home uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM FROM kolony.keeping k WHERE k.workspace_id = home FOR SHARE;
    IF NOT FOUND THEN
        INSERT INTO kolony.keeping (workspace_id) VALUES (home) ON CONFLICT (workspace_id) DO NOTHING;
        PERFORM FROM kolony.keeping k WHERE k.workspace_id = home FOR SHARE;
    END IF;
END

--- function hold_run(the_run uuid, why text)
OWNER kolony_api ARGUMENTS (the_run uuid, why text DEFAULT ''::text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.run_for_step(the_run);
    PERFORM kolony.take_steps(ARRAY[the_run], 'hold', why, NULL, true);
END

--- function hold_runs(the_runs uuid[], why text)
OWNER kolony_api ARGUMENTS (the_runs uuid[], why text DEFAULT ''::text) RETURNS TABLE(run_id uuid, became text, refused text) LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT * FROM kolony.take_steps(the_runs, 'hold', why, NULL, false)

--- function hold_waiting_run(home uuid, the_run uuid, why text)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid, why text) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    run kolony.runs;
    waiting kolony.blocked_runs;
BEGIN
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = home AND r.run_id = the_run FOR NO KEY UPDATE;
    IF run.held_at IS NOT NULL THEN
        RAISE EXCEPTION 'this run is held already%', coalesce(' by ' || (SELECT p.login FROM kolony.profiles p
            WHERE p.profile_id = run.held_by), '') USING ERRCODE = '55000';
    END IF;
    waiting := kolony.take_waiting(home, the_run);
    PERFORM kolony.require_waiting(run, waiting);
    waiting.held := true;
    -- It gives its seat in the command's window up.
    waiting.beyond := (SELECT c.at_a_time IS NOT NULL FROM kolony.commands c
                       WHERE c.workspace_id = home AND c.command_id = run.command_id);
    PERFORM kolony.put_waiting(waiting);
    UPDATE kolony.runs r SET held_at = now(), held_by = kolony.my_profile_id(), held_why = why
    WHERE r.workspace_id = home AND r.run_id = the_run;
    RETURN 'held';
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

--- function in_words(length interval)
OWNER kolony_api ARGUMENTS (length interval) RETURNS text LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT CASE WHEN s < 60 THEN s || ' s' WHEN s < 3600 THEN s / 60 || ' min' WHEN s < 172800 THEN s / 3600 || ' h'
                ELSE s / 86400 || ' days' END
    FROM (SELECT greatest(extract(epoch FROM length)::bigint, 0)) seconds (s)

--- function inbox(in_workspace uuid, hidden boolean, longest integer)
OWNER kolony_api ARGUMENTS (in_workspace uuid, hidden boolean DEFAULT false, longest integer DEFAULT 65536) RETURNS TABLE(item_id uuid, kind text, tier text, why text, agent_id uuid, agent text, run_id uuid, command_number bigint, ordinal integer, target_count integer, title text, detail text, options jsonb, risk text, since timestamp with time zone, expires_at timestamp with time zone, blocks bigint, blocked_agents bigint, likeness text, snoozed_until timestamp with time zone, done_at timestamp with time zone, tool text, exact boolean) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    me CONSTANT uuid := kolony.my_profile_id();
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    RETURN QUERY
    WITH found AS (
        SELECT * FROM kolony.inbox_questions(in_workspace)
        UNION ALL SELECT f.*, NULL, false FROM kolony.inbox_failures(in_workspace, me) f
        UNION ALL SELECT o.*, NULL, false FROM kolony.inbox_agents(in_workspace) o),
    placed AS (
        SELECT f.*, m.snoozed_until, m.done_at,
               CASE WHEN f.kind = 'stop' OR f.expires_at < now() + interval '15 minutes' THEN 1
                    WHEN f.blocks > 1 THEN 2
                    WHEN f.risk = 'high' THEN 3 ELSE 4 END AS place
        FROM found f
        LEFT JOIN kolony.inbox_marks m
            ON m.workspace_id = in_workspace AND m.profile_id = me AND m.item_id = f.item_id
        WHERE hidden OR m.item_id IS NULL OR m.done_at IS NULL AND coalesce(m.snoozed_until, '-infinity') <= now()),
    ranked AS MATERIALIZED (
        SELECT p.*, row_number() OVER (
                   ORDER BY p.place, CASE WHEN p.place = 1 THEN coalesce(p.expires_at, '-infinity') END, p.blocks DESC,
                            array_position(ARRAY['high', 'medium', 'low'], p.risk), p.since, p.item_id) AS rank
        FROM placed p ORDER BY rank LIMIT 1000)
    SELECT p.item_id, p.kind, (ARRAY['urgent', 'blocks others', 'high risk', 'by age'])[p.place],
           concat_ws('; ',
               CASE WHEN p.expires_at IS NOT NULL THEN 'expires in ' || kolony.in_words(p.expires_at - now()) END,
               CASE WHEN p.kind = 'stop' THEN 'not confirmed for ' || kolony.in_words(now() - p.since) END,
               CASE WHEN p.blocks > 0 THEN 'blocks ' || kolony.counted(p.blocks, 'run')
                   || coalesce(' on ' || CASE WHEN p.blocked_agents > 1
                                              THEN kolony.counted(p.blocked_agents, 'agent') END, '') END,
               CASE WHEN p.risk <> 'low' AND p.kind IN ('permission', 'question') THEN p.risk || ' risk' END,
               CASE WHEN p.kind <> 'stop' THEN 'for ' || kolony.in_words(now() - p.since) END),
           p.agent_id, a.name, p.run_id, c.number, r.ordinal, cardinality(c.targets), p.title,
           -- In full, but for what comes behind 16 MiB of others.
           "left"(p.detail, CASE WHEN sum(length(p.detail)) OVER (ORDER BY p.rank) <= 16777216 THEN longest
                                 ELSE least(longest, 65536) END),
           p.options, p.risk, p.since, p.expires_at, p.blocks, p.blocked_agents,
           CASE WHEN p.kind IN ('gone', 'stop') THEN md5(p.kind) ELSE kolony.likeness(p.kind, p.title, p.detail) END,
           p.snoozed_until, p.done_at, p.tool, p.exact
    FROM ranked p
    JOIN kolony.agents a ON a.workspace_id = in_workspace AND a.agent_id = p.agent_id
    LEFT JOIN kolony.runs r ON r.workspace_id = in_workspace AND r.run_id = p.run_id
    LEFT JOIN kolony.commands c ON c.workspace_id = in_workspace AND c.command_id = r.command_id
    ORDER BY p.rank;
END

--- function inbox_agents(home uuid)
OWNER kolony_api ARGUMENTS (home uuid) RETURNS TABLE(item_id uuid, kind text, agent_id uuid, run_id uuid, command_id uuid, title text, detail text, options jsonb, risk text, since timestamp with time zone, expires_at timestamp with time zone, blocks bigint, blocked_agents bigint) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN QUERY
    SELECT md5('gone ' || a.agent_id || ' ' || coalesce(newest.session_id::text, ''))::uuid, 'gone', a.agent_id,
           NULL::uuid, NULL::uuid,
           CASE WHEN newest.session_id IS NULL THEN 'never connected' ELSE 'gone' END || ', '
               || concat_ws(' and ', CASE WHEN held.runs > 0 THEN kolony.counted(held.runs, 'run') || ' in hand' END,
                                     CASE WHEN queue.runs > 0 THEN kolony.counted(queue.runs, 'run') || ' waiting' END),
           coalesce(newest.end_reason, ''), '[]'::jsonb, CASE WHEN held.runs > 0 THEN 'high' ELSE 'low' END,
           coalesce(newest.ended_at, newest.last_seen, a.created_at), NULL::timestamptz, held.runs + queue.runs, 1::bigint
    FROM kolony.agents a
    LEFT JOIN LATERAL (
        SELECT s.session_id, s.ended_at, s.last_seen, s.end_reason FROM kolony.agent_sessions s
        WHERE s.workspace_id = home AND s.agent_id = a.agent_id ORDER BY s.session_id DESC LIMIT 1) newest ON true
    CROSS JOIN LATERAL (SELECT count(*) AS runs FROM kolony.leases l
                        WHERE l.workspace_id = home AND l.agent_id = a.agent_id) held
    CROSS JOIN LATERAL (
        SELECT count(*) AS runs FROM (
            SELECT FROM kolony.ready_runs q WHERE q.workspace_id = home AND q.agent_id = a.agent_id LIMIT 10000) w) queue
    WHERE a.workspace_id = home AND a.desired = 'active' AND held.runs + queue.runs > 0
      AND NOT EXISTS (SELECT FROM kolony.agent_sessions s
                      WHERE s.workspace_id = home AND s.agent_id = a.agent_id AND s.ended_at IS NULL
                        AND s.last_seen + make_interval(secs => s.lease_seconds) >= now());
    RETURN QUERY
    SELECT md5('stop ' || o.stop_id || ' ' || o.agent_id)::uuid, 'stop', o.agent_id, NULL::uuid, NULL::uuid,
           'the emergency stop is not confirmed',
           concat_ws('; ', CASE WHEN o.running > 0 THEN kolony.counted(o.running, 'run') || ' may still be at work'
                     ELSE 'what it was at may go on unseen' END,
                     'runner on ' || nullif(o.host, ''), nullif(s.why, '')),
           '[]'::jsonb, 'high'::text, o.since, NULL::timestamptz, o.running, 1::bigint
    FROM kolony.stops s
    JOIN kolony.stop_acknowledgements o ON o.workspace_id = s.workspace_id AND o.stop_id = s.stop_id
    WHERE s.workspace_id = home AND s.lifted_at IS NULL AND o.state = 'not confirmed';
END

--- function inbox_failures(home uuid, me uuid)
OWNER kolony_api ARGUMENTS (home uuid, me uuid) RETURNS TABLE(item_id uuid, kind text, agent_id uuid, run_id uuid, command_id uuid, title text, detail text, options jsonb, risk text, since timestamp with time zone, expires_at timestamp with time zone, blocks bigint, blocked_agents bigint) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    senders uuid[] := ARRAY[me];
BEGIN
    IF kolony.holds_role(home, 'admin') THEN
        senders := senders || ARRAY(
            SELECT p.profile_id FROM kolony.profiles p
            LEFT JOIN kolony.memberships m ON m.workspace_id = home AND m.profile_id = p.profile_id
            WHERE m.disabled IS NOT FALSE);
    END IF;
    RETURN QUERY
    WITH mine AS MATERIALIZED (
        SELECT newest.command_id, newest.title FROM unnest(senders) sender
        CROSS JOIN LATERAL (
            SELECT c.command_id, c.title FROM kolony.commands c
            WHERE c.workspace_id = home AND c.created_by = sender AND c.outcome = 'failed'
              AND c.finished_at > now() - interval '7 days'
            ORDER BY c.finished_at DESC LIMIT 500) newest
        UNION ALL
        -- One that has several runs goes on after a failure.
        SELECT c.command_id, c.title FROM kolony.commands c
        WHERE c.workspace_id = home AND c.outcome IS NULL AND c.created_by = ANY (senders)
          AND cardinality(c.targets) > 1)
    SELECT md5('failure ' || r.run_id || ' ' || r.finished_at)::uuid,
           CASE WHEN r.limit_hit IS NULL THEN 'failure' ELSE 'limit' END, r.agent_id, r.run_id, r.command_id,
           CASE WHEN r.limit_hit IS NULL THEN 'failed: ' ELSE replace(r.limit_hit, '_', ' ') || ' reached: ' END
               || mine.title, coalesce(r.error, ''), '[]'::jsonb, 'medium'::text, r.finished_at, NULL::timestamptz,
           k.runs, k.others
    FROM mine
    JOIN kolony.runs r ON r.workspace_id = home AND r.command_id = mine.command_id AND r.outcome = 'failed'
    CROSS JOIN LATERAL (
        SELECT count(*) AS runs, count(DISTINCT f.agent_id) AS others FROM kolony.command_dependencies d
        JOIN kolony.blocked_runs f ON f.workspace_id = d.workspace_id AND f.command_id = d.command_id AND f.after
        WHERE d.workspace_id = home AND d.after_id = r.command_id) k
    WHERE r.finished_at > now() - interval '7 days'
    ORDER BY r.finished_at DESC LIMIT 500;
END

--- function inbox_questions(home uuid)
OWNER kolony_api ARGUMENTS (home uuid) RETURNS TABLE(item_id uuid, kind text, agent_id uuid, run_id uuid, command_id uuid, title text, detail text, options jsonb, risk text, since timestamp with time zone, expires_at timestamp with time zone, blocks bigint, blocked_agents bigint, tool text, exact boolean) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN QUERY
    SELECT p.approval_id, p.kind, p.agent_id, p.run_id, r.command_id, p.title,
           coalesce(p.command, p.detail), p.options, p.risk, p.created_at, p.expires_at, 1 + k.runs, 1 + k.others,
           p.tool, p.command IS NOT NULL
    FROM kolony.approvals p
    JOIN kolony.runs r ON r.workspace_id = p.workspace_id AND r.run_id = p.run_id
    CROSS JOIN LATERAL (
        -- Those behind it in its agent's queue, and those that come after its command.
        SELECT count(*) AS runs, count(DISTINCT b.agent_id) FILTER (WHERE b.agent_id <> p.agent_id) AS others
        FROM (SELECT q.run_id, q.agent_id FROM kolony.ready_runs q
              WHERE q.workspace_id = p.workspace_id AND q.agent_id = p.agent_id
              UNION
              SELECT f.run_id, f.agent_id FROM kolony.command_dependencies d
              JOIN kolony.blocked_runs f ON f.workspace_id = d.workspace_id AND f.command_id = d.command_id AND f.after
              WHERE d.workspace_id = p.workspace_id AND d.after_id = r.command_id LIMIT 1000) b) k
    WHERE p.workspace_id = home AND p.answered_at IS NULL AND p.cancelled_at IS NULL AND p.expired_at IS NULL
      AND (p.expires_at IS NULL OR p.expires_at > now());
END

--- function instructed(instructions text, kind text)
OWNER kolony_api ARGUMENTS (instructions text, kind text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT concat_ws(E'\n\n', nullif(instructions, ''), kolony.kind_words(kind))

--- function interrupt_open_run(home uuid, the_run uuid, why text)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid, why text) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    run kolony.runs;
BEGIN
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = home AND r.run_id = the_run FOR NO KEY UPDATE;
    IF run.outcome IS NOT NULL THEN
        RAISE EXCEPTION 'this run has ended already (%)', run.outcome USING ERRCODE = '55000';
    ELSIF run.cancel_at IS NOT NULL THEN
        RAISE EXCEPTION 'this run is being cancelled' USING ERRCODE = '55000';
    ELSIF NOT EXISTS (SELECT FROM kolony.leases l WHERE l.workspace_id = home AND l.run_id = the_run) THEN
        RAISE EXCEPTION 'this run has not begun' USING ERRCODE = '55000', HINT = 'hold it, or cancel it';
    END IF;
    UPDATE kolony.runs r SET interrupt_at = clock_timestamp(), interrupt_by = kolony.my_profile_id(),
        interrupt_why = why, interrupt_heard_at = NULL
    WHERE r.workspace_id = home AND r.run_id = the_run;
    RETURN 'requested';
END

--- function interrupt_run(the_run uuid, why text)
OWNER kolony_api ARGUMENTS (the_run uuid, why text DEFAULT ''::text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.run_for_step(the_run);
    PERFORM kolony.take_steps(ARRAY[the_run], 'interrupt', why, NULL, true);
END

--- function interrupt_runs(the_runs uuid[], why text)
OWNER kolony_api ARGUMENTS (the_runs uuid[], why text DEFAULT ''::text) RETURNS TABLE(run_id uuid, became text, refused text) LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT * FROM kolony.take_steps(the_runs, 'interrupt', why, NULL, false)

--- function is_empty(size bigint, sha256 text)
OWNER kolony_api ARGUMENTS (size bigint, sha256 text) RETURNS boolean LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT size = 0 AND sha256 = encode(pg_catalog.sha256(''), 'hex')

--- function is_held(home uuid, the_run uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.legal_holds h WHERE h.workspace_id = home AND h.lifted_at IS NULL) THEN
        RETURN false;
    END IF;
    RETURN EXISTS (
        SELECT FROM kolony.legal_holds h
        LEFT JOIN kolony.runs r ON r.workspace_id = home AND r.run_id = the_run
        WHERE h.workspace_id = home AND h.lifted_at IS NULL
          AND (h.scope = 'workspace' OR h.subject_id IN (r.run_id, r.command_id, r.agent_id)));
END

--- function is_quiet(quiet_from time without time zone, quiet_to time without time zone, time_zone text, moment timestamp with time zone)
OWNER kolony_api ARGUMENTS (quiet_from time without time zone, quiet_to time without time zone, time_zone text, moment timestamp with time zone) RETURNS boolean LANGUAGE plpgsql STABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    hour CONSTANT time := (moment AT TIME ZONE coalesce(time_zone, 'UTC'))::time;
BEGIN
    RETURN coalesce(CASE WHEN quiet_from < quiet_to THEN hour >= quiet_from AND hour < quiet_to
                         ELSE hour >= quiet_from OR hour < quiet_to END, false);
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false; -- a zone that this server does not know any more
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

--- function is_stopped(home uuid, of_agent uuid)
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid) RETURNS boolean LANGUAGE plpgsql STABLE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN EXISTS (SELECT FROM kolony.stops s WHERE s.workspace_id = home AND s.lifted_at IS NULL)
       AND EXISTS (SELECT FROM kolony.stops_in_force f WHERE f.workspace_id = home AND f.agent_id = of_agent);
END

--- function is_undoing()
OWNER kolony_api ARGUMENTS () RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN EXISTS (SELECT FROM kolony.undo_steps u
                   WHERE u.profile_id = kolony.my_profile_id() AND u.undone_at = now());
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

--- function json_joined(before json, piece json)
OWNER kolony_api ARGUMENTS (before json, piece json) RETURNS json LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT CASE WHEN json_typeof(before) = 'string' AND json_typeof(piece) = 'string'
        THEN (left(btrim(before::text, E' \n\r\t'), -1) || substr(btrim(piece::text, E' \n\r\t'), 2))::json
        ELSE piece END

--- function keep_approval_rule(home uuid, of_agent uuid, tool text, prefix text, decision text, until timestamp with time zone, note text)
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid, tool text, prefix text, decision text, until timestamp with time zone, note text) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    made uuid;
BEGIN
    PERFORM kolony.check_approval_rule(of_agent, tool, prefix, decision, until, note);
    INSERT INTO kolony.approval_rules (workspace_id, agent_id, tool, prefix, decision, until, note, created_by)
    VALUES (home, of_agent, tool, prefix, decision, until, nullif(note, ''), kolony.my_profile_id())
    RETURNING rule_id INTO made;
    PERFORM kolony.record_audit(home, 'APPROVAL_RULE_CREATED', decision || ' ' || coalesce("left"(prefix, 150), tool),
        jsonb_build_object('rule_id', made, 'decision', decision, 'tool', tool, 'prefix', "left"(prefix, 200),
            'until', until, 'note', "left"(note, 200)), of_agent);
    PERFORM kolony.hint(home, 'approval_rule:' || made);
    RETURN made;
END

--- function keep_artifact(the_attempt uuid, name text, kind text, media_type text, size bigint, sha256 text, not_kept text)
OWNER kolony_api ARGUMENTS (the_attempt uuid, name text, kind text, media_type text, size bigint, sha256 text, not_kept text DEFAULT NULL::text) RETURNS TABLE(artifact_id uuid, stored bigint, why_not text, kept boolean) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_variable
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    home CONSTANT uuid := held.workspace_id;
    this kolony.artifacts;
    twin uuid;
BEGIN
    PERFORM kolony.check_artifact(name, kind, media_type, size, sha256);
    -- Held, so that two calls of one runner do not pass a cap together.
    PERFORM FROM kolony.runs r WHERE r.workspace_id = home AND r.run_id = held.run_id FOR NO KEY UPDATE;
    held := kolony.my_lease(the_attempt);
    SELECT a.* INTO this FROM kolony.artifacts a
    WHERE a.workspace_id = home AND a.attempt_id = the_attempt AND a.kind = kind AND a.name = name;
    IF NOT FOUND THEN
        IF (SELECT count(*) FROM kolony.artifacts a
            WHERE a.workspace_id = home AND a.run_id = held.run_id) >= 2000
        THEN
            RAISE EXCEPTION 'a run records at most 2,000 files' USING ERRCODE = '54000';
        END IF;
        INSERT INTO kolony.artifacts AS a (workspace_id, run_id, attempt_id, name, kind, media_type, size, sha256,
            why_not)
        VALUES (home, held.run_id, the_attempt, name, kind, media_type, size, sha256,
            coalesce("left"(not_kept, 500), CASE WHEN sha256 IS NULL THEN 'its content was not read' END))
        RETURNING a.* INTO this;
    ELSIF this.kept_at IS NULL AND not_kept IS NOT NULL THEN
        DELETE FROM kolony.artifact_parts p WHERE p.workspace_id = home AND p.artifact_id = this.artifact_id;
        UPDATE kolony.artifacts a SET why_not = "left"(not_kept, 500), content_id = NULL
        WHERE a.workspace_id = home AND a.artifact_id = this.artifact_id RETURNING a.* INTO this;
    END IF;
    IF this.kept_at IS NULL AND this.why_not IS NULL AND this.content_id IS NULL THEN
        SELECT a.artifact_id INTO twin FROM kolony.artifacts a
        WHERE a.workspace_id = home AND a.run_id = held.run_id AND a.sha256 = this.sha256 AND a.size = this.size
          AND a.kept_at IS NOT NULL AND a.content_id = a.artifact_id LIMIT 1;
        UPDATE kolony.artifacts a
        SET content_id = CASE WHEN cap.words IS NULL THEN coalesce(twin, a.artifact_id) END, why_not = cap.words,
            kept_at = CASE WHEN cap.words IS NULL AND (twin IS NOT NULL OR kolony.is_empty(a.size, a.sha256))
                           THEN now() END
        FROM (SELECT kolony.artifact_cap(home, held.run_id, CASE WHEN twin IS NULL THEN this.size ELSE 0 END)) cap (words)
        WHERE a.workspace_id = home AND a.artifact_id = this.artifact_id RETURNING a.* INTO this;
    END IF;
    IF this.kept_at IS NOT NULL OR this.why_not IS NOT NULL THEN
        PERFORM kolony.hint(home, 'artifact:' || held.run_id);
    END IF;
    RETURN QUERY SELECT this.artifact_id, (
        SELECT coalesce(sum(length(p.data)), 0)::bigint FROM kolony.artifact_parts p
        WHERE p.workspace_id = home AND p.artifact_id = this.artifact_id), this.why_not, this.kept_at IS NOT NULL;
END

--- function keep_months()
OWNER kolony_api ARGUMENTS () RETURNS jsonb LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET TimeZone=UTC
AS
DECLARE
    ahead date;
    dropped integer;
BEGIN
    FOR ahead IN SELECT (date_trunc('month', now()) + make_interval(months => n))::date FROM generate_series(0, 2) n LOOP
        PERFORM kolony.ensure_output_partition(ahead), kolony.ensure_audit_partition(ahead),
            kolony.ensure_trace_partition(ahead), kolony.ensure_event_partition(ahead);
    END LOOP;
    dropped := kolony.drop_past_months('trace_entries', 'traces') + kolony.drop_past_months('output_chunks', 'output')
        + kolony.drop_past_months('events', 'events');
    RETURN jsonb_build_object('dropped_months', dropped);
END

--- function keep_notes(the_attempt uuid, notes jsonb)
OWNER kolony_api ARGUMENTS (the_attempt uuid, notes jsonb) RETURNS TABLE(name text, became text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_column
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    one record;
    there kolony.agent_notes;
BEGIN
    IF jsonb_typeof(notes) IS DISTINCT FROM 'array' OR jsonb_array_length(notes) > 200 THEN
        RAISE EXCEPTION 'notes are a list of at most 200' USING ERRCODE = '22023';
    END IF;
    PERFORM FROM kolony.agents a WHERE a.workspace_id = held.workspace_id AND a.agent_id = held.agent_id
    FOR NO KEY UPDATE;
    held := kolony.my_lease(the_attempt);
    FOR one IN SELECT w.name, w.content, w.base FROM jsonb_to_recordset(notes) w (name text, content text, base integer)
               ORDER BY w.content IS NOT NULL, w.name
    LOOP
        name := one.name;
        became := NULL;
        SELECT n.* INTO there FROM kolony.agent_notes n
        WHERE n.workspace_id = held.workspace_id AND n.agent_id = held.agent_id AND n.name = one.name;
        IF one.content IS NULL AND there.version = one.base THEN
            DELETE FROM kolony.agent_notes n
            WHERE n.workspace_id = held.workspace_id AND n.agent_id = held.agent_id AND n.name = one.name;
            PERFORM kolony.hint(held.workspace_id, 'note_kept:' || held.agent_id);
            became := 'deleted';
        ELSIF one.content IS NOT NULL AND there.content IS DISTINCT FROM one.content THEN
            IF coalesce(there.version, 0) <> coalesce(one.base, 0) AND there.name IS NOT NULL THEN
                name := "left"(one.name, 80) || '-' || (SELECT c.number FROM kolony.runs r
                    JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
                    WHERE r.workspace_id = held.workspace_id AND r.run_id = held.run_id);
                CONTINUE WHEN EXISTS (
                    SELECT FROM kolony.agent_notes n WHERE n.workspace_id = held.workspace_id
                    AND n.agent_id = held.agent_id AND n.name = keep_notes.name AND n.content = one.content);
            END IF;
            BEGIN
                PERFORM kolony.write_note(held.workspace_id, held.agent_id, name, one.content, held.run_id);
                became := CASE WHEN name <> one.name THEN 'kept beside' ELSE 'kept' END;
            EXCEPTION WHEN invalid_parameter_value OR program_limit_exceeded THEN
                became := SQLERRM;
            END;
        END IF;
        IF became IS NOT NULL THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END

--- function keep_preset(preset kolony.presets, says kolony.preset_versions, event text, facts jsonb)
OWNER kolony_api ARGUMENTS (preset kolony.presets, says kolony.preset_versions, event text, facts jsonb) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF preset.name IS NULL OR length(preset.name) NOT BETWEEN 1 AND 100 OR preset.name <> btrim(preset.name)
       OR preset.name ~ '[\u0001-\u001f\u007f-\u009f]'
    THEN
        RAISE EXCEPTION 'a preset''s name is 1 to 100 printable characters without blanks at its ends'
            USING ERRCODE = '22023', HINT = 'choose another name';
    END IF;
    BEGIN
        INSERT INTO kolony.presets SELECT preset.* ON CONFLICT (workspace_id, preset_id) DO UPDATE
        SET name = EXCLUDED.name, shared = EXCLUDED.shared, version = EXCLUDED.version, deleted_at = EXCLUDED.deleted_at;
    EXCEPTION WHEN unique_violation THEN
        RAISE EXCEPTION 'there is a preset "%" already, of %', preset.name,
            CASE WHEN preset.owner_id = kolony.my_profile_id() THEN 'yours or a shared one' ELSE 'its owner' END
            USING ERRCODE = '23505', HINT = 'choose another name';
    END;
    IF says.version IS NOT NULL THEN
        says.changed_by := kolony.my_profile_id();
        says.changed_at := now();
        INSERT INTO kolony.preset_versions SELECT says.*;
    END IF;
    PERFORM kolony.record_audit(preset.workspace_id, event, preset.name,
        facts || jsonb_build_object('preset_id', preset.preset_id));
    PERFORM kolony.hint(preset.workspace_id, 'preset:' || preset.preset_id);
END

--- function keep_usage()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    booked jsonb;
BEGIN
    SELECT o.usage INTO booked FROM kolony.usage_overview o
    WHERE o.workspace_id = NEW.workspace_id AND o.attempt_id = NEW.attempt_id;
    NEW.usage := coalesce(booked, '{}') || NEW.usage;
    RETURN NEW;
END

--- function kept_for(home uuid, of_kind text)
OWNER kolony_api ARGUMENTS (home uuid, of_kind text) RETURNS integer LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN (SELECT o.days FROM kolony.retention_overview o WHERE o.workspace_id = home AND o.kind = of_kind);
END

--- function kind_words(kind text)
OWNER kolony_api ARGUMENTS (kind text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT CASE kind
        WHEN 'investigate' THEN
            'This is an investigation. Find out what the command asks, change nothing, and say what you found: each '
            'finding with the evidence for it, then what you recommend. Write it to the file report.json in the folder '
            'that KOLONY_RUN_DIR names (write report.json.tmp, then rename it; you may do so again while you work): '
            '{"title": text, "summary": text, "sections": [{"title": text, "body": text}], "findings": [{"severity": '
            '"critical", "high", "medium", "low" or "info", "title": text, "detail": text, "evidence": text, "file": '
            'text, "line": number}], "recommendations": [{"title": text, "detail": text}], "attachments": [names of '
            'files that you left in the folder artifacts there]}. Where you cannot write files, answer in Markdown: a '
            'title, a summary, and sections, one of them named Findings and one Recommendations.'
        WHEN 'review' THEN
            'This is a review of another run''s work. What that run was asked, how it ended and what it printed stands '
            'in the folder "subjects" of the folder that KOLONY_RUN_DIR names: a .json file with the facts and a .txt '
            'file with the output. Judge that work as the command says; do not do it again.'
        WHEN 'synthesize' THEN
            'This is a synthesis of the work of other runs. What each of them was asked, how it ended and what it '
            'printed stands in the folder "subjects" of the folder that KOLONY_RUN_DIR names: for each a .json file '
            'with the facts and a .txt file with the output. Bring them together as the command says.'
        WHEN 'plan' THEN
            'This is a request for a plan, not for the work itself. Write the plan to the file plan.json in the folder '
            'that KOLONY_RUN_DIR names (write plan.json.tmp, then rename it): a JSON list of at most 200 items in the '
            'order in which they are to be done, each {"content": the command''s text, "agent": the name of the agent '
            'it is for (left out: you), "priority": 0 to 100 (left out: as this command), "after": [the numbers of '
            'earlier items, counted from 1, that must be completed first]}. A person reads it, and sends what they '
            'accept of it.'
    END

--- function lift_hold(the_hold uuid)
OWNER kolony_api ARGUMENTS (the_hold uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    hold kolony.legal_holds;
BEGIN
    SELECT * INTO hold FROM kolony.legal_holds h
    WHERE h.hold_id = the_hold AND h.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such hold here' USING ERRCODE = 'P0002', HINT = 'see kolony retention holds';
    END IF;
    PERFORM kolony.require_role(hold.workspace_id, 'admin');
    UPDATE kolony.legal_holds h SET lifted_at = now(), lifted_by = kolony.my_profile_id()
    WHERE h.workspace_id = hold.workspace_id AND h.hold_id = the_hold AND h.lifted_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the hold was lifted before' USING ERRCODE = '55000';
    END IF;
    PERFORM kolony.record_audit(hold.workspace_id, 'HOLD_LIFTED', hold.scope, jsonb_build_object('hold_id', the_hold,
        'reason', "left"(hold.reason, 200)), CASE hold.scope WHEN 'agent' THEN hold.subject_id END,
        CASE hold.scope WHEN 'command' THEN hold.subject_id END, CASE hold.scope WHEN 'run' THEN hold.subject_id END);
    PERFORM kolony.hint(hold.workspace_id, CASE hold.scope WHEN 'run' THEN 'run:' || hold.subject_id ELSE 'people:*' END);
END

--- function lift_stop(in_workspace uuid, agents uuid[])
OWNER kolony_api ARGUMENTS (in_workspace uuid, agents uuid[] DEFAULT NULL::uuid[]) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_variable
DECLARE
    me CONSTANT uuid := kolony.my_profile_id();
    wanted uuid[];
    one kolony.stops;
    missing text[];
    changed integer := 0;
    free text;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    wanted := kolony.agents_to_stop(in_workspace, agents);
    PERFORM FROM kolony.stop_gates g WHERE g.workspace_id = in_workspace FOR UPDATE;
    SELECT a.name INTO free FROM unnest(wanted) w
    JOIN kolony.agents a ON a.workspace_id = in_workspace AND a.agent_id = w
    WHERE kolony.stop_in_force(in_workspace, w) IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the agent "%" is not stopped', free USING ERRCODE = '55000', HINT = 'see kolony stop --status';
    END IF;
    FOR one IN
        SELECT * FROM kolony.stops s WHERE s.workspace_id = in_workspace AND s.lifted_at IS NULL ORDER BY s.stop_id
    LOOP
        missing := kolony.missing_of_stop(one);
        IF wanted IS NOT NULL THEN
            CONTINUE WHEN NOT one.everyone AND NOT EXISTS (SELECT FROM kolony.stopped_agents t
                WHERE t.workspace_id = in_workspace AND t.stop_id = one.stop_id AND t.agent_id = ANY (wanted)
                  AND t.lifted_at IS NULL);
            INSERT INTO kolony.stopped_agents AS t (workspace_id, stop_id, agent_id, lifted_at, lifted_by)
            SELECT in_workspace, one.stop_id, w, now(), me FROM unnest(wanted) w
            WHERE one.everyone OR EXISTS (SELECT FROM kolony.stopped_agents k
                WHERE k.workspace_id = in_workspace AND k.stop_id = one.stop_id AND k.agent_id = w)
            ON CONFLICT (workspace_id, stop_id, agent_id) DO UPDATE SET
                lifted_at = coalesce(t.lifted_at, EXCLUDED.lifted_at), lifted_by = coalesce(t.lifted_by, EXCLUDED.lifted_by);
        END IF;
        UPDATE kolony.stops s SET lifted_at = now(), lifted_by = me
        WHERE s.workspace_id = in_workspace AND s.stop_id = one.stop_id
          AND (wanted IS NULL OR NOT one.everyone AND NOT EXISTS (SELECT FROM kolony.stopped_agents t
               WHERE t.workspace_id = in_workspace AND t.stop_id = one.stop_id AND t.lifted_at IS NULL));
        PERFORM kolony.record_audit(in_workspace, 'STOP_LIFTED', CASE WHEN wanted IS NULL THEN 'all of it'
            ELSE (SELECT string_agg(a.name, ', ' ORDER BY a.name) FROM kolony.agents a
                  WHERE a.workspace_id = in_workspace AND a.agent_id = ANY (wanted[1:5])) END,
            jsonb_build_object('stop_id', one.stop_id, 'agents', cardinality(wanted), 'not_confirmed', missing));
        PERFORM kolony.hint(in_workspace, 'stop:' || one.stop_id);
        changed := changed + 1;
    END LOOP;
    IF changed = 0 THEN
        RAISE EXCEPTION 'no emergency stop is on' USING ERRCODE = '55000';
    END IF;
    PERFORM kolony.hint(in_workspace, 'agents:*');
    RETURN changed;
END

--- function likeness(kind text, title text, detail text)
OWNER kolony_api ARGUMENTS (kind text, title text, detail text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT md5(kind || ' ' || regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        lower("left"(title, 500) || ' ' || "left"(detail, 2000)),
        '[[:alnum:]_.~-]*/[^[:space:]''"]*', '/', 'g'),
        '\m[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\M|\m(?=[a-f]*[0-9])[0-9a-f]{7,}\M', '@', 'g'),
        '[0-9]+', '#', 'g'),
        '\s+', ' ', 'g'))

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

--- function limits_for(home uuid, the_constraint uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_constraint uuid) RETURNS kolony.constraint_profiles LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    profile kolony.constraint_profiles;
BEGIN
    SELECT * INTO profile FROM kolony.constraint_profiles p
    WHERE p.workspace_id = home AND p.deleted_at IS NULL
      AND CASE WHEN the_constraint IS NULL THEN p.is_default ELSE p.constraint_id = the_constraint END;
    IF NOT FOUND AND the_constraint IS NOT NULL THEN
        RAISE EXCEPTION 'there is no such constraint profile here'
            USING ERRCODE = 'P0002', HINT = 'see kolony constraint list';
    END IF;
    RETURN profile;
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

--- function make_constraint(in_workspace uuid, new_name text, new_description text, time_limit_ms bigint, token_budget bigint, memory_limit_mb integer, cpu_limit_percent integer, as_default boolean)
OWNER kolony_api ARGUMENTS (in_workspace uuid, new_name text, new_description text DEFAULT ''::text, time_limit_ms bigint DEFAULT NULL::bigint, token_budget bigint DEFAULT NULL::bigint, memory_limit_mb integer DEFAULT NULL::integer, cpu_limit_percent integer DEFAULT NULL::integer, as_default boolean DEFAULT false) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM kolony.check_constraint(new_name, time_limit_ms, token_budget, memory_limit_mb, cpu_limit_percent);
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = in_workspace FOR NO KEY UPDATE;
    PERFORM kolony.refuse_taken_constraint(in_workspace, new_name, NULL);
    IF as_default THEN
        UPDATE kolony.constraint_profiles p SET is_default = false WHERE p.workspace_id = in_workspace AND p.is_default;
    END IF;
    INSERT INTO kolony.constraint_profiles (workspace_id, name, description, time_limit_ms, token_budget,
        memory_limit_mb, cpu_limit_percent, is_default, created_by)
    VALUES (in_workspace, new_name, coalesce(new_description, ''), time_limit_ms, token_budget, memory_limit_mb,
        cpu_limit_percent, coalesce(as_default, false), kolony.my_profile_id())
    RETURNING constraint_id INTO made;
    PERFORM kolony.hint(in_workspace, 'constraint:' || made);
    RETURN made;
END

--- function make_due(home uuid, of_agent uuid)
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.scheduled_runs f
                   WHERE f.workspace_id = home AND f.agent_id = of_agent AND f.due_at <= now()) THEN
        RETURN;
    END IF;
    WITH due AS (
        DELETE FROM kolony.scheduled_runs d
        WHERE (d.workspace_id, d.run_id) IN (
            SELECT f.workspace_id, f.run_id FROM kolony.scheduled_runs f
            WHERE f.workspace_id = home AND f.agent_id = of_agent AND f.due_at <= now()
            FOR UPDATE SKIP LOCKED)
        RETURNING d.*)
    INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, enqueued_at, place, attempt)
    SELECT due.workspace_id, due.run_id, due.agent_id, due.priority, due.due_at, extract(epoch FROM due.due_at), due.attempt
    FROM due;
END

--- function make_login(who text, verifier text, connections integer, door name)
OWNER kolony_roleadm ARGUMENTS (who text, verifier text, connections integer, door name) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    EXECUTE format('CREATE ROLE %I LOGIN CONNECTION LIMIT %s PASSWORD %L', who, connections, verifier);
    EXECUTE format('GRANT %I TO %I', door, who);
    EXECUTE format('GRANT %I TO kolony_roleadm', who); -- lets this role end that login's sessions
END

--- function make_notification_rule(in_workspace uuid, kind text, for_everybody boolean, audience text, of_agent uuid, tag text, priority text, channels text[], enabled boolean)
OWNER kolony_api ARGUMENTS (in_workspace uuid, kind text, for_everybody boolean DEFAULT false, audience text DEFAULT 'owner'::text, of_agent uuid DEFAULT NULL::uuid, tag text DEFAULT NULL::text, priority text DEFAULT NULL::text, channels text[] DEFAULT '{bell,desktop}'::text[], enabled boolean DEFAULT true) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_variable
DECLARE
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, CASE WHEN for_everybody THEN 'admin' ELSE 'viewer' END);
    PERFORM kolony.check_rule(audience, priority, channels);
    IF NOT EXISTS (SELECT FROM kolony.notification_kinds k WHERE k.kind = kind) THEN
        RAISE EXCEPTION 'there is no kind of notification "%"', kind USING ERRCODE = 'P0002', HINT = format('there are %s',
            (SELECT string_agg(k.kind, ', ' ORDER BY k.place) FROM kolony.notification_kinds k));
    END IF;
    IF NOT for_everybody AND audience NOT IN ('owner', 'everyone') THEN
        RAISE EXCEPTION 'a rule of your own is about what is yours (owner) or about all of it (everyone)'
            USING ERRCODE = '22023';
    END IF;
    IF of_agent IS NOT NULL AND kolony.workspace_of_agent(of_agent) <> in_workspace THEN
        RAISE EXCEPTION 'there is no such agent here' USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    END IF;
    IF length(tag) NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'a tag has 1 to 100 characters' USING ERRCODE = '22023';
    END IF;
    INSERT INTO kolony.notification_rules (workspace_id, profile_id, kind, audience, agent_id, tag, priority, channels,
        enabled, created_by)
    VALUES (in_workspace, CASE WHEN NOT for_everybody THEN kolony.my_profile_id() END, kind, audience, of_agent, tag,
        priority, channels, coalesce(enabled, true), kolony.my_profile_id())
    RETURNING rule_id INTO made;
    IF for_everybody THEN
        PERFORM kolony.record_audit(in_workspace, 'RULE_CREATED', kind, jsonb_build_object('audience', audience,
            'priority', priority, 'enabled', enabled), of_agent);
    END IF;
    PERFORM kolony.hint(in_workspace, 'note:*');
    RETURN made;
END

--- function make_preset(in_workspace uuid, new_name text, content text, details jsonb, as_shared boolean)
OWNER kolony_api ARGUMENTS (in_workspace uuid, new_name text, content text, details jsonb DEFAULT '{}'::jsonb, as_shared boolean DEFAULT false) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    preset kolony.presets;
    says kolony.preset_versions;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    preset := ROW(in_workspace, kolony.new_id(), kolony.my_profile_id(), new_name, coalesce(as_shared, false), 1, 0,
        NULL, now(), NULL);
    says := ROW(in_workspace, preset.preset_id, 1, '', content, 'natural', 50, '', NULL, '[]', NULL, NULL);
    says := kolony.changed_preset(says, coalesce(details, '{}') - 'content');
    PERFORM kolony.keep_preset(preset, says, 'PRESET_CREATED', jsonb_build_object('shared', preset.shared));
    RETURN preset.preset_id;
END

--- function make_stop_gate()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    INSERT INTO kolony.stop_gates (workspace_id) VALUES (NEW.workspace_id);
    RETURN NULL;
END

--- function makes_logins()
OWNER kolony_roleadm ARGUMENTS () RETURNS boolean LANGUAGE sql STABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT r.rolcreaterole FROM pg_roles r WHERE r.rolname = 'kolony_roleadm'

--- function mark_inbox(in_workspace uuid, items uuid[], until timestamp with time zone, done boolean)
OWNER kolony_api ARGUMENTS (in_workspace uuid, items uuid[], until timestamp with time zone, done boolean DEFAULT false) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    me CONSTANT uuid := kolony.my_profile_id();
    wrong record;
    marked integer;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    IF until > now() + interval '366 days' THEN
        RAISE EXCEPTION 'it can be put off for at most a year' USING ERRCODE = '22023';
    END IF;
    SELECT w.item_id, i.kind INTO wrong FROM unnest(items) w (item_id)
    LEFT JOIN kolony.inbox(in_workspace, true, 0) i ON i.item_id = w.item_id
    WHERE i.item_id IS NULL OR done AND i.kind IN ('permission', 'question') LIMIT 1;
    IF FOUND AND wrong.kind IS NULL THEN
        RAISE EXCEPTION 'there is no item % in your inbox', wrong.item_id
            USING ERRCODE = 'P0002', HINT = 'it may be settled already; see kolony inbox';
    ELSIF FOUND THEN
        RAISE EXCEPTION 'a question is not done until it is answered'
            USING ERRCODE = '55000', HINT = 'answer it, or put it off';
    END IF;
    INSERT INTO kolony.inbox_marks AS m (workspace_id, profile_id, item_id, snoozed_until, done_at)
    SELECT DISTINCT in_workspace, me, w, CASE WHEN NOT done THEN until END, CASE WHEN done THEN now() END
    FROM unnest(items) w
    ON CONFLICT (workspace_id, profile_id, item_id) DO UPDATE
    SET snoozed_until = EXCLUDED.snoozed_until, done_at = EXCLUDED.done_at, marked_at = now();
    GET DIAGNOSTICS marked = ROW_COUNT;
    -- What is long settled will not come back.
    DELETE FROM kolony.inbox_marks m WHERE m.workspace_id = in_workspace AND m.profile_id = me
      AND m.marked_at < now() - interval '30 days' AND coalesce(m.snoozed_until, '-infinity') < now();
    PERFORM kolony.hint(in_workspace, 'inbox:' || me);
    RETURN marked;
END

--- function member_logins(in_workspace uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid) RETURNS oid[] LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    RETURN array(SELECT p.role_oid FROM kolony.memberships m JOIN kolony.profiles p USING (profile_id)
                 WHERE m.workspace_id = in_workspace);
END

--- function memory_brief(home uuid, of_agent uuid)
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid) RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_build_object('name', n.name, 'content', n.content, 'version', n.version)
                             ORDER BY n.name)
            FROM kolony.agent_notes n WHERE n.workspace_id = home AND n.agent_id = of_agent);
END

--- function missing_of_stop(of_stop kolony.stops)
OWNER kolony_api ARGUMENTS (of_stop kolony.stops) RETURNS text[] LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN ARRAY(SELECT o.agent FROM kolony.stop_acknowledgements o
                 WHERE o.workspace_id = of_stop.workspace_id AND o.stop_id = of_stop.stop_id
                   AND o.state NOT IN ('ended', 'not connected') ORDER BY o.agent LIMIT 20);
END

--- function moment()
OWNER kolony_owner ARGUMENTS () RETURNS timestamp with time zone LANGUAGE sql STABLE PARALLEL SAFE
AS

--- function move_run(the_run uuid, to_position integer)
OWNER kolony_api ARGUMENTS (the_run uuid, to_position integer) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    run kolony.runs := kolony.run_for_step(the_run);
    waiting kolony.blocked_runs;
    above kolony.ready_runs;
    below kolony.ready_runs;
    queued bigint;
BEGIN
    IF to_position IS NULL OR to_position < 1 THEN
        RAISE EXCEPTION 'a position is 1 (the next one) or more, not %', to_position USING ERRCODE = '22023';
    END IF;
    PERFORM kolony.settle_lost(run.workspace_id, run.agent_id);
    -- As a claim does: nobody claims or moves in this queue meanwhile.
    PERFORM FROM kolony.agents a
    WHERE a.workspace_id = run.workspace_id AND a.agent_id = run.agent_id FOR NO KEY UPDATE;
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run FOR NO KEY UPDATE;
    waiting := kolony.take_waiting(run.workspace_id, the_run);
    PERFORM kolony.require_waiting(run, waiting);
    IF waiting.held OR waiting.after OR waiting.beyond OR waiting.due_at > now() THEN
        RAISE EXCEPTION 'this run is not in the queue yet'
            USING ERRCODE = '55000', HINT = 'kolony run why says what it waits for';
    END IF;
    SELECT count(*) INTO queued FROM (SELECT FROM kolony.ready_runs q
        WHERE q.workspace_id = run.workspace_id AND q.agent_id = run.agent_id LIMIT to_position - 1) q;
    to_position := queued + 1;
    SELECT * INTO above FROM kolony.ready_runs q
    WHERE to_position > 1 AND q.workspace_id = run.workspace_id AND q.agent_id = run.agent_id
    ORDER BY q.priority DESC, q.place, q.run_id LIMIT 1 OFFSET greatest(to_position - 2, 0);
    SELECT * INTO below FROM kolony.ready_runs q
    WHERE q.workspace_id = run.workspace_id AND q.agent_id = run.agent_id
    ORDER BY q.priority DESC, q.place, q.run_id LIMIT 1 OFFSET to_position - 1;
    waiting.priority := least(greatest(waiting.priority, below.priority), above.priority);
    IF above.priority = waiting.priority AND below.priority = waiting.priority AND above.place = below.place THEN
        -- Many at one place: they spread, in the order that they have.
        UPDATE kolony.ready_runs q SET place = q.place + n.nth * 0.000000001
        FROM (SELECT t.run_id, row_number() OVER (ORDER BY t.run_id) AS nth FROM kolony.ready_runs t
              WHERE t.workspace_id = run.workspace_id AND t.agent_id = run.agent_id AND t.priority = above.priority
                AND t.place = above.place) n
        WHERE q.workspace_id = run.workspace_id AND q.run_id = n.run_id;
        SELECT q.place INTO above.place FROM kolony.ready_runs q
        WHERE q.workspace_id = run.workspace_id AND q.run_id = above.run_id;
        SELECT q.place INTO below.place FROM kolony.ready_runs q
        WHERE q.workspace_id = run.workspace_id AND q.run_id = below.run_id;
    END IF;
    waiting.place := CASE
        WHEN above.priority = waiting.priority AND below.priority = waiting.priority THEN
            (above.place + below.place) * 0.5
        WHEN above.priority = waiting.priority THEN above.place + 0.000001
        WHEN below.priority = waiting.priority THEN below.place - 1
        ELSE waiting.place END;
    PERFORM kolony.put_waiting(waiting);
    UPDATE kolony.runs r SET priority = waiting.priority
    WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run AND r.priority <> waiting.priority;
    PERFORM kolony.record_audit(run.workspace_id, 'RUN_MOVED', (
        SELECT '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || run.ordinal ELSE '' END
        FROM kolony.commands c WHERE c.workspace_id = run.workspace_id AND c.command_id = run.command_id),
        jsonb_build_object('position', to_position), run.agent_id, run.command_id, the_run);
    PERFORM kolony.hint(run.workspace_id, 'agent:' || run.agent_id);
    RETURN to_position;
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

--- function my_preset_ids()
OWNER kolony_api ARGUMENTS () RETURNS uuid[] LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN ARRAY(SELECT p.preset_id FROM kolony.presets p
                 WHERE p.workspace_id = ANY (kolony.my_workspace_ids())
                   AND (p.shared OR p.owner_id = kolony.my_profile_id()));
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

--- function note_agents(home uuid, looked_before timestamp with time zone)
OWNER kolony_api ARGUMENTS (home uuid, looked_before timestamp with time zone) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    -- The first id of that moment: sessions are numbered by time. A minute back, for those who committed late.
    since CONSTANT uuid := (lpad(to_hex((extract(epoch FROM greatest(looked_before - interval '1 minute', 'epoch'))
        * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid;
BEGIN
    WITH live AS MATERIALIZED (
        SELECT DISTINCT s.agent_id FROM kolony.agent_sessions s
        WHERE s.workspace_id = home AND s.ended_at IS NULL
          AND s.last_seen + make_interval(secs => s.lease_seconds) >= clock_timestamp()),
    online AS MATERIALIZED (
        SELECT t.agent_id FROM kolony.agent_tellings t WHERE t.workspace_id = home AND t.status = 'online'),
    asked AS (
        (SELECT l.agent_id FROM live l EXCEPT SELECT o.agent_id FROM online o)
        UNION (SELECT o.agent_id FROM online o EXCEPT SELECT l.agent_id FROM live l)
        UNION (SELECT s.agent_id FROM kolony.agent_sessions s WHERE s.workspace_id = home AND s.session_id >= since)),
    found AS (
        SELECT q.agent_id, coalesce(t.status, 'offline') AS before, newest.host, newest.end_reason,
               CASE WHEN l.agent_id IS NOT NULL THEN 'online' WHEN newest.end_error THEN 'error' ELSE 'offline' END
                   AS status
        FROM asked q
        LEFT JOIN live l ON l.agent_id = q.agent_id
        LEFT JOIN kolony.agent_tellings t ON t.workspace_id = home AND t.agent_id = q.agent_id
        LEFT JOIN LATERAL (SELECT s.host, s.end_error, coalesce(s.end_reason, 'stopped answering') AS end_reason
                           FROM kolony.agent_sessions s
                           WHERE l.agent_id IS NULL AND s.workspace_id = home AND s.agent_id = q.agent_id
                           ORDER BY s.session_id DESC LIMIT 1) newest ON true),
    told AS (
        INSERT INTO kolony.agent_tellings AS t (workspace_id, agent_id, status)
        SELECT home, f.agent_id, f.status FROM found f WHERE f.status <> f.before
        ON CONFLICT (workspace_id, agent_id) DO UPDATE SET status = EXCLUDED.status, told_at = now()),
    changed AS (
        SELECT f.*, kolony.plain_words(a.name, 200) AS name, a.created_by,
               EXISTS (SELECT FROM kolony.notification_rules r
                       WHERE r.workspace_id = home AND r.kind = 'agent_status' AND r.deleted_at IS NULL
                         AND (r.agent_id = f.agent_id OR r.tag = ANY (a.tags))) AS has_rule,
               CASE WHEN f.status = 'error' THEN 'high'
                    WHEN f.status = 'offline' AND f.end_reason = 'stopped answering' THEN 'medium' ELSE 'low' END
                   AS priority
        FROM found f JOIN kolony.agents a ON a.workspace_id = home AND a.agent_id = f.agent_id
        WHERE f.status <> f.before AND (a.desired <> 'retired' OR f.status <> 'offline')),
    counted AS (
        SELECT c.*, count(*) OVER (PARTITION BY c.created_by, c.status, c.priority, c.has_rule) > 5 AND NOT c.has_rule
                   AS of_many
        FROM changed c)
    INSERT INTO kolony.notification_events (workspace_id, kind, priority, title, message, data, dedupe, agent_id, owner)
    SELECT home, 'agent_status', c.priority,
           format(CASE c.status WHEN 'online' THEN '%s is online' WHEN 'error' THEN '%s ended with an error'
                                ELSE '%s is offline' END, c.name),
           CASE WHEN c.status = 'online' THEN ''
                ELSE kolony.plain_words(concat_ws(': ', nullif(c.host, ''), c.end_reason), 1000) END,
           jsonb_build_object('agent_id', c.agent_id, 'agent', c.name, 'old_status', c.before, 'new_status', c.status),
           format('agent_status:%s:%s', c.agent_id, c.status), c.agent_id, c.created_by
    FROM counted c WHERE NOT c.of_many
    UNION ALL
    SELECT home, 'agent_status', c.priority,
           format(CASE c.status WHEN 'online' THEN '%s agents are online' WHEN 'error' THEN '%s agents ended with an error'
                                ELSE '%s agents are offline' END, count(*)),
           "left"(string_agg(c.name, ', ' ORDER BY c.name), 1000),
           jsonb_build_object('agents', count(*), 'new_status', c.status), NULL, NULL, c.created_by
    FROM counted c WHERE c.of_many GROUP BY c.created_by, c.status, c.priority;
END

--- function note_approval()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.notify_people(NEW.workspace_id, 'approval', CASE NEW.risk WHEN 'low' THEN 'medium' ELSE 'high' END,
        format('%s asks: %s', a.name, NEW.title), NEW.detail,
        jsonb_build_object('approval_id', NEW.approval_id, 'run_id', NEW.run_id, 'command_id', r.command_id,
            'agent_id', NEW.agent_id, 'agent', a.name, 'risk', NEW.risk, 'expires_at', NEW.expires_at),
        format('approval:%s', r.command_id), NULL, NEW.agent_id, c.created_by)
    FROM kolony.runs r
    JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    JOIN kolony.agents a ON a.workspace_id = r.workspace_id AND a.agent_id = r.agent_id
    WHERE r.workspace_id = NEW.workspace_id AND r.run_id = NEW.run_id;
    RETURN NULL;
END

--- function note_budget(its kolony.budget_overview, empty boolean)
OWNER kolony_api ARGUMENTS (its kolony.budget_overview, empty boolean) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    UPDATE kolony.budget_spending s SET warned_at = coalesce(s.warned_at, now()),
        emptied_at = CASE WHEN empty THEN now() END
    WHERE s.workspace_id = its.workspace_id AND s.budget_id = its.budget_id AND s.starts = its.starts;
    PERFORM kolony.record_audit(its.workspace_id, CASE WHEN empty THEN 'BUDGET_EMPTY' ELSE 'BUDGET_WARNING' END,
        concat_ws(' ', its.scope, its.subject), jsonb_build_object('budget_id', its.budget_id, 'period', its.period,
            'tokens', its.tokens, 'cost_usd', its.cost_usd, 'token_limit', its.token_limit, 'usd_limit', its.usd_limit,
            'hard', its.hard), CASE WHEN its.scope = 'agent' THEN its.subject_id END);
    PERFORM kolony.notify_people(its.workspace_id, 'budget', CASE WHEN empty AND its.hard THEN 'high' ELSE 'medium' END,
        CASE WHEN empty THEN 'a budget is used up' ELSE format('%s%% of a budget are used', floor(its.share * 100)) END,
        kolony.budget_words(its) || CASE WHEN empty AND its.hard THEN ': its work is ended, and nothing is begun'
                                         ELSE '' END,
        jsonb_build_object('budget_id', its.budget_id, 'scope', its.scope, 'subject_id', its.subject_id));
    IF empty AND its.hard THEN
        PERFORM kolony.hint(its.workspace_id, 'agents:*');
    END IF;
END

--- function note_ended_command()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    -- Nobody is told by default, so mostly this is all that the end of a command costs.
    IF EXISTS (SELECT FROM kolony.notification_rules r WHERE r.workspace_id = NEW.workspace_id
               AND r.kind = 'command_ended' AND r.enabled AND r.deleted_at IS NULL)
    THEN
        PERFORM kolony.notify_people(NEW.workspace_id, 'command_ended', 'low',
            format('#%s has %s', NEW.number, CASE NEW.outcome WHEN 'cancelled' THEN 'been cancelled'
                                                              ELSE NEW.outcome END),
            NEW.title, jsonb_build_object('command_id', NEW.command_id, 'reference', '#' || NEW.number,
                'outcome', NEW.outcome, 'agents', cardinality(NEW.targets)),
            format('command_ended:%s', NEW.command_id), NULL, NULL, NEW.created_by);
    END IF;
    RETURN NULL;
END

--- function note_ended_commands()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    me uuid;
    ended record;
    today date;
BEGIN
    IF NOT EXISTS (SELECT FROM became n JOIN was o USING (workspace_id, command_id)
                   WHERE n.outcome IS NOT NULL AND o.outcome IS DISTINCT FROM n.outcome) THEN
        RETURN NULL;
    END IF;
    me := kolony.my_profile_id();
    today := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    IF to_regclass('kolony.audit_log_' || to_char(today, 'YYYY_MM')) IS NULL THEN
        PERFORM kolony.ensure_audit_partition(today);
    END IF;
    PERFORM pg_current_xact_id(); -- as kolony.record_audit does
    INSERT INTO kolony.audit_log (workspace_id, entry_id, at, event, login, profile_id, client_address, application,
        command_id, subject, details)
    SELECT n.workspace_id, nextval('kolony.audit_entries'), clock_timestamp(), 'COMMAND_COMPLETED', session_user, me,
           inet_client_addr(), "left"(current_setting('application_name'), 64), n.command_id, '#' || n.number,
           jsonb_build_object('outcome', n.outcome, 'agents', cardinality(n.targets))
    FROM became n JOIN was o USING (workspace_id, command_id)
    WHERE n.outcome IS NOT NULL AND o.outcome IS DISTINCT FROM n.outcome;
    -- Nobody is told by default.
    IF NOT EXISTS (SELECT FROM kolony.notification_rules r
                   WHERE r.kind = 'command_ended' AND r.enabled AND r.deleted_at IS NULL
                     AND r.workspace_id IN (SELECT n.workspace_id FROM became n)) THEN
        RETURN NULL;
    END IF;
    FOR ended IN
        SELECT n.workspace_id, n.command_id, n.number, n.outcome, n.title, n.created_by, cardinality(n.targets) AS agents
        FROM became n JOIN was o USING (workspace_id, command_id)
        WHERE n.outcome IS NOT NULL AND o.outcome IS NULL AND n.submitted_at IS NOT NULL
        ORDER BY n.command_id
    LOOP
        PERFORM kolony.notify_people(ended.workspace_id, 'command_ended', 'low',
            format('#%s has %s', ended.number, CASE ended.outcome WHEN 'cancelled' THEN 'been cancelled'
                                                                  ELSE ended.outcome END),
            ended.title, jsonb_build_object('command_id', ended.command_id, 'reference', '#' || ended.number,
                'outcome', ended.outcome, 'agents', ended.agents),
            format('command_ended:%s', ended.command_id), NULL, NULL, ended.created_by);
    END LOOP;
    RETURN NULL;
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

--- function note_failed_run()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    command kolony.commands;
    its_agent text := (SELECT a.name FROM kolony.agents a
                       WHERE a.workspace_id = NEW.workspace_id AND a.agent_id = NEW.agent_id);
    about text;
BEGIN
    SELECT * INTO command FROM kolony.commands c
    WHERE c.workspace_id = NEW.workspace_id AND c.command_id = NEW.command_id;
    about := '#' || command.number || CASE WHEN cardinality(command.targets) > 1 THEN '.' || NEW.ordinal ELSE '' END;
    PERFORM kolony.notify_people(NEW.workspace_id,
        CASE WHEN NEW.limit_hit IS NULL THEN 'run_failed' ELSE 'limit_hit' END, 'medium',
        CASE WHEN NEW.limit_hit IS NULL THEN format('%s failed on %s', about, its_agent)
             ELSE format('%s reached its %s on %s', about, replace(NEW.limit_hit, '_', ' '), its_agent) END,
        NEW.error,
        jsonb_build_object('run_id', NEW.run_id, 'command_id', NEW.command_id, 'agent_id', NEW.agent_id,
            'agent', its_agent, 'reference', about, 'exit_code', NEW.exit_code, 'limit', NEW.limit_hit),
        format('%s:%s', CASE WHEN NEW.limit_hit IS NULL THEN 'run_failed' ELSE 'limit_hit' END, NEW.command_id),
        NULL, NEW.agent_id, command.created_by);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'a failure was not noted: %', SQLERRM;
    RETURN NULL;
END

--- function note_folder(the_attempt uuid, facts jsonb)
OWNER kolony_api ARGUMENTS (the_attempt uuid, facts jsonb) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    made kolony.work_folders;
BEGIN
    IF jsonb_typeof(facts) IS DISTINCT FROM 'object' OR octet_length(facts::text) > 65536 THEN
        RAISE EXCEPTION 'what is said of a folder is a JSON object' USING ERRCODE = '22023';
    END IF;
    made := jsonb_populate_record(NULL::kolony.work_folders,
        facts - ARRAY['workspace_id', 'run_id', 'agent_id', 'conversation_id', 'host', 'made_at', 'seen_at']);
    INSERT INTO kolony.work_folders AS f (workspace_id, run_id, agent_id, conversation_id, host, path, repository,
        isolation, base_commit, base_dirty, state, dirty_files, new_commits, size_bytes)
    SELECT held.workspace_id, held.run_id, held.agent_id,
        (SELECT m.conversation_id FROM kolony.messages m
         WHERE m.workspace_id = held.workspace_id AND m.run_id = held.run_id AND m.origin = 'person'),
        s.host, made.path, coalesce(made.repository, ''), made.isolation, made.base_commit,
        coalesce(made.base_dirty, false), coalesce(made.state, 'in use'), made.dirty_files, made.new_commits,
        made.size_bytes
    FROM kolony.agent_sessions s
    WHERE s.workspace_id = held.workspace_id AND s.session_id = held.session_id
    ON CONFLICT (workspace_id, run_id) DO UPDATE SET agent_id = excluded.agent_id, host = excluded.host,
        path = excluded.path, repository = excluded.repository, isolation = excluded.isolation,
        base_commit = excluded.base_commit, base_dirty = excluded.base_dirty, state = excluded.state,
        dirty_files = excluded.dirty_files, new_commits = excluded.new_commits, size_bytes = excluded.size_bytes,
        seen_at = clock_timestamp();
END

--- function note_job(in_workspace uuid, the_job text, so_far bigint)
OWNER kolony_api ARGUMENTS (in_workspace uuid, the_job text, so_far bigint) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    UPDATE kolony.workspace_jobs j SET done = so_far, total = greatest(j.total, so_far), last_seen = clock_timestamp()
    WHERE j.workspace_id = in_workspace AND j.job = the_job;
    PERFORM kolony.hint(in_workspace, 'upkeep:*');
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

--- function note_preset_use(home uuid, the_preset uuid, the_version integer)
OWNER kolony_api ARGUMENTS (home uuid, the_preset uuid, the_version integer) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    its_name text;
BEGIN
    UPDATE kolony.presets p SET used_count = p.used_count + 1, last_used_at = now()
    WHERE p.workspace_id = home AND p.preset_id = the_preset AND p.deleted_at IS NULL
      AND p.preset_id = ANY (kolony.my_preset_ids()) AND the_version BETWEEN 1 AND p.version
    RETURNING p.name INTO its_name;
    IF its_name IS NULL THEN
        RAISE EXCEPTION 'there is no such preset here' USING ERRCODE = 'P0002', HINT = 'see kolony preset list';
    END IF;
    PERFORM kolony.record_audit(home, 'PRESET_USED', its_name,
        jsonb_build_object('preset_id', the_preset, 'version', the_version));
    PERFORM kolony.hint(home, 'preset:' || the_preset);
END

--- function note_reply(the_attempt uuid, content text, cut boolean)
OWNER kolony_api ARGUMENTS (the_attempt uuid, content text, cut boolean DEFAULT false) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_column
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
BEGIN
    IF EXISTS (SELECT FROM kolony.messages m
               WHERE m.workspace_id = held.workspace_id AND m.run_id = held.run_id AND m.origin = 'person') THEN
        INSERT INTO kolony.conversation_replies AS y (workspace_id, attempt_id, content, cut)
        VALUES (held.workspace_id, the_attempt, coalesce(note_reply.content, ''), coalesce(note_reply.cut, false))
        ON CONFLICT (workspace_id, attempt_id) DO UPDATE SET content = excluded.content, cut = excluded.cut;
    END IF;
END

--- function note_session(the_attempt uuid, session_id text, how text, adapter text, program text, version text, mode text, cwd text, why text)
OWNER kolony_api ARGUMENTS (the_attempt uuid, session_id text, how text, adapter text, program text DEFAULT ''::text, version text DEFAULT ''::text, mode text DEFAULT ''::text, cwd text DEFAULT ''::text, why text DEFAULT ''::text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_column
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    before kolony.conversation_sessions;
    here text;
    note kolony.messages;
BEGIN
    IF how IS NULL OR how NOT IN ('new', 'resumed', 'loaded', 'lost') OR coalesce(session_id, '') = '' THEN
        RAISE EXCEPTION 'a session has an id, and is new, resumed, loaded or lost' USING ERRCODE = '22023';
    END IF;
    SELECT m.* INTO note FROM kolony.messages m
    WHERE m.workspace_id = held.workspace_id AND m.run_id = held.run_id AND m.origin = 'person';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT s.host INTO STRICT here FROM kolony.agent_sessions s
    WHERE s.workspace_id = held.workspace_id AND s.session_id = held.session_id;
    PERFORM FROM kolony.conversations c
    WHERE c.workspace_id = held.workspace_id AND c.conversation_id = note.conversation_id FOR NO KEY UPDATE;
    SELECT * INTO before FROM kolony.conversation_sessions k
    WHERE k.workspace_id = held.workspace_id AND k.conversation_id = note.conversation_id;
    IF before.attempt_id = the_attempt AND before.session_id = "left"(note_session.session_id, 500) THEN
        RETURN;
    END IF;
    INSERT INTO kolony.conversation_sessions (workspace_id, conversation_id, agent_id, session_id, adapter, program,
        version, mode, cwd, host, how, attempt_id)
    VALUES (held.workspace_id, note.conversation_id, held.agent_id, "left"(note_session.session_id, 500),
        "left"(coalesce(note_session.adapter, ''), 100), "left"(coalesce(note_session.program, ''), 200),
        "left"(coalesce(note_session.version, ''), 200), "left"(coalesce(note_session.mode, ''), 200),
        "left"(coalesce(note_session.cwd, ''), 5000), here, note_session.how, the_attempt)
    ON CONFLICT (workspace_id, conversation_id) DO UPDATE SET agent_id = excluded.agent_id,
        session_id = excluded.session_id, adapter = excluded.adapter, program = excluded.program,
        version = excluded.version, mode = excluded.mode, cwd = excluded.cwd, host = excluded.host, how = excluded.how,
        attempt_id = excluded.attempt_id, noted_at = clock_timestamp();
    IF how = 'lost' OR how = 'new' AND before.session_id IS NOT NULL THEN
        note.origin := 'note';
        note.author_id := NULL;
        note.attempt_id := the_attempt;
        note.content := concat_ws(': ', 'The agent could not go on with its own session and began a new one; it was given '
            || 'the last messages. Context was lost', coalesce(nullif("left"(why, 1000), ''),
            CASE WHEN before.agent_id <> held.agent_id THEN 'another agent has done this before'
                 WHEN before.host <> here THEN format('its session is on %s, and this runner on %s', before.host, here)
                 ELSE 'the agent did not say why' END));
        PERFORM kolony.add_message(held.workspace_id, note.conversation_id, note);
    END IF;
END

--- function note_step(the_attempt uuid, step text, detail text)
OWNER kolony_api ARGUMENTS (the_attempt uuid, step text, detail text DEFAULT ''::text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_variable
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    this kolony.attempts;
BEGIN
    IF step IS NULL OR step NOT IN ('heard', 'protocol_cancel', 'stdin_closed', 'sigint', 'sigterm', 'sigkill', 'ended',
                                    'gone') THEN
        RAISE EXCEPTION 'a step is heard, protocol_cancel, stdin_closed, sigint, sigterm, sigkill, ended or gone'
            USING ERRCODE = '22023';
    END IF;
    SELECT t.* INTO this FROM kolony.attempts t
    WHERE t.workspace_id = token.workspace_id AND t.attempt_id = the_attempt AND t.agent_id = token.agent_id;
    IF NOT FOUND OR this.ended_at < now() - interval '1 hour' THEN
        RAISE EXCEPTION 'this attempt is not at work any more' USING ERRCODE = 'KO001';
    END IF;
    -- The run comes before the attempt, for whoever is just ending both.
    PERFORM FROM kolony.runs r WHERE r.workspace_id = this.workspace_id AND r.run_id = this.run_id FOR NO KEY UPDATE;
    PERFORM FROM kolony.attempts t
    WHERE t.workspace_id = this.workspace_id AND t.attempt_id = the_attempt FOR NO KEY UPDATE;
    INSERT INTO kolony.attempt_steps (workspace_id, attempt_id, number, step, detail)
    SELECT this.workspace_id, the_attempt, n.number, step, "left"(coalesce(detail, ''), 1000)
    FROM (SELECT coalesce(max(s.number), 0) + 1 AS number FROM kolony.attempt_steps s
          WHERE s.workspace_id = this.workspace_id AND s.attempt_id = the_attempt) n
    WHERE n.number <= 100;
    IF step = 'heard' THEN
        UPDATE kolony.runs r SET interrupt_heard_at = now()
        WHERE r.workspace_id = this.workspace_id AND r.run_id = this.run_id AND r.outcome IS NULL
          AND r.interrupt_at IS NOT NULL AND r.interrupt_heard_at IS NULL
          AND EXISTS (SELECT FROM kolony.leases l
                      WHERE l.workspace_id = r.workspace_id AND l.attempt_id = the_attempt);
    END IF;
END

--- function note_stop()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    lifted CONSTANT boolean := NEW.lifted_at IS NOT NULL;
    by_whom CONSTANT uuid := CASE WHEN lifted THEN NEW.lifted_by ELSE NEW.began_by END;
BEGIN
    PERFORM kolony.notify_people(NEW.workspace_id, 'stop', CASE WHEN lifted THEN 'medium' ELSE 'critical' END,
        format(CASE WHEN lifted THEN '%s lifted the emergency stop'
                    WHEN NEW.everyone THEN '%s stopped every agent' ELSE '%s stopped agents' END,
               (SELECT p.login FROM kolony.profiles p WHERE p.profile_id = by_whom)),
        NEW.why, jsonb_build_object('stop_id', NEW.stop_id, 'lifted', lifted, 'everyone', NEW.everyone),
        NULL, NULL, NULL, NULL, by_whom);
    RETURN NULL;
END

--- function note_swept(in_workspace uuid, the_run uuid, the_attempt integer, swept text[])
OWNER kolony_api ARGUMENTS (in_workspace uuid, the_run uuid, the_attempt integer, swept text[]) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    UPDATE kolony.output_archives a
    SET stale = ARRAY(SELECT s FROM unnest(a.stale) s WHERE s <> ALL (coalesce(swept, '{}')))
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt;
END

--- function note_upkeep(the_job text, since timestamp with time zone, did jsonb)
OWNER kolony_api ARGUMENTS (the_job text, since timestamp with time zone, did jsonb) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    rare CONSTANT boolean := (SELECT u.every >= interval '1 hour' FROM kolony.upkeep u WHERE u.job = the_job);
BEGIN
    IF NOT rare AND NOT did ? 'error' AND NOT EXISTS (SELECT FROM jsonb_each_text(did) d WHERE d.value <> '0') THEN
        RETURN;
    END IF;
    INSERT INTO kolony.upkeep_history (job, began, ended, result) VALUES (the_job, since, clock_timestamp(), did)
    ON CONFLICT (job, began) DO NOTHING;
    DELETE FROM kolony.upkeep_history h WHERE h.job = the_job AND h.began < (
        SELECT min(n.began) FROM (SELECT o.began FROM kolony.upkeep_history o WHERE o.job = the_job
                                  ORDER BY o.began DESC LIMIT 20) n);
    IF rare OR did ? 'error' THEN
        PERFORM kolony.hint(w.workspace_id, 'upkeep:*') FROM kolony.workspaces w;
    END IF;
END

--- function notify_people(home uuid, kind text, priority text, title text, message text, data jsonb, dedupe text, only_to uuid[], of_agent uuid, owner uuid, by_profile uuid)
OWNER kolony_api ARGUMENTS (home uuid, kind text, priority text, title text, message text, data jsonb, dedupe text DEFAULT NULL::text, only_to uuid[] DEFAULT NULL::uuid[], of_agent uuid DEFAULT NULL::uuid, owner uuid DEFAULT NULL::uuid, by_profile uuid DEFAULT NULL::uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    INSERT INTO kolony.notification_events (workspace_id, kind, priority, title, message, data, dedupe, only_to,
        agent_id, owner, by_profile)
    VALUES (home, kind, priority, coalesce(nullif(kolony.plain_words(title, 300), ''), kind),
        kolony.plain_words(message, 1000), coalesce(data, '{}'), "left"(dedupe, 200), only_to, of_agent, owner,
        by_profile);
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'an event of kind % was not noted: %', kind, SQLERRM;
END

--- function old_before(home uuid, of_kind text)
OWNER kolony_api ARGUMENTS (home uuid, of_kind text) RETURNS timestamp with time zone LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN coalesce(now() - make_interval(days => kolony.kept_for(home, of_kind)), '-infinity');
END

--- function open_asks(home uuid, of_agent uuid, of_run uuid)
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid, of_run uuid) RETURNS bigint LANGUAGE plpgsql STABLE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN (SELECT count(*) FROM kolony.approvals p
            WHERE p.workspace_id = home AND p.agent_id = of_agent AND (of_run IS NULL OR p.run_id = of_run)
              AND p.answered_at IS NULL AND p.cancelled_at IS NULL AND p.expired_at IS NULL
              AND (p.expires_at IS NULL OR p.expires_at > now()));
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

--- function output_digest(home uuid, the_run uuid, the_attempt integer, on_day date, OUT digest bytea, OUT chunks bigint, OUT bytes bigint, OUT lines bigint)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid, the_attempt integer, on_day date, OUT digest bytea, OUT chunks bigint, OUT bytes bigint, OUT lines bigint) RETURNS record LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    SELECT sha256(coalesce(string_agg(sha256(int4send(c.seq) || convert_to(c.stream, 'UTF8') || '\x00'
               || int8send((extract(epoch FROM c.at) * 1000000)::bigint) || int8send(c.first_line)
               || int4send(c.line_count) || c.data), '' ORDER BY c.seq), '')),
           count(*), coalesce(sum(length(c.data)), 0), coalesce(sum(c.line_count), 0)
    INTO digest, chunks, bytes, lines
    FROM kolony.output_chunks c
    WHERE c.workspace_id = home AND c.run_id = the_run AND c.attempt = the_attempt AND c.day = on_day;
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

--- function pass_gate(home uuid, of_agent uuid)
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.stops s WHERE s.workspace_id = home AND s.lifted_at IS NULL) THEN
        RETURN true;
    END IF;
    RETURN kolony.stop_in_force(home, of_agent) IS NULL;
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

--- function place_hold(in_workspace uuid, on_scope text, on_subject uuid, because text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, on_scope text, on_subject uuid, because text) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF because IS NULL OR because !~ '\S' OR length(because) > 1000 THEN
        RAISE EXCEPTION 'a hold has a reason, of 1 to 1000 characters' USING ERRCODE = '22023';
    END IF;
    IF on_scope IS NULL OR on_scope NOT IN ('workspace', 'agent', 'command', 'run') THEN
        RAISE EXCEPTION 'a workspace, an agent, a command or a run is held' USING ERRCODE = '22023';
    END IF;
    IF on_scope = 'workspace' AND on_subject IS NOT NULL OR on_scope <> 'workspace' AND NOT (CASE on_scope
        WHEN 'agent' THEN EXISTS (SELECT FROM kolony.agents a
                                  WHERE a.workspace_id = in_workspace AND a.agent_id = on_subject)
        WHEN 'command' THEN EXISTS (SELECT FROM kolony.commands c
                                    WHERE c.workspace_id = in_workspace AND c.command_id = on_subject)
        ELSE EXISTS (SELECT FROM kolony.runs r WHERE r.workspace_id = in_workspace AND r.run_id = on_subject) END)
    THEN
        RAISE EXCEPTION 'there is no such % here', on_scope USING ERRCODE = 'P0002';
    END IF;
    INSERT INTO kolony.keeping (workspace_id) VALUES (in_workspace) ON CONFLICT (workspace_id) DO NOTHING;
    PERFORM FROM kolony.keeping k WHERE k.workspace_id = in_workspace FOR UPDATE;
    INSERT INTO kolony.legal_holds (workspace_id, scope, subject_id, reason, placed_by)
    VALUES (in_workspace, on_scope, on_subject, because, kolony.my_profile_id()) RETURNING hold_id INTO made;
    -- An object that is being removed at this moment cannot be held any more, so the hold waits for it.
    IF EXISTS (SELECT FROM kolony.output_archives a WHERE a.workspace_id = in_workspace AND a.state = 'removing'
               AND a.taken_until > clock_timestamp() AND kolony.is_held(in_workspace, a.run_id))
    THEN
        RAISE EXCEPTION 'some of its output is being removed at this moment' USING ERRCODE = '55000',
            HINT = 'place the hold again in a minute';
    END IF;
    UPDATE kolony.output_archives a SET state = 'archived', ticket = NULL, taken_until = NULL
    WHERE a.workspace_id = in_workspace AND a.state = 'removing' AND kolony.is_held(in_workspace, a.run_id);
    PERFORM kolony.record_audit(in_workspace, 'HOLD_PLACED', on_scope, jsonb_build_object('hold_id', made,
        'reason', "left"(because, 200)), CASE on_scope WHEN 'agent' THEN on_subject END,
        CASE on_scope WHEN 'command' THEN on_subject END, CASE on_scope WHEN 'run' THEN on_subject END);
    PERFORM kolony.hint(in_workspace, CASE on_scope WHEN 'run' THEN 'run:' || on_subject ELSE 'people:*' END);
    RETURN made;
END

--- function placeholders(content text)
OWNER kolony_api ARGUMENTS (content text) RETURNS TABLE(place bigint, name text, filter text) LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT m.place, m.found[1], m.found[2]
    FROM regexp_matches(content, '\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,62})\s*(?:\|\s*([a-z]{1,20})\s*)?\}\}', 'g')
         WITH ORDINALITY AS m (found, place)

--- function plain_words(words text, up_to integer)
OWNER kolony_api ARGUMENTS (words text, up_to integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path=pg_catalog, pg_temp
AS
    SELECT btrim(regexp_replace(regexp_replace("left"(coalesce(words, ''), up_to),
        '[\u0001-\u001f\u007f-\u009f\u2028\u2029]+', ' ', 'g'),
        '[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]', '', 'g'))

--- function plan_drafts(home uuid, the_run uuid, only_items integer[])
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid, only_items integer[]) RETURNS TABLE(item integer, command_id uuid, number bigint) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    odd text;
BEGIN
    SELECT CASE WHEN o.state IS NULL THEN format('there is no item %s in this plan', n)
                ELSE format('item %s is no draft any more: it is %s', n, o.state) END
    INTO odd FROM unnest(only_items) n
    LEFT JOIN kolony.plan_overview o ON o.workspace_id = home AND o.run_id = the_run AND o.item = n
    WHERE o.state IS DISTINCT FROM 'draft' ORDER BY n LIMIT 1;
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION '%', odd USING ERRCODE = '55000', HINT = 'see kolony command plan';
    END IF;
    RETURN QUERY SELECT o.item, o.command_id, o.number FROM kolony.plan_overview o
    WHERE o.workspace_id = home AND o.run_id = the_run AND o.state = 'draft'
      AND (only_items IS NULL OR o.item = ANY (only_items)) ORDER BY o.item;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no draft of a plan here' USING ERRCODE = '55000',
            HINT = CASE WHEN EXISTS (SELECT FROM kolony.plan_items i WHERE i.workspace_id = home AND i.run_id = the_run)
                        THEN 'all of it was accepted or discarded' ELSE 'a run of the kind plan leaves one' END;
    END IF;
END

--- function preset_for_step(the_preset uuid, to_change boolean)
OWNER kolony_api ARGUMENTS (the_preset uuid, to_change boolean) RETURNS kolony.presets LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    preset kolony.presets;
BEGIN
    SELECT * INTO preset FROM kolony.presets p
    WHERE p.preset_id = the_preset AND p.preset_id = ANY (kolony.my_preset_ids()) AND p.deleted_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such preset here' USING ERRCODE = 'P0002', HINT = 'see kolony preset list';
    END IF;
    PERFORM kolony.require_role(preset.workspace_id, CASE WHEN to_change THEN 'operator' ELSE 'viewer' END);
    IF to_change THEN
        SELECT * INTO preset FROM kolony.presets p
        WHERE p.workspace_id = preset.workspace_id AND p.preset_id = the_preset AND p.deleted_at IS NULL
        FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no such preset here' USING ERRCODE = 'P0002', HINT = 'see kolony preset list';
        END IF;
        IF preset.owner_id <> kolony.my_profile_id() AND NOT kolony.holds_role(preset.workspace_id, 'admin') THEN
            RAISE EXCEPTION 'the preset "%" is %''s', preset.name,
                (SELECT p.login FROM kolony.profiles p WHERE p.profile_id = preset.owner_id)
                USING ERRCODE = '42501', HINT = 'its owner or an admin may change it; make a preset of your own';
        END IF;
    END IF;
    RETURN preset;
END

--- function printed_end(home uuid, of_attempt kolony.attempts, OUT content text, OUT cut boolean)
OWNER kolony_api ARGUMENTS (home uuid, of_attempt kolony.attempts, OUT content text, OUT cut boolean) RETURNS record LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    most CONSTANT integer := 65536;
    piece bytea;
    whole bytea := '';
BEGIN
    cut := false;
    FOR piece IN
        SELECT c.data FROM kolony.output_chunks c
        WHERE c.workspace_id = home AND c.run_id = of_attempt.run_id AND c.attempt = of_attempt.number
          AND c.day = of_attempt.output_day AND c.stream = 'stdout' ORDER BY c.seq DESC
    LOOP
        whole := piece || whole;
        IF octet_length(whole) > most THEN
            whole := substring(whole FROM octet_length(whole) - most + 1);
            cut := true;
            EXIT;
        END IF;
    END LOOP;
    WHILE cut AND octet_length(whole) > 0 AND get_byte(whole, 0) & 192 = 128 LOOP
        whole := substring(whole FROM 2);
    END LOOP;
    BEGIN
        content := convert_from(whole, 'UTF8');
    EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
        content := encode(whole, 'escape');
    END;
    content := rtrim(content, E'\r\n');
END

--- function propose_plan(the_attempt uuid, items jsonb)
OWNER kolony_api ARGUMENTS (the_attempt uuid, items jsonb) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    home CONSTANT uuid := held.workspace_id;
    plan kolony.commands;
    targets uuid[];
    made uuid[] := '{}';
    one jsonb;
    count_of_items integer;
    draft uuid;
BEGIN
    PERFORM FROM kolony.runs r WHERE r.workspace_id = home AND r.run_id = held.run_id FOR NO KEY UPDATE;
    held := kolony.my_lease(the_attempt);
    SELECT c.* INTO STRICT plan FROM kolony.commands c
    JOIN kolony.runs r ON r.workspace_id = c.workspace_id AND r.command_id = c.command_id
    WHERE r.workspace_id = home AND r.run_id = held.run_id;
    IF plan.kind <> 'plan' THEN
        RAISE EXCEPTION 'nobody asked for a plan' USING ERRCODE = '55000';
    END IF;
    SELECT count(*) INTO count_of_items FROM kolony.plan_items i
    WHERE i.workspace_id = home AND i.attempt_id = the_attempt;
    IF count_of_items > 0 THEN
        RETURN count_of_items;
    END IF;
    IF items IS NULL OR jsonb_typeof(items) <> 'array' THEN
        RAISE EXCEPTION 'a plan is a list of items' USING ERRCODE = '22023';
    END IF;
    count_of_items := jsonb_array_length(items);
    IF count_of_items > 200 THEN
        RAISE EXCEPTION 'a plan has at most 200 items, this one has %', count_of_items USING ERRCODE = '22023';
    END IF;
    FOR place IN 1..count_of_items LOOP
        targets := targets || kolony.check_plan_item(home, held.agent_id, items -> place - 1, place);
    END LOOP;
    UPDATE kolony.commands c SET outcome = 'cancelled', finished_at = now()
    WHERE c.workspace_id = home AND c.submitted_at IS NULL AND c.outcome IS NULL AND c.command_id IN (
        SELECT i.command_id FROM kolony.plan_items i WHERE i.workspace_id = home AND i.run_id = held.run_id);
    FOR place IN 1..count_of_items LOOP
        one := items -> place - 1;
        INSERT INTO kolony.commands AS c (workspace_id, content, priority, targets, max_attempts, retry_on, parent_id,
            time_limit_ms, constraint_id, token_budget, memory_limit_mb, cpu_limit_percent, created_by)
        VALUES (home, one ->> 'content', coalesce((one ->> 'priority')::smallint, plan.priority), targets[place:place],
            plan.max_attempts, plan.retry_on, plan.command_id, plan.time_limit_ms, plan.constraint_id,
            plan.token_budget, plan.memory_limit_mb, plan.cpu_limit_percent, plan.created_by)
        RETURNING c.command_id INTO draft;
        made := made || draft;
        INSERT INTO kolony.plan_items (workspace_id, command_id, run_id, attempt_id, item)
        VALUES (home, draft, held.run_id, the_attempt, place);
        INSERT INTO kolony.command_dependencies (workspace_id, command_id, after_id)
        SELECT DISTINCT home, draft, made[n::integer]
        FROM jsonb_array_elements_text(coalesce(one -> 'after', '[]')) n;
    END LOOP;
    PERFORM kolony.hint(home, 'command:' || plan.command_id);
    RETURN count_of_items;
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

--- function put_attachments(home uuid, message uuid, file_names text[], files bytea[])
OWNER kolony_api ARGUMENTS (home uuid, message uuid, file_names text[], files bytea[]) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    many CONSTANT integer := coalesce(cardinality(file_names), 0);
    wrong text := CASE
        WHEN many <> coalesce(cardinality(files), 0) THEN 'each attachment has a name and a content'
        WHEN many > 20 THEN format('a message has at most 20 attachments, not %s', many)
        WHEN EXISTS (SELECT FROM unnest(file_names, files) f (name, data) WHERE f.name IS NULL OR f.data IS NULL) THEN
            'each attachment has a name and a content'
        WHEN many <> (SELECT count(DISTINCT n) FROM unnest(file_names) n) THEN 'two attachments have the same name'
        WHEN EXISTS (SELECT FROM unnest(file_names) n WHERE octet_length(n) NOT BETWEEN 1 AND 200 OR n ~ '^\.'
                     OR n ~ '[/\\\u0001-\u001f\u007f-\u009f]') THEN
            'an attachment has the name of a file: 1 to 200 bytes, without a slash and not beginning with a dot'
        WHEN EXISTS (SELECT FROM unnest(files) f WHERE octet_length(f) > 4194304) THEN 'an attachment has at most 4 MiB'
        WHEN (SELECT sum(octet_length(f)) FROM unnest(files) f) > 16777216 THEN
            'the attachments of a message have at most 16 MiB together' END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '22023';
    END IF;
    INSERT INTO kolony.message_attachments (workspace_id, message_id, name, data)
    SELECT home, message, f.name, f.data FROM unnest(file_names, files) f (name, data);
END

--- function put_dependencies(home uuid, the_command uuid, after_commands uuid[], after_need text)
OWNER kolony_api ARGUMENTS (home uuid, the_command uuid, after_commands uuid[], after_need text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    missing uuid;
    round text;
BEGIN
    IF after_need IS NULL OR after_need NOT IN ('completed', 'ended') THEN
        RAISE EXCEPTION 'what a command comes after has to be completed or ended' USING ERRCODE = '22023';
    END IF;
    IF cardinality(after_commands) > 1000 THEN
        RAISE EXCEPTION 'a command comes after at most 1000 others' USING ERRCODE = '22023';
    END IF;
    SELECT t INTO missing FROM unnest(after_commands) t WHERE NOT EXISTS (
        SELECT FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id = t) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no command % in this workspace', coalesce(missing::text, 'null')
            USING ERRCODE = 'P0002', HINT = 'see kolony command list';
    END IF;
    DELETE FROM kolony.command_dependencies d WHERE d.workspace_id = home AND d.command_id = the_command;
    WITH RECURSIVE before (command_id, path) AS (
        SELECT t, ARRAY[the_command, t] FROM unnest(after_commands) t
        UNION ALL
        SELECT d.after_id, b.path || d.after_id FROM before b
        JOIN kolony.command_dependencies d ON d.workspace_id = home AND d.command_id = b.command_id
        WHERE b.command_id <> the_command)
        CYCLE command_id SET again USING been
    SELECT (SELECT string_agg('#' || c.number, ' after ' ORDER BY p.place) FROM unnest(b.path) WITH ORDINALITY p (id, place)
            JOIN kolony.commands c ON c.workspace_id = home AND c.command_id = p.id)
    INTO round FROM before b WHERE b.command_id = the_command LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'commands would wait for each other: %', round
            USING ERRCODE = '22023', HINT = 'take one of them out of the circle';
    END IF;
    INSERT INTO kolony.command_dependencies (workspace_id, command_id, after_id, need)
    SELECT DISTINCT home, the_command, t, after_need FROM unnest(after_commands) t;
END

--- function put_report(the_attempt uuid, document jsonb, new_status text, new_source text)
OWNER kolony_api ARGUMENTS (the_attempt uuid, document jsonb, new_status text, new_source text) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_column
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    home CONSTANT uuid := held.workspace_id;
    kept CONSTANT jsonb := kolony.checked_report(document);
    became CONSTANT text := CASE WHEN new_status = 'complete' AND kept ->> 'status' IN ('draft', 'in_progress')
                                 THEN 'draft' ELSE new_status END;
    its_digest CONSTANT bytea := sha256(convert_to(concat_ws(' ', the_attempt, became, new_source, kept), 'UTF8'));
    its_title text := nullif(btrim(kept ->> 'title', E' \t\r\n'), '');
    report uuid;
BEGIN
    IF new_status IS NULL OR new_status NOT IN ('draft', 'in_progress', 'complete')
       OR new_source IS NULL OR new_source NOT IN ('report.json', 'answer')
    THEN
        RAISE EXCEPTION 'a report is draft, in_progress or complete, from report.json or answer'
            USING ERRCODE = '22023';
    END IF;
    PERFORM FROM kolony.runs r WHERE r.workspace_id = home AND r.run_id = held.run_id FOR NO KEY UPDATE;
    held := kolony.my_lease(the_attempt);
    SELECT p.report_id INTO report FROM kolony.reports p
    WHERE p.workspace_id = home AND p.run_id = held.run_id AND p.digest = its_digest;
    IF FOUND THEN
        RETURN report;
    END IF;
    IF its_title IS NULL THEN
        SELECT "left"(btrim(split_part(c.title, E'\n', 1), E' \t\r'), 200) INTO its_title FROM kolony.commands c
        JOIN kolony.runs r ON r.workspace_id = c.workspace_id AND r.command_id = c.command_id
        WHERE r.workspace_id = home AND r.run_id = held.run_id;
    END IF;
    INSERT INTO kolony.reports AS p (workspace_id, run_id, attempt_id, title, summary, status, source, sections,
        recommendations, attachments, body, digest, completed_at)
    VALUES (home, held.run_id, the_attempt, coalesce(nullif(its_title, ''), 'Report'), kept ->> 'summary', became,
        new_source, kept -> 'sections', kept -> 'recommendations',
        ARRAY(SELECT a FROM jsonb_array_elements_text(kept -> 'attachments') a), kolony.report_body(kept), its_digest,
        CASE WHEN became = 'complete' THEN now() END)
    ON CONFLICT (workspace_id, run_id) DO UPDATE SET attempt_id = excluded.attempt_id, title = excluded.title,
        summary = excluded.summary, status = excluded.status, source = excluded.source, sections = excluded.sections,
        recommendations = excluded.recommendations, attachments = excluded.attachments, body = excluded.body,
        digest = excluded.digest, updated_at = now(), completed_at = excluded.completed_at, status_by = NULL
    RETURNING p.report_id INTO report;
    DELETE FROM kolony.report_findings f WHERE f.workspace_id = home AND f.report_id = report;
    INSERT INTO kolony.report_findings (workspace_id, report_id, place, severity, title, detail, evidence, file, line)
    SELECT home, report, n, f ->> 'severity', f ->> 'title', f ->> 'detail', f ->> 'evidence', f ->> 'file',
           (f ->> 'line')::integer
    FROM jsonb_array_elements(kept -> 'findings') WITH ORDINALITY AS t (f, n);
    PERFORM kolony.hint(home, 'report:' || report);
    RETURN report;
END

--- function put_waiting(waiting kolony.blocked_runs)
OWNER kolony_api ARGUMENTS (waiting kolony.blocked_runs) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF waiting.held OR waiting.after OR waiting.beyond THEN
        INSERT INTO kolony.blocked_runs SELECT waiting.*;
    ELSIF waiting.due_at > now() THEN
        INSERT INTO kolony.scheduled_runs (workspace_id, run_id, agent_id, priority, due_at, attempt)
        VALUES (waiting.workspace_id, waiting.run_id, waiting.agent_id, waiting.priority, waiting.due_at,
                waiting.attempt);
    ELSE
        INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, place, attempt)
        VALUES (waiting.workspace_id, waiting.run_id, waiting.agent_id, waiting.priority, waiting.place,
                waiting.attempt);
    END IF;
END

--- function queue_deliveries(home uuid, events kolony.notification_events[])
OWNER kolony_api ARGUMENTS (home uuid, events kolony.notification_events[]) RETURNS void LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    INSERT INTO kolony.webhook_deliveries (workspace_id, delivery_id, webhook_id, kind, title, body)
    SELECT home, e.delivery_id, w.webhook_id, e.kind, e.title, kolony.delivery_body(home, e.delivery_id, e.event)
    FROM kolony.webhooks w
    CROSS JOIN LATERAL (SELECT x AS event, x.kind, x.title, x.priority, x.event_id,
                               kolony.new_id() AS delivery_id, w.webhook_id FROM unnest(events) x) e
    WHERE w.workspace_id = home AND w.deleted_at IS NULL AND e.kind <> 'webhook_failed'
      AND (w.kinds = '{}' OR e.kind = ANY (w.kinds))
      AND array_position(ARRAY['low', 'medium', 'high', 'critical'], e.priority)
       >= array_position(ARRAY['low', 'medium', 'high', 'critical'], w.at_least)
    ORDER BY w.webhook_id, e.event_id

--- function read_all_notifications(in_workspace uuid, up_to timestamp with time zone)
OWNER kolony_api ARGUMENTS (in_workspace uuid, up_to timestamp with time zone DEFAULT now()) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    changed integer;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    UPDATE kolony.notifications n SET read_at = now()
    WHERE n.profile_id = kolony.my_profile_id() AND n.workspace_id = in_workspace AND n.read_at IS NULL
      AND n.last_at <= up_to;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END

--- function read_attachment(the_attempt uuid, the_attachment uuid)
OWNER kolony_api ARGUMENTS (the_attempt uuid, the_attachment uuid) RETURNS bytea LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    content bytea;
BEGIN
    SELECT f.data INTO content FROM kolony.message_attachments f
    JOIN kolony.messages m ON m.workspace_id = f.workspace_id AND m.message_id = f.message_id
    WHERE f.workspace_id = held.workspace_id AND f.attachment_id = the_attachment AND m.run_id = held.run_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this file did not come with what the attempt is about' USING ERRCODE = 'P0002';
    END IF;
    RETURN content;
END

--- function read_conversation(the_conversation uuid, upto integer)
OWNER kolony_api ARGUMENTS (the_conversation uuid, upto integer DEFAULT NULL::integer) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    thread kolony.conversations;
BEGIN
    SELECT * INTO thread FROM kolony.conversations c
    WHERE c.conversation_id = the_conversation AND c.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such conversation here' USING ERRCODE = 'P0002', HINT = 'see kolony conversation list';
    END IF;
    PERFORM kolony.require_role(thread.workspace_id, 'viewer');
    INSERT INTO kolony.conversation_reads AS d (workspace_id, conversation_id, profile_id, upto)
    VALUES (thread.workspace_id, the_conversation, kolony.my_profile_id(),
        least(greatest(coalesce(read_conversation.upto, thread.last_number), 0), thread.last_number))
    ON CONFLICT (workspace_id, conversation_id, profile_id) DO UPDATE SET upto = excluded.upto
    WHERE d.upto < excluded.upto;
END

--- function read_notifications(which uuid[])
OWNER kolony_api ARGUMENTS (which uuid[]) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    changed integer;
BEGIN
    UPDATE kolony.notifications n SET read_at = now()
    WHERE n.profile_id = kolony.my_profile_id() AND n.workspace_id = ANY (kolony.my_workspace_ids())
      AND n.notification_id = ANY (which) AND n.read_at IS NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END

--- function read_subject(the_attempt uuid, the_subject uuid, at_most integer)
OWNER kolony_api ARGUMENTS (the_attempt uuid, the_subject uuid, at_most integer DEFAULT 262144) RETURNS TABLE(reference text, agent text, status text, exit_code integer, error text, content text, content_bytes bigint, output bytea, output_bytes bigint) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_variable
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    most CONSTANT integer := least(greatest(at_most, 1), 262144);
    last kolony.attempts;
    piece bytea;
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.runs r
                   JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
                   WHERE r.workspace_id = held.workspace_id AND r.run_id = held.run_id
                     AND the_subject = ANY (c.subjects))
    THEN
        RAISE EXCEPTION 'this attempt is not about that run' USING ERRCODE = '42501';
    END IF;
    SELECT kolony.run_reference(held.workspace_id, o.run_id), o.agent, o.status, o.exit_code, o.error,
           "left"(c.content, most), octet_length(c.content)
    INTO STRICT reference, agent, status, exit_code, error, content, content_bytes
    FROM kolony.run_overview o
    JOIN kolony.commands c ON c.workspace_id = o.workspace_id AND c.command_id = o.command_id
    WHERE o.workspace_id = held.workspace_id AND o.run_id = the_subject;
    SELECT * INTO last FROM kolony.attempts t
    WHERE t.workspace_id = held.workspace_id AND t.run_id = the_subject ORDER BY t.number DESC LIMIT 1;
    SELECT coalesce(sum(length(u.data)), 0) INTO output_bytes FROM kolony.output_chunks u
    WHERE u.workspace_id = held.workspace_id AND u.run_id = the_subject AND u.attempt = last.number
      AND u.day = last.output_day AND u.stream <> 'log';
    output := '';
    FOR piece IN
        SELECT u.data FROM kolony.output_chunks u
        WHERE u.workspace_id = held.workspace_id AND u.run_id = the_subject AND u.attempt = last.number
          AND u.day = last.output_day AND u.stream <> 'log' ORDER BY u.seq DESC
    LOOP
        output := piece || output;
        EXIT WHEN length(output) >= most;
    END LOOP;
    output := substring(output FROM greatest(length(output) - most, 0) + 1);
    RETURN NEXT;
END

--- function record_answer(asked kolony.approvals, allow boolean, answer text, note text)
OWNER kolony_api ARGUMENTS (asked kolony.approvals, allow boolean, answer text, note text) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_variable
DECLARE
    answered kolony.approvals;
BEGIN
    UPDATE kolony.approvals p SET answer = nullif(answer, ''), note = nullif(note, ''),
        answered_by = kolony.my_profile_id(), answered_at = clock_timestamp(),
        allowed = CASE WHEN p.kind = 'permission' OR NOT allow THEN allow END
    WHERE p.workspace_id = asked.workspace_id AND p.approval_id = asked.approval_id AND p.answered_at IS NULL
      AND p.cancelled_at IS NULL AND p.expired_at IS NULL
      AND (p.expires_at IS NULL OR p.expires_at > clock_timestamp())
    RETURNING p.* INTO answered;
    IF NOT FOUND THEN
        PERFORM kolony.refuse_answer(asked.approval_id);
    END IF;
    PERFORM kolony.record_audit(asked.workspace_id, 'APPROVAL_ANSWERED', "left"(asked.title, 200), jsonb_build_object(
        'kind', asked.kind, 'became', kolony.approval_state(answered), 'answer', "left"(answered.answer, 200),
        'note', "left"(answered.note, 200)), asked.agent_id, NULL, asked.run_id);
    -- To the runner, whose heartbeat brings the answer, and to the inboxes.
    PERFORM kolony.hint(asked.workspace_id, 'agent:' || asked.agent_id);
    PERFORM kolony.hint(asked.workspace_id, 'inbox:' || asked.approval_id);
    RETURN kolony.approval_state(answered);
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

--- function recount_budget(home uuid, the_budget uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_budget uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    its kolony.budget_overview;
    spent_tokens bigint;
    spent_usd numeric;
BEGIN
    SELECT * INTO STRICT its FROM kolony.budget_overview o WHERE o.workspace_id = home AND o.budget_id = the_budget;
    IF its.scope = 'command' THEN
        SELECT sum(u.input_fresh + u.input_cached + u.cache_write + u.output), sum(u.cost_usd)
        INTO spent_tokens, spent_usd FROM kolony.attempt_usage a
        JOIN kolony.usage_reports u ON u.workspace_id = a.workspace_id AND u.attempt_id = a.attempt_id
        WHERE a.workspace_id = home AND a.command_id = its.subject_id AND u.day >= its.starts;
    ELSE
        SELECT sum(d.input_fresh + d.input_cached + d.cache_write + d.output), sum(d.cost_usd)
        INTO spent_tokens, spent_usd FROM kolony.usage_days d
        WHERE d.workspace_id = home AND d.day >= its.starts AND CASE its.scope
            WHEN 'workspace' THEN true WHEN 'agent' THEN d.agent_id = its.subject_id
            WHEN 'preset' THEN d.preset_id = its.subject_id WHEN 'person' THEN d.profile_id = its.subject_id
            ELSE d.profile_id IN (SELECT m.profile_id FROM kolony.people_group_members m
                                  WHERE m.workspace_id = home AND m.group_id = its.subject_id) END;
    END IF;
    INSERT INTO kolony.budget_spending AS s (workspace_id, budget_id, starts, tokens, cost_usd)
    VALUES (home, the_budget, its.starts, coalesce(spent_tokens, 0), coalesce(spent_usd, 0))
    ON CONFLICT (workspace_id, budget_id, starts) DO UPDATE SET tokens = EXCLUDED.tokens, cost_usd = EXCLUDED.cost_usd,
        warned_at = NULL, emptied_at = NULL;
END

--- function refuse_answer(the_approval uuid)
OWNER kolony_api ARGUMENTS (the_approval uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    asked kolony.approvals;
    who text;
BEGIN
    SELECT * INTO STRICT asked FROM kolony.approvals p
    WHERE p.approval_id = the_approval AND p.workspace_id = ANY (kolony.my_workspace_ids());
    IF asked.answered_at IS NOT NULL THEN
        SELECT CASE WHEN asked.rule_id IS NULL THEN '' ELSE 'a rule of ' END || w.login INTO STRICT who
        FROM kolony.profiles w
        WHERE w.profile_id = coalesce(asked.answered_by, (SELECT l.created_by FROM kolony.approval_rules l
            WHERE l.workspace_id = asked.workspace_id AND l.rule_id = asked.rule_id));
        RAISE EXCEPTION 'answered already by %, at % (%)', who,
            to_char(asked.answered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'), kolony.approval_state(asked)
            USING ERRCODE = '55000';
    END IF;
    IF asked.cancelled_at IS NOT NULL THEN
        RAISE EXCEPTION 'nobody waits for this answer any more: %', asked.cancelled_why USING ERRCODE = '55000';
    END IF;
    RAISE EXCEPTION 'it ran out at %', to_char(asked.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
        USING ERRCODE = '55000', HINT = 'its agent was told that nobody answered in time';
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

--- function refuse_half_restored()
OWNER kolony_api ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF EXISTS (SELECT FROM kolony.output_archives a WHERE a.workspace_id = NEW.workspace_id AND a.run_id = NEW.run_id
               AND a.attempt = NEW.attempt AND a.state = 'restoring')
    THEN
        RAISE EXCEPTION 'restored output is proved in the same transaction, or not at all' USING ERRCODE = '55000',
            HINT = 'call kolony.finish_restore before the commit';
    END IF;
    RETURN NULL;
END

--- function refuse_taken_constraint(home uuid, new_name text, besides uuid)
OWNER kolony_api ARGUMENTS (home uuid, new_name text, besides uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF EXISTS (SELECT FROM kolony.constraint_profiles p WHERE p.workspace_id = home AND p.name = new_name
               AND p.deleted_at IS NULL AND p.constraint_id IS DISTINCT FROM besides)
    THEN
        RAISE EXCEPTION 'there is a constraint profile "%" already', new_name
            USING ERRCODE = '23505', HINT = 'choose another name';
    END IF;
END

--- function refuse_unpaid(home uuid, the_session uuid, lease_seconds integer)
OWNER kolony_api ARGUMENTS (home uuid, the_session uuid, lease_seconds integer) RETURNS TABLE(run_id uuid, attempt_id uuid, why text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    held record;
    empty kolony.budget_overview;
    free boolean;
BEGIN
    FOR held IN
        SELECT l.run_id, l.attempt_id, t.over_budget_at FROM kolony.leases l
        JOIN kolony.attempts t ON t.workspace_id = l.workspace_id AND t.attempt_id = l.attempt_id
        WHERE l.workspace_id = home AND l.session_id = the_session ORDER BY l.run_id
    LOOP
        empty := kolony.empty_budget(home, held.run_id);
        CONTINUE WHEN empty.budget_id IS NULL AND held.over_budget_at IS NULL;
        -- Somebody may hold it, who is just ending it; its runner is told all the same.
        PERFORM FROM kolony.runs r
        WHERE r.workspace_id = home AND r.run_id = held.run_id FOR NO KEY UPDATE SKIP LOCKED;
        free := FOUND;
        IF free AND (empty.budget_id IS NULL) <> (held.over_budget_at IS NULL) THEN
            UPDATE kolony.attempts t SET over_budget_at = CASE WHEN empty.budget_id IS NOT NULL THEN now() END
            WHERE t.workspace_id = home AND t.attempt_id = held.attempt_id;
        END IF;
        CONTINUE WHEN empty.budget_id IS NULL;
        why := 'no budget left: ' || kolony.budget_words(empty);
        IF free AND held.over_budget_at < now() - make_interval(secs => lease_seconds) THEN
            UPDATE kolony.attempts t SET limit_hit = 'budget', reason = 'over_budget'
            WHERE t.workspace_id = home AND t.attempt_id = held.attempt_id;
            PERFORM kolony.end_attempt(home, held.attempt_id, 'failed', NULL, NULL,
                why || '; its runner did not end it in time');
            CONTINUE;
        END IF;
        run_id := held.run_id;
        attempt_id := held.attempt_id;
        RETURN NEXT;
    END LOOP;
END

--- function release_command(the_command uuid)
OWNER kolony_api ARGUMENTS (the_command uuid) RETURNS integer LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT kolony.step_command(the_command, 'release', NULL)

--- function release_run(the_run uuid)
OWNER kolony_api ARGUMENTS (the_run uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.run_for_step(the_run);
    PERFORM kolony.take_steps(ARRAY[the_run], 'release', NULL, NULL, true);
END

--- function release_runs(the_runs uuid[])
OWNER kolony_api ARGUMENTS (the_runs uuid[]) RETURNS TABLE(run_id uuid, became text, refused text) LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT * FROM kolony.take_steps(the_runs, 'release', NULL, NULL, false)

--- function release_waiting_run(home uuid, the_run uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    run kolony.runs;
    waiting kolony.blocked_runs;
BEGIN
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = home AND r.run_id = the_run FOR NO KEY UPDATE;
    waiting := kolony.take_waiting(home, the_run);
    PERFORM kolony.require_waiting(run, waiting);
    IF waiting.held THEN
        waiting.held := false;
        waiting.after := waiting.after AND kolony.comes_later(home, run.command_id);
    ELSIF waiting.after THEN
        waiting.after := false;
    ELSE
        RAISE EXCEPTION 'nobody holds this run' USING ERRCODE = '55000', HINT = 'kolony run why says what it waits for';
    END IF;
    PERFORM kolony.put_waiting(waiting);
    UPDATE kolony.runs r SET held_at = NULL, held_by = NULL, held_why = NULL
    WHERE r.workspace_id = home AND r.run_id = the_run AND r.held_at IS NOT NULL;
    RETURN 'released';
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

--- function remember_cancel(home uuid, cancelled jsonb)
OWNER kolony_api ARGUMENTS (home uuid, cancelled jsonb) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    many CONSTANT integer := jsonb_array_length(cancelled);
BEGIN
    IF many BETWEEN 1 AND 9999 THEN
        PERFORM kolony.remember_undo(home, 'cancel', CASE WHEN many > 1 THEN format('cancel of %s runs', many) ELSE
            (SELECT 'cancel of #' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || r.ordinal ELSE '' END
             FROM kolony.runs r
             JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
             WHERE r.workspace_id = home AND r.run_id = (cancelled -> 0 ->> 'run_id')::uuid) END,
            jsonb_build_object('runs', cancelled));
    END IF;
END

--- function remember_undo(home uuid, kind text, title text, facts jsonb)
OWNER kolony_api ARGUMENTS (home uuid, kind text, title text, facts jsonb) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    me CONSTANT uuid := kolony.my_profile_id();
    made uuid;
BEGIN
    IF me IS NULL THEN
        RETURN NULL; -- a runner's step, which nobody takes back
    END IF;
    DELETE FROM kolony.undo_steps u WHERE u.profile_id = me AND u.made_at < now() - interval '1 day';
    INSERT INTO kolony.undo_steps (workspace_id, profile_id, kind, title, facts)
    VALUES (home, me, kind, "left"(title, 300), facts) RETURNING step_id INTO made;
    RETURN made;
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

--- function remove_budget(the_budget uuid)
OWNER kolony_api ARGUMENTS (the_budget uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    budget kolony.budgets;
    its kolony.budget_overview;
BEGIN
    SELECT * INTO budget FROM kolony.budgets b
    WHERE b.budget_id = the_budget AND b.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such budget here' USING ERRCODE = 'P0002', HINT = 'see kolony budget list';
    END IF;
    PERFORM kolony.require_role(budget.workspace_id, 'admin');
    SELECT * INTO its FROM kolony.budget_overview o
    WHERE o.workspace_id = budget.workspace_id AND o.budget_id = the_budget;
    UPDATE kolony.budgets b SET removed_at = now()
    WHERE b.workspace_id = budget.workspace_id AND b.budget_id = the_budget AND b.removed_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM kolony.record_audit(budget.workspace_id, 'BUDGET_REMOVED', concat_ws(' ', its.scope, its.subject),
        jsonb_build_object('budget_id', the_budget, 'period', its.period, 'token_limit', its.token_limit,
            'usd_limit', its.usd_limit));
    PERFORM kolony.hint(budget.workspace_id, 'usage:*'), kolony.hint(budget.workspace_id, 'agents:*');
    RETURN true;
END

--- function remove_events(home uuid, before timestamp with time zone, up_to integer)
OWNER kolony_owner ARGUMENTS (home uuid, before timestamp with time zone, up_to integer) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=1s
AS
DECLARE
    gone integer;
BEGIN
    DELETE FROM kolony.events e USING (
        SELECT o.xid, o.event_id, o.at FROM kolony.events o
        WHERE o.workspace_id = home AND o.at < before ORDER BY o.at, o.event_id LIMIT up_to) old
    WHERE e.workspace_id = home AND e.xid = old.xid AND e.event_id = old.event_id AND e.at = old.at;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END

--- function remove_orphans(home uuid, up_to integer, OUT parts integer, OUT folders integer)
OWNER kolony_api ARGUMENTS (home uuid, up_to integer, OUT parts integer, OUT folders integer) RETURNS record LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.hold_off_holds(home);
    DELETE FROM kolony.artifact_parts p USING (
        SELECT p.artifact_id, p.part FROM kolony.artifact_parts p
        JOIN kolony.artifacts a ON a.workspace_id = home AND a.artifact_id = p.artifact_id
        JOIN kolony.attempts t ON t.workspace_id = home AND t.attempt_id = a.attempt_id
        WHERE p.workspace_id = home AND a.kept_at IS NULL AND t.ended_at < now() - interval '1 day'
          AND NOT kolony.is_held(home, a.run_id)
        LIMIT up_to) old
    WHERE p.workspace_id = home AND p.artifact_id = old.artifact_id AND p.part = old.part;
    GET DIAGNOSTICS parts = ROW_COUNT;
    DELETE FROM kolony.work_folders f USING (
        SELECT o.run_id FROM kolony.work_folders o
        WHERE o.workspace_id = home AND o.state = 'removed' AND o.seen_at < kolony.old_before(home, 'folders')
          AND NOT kolony.is_held(home, o.run_id)
        LIMIT up_to) old
    WHERE f.workspace_id = home AND f.run_id = old.run_id;
    GET DIAGNOSTICS folders = ROW_COUNT;
END

--- function remove_people_group(in_workspace uuid, called text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, called text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = in_workspace FOR UPDATE;
    DELETE FROM kolony.people_groups g WHERE g.workspace_id = in_workspace AND g.name = called;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no team of people "%" here', called
            USING ERRCODE = 'P0002', HINT = 'see kolony budget team list';
    END IF;
    PERFORM kolony.record_audit(in_workspace, 'TEAM_REMOVED', called);
    PERFORM kolony.hint(in_workspace, 'usage:*'), kolony.hint(in_workspace, 'agents:*');
END

--- function remove_person(in_workspace uuid, who text)
OWNER kolony_roleadm ARGUMENTS (in_workspace uuid, who text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    still_somewhere boolean := kolony.end_membership(in_workspace, who);
BEGIN
    PERFORM kolony.shut_out(who, still_somewhere);
END

--- function remove_price(in_workspace uuid, for_models text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, for_models text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    DELETE FROM kolony.model_prices m WHERE m.workspace_id = in_workspace AND m.pattern = for_models;
    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM kolony.shipped_prices s WHERE s.pattern = for_models) THEN
            RAISE EXCEPTION 'the price of "%" is one that Kolony ships', for_models USING ERRCODE = '55000',
                HINT = 'set it to none instead';
        END IF;
        RAISE EXCEPTION 'there is no price of "%" here', for_models USING ERRCODE = 'P0002', HINT = 'see kolony price list';
    END IF;
    PERFORM kolony.record_audit(in_workspace, 'PRICE_REMOVED', for_models);
    PERFORM kolony.hint(in_workspace, 'usage:*');
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

--- function remove_webhook(the_webhook uuid)
OWNER kolony_api ARGUMENTS (the_webhook uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    webhook kolony.webhooks := kolony.webhook_for_step(the_webhook);
BEGIN
    UPDATE kolony.webhooks w SET deleted_at = now()
    WHERE w.workspace_id = webhook.workspace_id AND w.webhook_id = the_webhook;
    DELETE FROM kolony.webhook_secrets s WHERE s.workspace_id = webhook.workspace_id AND s.webhook_id = the_webhook;
    UPDATE kolony.webhook_deliveries d SET state = 'cancelled', next_try_at = NULL, ended_at = now()
    WHERE d.workspace_id = webhook.workspace_id AND d.webhook_id = the_webhook AND d.state = 'pending';
    PERFORM kolony.record_audit(webhook.workspace_id, 'WEBHOOK_REMOVED', webhook.name);
    PERFORM kolony.hint(webhook.workspace_id, 'note:*');
END

--- function rename_conversation(the_conversation uuid, title text)
OWNER kolony_api ARGUMENTS (the_conversation uuid, title text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    thread kolony.conversations := kolony.conversation_for_step(the_conversation, 'operator');
    called CONSTANT text := btrim(rename_conversation.title);
BEGIN
    PERFORM kolony.check_conversation_title(called);
    UPDATE kolony.conversations c SET title = called
    WHERE c.workspace_id = thread.workspace_id AND c.conversation_id = the_conversation;
    PERFORM kolony.record_audit(thread.workspace_id, 'CONVERSATION_CHANGED', '~' || thread.number,
        jsonb_build_object('title', jsonb_build_object('before', thread.title, 'after', called)), thread.agent_id);
    PERFORM kolony.hint(thread.workspace_id, 'conversation:' || the_conversation);
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

--- function report_body(kept jsonb)
OWNER kolony_api ARGUMENTS (kept jsonb) RETURNS text LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT "left"(concat_ws(E'\n', kept ->> 'summary',
        (SELECT string_agg(concat_ws(E'\n', f ->> 'title', f ->> 'detail', f ->> 'evidence',
                    replace(f ->> 'file', '/', ' ')), E'\n')
         FROM jsonb_array_elements(kept -> 'findings') f),
        (SELECT string_agg(concat_ws(E'\n', s ->> 'title', s ->> 'body'), E'\n')
         FROM jsonb_array_elements(kept -> 'sections') s),
        (SELECT string_agg(concat_ws(E'\n', r ->> 'title', r ->> 'detail'), E'\n')
         FROM jsonb_array_elements(kept -> 'recommendations') r)), 150000)

--- function report_list(document jsonb, key text, most integer)
OWNER kolony_api ARGUMENTS (document jsonb, key text, most integer) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    found CONSTANT jsonb := CASE WHEN coalesce(document -> key, 'null') = 'null' THEN '[]' ELSE document -> key END;
BEGIN
    IF jsonb_typeof(found) <> 'array' THEN
        RAISE EXCEPTION '% is %, not a list', key, jsonb_typeof(found) USING ERRCODE = '22023';
    END IF;
    IF jsonb_array_length(found) > most THEN
        RAISE EXCEPTION '% has % items; at most % are taken', key, jsonb_array_length(found), most
            USING ERRCODE = '22023';
    END IF;
    RETURN found;
END

--- function report_text(of_object jsonb, place text, keys text[], most integer, needed boolean)
OWNER kolony_api ARGUMENTS (of_object jsonb, place text, keys text[], most integer, needed boolean) RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    prefix CONSTANT text := CASE WHEN place = '' THEN '' ELSE place || '.' END;
    one text;
    found text := '';
BEGIN
    FOREACH one IN ARRAY keys LOOP
        CONTINUE WHEN coalesce(of_object -> one, 'null') = 'null';
        IF jsonb_typeof(of_object -> one) <> 'string' THEN
            RAISE EXCEPTION '% is %, not a text', prefix || one, jsonb_typeof(of_object -> one) USING ERRCODE = '22023';
        END IF;
        IF length(of_object ->> one) > most THEN
            RAISE EXCEPTION '% has % characters; at most % are taken', prefix || one, length(of_object ->> one), most
                USING ERRCODE = '22023';
        END IF;
        found := CASE WHEN found !~ '\S' THEN of_object ->> one ELSE found END;
    END LOOP;
    IF needed AND found !~ '\S' THEN
        RAISE EXCEPTION '% is missing', prefix || keys[1] USING ERRCODE = '22023';
    END IF;
    RETURN found;
END

--- function report_usage(the_attempt uuid, reports jsonb)
OWNER kolony_api ARGUMENTS (the_attempt uuid, reports jsonb) RETURNS jsonb LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    mine kolony.attempt_usage;
    first integer;
    report jsonb;
    today date;
BEGIN
    IF jsonb_typeof(reports) IS DISTINCT FROM 'array' OR jsonb_array_length(reports) > 1000 THEN
        RAISE EXCEPTION 'reports of usage are a list of at most 1000' USING ERRCODE = '22023';
    END IF;
    -- Whoever makes a budget counts what was used before under a lock that waits for this one.
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = held.workspace_id FOR KEY SHARE;
    mine := kolony.usage_of(held);
    first := mine.reports;
    today := kolony.today_in(held.workspace_id);
    FOR report IN SELECT r FROM jsonb_array_elements(reports) r
                  WHERE jsonb_typeof(r) = 'object' AND kolony.figure(r -> 'number') < 1000000000
                  ORDER BY (r ->> 'number')::numeric LOOP
        CONTINUE WHEN (report ->> 'number')::numeric < mine.reports;
        mine := kolony.book_report(mine, report, trunc((report ->> 'number')::numeric)::integer, today);
    END LOOP;
    IF mine.reports > first THEN
        UPDATE kolony.attempt_usage u SET reports = mine.reports, models = mine.models, input_fresh = mine.input_fresh,
            input_cached = mine.input_cached, cache_write = mine.cache_write, output = mine.output,
            reasoning = mine.reasoning, calls = mine.calls, cost_usd = mine.cost_usd,
            estimated_usd = mine.estimated_usd, session = mine.session, last_at = now()
        WHERE u.workspace_id = mine.workspace_id AND u.attempt_id = the_attempt;
        PERFORM kolony.sum_up_usage(mine, first);
    END IF;
    RETURN jsonb_build_object('cost_usd', mine.cost_usd,
        'total_tokens', mine.input_fresh + mine.input_cached + mine.cache_write + mine.output);
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

--- function require_not_begun(command kolony.commands)
OWNER kolony_api ARGUMENTS (command kolony.commands) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM FROM kolony.runs r WHERE r.workspace_id = command.workspace_id AND r.command_id = command.command_id
    ORDER BY r.run_id FOR NO KEY UPDATE;
    -- Claims pass over a ready run that is held here; one that was faster has an attempt by the next statement.
    PERFORM FROM kolony.ready_runs q
    WHERE q.workspace_id = command.workspace_id AND q.run_id IN (
        SELECT r.run_id FROM kolony.runs r
        WHERE r.workspace_id = command.workspace_id AND r.command_id = command.command_id)
    ORDER BY q.run_id FOR UPDATE;
    IF EXISTS (SELECT FROM kolony.attempts t JOIN kolony.runs r ON r.workspace_id = t.workspace_id AND r.run_id = t.run_id
               WHERE r.workspace_id = command.workspace_id AND r.command_id = command.command_id) THEN
        RAISE EXCEPTION 'command #% has begun', command.number
            USING ERRCODE = '55000', HINT = 'only what nobody has begun can be edited; cancel it and send a new one';
    END IF;
    IF (SELECT c.outcome IS NOT NULL FROM kolony.commands c
        WHERE c.workspace_id = command.workspace_id AND c.command_id = command.command_id) THEN
        RAISE EXCEPTION 'command #% has ended', command.number
            USING ERRCODE = '55000', HINT = 'only what nobody has begun can be edited; send a new one';
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
                   + (SELECT count(*) FROM kolony.scheduled_runs q WHERE q.workspace_id = home)
                   + (SELECT count(*) FROM kolony.blocked_runs q WHERE q.workspace_id = home);
    END CASE;
    IF there > allowed THEN
        RAISE EXCEPTION 'this workspace''s plan allows % %', allowed,
            CASE WHEN allowed = 1 THEN rtrim(what, 's') ELSE what END
            USING ERRCODE = '54000', HINT = 'an admin can raise it: kolony workspace limits';
    END IF;
END

--- function require_waiting(run kolony.runs, waiting kolony.blocked_runs)
OWNER kolony_api ARGUMENTS (run kolony.runs, waiting kolony.blocked_runs) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF run.outcome IS NOT NULL THEN
        RAISE EXCEPTION 'this run has ended already (%)', run.outcome USING ERRCODE = '55000';
    ELSIF waiting.run_id IS NULL THEN
        RAISE EXCEPTION 'this run does not wait any more'
            USING ERRCODE = '55000', HINT = 'it has begun: it can be interrupted or cancelled';
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

--- function restore_output(in_workspace uuid, the_run uuid, the_attempt integer, seqs integer[], streams text[], ats timestamp with time zone[], first_lines bigint[], line_counts integer[], datas bytea[])
OWNER kolony_api ARGUMENTS (in_workspace uuid, the_run uuid, the_attempt integer, seqs integer[], streams text[], ats timestamp with time zone[], first_lines bigint[], line_counts integer[], datas bytea[]) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    its kolony.output_archives;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    SELECT * INTO its FROM kolony.output_archives a
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt FOR UPDATE;
    IF its.state IS NULL OR its.state NOT IN ('archived', 'restoring') THEN
        RAISE EXCEPTION 'that output is not in the archive' USING ERRCODE = '55000', HINT = 'see kolony retention archived';
    END IF;
    IF its.state = 'archived' THEN
        PERFORM kolony.ensure_output_partition(its.output_day);
        UPDATE kolony.output_archives a SET state = 'restoring'
        WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt;
    END IF;
    INSERT INTO kolony.output_chunks (workspace_id, run_id, attempt, seq, day, stream, at, first_line, line_count, data)
    SELECT in_workspace, the_run, the_attempt, c.seq, its.output_day, c.stream, c.at, c.first_line, c.line_count, c.data
    FROM unnest(seqs, streams, ats, first_lines, line_counts, datas)
        AS c (seq, stream, at, first_line, line_count, data);
END

--- function restore_preset_version(the_preset uuid, the_version integer)
OWNER kolony_api ARGUMENTS (the_preset uuid, the_version integer) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    preset kolony.presets := kolony.preset_for_step(the_preset, true);
    earlier kolony.preset_versions;
BEGIN
    SELECT * INTO earlier FROM kolony.preset_versions v WHERE v.workspace_id = preset.workspace_id
        AND v.preset_id = the_preset AND v.version = the_version;
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" has no version %', preset.name, the_version
            USING ERRCODE = 'P0002', HINT = format('it has 1 to %s', preset.version);
    END IF;
    RETURN kolony.change_preset(the_preset, to_jsonb(earlier)
        - ARRAY['workspace_id', 'preset_id', 'version', 'changed_by', 'changed_at']);
END

--- function retain(what text)
OWNER kolony_api ARGUMENTS (what text) RETURNS jsonb LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    at_once CONSTANT integer := 500;
    home uuid;
    did jsonb;
    total jsonb := '{}';
    more boolean := false;
    pair record;
    found record;
BEGIN
    FOR home IN SELECT w.workspace_id FROM kolony.workspaces w ORDER BY 1 LOOP
        CASE what
            WHEN 'output' THEN
                SELECT * INTO found FROM kolony.retain_output(home, at_once);
                did := jsonb_build_object('removed_outputs', found.attempts, 'removed_copies', found.copies);
            WHEN 'traces' THEN did := jsonb_build_object('removed_traces', kolony.retain_traces(home, at_once));
            WHEN 'artifacts' THEN
                did := jsonb_build_object('removed_artifacts', kolony.retain_artifacts(home, at_once));
            WHEN 'usage' THEN did := jsonb_build_object('removed_reports', kolony.retain_usage(home, at_once * 10));
            WHEN 'events' THEN
                PERFORM kolony.hold_off_holds(home);
                did := jsonb_build_object('removed_events', CASE WHEN kolony.has_holds(home) THEN 0
                    ELSE kolony.remove_events(home, kolony.old_before(home, 'events'), at_once * 20) END);
            WHEN 'orphans' THEN
                SELECT * INTO found FROM kolony.remove_orphans(home, at_once);
                did := jsonb_build_object('removed_parts', found.parts, 'removed_folders', found.folders);
        END CASE;
        IF EXISTS (SELECT FROM jsonb_each_text(did) d WHERE d.value::bigint > 0) THEN
            PERFORM kolony.record_audit(home, 'RETENTION_APPLIED', what, did);
        END IF;
        FOR pair IN SELECT * FROM jsonb_each_text(did) LOOP
            total := total || jsonb_build_object(pair.key, coalesce((total ->> pair.key)::bigint, 0) + pair.value::bigint);
            more := more OR pair.value::bigint >= at_once;
        END LOOP;
    END LOOP;
    RETURN CASE WHEN more THEN total || '{"more": true}' ELSE total END;
END

--- function retain_artifacts(home uuid, up_to integer)
OWNER kolony_api ARGUMENTS (home uuid, up_to integer) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    too_old CONSTANT timestamptz := kolony.old_before(home, 'artifacts');
    gone integer;
BEGIN
    PERFORM kolony.hold_off_holds(home);
    WITH due AS (
        SELECT a.artifact_id FROM kolony.artifacts a
        JOIN kolony.runs r ON r.workspace_id = home AND r.run_id = a.run_id AND r.finished_at < too_old
        WHERE a.workspace_id = home AND a.kept_at IS NOT NULL AND a.created_at < too_old
          AND NOT kolony.is_held(home, a.run_id)
        ORDER BY a.artifact_id LIMIT up_to FOR NO KEY UPDATE OF a SKIP LOCKED),
    parts AS (
        DELETE FROM kolony.artifact_parts p USING due WHERE p.workspace_id = home AND p.artifact_id = due.artifact_id)
    UPDATE kolony.artifacts a SET kept_at = NULL,
        why_not = format('its content was removed by retention on %s', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'))
    FROM due WHERE a.workspace_id = home AND a.artifact_id = due.artifact_id;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
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
    PERFORM kolony.hold_off_holds(w.workspace_id) FROM (SELECT workspace_id FROM kolony.workspaces ORDER BY 1) w;
    FOR part IN
        SELECT to_date("right"(c.relname, 7), 'YYYY_MM') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'kolony.audit_log'::regclass
          AND to_date("right"(c.relname, 7), 'YYYY_MM') + interval '1 month' <= now() - make_interval(days => longest)
          AND NOT EXISTS (SELECT FROM kolony.workspaces w WHERE kolony.has_holds(w.workspace_id))
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
          AND NOT kolony.has_holds(w.workspace_id)
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

--- function retain_notifications()
OWNER kolony_api ARGUMENTS () RETURNS jsonb LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    home uuid;
    gone integer;
    notes integer := 0;
    deliveries integer := 0;
BEGIN
    FOR home IN SELECT w.workspace_id FROM kolony.workspaces w ORDER BY 1 LOOP
        PERFORM kolony.hold_off_holds(home);
        CONTINUE WHEN kolony.has_holds(home, true);
        DELETE FROM kolony.notifications n WHERE n.workspace_id = home
            AND (n.expires_at < now() OR n.last_at < kolony.old_before(home, 'notifications'));
        GET DIAGNOSTICS gone = ROW_COUNT;
        notes := notes + gone;
        DELETE FROM kolony.webhook_deliveries d
        WHERE d.workspace_id = home AND d.ended_at < kolony.old_before(home, 'deliveries');
        GET DIAGNOSTICS gone = ROW_COUNT;
        deliveries := deliveries + gone;
    END LOOP;
    RETURN jsonb_build_object('removed_notifications', notes, 'removed_deliveries', deliveries);
END

--- function retain_output(home uuid, up_to integer, OUT copies integer, OUT attempts integer)
OWNER kolony_api ARGUMENTS (home uuid, up_to integer, OUT copies integer, OUT attempts integer) RETURNS record LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    too_old CONSTANT timestamptz := kolony.old_before(home, 'output');
    each record;
BEGIN
    PERFORM kolony.hold_off_holds(home);
    copies := 0;
    attempts := 0;
    FOR each IN
        SELECT a.run_id, a.attempt, a.output_day FROM kolony.output_archives a
        WHERE a.workspace_id = home AND a.state = 'restored' AND a.restored_at < kolony.old_before(home, 'restored')
          AND NOT kolony.is_held(home, a.run_id)
        LIMIT up_to FOR UPDATE SKIP LOCKED
    LOOP
        DELETE FROM kolony.output_chunks c WHERE c.workspace_id = home AND c.run_id = each.run_id
            AND c.attempt = each.attempt AND c.day = each.output_day;
        UPDATE kolony.output_archives a SET state = 'archived', restored_at = NULL, restored_by = NULL
        WHERE a.workspace_id = home AND a.run_id = each.run_id AND a.attempt = each.attempt;
        copies := copies + 1;
    END LOOP;
    FOR each IN
        SELECT DISTINCT c.run_id, c.attempt, c.day, r.finished_at FROM kolony.output_chunks c
        JOIN kolony.runs r ON r.workspace_id = home AND r.run_id = c.run_id AND r.finished_at < too_old
        LEFT JOIN kolony.output_archives a ON a.workspace_id = home AND a.run_id = c.run_id AND a.attempt = c.attempt
        WHERE c.workspace_id = home AND c.day <= too_old::date + 1
          AND (a.run_id IS NULL OR a.state = 'taken' AND a.taken_until < clock_timestamp())
          AND NOT kolony.is_held(home, c.run_id)
        LIMIT up_to - copies
    LOOP
        INSERT INTO kolony.output_archives AS a (workspace_id, run_id, attempt, state, output_day, finished_at, removed_at)
        VALUES (home, each.run_id, each.attempt, 'removed', each.day, each.finished_at, clock_timestamp())
        ON CONFLICT (workspace_id, run_id, attempt) DO UPDATE SET state = 'removed', removed_at = EXCLUDED.removed_at,
            ticket = NULL, taken_until = NULL
        WHERE a.state = 'taken' AND a.taken_until < clock_timestamp();
        CONTINUE WHEN NOT FOUND;
        DELETE FROM kolony.output_chunks c WHERE c.workspace_id = home AND c.run_id = each.run_id
            AND c.attempt = each.attempt AND c.day = each.day;
        attempts := attempts + 1;
    END LOOP;
END

--- function retain_traces(home uuid, up_to integer)
OWNER kolony_api ARGUMENTS (home uuid, up_to integer) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    too_old CONSTANT timestamptz := kolony.old_before(home, 'traces');
    attempts integer := 0;
    each record;
BEGIN
    PERFORM kolony.hold_off_holds(home);
    FOR each IN
        SELECT DISTINCT t.run_id, t.attempt, t.day FROM kolony.trace_entries t
        JOIN kolony.runs r ON r.workspace_id = home AND r.run_id = t.run_id AND r.finished_at < too_old
        WHERE t.workspace_id = home AND t.day <= too_old::date + 1 AND NOT kolony.is_held(home, t.run_id)
        LIMIT up_to
    LOOP
        DELETE FROM kolony.trace_entries t WHERE t.workspace_id = home AND t.run_id = each.run_id
            AND t.attempt = each.attempt AND t.day = each.day;
        attempts := attempts + 1;
    END LOOP;
    RETURN attempts;
END

--- function retain_usage(home uuid, up_to integer)
OWNER kolony_api ARGUMENTS (home uuid, up_to integer) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    too_old CONSTANT timestamptz := kolony.old_before(home, 'usage');
    gone integer;
BEGIN
    PERFORM kolony.hold_off_holds(home);
    DELETE FROM kolony.usage_reports u USING (
        SELECT o.attempt_id, o.number FROM kolony.usage_reports o
        JOIN kolony.attempts t ON t.workspace_id = home AND t.attempt_id = o.attempt_id AND t.ended_at < too_old
        WHERE o.workspace_id = home AND o.at < too_old AND NOT kolony.is_held(home, o.run_id)
        LIMIT up_to) old
    WHERE u.workspace_id = home AND u.attempt_id = old.attempt_id AND u.number = old.number;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
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
OWNER kolony_api ARGUMENTS (the_command uuid) RETURNS integer LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT kolony.step_command(the_command, 'retry', NULL)

--- function retry_ended_run(home uuid, the_run uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    run kolony.runs;
    command kolony.commands;
    waiting kolony.blocked_runs;
BEGIN
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = home AND r.run_id = the_run FOR NO KEY UPDATE;
    IF run.outcome IS NULL OR run.outcome = 'completed' THEN
        RETURN false;
    END IF;
    UPDATE kolony.runs r SET outcome = NULL, finished_at = NULL, exit_code = NULL, error = NULL, failed_tries = 0,
        cancel_at = NULL, cancel_by = NULL, cancel_why = NULL, limit_hit = NULL, reason = NULL,
        warning = NULL, interrupt_at = NULL, interrupt_by = NULL, interrupt_why = NULL, interrupt_heard_at = NULL
    WHERE r.workspace_id = home AND r.run_id = the_run;
    SELECT * INTO STRICT command FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id = run.command_id;
    SELECT home, the_run, run.agent_id, run.command_id, run.ordinal, run.priority, extract(epoch FROM clock_timestamp()),
           command.not_before, coalesce(max(t.number), 0) + 1, false, kolony.comes_later(home, run.command_id),
           command.at_a_time IS NOT NULL -- kolony.roll_up lets it in, where there is room
    INTO waiting.workspace_id, waiting.run_id, waiting.agent_id, waiting.command_id, waiting.ordinal, waiting.priority,
        waiting.place, waiting.due_at, waiting.attempt, waiting.held, waiting.after, waiting.beyond
    FROM kolony.attempts t WHERE t.workspace_id = home AND t.run_id = the_run;
    PERFORM kolony.put_waiting(waiting);
    IF kolony.is_retired(home, run.agent_id) THEN
        RAISE EXCEPTION 'its agent is retired' USING ERRCODE = '55000', HINT = 'resume the agent first';
    END IF;
    RETURN true;
END

--- function retry_run(the_run uuid)
OWNER kolony_api ARGUMENTS (the_run uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.run_for_step(the_run);
    PERFORM kolony.take_steps(ARRAY[the_run], 'retry', NULL, NULL, true);
END

--- function retry_runs(the_runs uuid[])
OWNER kolony_api ARGUMENTS (the_runs uuid[]) RETURNS TABLE(run_id uuid, became text, refused text) LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT * FROM kolony.take_steps(the_runs, 'retry', NULL, NULL, false)

--- function revoke_rule(the_rule uuid)
OWNER kolony_api ARGUMENTS (the_rule uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    rule kolony.approval_rules;
BEGIN
    SELECT * INTO rule FROM kolony.approval_rules l
    WHERE l.rule_id = the_rule AND l.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such rule here' USING ERRCODE = 'P0002', HINT = 'see kolony rule list';
    END IF;
    PERFORM kolony.require_role(rule.workspace_id, 'operator');
    UPDATE kolony.approval_rules l SET revoked_at = clock_timestamp(), revoked_by = kolony.my_profile_id()
    WHERE l.workspace_id = rule.workspace_id AND l.rule_id = the_rule AND l.revoked_at IS NULL;
    IF FOUND THEN
        PERFORM kolony.record_audit(rule.workspace_id, 'APPROVAL_RULE_REVOKED',
            rule.decision || ' ' || coalesce("left"(rule.prefix, 150), rule.tool),
            jsonb_build_object('rule_id', the_rule, 'hits', rule.hits), rule.agent_id);
        PERFORM kolony.hint(rule.workspace_id, 'approval_rule:' || the_rule);
    END IF;
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
    window_size integer;
BEGIN
    SELECT c.at_a_time INTO window_size FROM kolony.commands c
    WHERE c.workspace_id = home AND c.command_id = the_command FOR NO KEY UPDATE;
    SELECT CASE WHEN bool_or(r.outcome IS NULL) THEN NULL
                WHEN bool_or(r.outcome = 'failed') THEN 'failed'
                WHEN bool_or(r.outcome = 'cancelled') THEN 'cancelled'
                ELSE 'completed' END
    INTO ended FROM kolony.runs r WHERE r.workspace_id = home AND r.command_id = the_command;
    UPDATE kolony.commands c SET outcome = ended, finished_at = CASE WHEN ended IS NULL THEN NULL ELSE now() END
    WHERE c.workspace_id = home AND c.command_id = the_command AND c.outcome IS DISTINCT FROM ended;
    IF ended IS NULL AND window_size IS NOT NULL THEN
        PERFORM kolony.fill_window(home, the_command);
    END IF;
END

--- function roll_up_all(home uuid, the_commands uuid[])
OWNER kolony_api ARGUMENTS (home uuid, the_commands uuid[]) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    windowed uuid[];
    each uuid;
BEGIN
    SELECT array_agg(k.command_id) FILTER (WHERE k.at_a_time IS NOT NULL) INTO windowed FROM (
        SELECT c.command_id, c.at_a_time FROM kolony.commands c
        WHERE c.workspace_id = home AND c.command_id = ANY (the_commands) ORDER BY c.command_id FOR NO KEY UPDATE) k;
    UPDATE kolony.commands c SET outcome = k.ended, updated_at = now(),
        finished_at = CASE WHEN k.ended IS NULL THEN NULL ELSE now() END
    FROM unnest(the_commands) AS u (command_id) CROSS JOIN LATERAL (
        SELECT CASE WHEN bool_or(r.outcome IS NULL) THEN NULL
                    WHEN bool_or(r.outcome = 'failed') THEN 'failed'
                    WHEN bool_or(r.outcome = 'cancelled') THEN 'cancelled'
                    ELSE 'completed' END AS ended
        FROM kolony.runs r WHERE r.workspace_id = home AND r.command_id = u.command_id) k
    WHERE c.workspace_id = home AND c.command_id = u.command_id AND c.outcome IS DISTINCT FROM k.ended;
    IF windowed IS NULL THEN
        RETURN;
    END IF;
    FOR each IN
        SELECT c.command_id FROM kolony.commands c
        WHERE c.workspace_id = home AND c.command_id = ANY (windowed) AND c.outcome IS NULL
        ORDER BY c.command_id
    LOOP
        PERFORM kolony.fill_window(home, each);
    END LOOP;
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

--- function rule_fits(prefix text, decision text, command text)
OWNER kolony_api ARGUMENTS (prefix text, decision text, command text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    wanted text[];
    found text[];
BEGIN
    IF prefix IS NULL THEN
        RETURN true;
    END IF;
    -- What could not be stored as it came is not what somebody has seen.
    IF command IS NULL OR decision = 'allow' AND strpos(command, U&'\FFFD') > 0 THEN
        RETURN false;
    END IF;
    IF prefix = command THEN
        RETURN true;
    END IF;
    wanted := kolony.rule_words(prefix);
    IF wanted IS NULL THEN
        RETURN false;
    END IF;
    found := kolony.shell_words(command);
    IF found[1:cardinality(wanted)] = wanted THEN
        RETURN true;
    END IF;
    RETURN decision = 'reject'
        AND starts_with(regexp_replace(ltrim("left"(command, 16384), E' \t\r\n'), '\s+', ' ', 'g'),
                        array_to_string(wanted, ' '))
        AND substr(regexp_replace(ltrim("left"(command, 16384), E' \t\r\n'), '\s+', ' ', 'g'),
                   length(array_to_string(wanted, ' ')) + 1, 1) !~ '[A-Za-z0-9_]';
END

--- function rule_for(home uuid, of_agent uuid, tool text, command text)
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid, tool text, command text) RETURNS kolony.approval_rules LANGUAGE sql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT l FROM kolony.approval_rules l
    WHERE l.workspace_id = rule_for.home AND l.revoked_at IS NULL AND (l.until IS NULL OR l.until > clock_timestamp())
      AND (l.agent_id IS NULL OR l.agent_id = rule_for.of_agent) AND (l.tool IS NULL OR l.tool = rule_for.tool)
      AND kolony.rule_fits(l.prefix, l.decision, rule_for.command)
    ORDER BY l.decision = 'reject' DESC, l.agent_id IS NOT NULL DESC, l.tool IS NOT NULL DESC,
             length(l.prefix) DESC NULLS LAST, l.rule_id
    LIMIT 1

--- function rule_for_step(the_rule uuid)
OWNER kolony_api ARGUMENTS (the_rule uuid) RETURNS kolony.notification_rules LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    rule kolony.notification_rules;
BEGIN
    SELECT * INTO rule FROM kolony.notification_rules r
    WHERE r.rule_id = the_rule AND r.workspace_id = ANY (kolony.my_workspace_ids()) AND r.deleted_at IS NULL
      AND (r.profile_id IS NULL OR r.profile_id = kolony.my_profile_id()) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such rule here' USING ERRCODE = 'P0002', HINT = 'see kolony notification rules';
    END IF;
    PERFORM kolony.require_role(rule.workspace_id, CASE WHEN rule.profile_id IS NULL THEN 'admin' ELSE 'viewer' END);
    RETURN rule;
END

--- function rule_words(prefix text)
OWNER kolony_api ARGUMENTS (prefix text) RETURNS text[] LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT CASE WHEN prefix !~ '[*?~''"]' THEN kolony.shell_words(prefix) END

--- function run_brief(home uuid, the_run uuid, priced boolean)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid, priced boolean) RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    of_thread CONSTANT boolean := EXISTS (SELECT FROM kolony.messages m WHERE m.workspace_id = home AND m.run_id = the_run);
BEGIN
    IF NOT of_thread AND NOT priced THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'conversation', CASE WHEN of_thread THEN kolony.conversation_brief(home, the_run) END,
        'budget_usd', CASE WHEN priced THEN kolony.budget_brief(home, the_run) END));
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

--- function run_reference(home uuid, the_run uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || r.ordinal ELSE '' END
    FROM kolony.runs r JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    WHERE r.workspace_id = home AND r.run_id = the_run

--- function run_upkeep(even_if_not_due boolean, only_job text)
OWNER kolony_api ARGUMENTS (even_if_not_due boolean DEFAULT false, only_job text DEFAULT NULL::text) RETURNS TABLE(job text, ran boolean, result jsonb) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_column
DECLARE
    each record;
    due boolean;
    began timestamptz;
    did jsonb;
    more boolean;
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
            RETURN QUERY SELECT each.job, false, coalesce(each.last_result, '{}');
            CONTINUE;
        END IF;
        began := clock_timestamp();
        BEGIN
            did := kolony.do_upkeep(each.job);
        EXCEPTION WHEN OTHERS THEN
            did := jsonb_build_object('error', SQLERRM, 'sqlstate', SQLSTATE);
        END;
        more := coalesce((did ->> 'more')::boolean, false);
        UPDATE kolony.upkeep u
        SET last_began = CASE WHEN more THEN began - u.every ELSE began END, last_ended = clock_timestamp(),
            last_result = did, done_before = CASE WHEN more THEN u.done_before + (
                SELECT coalesce(sum(d.value::bigint), 0) FROM jsonb_each_text(did - 'more') d) ELSE 0 END
        WHERE u.job = each.job;
        PERFORM kolony.note_upkeep(each.job, began, did);
        RETURN QUERY SELECT each.job, true, did;
    END LOOP;
END

--- function run_was(r kolony.runs)
OWNER kolony_api ARGUMENTS (r kolony.runs) RETURNS jsonb LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'agent_id', r.agent_id, 'priority', r.priority, 'outcome', r.outcome,
        'finished_at', r.finished_at, 'cancel_at', r.cancel_at, 'cancel_by', r.cancel_by,
        'held_at', r.held_at, 'held_by', r.held_by, 'interrupt_at', r.interrupt_at,
        'interrupt_by', r.interrupt_by, 'interrupt_heard_at', r.interrupt_heard_at,
        'limit_hit', r.limit_hit, 'reason', r.reason))

--- function save_view(in_workspace uuid, of_list text, with_name text, what jsonb, with_others boolean)
OWNER kolony_api ARGUMENTS (in_workspace uuid, of_list text, with_name text, what jsonb, with_others boolean DEFAULT false) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, CASE WHEN with_others THEN 'operator' ELSE 'viewer' END);
    IF jsonb_typeof(what) IS DISTINCT FROM 'object' OR pg_column_size(what) > 8000 THEN
        RAISE EXCEPTION 'a view is a JSON object of at most 8000 bytes' USING ERRCODE = '22023';
    END IF;
    IF coalesce(length(with_name), 0) NOT BETWEEN 1 AND 60 OR with_name <> btrim(with_name)
       OR with_name ~ '[\u0001-\u001f\u007f-\u009f]' THEN
        RAISE EXCEPTION 'the name of a view has 1 to 60 printable characters' USING ERRCODE = '22023';
    END IF;
    IF of_list IS NULL OR of_list !~ '^[a-z][a-z_]{0,39}$' THEN
        RAISE EXCEPTION 'there is no such list' USING ERRCODE = '22023';
    END IF;
    IF (SELECT count(*) FROM kolony.saved_views v WHERE v.workspace_id = in_workspace AND v.deleted_at IS NULL
        AND v.profile_id = kolony.my_profile_id()) >= 500 THEN
        RAISE EXCEPTION 'nobody keeps more than 500 views' USING ERRCODE = '54000', HINT = 'delete some';
    END IF;
    INSERT INTO kolony.saved_views AS v (workspace_id, profile_id, list, name, definition, shared)
    VALUES (in_workspace, kolony.my_profile_id(), of_list, with_name, what, with_others)
    ON CONFLICT (workspace_id, profile_id, list, name) WHERE deleted_at IS NULL
    DO UPDATE SET definition = excluded.definition, shared = excluded.shared
    RETURNING v.view_id INTO made;
    PERFORM kolony.hint(in_workspace, 'view:' || made);
    RETURN made;
END

--- function say(thread kolony.conversations, content text, file_names text[], files bytea[])
OWNER kolony_api ARGUMENTS (thread kolony.conversations, content text, file_names text[], files bytea[]) RETURNS kolony.messages LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    open_before uuid[];
    message kolony.messages;
BEGIN
    SELECT coalesce(array_agg(c.command_id), '{}') INTO open_before FROM (
        SELECT m.command_id FROM kolony.messages m
        WHERE m.workspace_id = thread.workspace_id AND m.conversation_id = thread.conversation_id AND m.unanswered
        ORDER BY m.number DESC LIMIT 100) m
    JOIN kolony.commands c ON c.workspace_id = thread.workspace_id AND c.command_id = m.command_id AND c.outcome IS NULL;
    SELECT s.command_id, s.run_id INTO STRICT message.command_id, message.run_id
    FROM kolony.send_command(thread.workspace_id, ARRAY[thread.agent_id], content, after_commands => open_before,
        after_need => 'ended') s;
    message.origin := 'person';
    message.author_id := kolony.my_profile_id();
    message.content := content;
    message := kolony.add_message(thread.workspace_id, thread.conversation_id, message);
    PERFORM kolony.put_attachments(thread.workspace_id, message.message_id, file_names, files);
    -- Whoever answers has read what is answered.
    INSERT INTO kolony.conversation_reads AS d (workspace_id, conversation_id, profile_id, upto)
    VALUES (thread.workspace_id, thread.conversation_id, message.author_id, message.number)
    ON CONFLICT (workspace_id, conversation_id, profile_id) DO UPDATE SET upto = greatest(d.upto, excluded.upto);
    RETURN message;
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

--- function search_output(home uuid, the_run uuid, the_attempt integer, of_day date, first integer, last integer, wanted text, as_pattern boolean, any_case boolean, only_stream text, width integer)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid, the_attempt integer, of_day date, first integer, last integer, wanted text, as_pattern boolean, any_case boolean, only_stream text, width integer) RETURNS TABLE(seq integer, line bigint, stream text, words bytea) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    needle text := CASE WHEN as_pattern THEN '' WHEN any_case THEN lower(wanted) ELSE wanted END;
    needle_escaped text;
    needed text;
    streams CONSTANT text[] := ARRAY['stdout', 'stderr', 'log'];
    carried bytea[] := ARRAY[NULL, NULL, NULL]::bytea[];
    this record;
    there record;
    which integer;
    again boolean;
BEGIN
    PERFORM kolony.require_role(home, 'viewer');
    IF coalesce(wanted, '') = '' OR strpos(wanted, E'\n') > 0 OR length(wanted) > 1000 THEN
        RAISE EXCEPTION 'what is searched for is 1 to 1000 characters of a line' USING ERRCODE = '22023';
    ELSIF last IS NULL OR first IS NULL OR last - first >= 4096 THEN
        RAISE EXCEPTION 'at most 4096 pieces are searched at once' USING ERRCODE = '22023';
    END IF;
    IF as_pattern THEN
        needle := (CASE WHEN any_case THEN '(?ni)' ELSE '(?n)' END) || wanted;
        needle_escaped := needle;
        BEGIN
            PERFORM 'x' ~ needle;
        EXCEPTION WHEN invalid_regular_expression THEN
            RAISE EXCEPTION '%', SQLERRM USING ERRCODE = '22023', HINT = 'without --regex, or slashes, it is plain text';
        END;
    ELSE
        needle_escaped := encode(convert_to(needle, 'UTF8'), 'escape');
    END IF;
    FOR this IN
        SELECT c.seq, c.stream, c.first_line, c.data FROM kolony.output_chunks c
        WHERE c.workspace_id = home AND c.run_id = the_run AND c.attempt = the_attempt AND c.day = of_day
          AND c.seq >= first AND c.seq <= last AND (only_stream IS NULL OR c.stream = only_stream)
        ORDER BY c.seq
    LOOP
        which := array_position(streams, this.stream);
        IF carried[which] IS NULL THEN
            carried[which] := coalesce((
                SELECT kolony.unfinished(c.data) FROM kolony.output_chunks c
                WHERE c.workspace_id = home AND c.run_id = the_run AND c.attempt = the_attempt AND c.day = of_day
                  AND c.seq < first AND c.stream = this.stream
                ORDER BY c.seq DESC LIMIT 1), '');
        END IF;
        there := kolony.searchable(carried[which] || this.data);
        needed := CASE WHEN there.escaped THEN needle_escaped ELSE needle END;
        IF kolony.stands_in(there.words, needed, as_pattern, any_case) THEN
            -- What stood in what was carried over was found with the piece before.
            again := kolony.stands_in((kolony.searchable(carried[which])).words, needed, as_pattern, any_case)
                AND carried[which] <> '';
            RETURN QUERY
            SELECT this.seq, this.first_line + l.place - 1, this.stream,
                   CASE WHEN there.escaped AND length(l.words) <= width THEN decode(l.words, 'escape')
                        ELSE convert_to(left(l.words, width), 'UTF8') END
            FROM string_to_table(there.words, E'\n') WITH ORDINALITY AS l (words, place)
            WHERE NOT (l.place = 1 AND again) AND kolony.stands_in(l.words, needed, as_pattern, any_case);
        END IF;
        carried[which] := kolony.unfinished(carried[which] || this.data);
    END LOOP;
END

--- function search_reports(in_workspace uuid, what text, at_most integer)
OWNER kolony_api ARGUMENTS (in_workspace uuid, what text, at_most integer DEFAULT 200) RETURNS TABLE(report_id uuid, excerpt text) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    asked CONSTANT tsquery := websearch_to_tsquery('pg_catalog.english', "left"(coalesce(what, ''), 1000));
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    RETURN QUERY
    SELECT found.report_id, ts_headline('pg_catalog.english', concat_ws(E'\n', found.title, found.body), asked,
        'StartSel=«, StopSel=», MaxFragments=2, MaxWords=18, MinWords=5, FragmentDelimiter=" … "')
    FROM (SELECT p.report_id, p.title, p.body, ts_rank(p.words, asked) AS rank FROM kolony.reports p
          WHERE p.workspace_id = in_workspace AND p.words @@ asked
          ORDER BY rank DESC, p.report_id DESC LIMIT least(greatest(at_most, 1), 1000)) found
    ORDER BY found.rank DESC, found.report_id DESC;
END

--- function searchable(bytes bytea, OUT words text, OUT escaped boolean)
OWNER kolony_api ARGUMENTS (bytes bytea, OUT words text, OUT escaped boolean) RETURNS record LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    begun integer := 0;
    rest integer := length(bytes);
    lead integer;
BEGIN
    WHILE begun < least(rest, 3) AND get_byte(bytes, begun) & 192 = 128 LOOP
        begun := begun + 1;
    END LOOP;
    FOR back IN 1 .. least(3, rest) LOOP
        lead := get_byte(bytes, rest - back);
        IF lead >= 192 AND back < (CASE WHEN lead >= 240 THEN 4 WHEN lead >= 224 THEN 3 ELSE 2 END) THEN
            rest := rest - back;
        END IF;
        EXIT WHEN lead & 192 <> 128;
    END LOOP;
    BEGIN
        words := convert_from(substr(bytes, begun + 1, greatest(rest - begun, 0)), 'UTF8');
        escaped := false;
    EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
        words := encode(bytes, 'escape');
        escaped := true;
    END;
    IF strpos(words, E'\x1b') > 0 THEN
        words := regexp_replace(words, E'\x1b\\[[0-9;:?]*[ -/]*[@-~]', '', 'g');
    END IF;
END

--- function send_command(in_workspace uuid, to_agents uuid[], content text, priority integer, as_draft boolean, max_attempts integer, retry_on text, time_limit_ms bigint, kind text, about_runs uuid[], parent uuid, not_before timestamp with time zone, after_commands uuid[], after_need text, at_a_time integer, stop_after integer, idempotency_key text, constraint_profile uuid, token_budget bigint, memory_limit_mb integer, cpu_limit_percent integer, target_words text, preset uuid, preset_version integer)
OWNER kolony_api ARGUMENTS (in_workspace uuid, to_agents uuid[], content text, priority integer DEFAULT 50, as_draft boolean DEFAULT false, max_attempts integer DEFAULT 3, retry_on text DEFAULT 'lost'::text, time_limit_ms bigint DEFAULT NULL::bigint, kind text DEFAULT 'natural'::text, about_runs uuid[] DEFAULT '{}'::uuid[], parent uuid DEFAULT NULL::uuid, not_before timestamp with time zone DEFAULT NULL::timestamp with time zone, after_commands uuid[] DEFAULT '{}'::uuid[], after_need text DEFAULT 'completed'::text, at_a_time integer DEFAULT NULL::integer, stop_after integer DEFAULT NULL::integer, idempotency_key text DEFAULT NULL::text, constraint_profile uuid DEFAULT NULL::uuid, token_budget bigint DEFAULT NULL::bigint, memory_limit_mb integer DEFAULT NULL::integer, cpu_limit_percent integer DEFAULT NULL::integer, target_words text DEFAULT NULL::text, preset uuid DEFAULT NULL::uuid, preset_version integer DEFAULT NULL::integer) RETURNS TABLE(command_id uuid, number bigint, run_id uuid, ordinal integer, agent_id uuid, agent text, repeated boolean) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    new kolony.commands;
    limits record;
    before kolony.commands;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    PERFORM kolony.check_content(content);
    IF priority IS NULL OR priority NOT BETWEEN 0 AND 100 THEN -- before it is too large for its column
        RAISE EXCEPTION 'a priority is 0 to 100, not %', priority USING ERRCODE = '22023';
    END IF;
    IF max_attempts IS NULL OR max_attempts NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'a command has 1 to 100 attempts, not %', max_attempts USING ERRCODE = '22023';
    END IF;
    SELECT * INTO limits FROM kolony.limits_for(in_workspace, constraint_profile);
    new.workspace_id := in_workspace;
    new.content := content;
    new.priority := priority;
    new.targets := to_agents;
    new.max_attempts := max_attempts;
    new.retry_on := retry_on;
    new.time_limit_ms := coalesce(time_limit_ms, limits.time_limit_ms);
    new.submitted_at := CASE WHEN as_draft THEN NULL ELSE now() END;
    new.kind := kind;
    new.parent_id := parent;
    new.subjects := coalesce(about_runs, '{}');
    new.not_before := not_before;
    new.idempotency_key := idempotency_key;
    new.at_a_time := at_a_time;
    new.stop_after := stop_after;
    new.target_words := target_words;
    new.preset_id := preset;
    new.preset_version := preset_version;
    new.constraint_id := limits.constraint_id;
    new.token_budget := coalesce(token_budget, limits.token_budget);
    new.memory_limit_mb := coalesce(memory_limit_mb, limits.memory_limit_mb);
    new.cpu_limit_percent := coalesce(cpu_limit_percent, limits.cpu_limit_percent);
    PERFORM kolony.check_sending(in_workspace, to_agents, new);
    INSERT INTO kolony.commands AS c (workspace_id, content, priority, targets, max_attempts, retry_on, time_limit_ms,
        created_by, submitted_at, kind, parent_id, subjects, not_before, idempotency_key, at_a_time, free_seats,
        stop_after, target_words, preset_id, preset_version, constraint_id, token_budget, memory_limit_mb,
        cpu_limit_percent)
    VALUES (new.workspace_id, new.content, new.priority, new.targets, new.max_attempts, new.retry_on,
        new.time_limit_ms, kolony.my_profile_id(), new.submitted_at, new.kind, new.parent_id, new.subjects,
        new.not_before, new.idempotency_key, new.at_a_time,
        greatest(new.at_a_time - cardinality(to_agents), 0), new.stop_after, new.target_words, new.preset_id,
        new.preset_version, new.constraint_id, new.token_budget, new.memory_limit_mb, new.cpu_limit_percent)
    ON CONFLICT (workspace_id, created_by, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING c.command_id INTO new.command_id;
    IF new.command_id IS NULL THEN
        SELECT * INTO STRICT before FROM kolony.commands c
        WHERE c.workspace_id = in_workspace AND c.created_by = kolony.my_profile_id()
          AND c.idempotency_key = new.idempotency_key;
        IF before.content <> content THEN
            RAISE EXCEPTION 'the idempotency key "%" was used for another text, in command #%', new.idempotency_key,
                before.number USING ERRCODE = '22023', HINT = 'take another key';
        END IF;
        new.command_id := before.command_id;
    ELSE
        PERFORM kolony.put_dependencies(in_workspace, new.command_id, coalesce(after_commands, '{}'), after_need);
        IF preset IS NOT NULL THEN
            PERFORM kolony.note_preset_use(in_workspace, preset, preset_version);
        END IF;
        IF as_draft THEN
            PERFORM kolony.hint(in_workspace, 'command:' || new.command_id);
        ELSE
            PERFORM kolony.enqueue(in_workspace, new.command_id);
        END IF;
    END IF;
    RETURN QUERY
    SELECT c.command_id, c.number, r.run_id, t.ordinal::integer, a.agent_id, a.name, before.command_id IS NOT NULL
    FROM kolony.commands c
    CROSS JOIN LATERAL unnest(c.targets) WITH ORDINALITY AS t (agent_id, ordinal)
    JOIN kolony.agents a ON a.workspace_id = c.workspace_id AND a.agent_id = t.agent_id
    LEFT JOIN kolony.runs r ON r.workspace_id = c.workspace_id AND r.command_id = c.command_id AND r.ordinal = t.ordinal
    WHERE c.workspace_id = in_workspace AND c.command_id = new.command_id ORDER BY t.ordinal;
END

--- function send_message(the_conversation uuid, content text, file_names text[], files bytea[])
OWNER kolony_api ARGUMENTS (the_conversation uuid, content text, file_names text[] DEFAULT '{}'::text[], files bytea[] DEFAULT '{}'::bytea[]) RETURNS TABLE(conversation_id uuid, conversation bigint, message_id uuid, message integer, command_id uuid, command_number bigint, run_id uuid) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    thread kolony.conversations := kolony.conversation_for_step(the_conversation, 'operator');
    said kolony.messages := kolony.say(thread, send_message.content, file_names, files);
BEGIN
    RETURN QUERY SELECT thread.conversation_id, thread.number, said.message_id, said.number, said.command_id, c.number,
        said.run_id FROM kolony.commands c WHERE c.workspace_id = thread.workspace_id AND c.command_id = said.command_id;
END

--- function set_agent_desired(of_agent uuid, to_desired text, why text)
OWNER kolony_api ARGUMENTS (of_agent uuid, to_desired text, why text DEFAULT ''::text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    home uuid := kolony.workspace_of_agent(of_agent);
    agent kolony.agents;
    waiting uuid;
    its_command uuid;
    one record;
    undoable jsonb := '[]';
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
            SELECT * INTO one FROM kolony.cancel_open_run(home, waiting, 'its agent was retired');
            IF one.was IS NOT NULL AND jsonb_array_length(undoable) < 10000 THEN
                undoable := undoable || jsonb_build_array(one.was);
            END IF;
        END LOOP;
        FOR its_command IN
            SELECT DISTINCT r.command_id FROM kolony.runs r
            JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
            WHERE r.workspace_id = home AND r.agent_id = of_agent AND r.outcome = 'cancelled' AND c.outcome IS NULL
            ORDER BY r.command_id
        LOOP
            PERFORM kolony.roll_up(home, its_command);
        END LOOP;
        IF agent.desired <> 'retired' AND jsonb_array_length(undoable) < 10000 THEN
            PERFORM kolony.remember_undo(home, 'retire', format('retirement of "%s"', agent.name), jsonb_build_object(
                'agent', to_jsonb(agent) - 'config' - 'instructions' - 'description', 'retired_at', now(),
                'runs', undoable));
        END IF;
    ELSIF agent.desired = 'retired' THEN
        PERFORM kolony.require_room(home, 'agents');
    END IF;
    PERFORM kolony.hint(home, 'agent:' || of_agent);
END

--- function set_archive(in_workspace uuid, new_location text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, new_location text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    before text;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF new_location !~ '^(file:///|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/|\?|$))' OR length(new_location) > 1000
       OR new_location ~ '[\u0001-\u001f\u007f-\u009f]'
    THEN
        RAISE EXCEPTION 'an archive is file:///a/folder or s3://bucket/prefix' USING ERRCODE = '22023';
    END IF;
    IF new_location ~* '^s3://[^/?]*@|[?&][^=&]*(secret|password|token|key)[^=&]*=' THEN
        RAISE EXCEPTION 'credentials of an archive are not kept in the database' USING ERRCODE = '22023',
            HINT = 'they come from the environment (AWS_ACCESS_KEY_ID, ...) or the keyring';
    END IF;
    SELECT k.location INTO before FROM kolony.keeping k WHERE k.workspace_id = in_workspace;
    INSERT INTO kolony.keeping AS k (workspace_id, location, set_by, set_at)
    VALUES (in_workspace, new_location, kolony.my_profile_id(), now())
    ON CONFLICT (workspace_id) DO UPDATE SET location = EXCLUDED.location, set_by = EXCLUDED.set_by,
        set_at = EXCLUDED.set_at;
    PERFORM kolony.record_audit(in_workspace, 'ARCHIVE_SET', NULL, jsonb_build_object('before', before,
        'after', new_location));
    PERFORM kolony.hint(in_workspace, 'people:*');
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

--- function set_budget(in_workspace uuid, scope text, subject text, period text, token_limit bigint, usd_limit numeric, warn_percent integer, hard boolean)
OWNER kolony_api ARGUMENTS (in_workspace uuid, scope text, subject text, period text, token_limit bigint, usd_limit numeric, warn_percent integer DEFAULT 80, hard boolean DEFAULT true) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_column
DECLARE
    about uuid;
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF period IS NULL OR period NOT IN ('day', 'week', 'month', 'total') THEN
        RAISE EXCEPTION 'a budget is for a day, a week, a month or in total' USING ERRCODE = '22023';
    END IF;
    IF token_limit IS NULL AND usd_limit IS NULL OR token_limit NOT BETWEEN 0 AND 1000000000000000
       OR usd_limit NOT BETWEEN 0 AND 100000000 THEN
        RAISE EXCEPTION 'a budget is 0 to 10^15 tokens, or 0 to 100000000 US dollars, or both' USING ERRCODE = '22023';
    END IF;
    IF warn_percent IS NULL OR warn_percent NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'a warning comes at 1 to 100 percent' USING ERRCODE = '22023';
    END IF;
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = in_workspace FOR UPDATE;
    about := kolony.budget_subject(in_workspace, scope, subject);
    INSERT INTO kolony.budgets AS b (workspace_id, scope, group_id, agent_id, preset_id, command_id, profile_id, period,
        token_limit, usd_limit, warn_percent, hard, set_by)
    VALUES (in_workspace, scope, CASE scope WHEN 'people' THEN about END, CASE scope WHEN 'agent' THEN about END,
        CASE scope WHEN 'preset' THEN about END, CASE scope WHEN 'command' THEN about END,
        CASE scope WHEN 'person' THEN about END, period, token_limit, usd_limit, warn_percent, coalesce(hard, true),
        kolony.my_profile_id())
    ON CONFLICT (workspace_id, scope, subject_id, period) WHERE removed_at IS NULL DO UPDATE SET
        token_limit = EXCLUDED.token_limit, usd_limit = EXCLUDED.usd_limit, warn_percent = EXCLUDED.warn_percent,
        hard = EXCLUDED.hard, set_by = EXCLUDED.set_by
    RETURNING b.budget_id INTO made;
    PERFORM kolony.recount_budget(in_workspace, made);
    PERFORM kolony.record_audit(in_workspace, 'BUDGET_SET', concat_ws(' ', scope, nullif(subject, '')),
        jsonb_build_object('budget_id', made, 'period', period, 'token_limit', token_limit, 'usd_limit', usd_limit,
            'warn_percent', warn_percent, 'hard', hard), CASE scope WHEN 'agent' THEN about END,
        CASE scope WHEN 'command' THEN about END);
    PERFORM kolony.hint(in_workspace, 'usage:*'), kolony.hint(in_workspace, 'agents:*');
    RETURN made;
END

--- function set_default_constraint(in_workspace uuid, the_constraint uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid, the_constraint uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    profile kolony.constraint_profiles;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = in_workspace FOR NO KEY UPDATE;
    profile := kolony.limits_for(in_workspace, the_constraint); -- refuses one that is not there
    UPDATE kolony.constraint_profiles p SET is_default = false
    WHERE p.workspace_id = in_workspace AND p.is_default AND p.constraint_id IS DISTINCT FROM the_constraint;
    UPDATE kolony.constraint_profiles p SET is_default = true
    WHERE p.workspace_id = in_workspace AND p.constraint_id = the_constraint AND NOT p.is_default;
    PERFORM kolony.hint(in_workspace, 'constraint:' || coalesce(the_constraint::text, '*'));
END

--- function set_dependencies(the_command uuid, after_commands uuid[], after_need text)
OWNER kolony_api ARGUMENTS (the_command uuid, after_commands uuid[], after_need text DEFAULT 'completed'::text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    command kolony.commands := kolony.command_for_step(the_command, 'operator');
    waiting kolony.blocked_runs;
    each uuid;
    later boolean;
BEGIN
    PERFORM kolony.require_not_begun(command);
    PERFORM FROM kolony.commands c
    WHERE c.workspace_id = command.workspace_id AND c.command_id = ANY (after_commands) ORDER BY c.command_id FOR SHARE;
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = command.workspace_id FOR NO KEY UPDATE;
    PERFORM kolony.put_dependencies(command.workspace_id, the_command, coalesce(after_commands, '{}'), after_need);
    later := kolony.comes_later(command.workspace_id, the_command);
    FOR each IN
        SELECT r.run_id FROM kolony.runs r
        WHERE r.workspace_id = command.workspace_id AND r.command_id = the_command AND r.outcome IS NULL ORDER BY r.run_id
    LOOP
        waiting := kolony.take_waiting(command.workspace_id, each);
        CONTINUE WHEN waiting.run_id IS NULL;
        waiting.after := later;
        PERFORM kolony.put_waiting(waiting);
    END LOOP;
    PERFORM kolony.record_audit(command.workspace_id, 'COMMAND_EDITED', '#' || command.number, jsonb_build_object('after',
        (SELECT jsonb_agg('#' || c.number ORDER BY c.number) FROM kolony.commands c
         WHERE c.workspace_id = command.workspace_id AND c.command_id = ANY (after_commands))), NULL, the_command);
    PERFORM kolony.hint(command.workspace_id, 'agents:*');
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

--- function set_masking(in_workspace uuid, masked boolean)
OWNER kolony_api ARGUMENTS (in_workspace uuid, masked boolean) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    UPDATE kolony.workspaces w SET masks_secrets = masked
    WHERE w.workspace_id = in_workspace AND w.masks_secrets <> masked;
    IF FOUND THEN
        PERFORM kolony.record_audit(in_workspace, 'MASKING_CHANGED', CASE WHEN masked THEN 'on' ELSE 'off' END,
            jsonb_build_object('masks_secrets', masked));
        PERFORM kolony.hint(in_workspace, 'people:*');
    END IF;
END

--- function set_note(of_agent uuid, name text, content text, base integer)
OWNER kolony_api ARGUMENTS (of_agent uuid, name text, content text, base integer DEFAULT NULL::integer) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_variable
DECLARE
    agent kolony.agents := kolony.agent_for_writing(of_agent);
    made integer;
BEGIN
    IF base <> coalesce((SELECT n.version FROM kolony.agent_notes n
                         WHERE n.workspace_id = agent.workspace_id AND n.agent_id = of_agent AND n.name = name), 0)
    THEN
        RAISE EXCEPTION 'the note "%" was changed meanwhile', "left"(name, 100)
            USING ERRCODE = '55000', HINT = 'read it again';
    END IF;
    made := kolony.write_note(agent.workspace_id, of_agent, name, content, NULL);
    PERFORM kolony.record_audit(agent.workspace_id, 'NOTE_CHANGED', agent.name || ' ' || name,
        jsonb_build_object('name', name, 'version', made, 'bytes', octet_length(content)), of_agent);
    RETURN made;
END

--- function set_notification_settings(quiet_from time without time zone, quiet_to time without time zone, time_zone text, bell text, desktop text, sound_from text)
OWNER kolony_api ARGUMENTS (quiet_from time without time zone, quiet_to time without time zone, time_zone text, bell text, desktop text, sound_from text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role_anywhere('viewer');
    IF (quiet_from IS NULL) <> (quiet_to IS NULL) OR quiet_from = quiet_to THEN
        RAISE EXCEPTION 'quiet hours have a beginning and another end' USING ERRCODE = '22023', HINT = 'such as 22:00-07:00';
    END IF;
    IF time_zone IS NULL OR NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = time_zone) THEN
        RAISE EXCEPTION 'this server knows no time zone "%"', time_zone
            USING ERRCODE = '22023', HINT = 'a name such as Europe/Berlin, or UTC';
    END IF;
    IF bell IS NULL OR bell NOT IN ('never', 'away', 'always') THEN
        RAISE EXCEPTION 'the bell rings never, while one is away, or always' USING ERRCODE = '22023';
    END IF;
    IF desktop IS NULL OR desktop NOT IN ('off', 'auto', 'osc9', 'osc777', 'notify-send') THEN
        RAISE EXCEPTION 'desktop notifications are off, auto, osc9, osc777 or notify-send' USING ERRCODE = '22023';
    END IF;
    PERFORM kolony.check_rule('owner', coalesce(sound_from, ''), '{}');
    INSERT INTO kolony.notification_settings (profile_id, quiet_from, quiet_to, time_zone, bell, desktop, sound_from)
    VALUES (kolony.my_profile_id(), quiet_from, quiet_to, time_zone, bell, desktop, sound_from)
    ON CONFLICT (profile_id) DO UPDATE SET quiet_from = EXCLUDED.quiet_from, quiet_to = EXCLUDED.quiet_to,
        time_zone = EXCLUDED.time_zone, bell = EXCLUDED.bell, desktop = EXCLUDED.desktop,
        sound_from = EXCLUDED.sound_from;
END

--- function set_people_group(in_workspace uuid, called text, logins text[])
OWNER kolony_api ARGUMENTS (in_workspace uuid, called text, logins text[]) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    made uuid;
    people uuid[];
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF called IS NULL OR called <> btrim(called) OR length(called) NOT BETWEEN 1 AND 100
       OR called ~ '[\u0001-\u001f\u007f-\u009f]' THEN
        RAISE EXCEPTION 'a team''s name is 1 to 100 printable characters' USING ERRCODE = '22023';
    END IF;
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = in_workspace FOR UPDATE;
    SELECT array_agg(kolony.budget_subject(in_workspace, 'person', l)) INTO people FROM unnest(logins) l;
    INSERT INTO kolony.people_groups AS g (workspace_id, name, made_by) VALUES (in_workspace, called, kolony.my_profile_id())
    ON CONFLICT (workspace_id, name) DO UPDATE SET name = EXCLUDED.name RETURNING g.group_id INTO made;
    DELETE FROM kolony.people_group_members m WHERE m.workspace_id = in_workspace AND m.group_id = made;
    INSERT INTO kolony.people_group_members (workspace_id, group_id, profile_id)
    SELECT DISTINCT in_workspace, made, p FROM unnest(people) p;
    PERFORM kolony.recount_budget(in_workspace, b.budget_id) FROM kolony.budgets b
    WHERE b.workspace_id = in_workspace AND b.group_id = made AND b.removed_at IS NULL;
    PERFORM kolony.record_audit(in_workspace, 'TEAM_SET', called,
        jsonb_build_object('group_id', made, 'people', to_jsonb(logins)));
    PERFORM kolony.hint(in_workspace, 'usage:*'), kolony.hint(in_workspace, 'agents:*');
    RETURN made;
END

--- function set_price(in_workspace uuid, for_models text, input_usd numeric, output_usd numeric, cached_usd numeric, cache_write_usd numeric, valid_from date)
OWNER kolony_api ARGUMENTS (in_workspace uuid, for_models text, input_usd numeric, output_usd numeric, cached_usd numeric DEFAULT NULL::numeric, cache_write_usd numeric DEFAULT NULL::numeric, valid_from date DEFAULT NULL::date) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_variable
DECLARE
    since CONSTANT date := coalesce(valid_from, '2000-01-01'); -- for what was used before, too
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF for_models IS NULL OR length(for_models) NOT BETWEEN 1 AND 200 OR for_models ~ '[\u0001-\u0020\u007f-\u009f]' THEN
        RAISE EXCEPTION 'a model''s name is 1 to 200 printable characters without blanks' USING ERRCODE = '22023',
            HINT = '* stands for anything, as in *sonnet-4*';
    END IF;
    IF (input_usd IS NULL) <> (output_usd IS NULL) THEN
        RAISE EXCEPTION 'a price is one for input and one for output' USING ERRCODE = '22023';
    END IF;
    IF EXISTS (SELECT FROM unnest(ARRAY[input_usd, output_usd, cached_usd, cache_write_usd]) p
               WHERE p NOT BETWEEN 0 AND 100000) THEN
        RAISE EXCEPTION 'a price is 0 to 100000 US dollars for a million tokens' USING ERRCODE = '22023';
    END IF;
    INSERT INTO kolony.model_prices AS m (workspace_id, pattern, valid_from, input_usd, cached_usd, cache_write_usd,
        output_usd, set_by)
    VALUES (in_workspace, for_models, since, input_usd, cached_usd, cache_write_usd, output_usd, kolony.my_profile_id())
    ON CONFLICT ON CONSTRAINT model_prices_pkey DO UPDATE SET input_usd = EXCLUDED.input_usd,
        cached_usd = EXCLUDED.cached_usd, cache_write_usd = EXCLUDED.cache_write_usd,
        output_usd = EXCLUDED.output_usd, set_by = EXCLUDED.set_by;
    PERFORM kolony.record_audit(in_workspace, 'PRICE_SET', for_models, jsonb_build_object('input_usd', input_usd,
        'cached_usd', cached_usd, 'cache_write_usd', cache_write_usd, 'output_usd', output_usd, 'valid_from', since));
    PERFORM kolony.hint(in_workspace, 'usage:*');
END

--- function set_redaction(in_workspace uuid, redacted boolean)
OWNER kolony_api ARGUMENTS (in_workspace uuid, redacted boolean) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF redacted IS NULL THEN
        RAISE EXCEPTION 'redaction is on or off' USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.workspaces w SET redacts_tokens = redacted
    WHERE w.workspace_id = in_workspace AND w.redacts_tokens <> redacted;
    IF FOUND THEN
        PERFORM kolony.record_audit(in_workspace, 'REDACTION_CHANGED', CASE WHEN redacted THEN 'on' ELSE 'off' END,
            jsonb_build_object('redacts_tokens', redacted));
        PERFORM kolony.hint(in_workspace, 'people:*');
    END IF;
END

--- function set_report_status(the_report uuid, new_status text)
OWNER kolony_api ARGUMENTS (the_report uuid, new_status text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    report kolony.reports;
    run kolony.runs;
BEGIN
    SELECT p.* INTO report FROM kolony.reports p
    WHERE p.report_id = the_report AND p.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such report here' USING ERRCODE = 'P0002', HINT = 'see kolony report list';
    END IF;
    PERFORM kolony.require_role(report.workspace_id, 'operator');
    IF new_status IS NULL OR new_status NOT IN ('draft', 'complete') THEN
        RAISE EXCEPTION 'a person can make a report draft or complete, not %', coalesce("left"(new_status, 40), 'nothing')
            USING ERRCODE = '22023';
    END IF;
    SELECT r.* INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = report.workspace_id AND r.run_id = report.run_id FOR NO KEY UPDATE;
    IF run.outcome IS NULL THEN
        RAISE EXCEPTION 'its run still writes it' USING ERRCODE = '55000', HINT = 'wait until the run has ended';
    END IF;
    UPDATE kolony.reports p SET status = new_status, status_by = kolony.my_profile_id(), updated_at = now(),
        completed_at = CASE WHEN new_status = 'complete' THEN now() END
    WHERE p.workspace_id = report.workspace_id AND p.report_id = the_report AND p.status <> new_status
    RETURNING p.* INTO report;
    IF FOUND THEN
        PERFORM kolony.record_audit(report.workspace_id, 'REPORT_STATUS_CHANGED', report.title,
            jsonb_build_object('status', new_status), run.agent_id, run.command_id, run.run_id);
        PERFORM kolony.hint(report.workspace_id, 'report:' || the_report);
    END IF;
END

--- function set_retention(in_workspace uuid, of_kind text, new_days integer)
OWNER kolony_api ARGUMENTS (in_workspace uuid, of_kind text, new_days integer) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    its kolony.retention_kinds;
    before integer;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    SELECT * INTO its FROM kolony.retention_kinds k WHERE k.kind = of_kind;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'nothing that is kept for a time is called "%"', "left"(of_kind, 80) USING ERRCODE = 'P0002',
            HINT = format('there are %s', (SELECT string_agg(k.kind, ', ' ORDER BY k.place) FROM kolony.retention_kinds k));
    END IF;
    IF new_days NOT BETWEEN its.least AND its.most OR new_days IS NULL AND its.forever IS NULL THEN
        RAISE EXCEPTION '"%" is % to % days%', of_kind, its.least, its.most, coalesce(', or ' || its.forever, '')
            USING ERRCODE = '22023';
    END IF;
    IF of_kind = 'audit' THEN
        PERFORM kolony.set_audit_retention(in_workspace, new_days);
        RETURN;
    END IF;
    PERFORM kolony.hold_off_holds(in_workspace);
    IF of_kind IN ('archive', 'output') AND (CASE of_kind
        WHEN 'archive' THEN new_days >= kolony.kept_for(in_workspace, 'output')
        ELSE new_days <= kolony.kept_for(in_workspace, 'archive') END)
    THEN
        RAISE EXCEPTION 'output would be removed before it is archived' USING ERRCODE = '22023',
            HINT = format('now it is archived after %s days and kept for %s',
                coalesce(kolony.kept_for(in_workspace, 'archive')::text, 'never'),
                coalesce(kolony.kept_for(in_workspace, 'output')::text, 'ever'));
    END IF;
    before := kolony.kept_for(in_workspace, of_kind);
    INSERT INTO kolony.retention_settings (workspace_id, kind, days, set_by)
    VALUES (in_workspace, of_kind, new_days, kolony.my_profile_id())
    ON CONFLICT (workspace_id, kind) DO UPDATE SET days = EXCLUDED.days, set_by = EXCLUDED.set_by, set_at = now();
    PERFORM kolony.record_audit(in_workspace, 'RETENTION_CHANGED', of_kind,
        jsonb_build_object('before', before, 'after', new_days));
    PERFORM kolony.hint(in_workspace, 'people:*');
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
BEGIN
    PERFORM kolony.run_for_step(the_run);
    PERFORM kolony.take_steps(ARRAY[the_run], 'priority', NULL, priority, true);
END

--- function set_runs_priority(the_runs uuid[], priority integer)
OWNER kolony_api ARGUMENTS (the_runs uuid[], priority integer) RETURNS TABLE(run_id uuid, became text, refused text) LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT * FROM kolony.take_steps(the_runs, 'priority', NULL, priority, false)

--- function set_time_zone(in_workspace uuid, new_zone text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, new_zone text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF new_zone IS NULL OR NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = new_zone) THEN
        RAISE EXCEPTION 'this server knows no time zone "%"', new_zone
            USING ERRCODE = '22023', HINT = 'a name such as Europe/Berlin, or UTC';
    END IF;
    UPDATE kolony.workspaces w SET time_zone = new_zone WHERE w.workspace_id = in_workspace AND w.time_zone <> new_zone;
    PERFORM kolony.hint(in_workspace, 'usage:*');
END

--- function set_variable(of_agent uuid, name text, value text, secret boolean, description text)
OWNER kolony_api ARGUMENTS (of_agent uuid, name text, value text, secret boolean DEFAULT false, description text DEFAULT NULL::text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_variable
DECLARE
    agent kolony.agents := kolony.agent_for_writing(of_agent);
    was kolony.agent_variables;
    others record;
BEGIN
    PERFORM kolony.check_variable(name, value, secret, description);
    SELECT v.* INTO was FROM kolony.agent_variables v
    WHERE v.workspace_id = agent.workspace_id AND v.agent_id = of_agent AND v.name = name;
    SELECT count(*) AS many, coalesce(sum(v.length), 0) AS bytes INTO others FROM kolony.agent_variables v
    WHERE v.workspace_id = agent.workspace_id AND v.agent_id = of_agent AND v.name <> name;
    IF others.many >= 200 OR others.bytes + octet_length(value) > 262144 THEN
        RAISE EXCEPTION 'an agent has at most 200 variables with 256 KiB together' USING ERRCODE = '54000';
    END IF;
    INSERT INTO kolony.agent_variables AS v (workspace_id, agent_id, name, description, value, secret, updated_by)
    VALUES (agent.workspace_id, of_agent, name, coalesce(description, ''), value, secret, kolony.my_profile_id())
    ON CONFLICT ON CONSTRAINT agent_variables_pkey DO UPDATE SET value = EXCLUDED.value, secret = EXCLUDED.secret,
        description = coalesce(description, v.description), updated_by = EXCLUDED.updated_by, updated_at = now();
    PERFORM kolony.record_audit(agent.workspace_id, 'VARIABLE_SET', agent.name || ' ' || name,
        jsonb_build_object('name', name, 'secret', secret, 'new', was.name IS NULL), of_agent);
    PERFORM kolony.hint(agent.workspace_id, 'variable:' || of_agent);
END

--- function set_waiting_priority(home uuid, the_run uuid, to_priority integer, by integer)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid, to_priority integer, by integer) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    run kolony.runs;
    waiting kolony.blocked_runs;
BEGIN
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = home AND r.run_id = the_run FOR NO KEY UPDATE;
    waiting := kolony.take_waiting(home, the_run);
    PERFORM kolony.require_waiting(run, waiting);
    waiting.priority := coalesce(to_priority, least(greatest(run.priority + by, 0), 100));
    PERFORM kolony.put_waiting(waiting);
    UPDATE kolony.runs r SET priority = waiting.priority WHERE r.workspace_id = home AND r.run_id = the_run;
    RETURN waiting.priority::text;
END

--- function settings_brief(home uuid)
OWNER kolony_api ARGUMENTS (home uuid) RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN (SELECT jsonb_build_object('mask_secrets', w.masks_secrets, 'redact_tokens', w.redacts_tokens)
            FROM kolony.workspaces w WHERE w.workspace_id = home);
END

--- function settle(in_workspace uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    RETURN kolony.settle_lost(in_workspace, NULL);
END

--- function settle_blocked(home uuid, of_agent uuid)
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET plan_cache_mode=auto SET enable_seqscan=on SET enable_bitmapscan=on SET enable_sort=on
AS
DECLARE
    stray record;
    settled integer := 0;
BEGIN
    FOR stray IN
        SELECT b.command_id, bool_or(b.after) AS after, bool_or(b.beyond) AS beyond FROM kolony.blocked_runs b
        WHERE b.workspace_id = home AND (of_agent IS NULL OR b.agent_id = of_agent) AND NOT b.held
        GROUP BY b.command_id ORDER BY b.command_id
        LIMIT CASE WHEN of_agent IS NOT NULL THEN 100 END
    LOOP
        CONTINUE WHEN stray.after AND kolony.comes_later(home, stray.command_id);
        PERFORM FROM kolony.commands c
        WHERE c.workspace_id = home AND c.command_id = stray.command_id AND (stray.after OR c.free_seats > 0)
        FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        PERFORM kolony.free_command(home, stray.command_id);
        IF stray.beyond THEN
            PERFORM kolony.fill_window(home, stray.command_id);
        END IF;
        settled := settled + 1;
    END LOOP;
    RETURN settled;
END

--- function settle_lost(home uuid, of_agent uuid)
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET plan_cache_mode=auto SET enable_seqscan=on SET enable_bitmapscan=on SET enable_sort=on
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
    IF of_agent IS NULL THEN
        PERFORM kolony.settle_blocked(home, NULL);
    END IF;
    RETURN settled;
END

--- function share_preset(the_preset uuid, with_everyone boolean)
OWNER kolony_api ARGUMENTS (the_preset uuid, with_everyone boolean) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    preset kolony.presets := kolony.preset_for_step(the_preset, true);
BEGIN
    IF preset.shared <> with_everyone THEN
        preset.shared := with_everyone;
        PERFORM kolony.keep_preset(preset, NULL, 'PRESET_CHANGED', jsonb_build_object('shared', with_everyone));
    END IF;
END

--- function shell_words(command text)
OWNER kolony_api ARGUMENTS (command text) RETURNS text[] LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT array_agg(regexp_replace(w[1], '''([^'']*)''|"([^"]*)"', '\1\2', 'g') ORDER BY place)
    FROM regexp_matches(command, '(([^ ''"]|''[^'']*''|"[^"]*")+)', 'g') WITH ORDINALITY found (w, place)
    WHERE octet_length(command) <= 8192
      AND command ~ '^([ A-Za-z0-9_./:=,@%+^*?~-]|''[ -&(-~]*''|"[] #%-[^_a-~]*")*$'

--- function shift_runs_priority(the_runs uuid[], by integer)
OWNER kolony_api ARGUMENTS (the_runs uuid[], by integer) RETURNS TABLE(run_id uuid, became text, refused text) LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
    SELECT * FROM kolony.take_steps(the_runs, 'shift', NULL, by, false)

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

--- function stamp_ready()
OWNER kolony_owner ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    NEW.ready_at := now();
    RETURN NEW;
END

--- function stamp_update()
OWNER kolony_owner ARGUMENTS () RETURNS trigger LANGUAGE plpgsql VOLATILE SET search_path=pg_catalog, pg_temp
AS
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END

--- function stands_in(words text, wanted text, as_pattern boolean, any_case boolean)
OWNER kolony_api ARGUMENTS (words text, wanted text, as_pattern boolean, any_case boolean) RETURNS boolean LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT CASE WHEN as_pattern THEN words ~ wanted WHEN any_case THEN strpos(lower(words), wanted) > 0
                ELSE strpos(words, wanted) > 0 END

--- function start_attempt(the_attempt uuid)
OWNER kolony_api ARGUMENTS (the_attempt uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
BEGIN
    UPDATE kolony.attempts t SET started_at = coalesce(t.started_at, now())
    WHERE t.workspace_id = held.workspace_id AND t.attempt_id = the_attempt AND t.ended_at IS NULL;
END

--- function start_conversation(in_workspace uuid, with_agent uuid, content text, title text, file_names text[], files bytea[])
OWNER kolony_api ARGUMENTS (in_workspace uuid, with_agent uuid, content text, title text DEFAULT NULL::text, file_names text[] DEFAULT '{}'::text[], files bytea[] DEFAULT '{}'::bytea[]) RETURNS TABLE(conversation_id uuid, conversation bigint, message_id uuid, message integer, command_id uuid, command_number bigint, run_id uuid) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    thread kolony.conversations;
    said kolony.messages;
    called text := btrim(coalesce(title, "left"(btrim(split_part(btrim(start_conversation.content, E' \t\r\n'), E'\n', 1),
        E' \t\r'), 100)));
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    PERFORM kolony.check_content(start_conversation.content);
    PERFORM kolony.check_conversation_title(called);
    PERFORM FROM kolony.agents a WHERE a.workspace_id = in_workspace AND a.agent_id = with_agent FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no agent % in this workspace', coalesce(with_agent::text, 'null')
            USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    END IF;
    INSERT INTO kolony.conversations (workspace_id, agent_id, title, opened_by)
    VALUES (in_workspace, with_agent, called, kolony.my_profile_id()) RETURNING * INTO thread;
    PERFORM kolony.record_audit(in_workspace, 'CONVERSATION_STARTED', '~' || thread.number,
        jsonb_build_object('title', called), with_agent);
    said := kolony.say(thread, start_conversation.content, file_names, files);
    RETURN QUERY SELECT thread.conversation_id, thread.number, said.message_id, said.number, said.command_id, c.number,
        said.run_id FROM kolony.commands c WHERE c.workspace_id = in_workspace AND c.command_id = said.command_id;
END

--- function step_command(the_command uuid, step text, why text)
OWNER kolony_api ARGUMENTS (the_command uuid, step text, why text) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    command kolony.commands := kolony.command_for_step(the_command, 'operator');
    done bigint;
BEGIN
    SELECT count(*) INTO done FROM kolony.take_steps(ARRAY(
        SELECT r.run_id FROM kolony.runs r
        WHERE r.workspace_id = command.workspace_id AND r.command_id = the_command AND CASE step
            WHEN 'retry' THEN r.outcome IN ('failed', 'cancelled')
            WHEN 'hold' THEN r.outcome IS NULL AND r.held_at IS NULL
                AND NOT EXISTS (SELECT FROM kolony.leases l WHERE l.workspace_id = r.workspace_id AND l.run_id = r.run_id)
            ELSE r.outcome IS NULL AND EXISTS (
                SELECT FROM kolony.blocked_runs b
                WHERE b.workspace_id = r.workspace_id AND b.run_id = r.run_id AND (b.held OR b.after)) END
        ), step, why, NULL, step = 'retry') s
    WHERE s.refused IS NULL;
    IF done = 0 THEN
        RAISE EXCEPTION 'command #% has no run that %', command.number, CASE step
            WHEN 'retry' THEN 'failed or was cancelled' WHEN 'hold' THEN 'waits and is not held'
            ELSE 'is held or waits for others' END USING ERRCODE = '55000';
    END IF;
    RETURN done;
END

--- function stop_agents(in_workspace uuid, agents uuid[], why text)
OWNER kolony_api ARGUMENTS (in_workspace uuid, agents uuid[] DEFAULT NULL::uuid[], why text DEFAULT ''::text) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=1s
AS
#variable_conflict use_variable
DECLARE
    me CONSTANT uuid := kolony.my_profile_id();
    reason CONSTANT text := "left"(coalesce(why, ''), 900);
    wanted uuid[];
    at_work uuid[];
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    wanted := kolony.agents_to_stop(in_workspace, agents);
    FOR patience IN 1..3 LOOP
        BEGIN
            at_work := kolony.bar_agents(in_workspace, wanted);
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF patience = 3 THEN
                RAISE EXCEPTION 'the stop was held up by an open transaction%', kolony.held_agents(in_workspace, wanted)
                    USING ERRCODE = '55P03', HINT = 'stop the others by name, and try again; kolony doctor lists sessions';
            END IF;
            PERFORM kolony.clear_the_way();
        END;
    END LOOP;
    INSERT INTO kolony.stops AS s (workspace_id, everyone, why, began_by, confirm_by)
    SELECT in_workspace, wanted IS NULL, reason, me, now() + kolony.stop_patience(in_workspace)
    RETURNING s.stop_id INTO made;
    INSERT INTO kolony.stopped_agents (workspace_id, stop_id, agent_id)
    SELECT in_workspace, made, w FROM unnest(wanted) w;
    PERFORM kolony.cancel_for_stop(in_workspace, made, at_work, concat_ws(': ', 'emergency stop', nullif(reason, '')));
    PERFORM kolony.record_audit(in_workspace, 'EMERGENCY_STOP', CASE WHEN wanted IS NULL THEN 'everyone'
        ELSE (SELECT string_agg(a.name, ', ' ORDER BY a.name) FROM kolony.agents a
              WHERE a.workspace_id = in_workspace AND a.agent_id = ANY (wanted[1:5]))
             || CASE WHEN cardinality(wanted) > 5 THEN ', ...' ELSE '' END END,
        jsonb_build_object('reason', "left"(reason, 200), 'agents', cardinality(wanted), 'running', cardinality(at_work),
            'stop_id', made));
    PERFORM kolony.hint(in_workspace, 'stop:' || made), kolony.hint(in_workspace, 'agents:*');
    RETURN made;
END

--- function stop_at_failures(home uuid, the_command uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_command uuid) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    command kolony.commands;
    waiting kolony.blocked_runs;
    each uuid;
    failures bigint;
    held integer := 0;
BEGIN
    SELECT * INTO STRICT command FROM kolony.commands c
    WHERE c.workspace_id = home AND c.command_id = the_command FOR NO KEY UPDATE;
    SELECT count(*) INTO failures FROM kolony.runs r
    WHERE r.workspace_id = home AND r.command_id = the_command AND r.outcome = 'failed';
    IF failures < command.stop_after THEN
        RETURN;
    END IF;
    FOR each IN
        SELECT r.run_id FROM kolony.runs r
        WHERE r.workspace_id = home AND r.command_id = the_command AND r.outcome IS NULL AND r.held_at IS NULL
          AND NOT EXISTS (SELECT FROM kolony.leases l WHERE l.workspace_id = home AND l.run_id = r.run_id)
        ORDER BY r.run_id FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        waiting := kolony.take_waiting(home, each);
        CONTINUE WHEN waiting.run_id IS NULL;
        waiting.held := true;
        waiting.beyond := command.at_a_time IS NOT NULL;
        PERFORM kolony.put_waiting(waiting);
        UPDATE kolony.runs r SET held_at = now(), held_by = NULL,
            held_why = format('%s of the command''s runs failed', failures)
        WHERE r.workspace_id = home AND r.run_id = each;
        held := held + 1;
    END LOOP;
    IF held > 0 THEN
        PERFORM kolony.record_audit(home, 'COMMAND_HELD', '#' || command.number,
            jsonb_build_object('failures', failures, 'stop_after', command.stop_after, 'held', held), NULL, the_command);
        PERFORM kolony.hint(home, 'agents:*');
    END IF;
END

--- function stop_in_force(home uuid, of_agent uuid)
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN (
        SELECT s.stop_id FROM kolony.stops s
        LEFT JOIN kolony.stopped_agents t
            ON t.workspace_id = s.workspace_id AND t.stop_id = s.stop_id AND t.agent_id = of_agent
        WHERE s.workspace_id = home AND s.lifted_at IS NULL AND t.lifted_at IS NULL
          AND (s.everyone OR t.agent_id IS NOT NULL)
        ORDER BY s.stop_id LIMIT 1);
END

--- function stop_patience(home uuid)
OWNER kolony_api ARGUMENTS (home uuid) RETURNS interval LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN (SELECT make_interval(secs => 2 * w.heartbeat_seconds + 10) FROM kolony.workspaces w
            WHERE w.workspace_id = home);
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

--- function sum_up_usage(mine kolony.attempt_usage, first integer)
OWNER kolony_api ARGUMENTS (mine kolony.attempt_usage, first integer) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    tokens bigint;
    cost numeric;
BEGIN
    -- In one order, so that two that add to the same sums never wait for each other.
    INSERT INTO kolony.usage_days AS d (workspace_id, day, agent_id, profile_id, model, preset_id, input_fresh,
        input_cached, cache_write, output, reasoning, calls, cost_usd, estimated_usd)
    SELECT u.workspace_id, u.day, mine.agent_id, mine.profile_id, u.model, mine.preset_id, sum(u.input_fresh),
           sum(u.input_cached), sum(u.cache_write), sum(u.output), sum(u.reasoning), sum(u.calls), sum(u.cost_usd),
           sum(u.estimated_usd)
    FROM kolony.usage_reports u
    WHERE u.workspace_id = mine.workspace_id AND u.attempt_id = mine.attempt_id AND u.number >= first
    GROUP BY u.workspace_id, u.day, u.model ORDER BY u.day, u.model
    ON CONFLICT ON CONSTRAINT one_sum_of_each DO UPDATE SET
        input_fresh = d.input_fresh + EXCLUDED.input_fresh, input_cached = d.input_cached + EXCLUDED.input_cached,
        cache_write = d.cache_write + EXCLUDED.cache_write, output = d.output + EXCLUDED.output,
        reasoning = d.reasoning + EXCLUDED.reasoning, calls = d.calls + EXCLUDED.calls,
        cost_usd = d.cost_usd + EXCLUDED.cost_usd, estimated_usd = d.estimated_usd + EXCLUDED.estimated_usd;
    SELECT sum(u.input_fresh + u.input_cached + u.cache_write + u.output), sum(u.cost_usd) INTO tokens, cost
    FROM kolony.usage_reports u
    WHERE u.workspace_id = mine.workspace_id AND u.attempt_id = mine.attempt_id AND u.number >= first;
    PERFORM kolony.draw_on_budgets(mine, tokens, cost);
END

--- function tag_agents(the_agents uuid[], put_on text[], take_off text[])
OWNER kolony_api ARGUMENTS (the_agents uuid[], put_on text[], take_off text[]) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    wrong text;
    each record;
    changed integer := 0;
    wanted text[];
BEGIN
    SELECT w INTO wrong FROM unnest(put_on || take_off) w WHERE NOT kolony.are_tags(ARRAY[w]) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '"%" is no tag', "left"(wrong, 60) USING ERRCODE = '22023',
            HINT = 'a tag is 1 to 40 letters, digits and . _ : / - and begins with a letter or digit';
    END IF;
    IF NOT coalesce(the_agents <@ ARRAY(SELECT a.agent_id FROM kolony.agents a
            WHERE a.agent_id = ANY (the_agents) AND a.workspace_id = ANY (kolony.my_workspace_ids())), false) THEN
        RAISE EXCEPTION 'there is no such agent here' USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    END IF;
    FOR each IN
        SELECT a.workspace_id, a.agent_id, a.tags, a.name FROM kolony.agents a
        WHERE a.agent_id = ANY (the_agents) ORDER BY a.agent_id FOR NO KEY UPDATE
    LOOP
        PERFORM kolony.require_role(each.workspace_id, 'operator');
        SELECT coalesce(array_agg(DISTINCT t ORDER BY t), '{}') INTO wanted FROM unnest(each.tags || put_on) t
        WHERE t <> ALL (take_off);
        IF cardinality(wanted) > 50 THEN
            RAISE EXCEPTION 'the agent "%" would have more than 50 tags', each.name USING ERRCODE = '54000';
        END IF;
        CONTINUE WHEN wanted = each.tags;
        UPDATE kolony.agents a SET tags = wanted WHERE a.workspace_id = each.workspace_id AND a.agent_id = each.agent_id;
        changed := changed + 1;
        IF changed = 1 THEN
            PERFORM kolony.hint(each.workspace_id, CASE WHEN cardinality(the_agents) = 1
                THEN 'agent:' || each.agent_id ELSE 'agents:*' END);
        END IF;
    END LOOP;
    RETURN changed;
END

--- function take_archive(in_workspace uuid, on_host text, after_run uuid, after_attempt integer)
OWNER kolony_api ARGUMENTS (in_workspace uuid, on_host text, after_run uuid DEFAULT NULL::uuid, after_attempt integer DEFAULT 0) RETURNS TABLE(run_id uuid, attempt integer, output_day date, location text, object text, ticket uuid, stale text[]) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_column
DECLARE
    cutoff CONSTANT timestamptz := kolony.old_before(in_workspace, 'archive');
    place text;
    each record;
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM kolony.hold_off_holds(in_workspace);
    SELECT k.location INTO place FROM kolony.keeping k WHERE k.workspace_id = in_workspace;
    IF place IS NULL THEN
        RETURN;
    END IF;
    FOR each IN
        SELECT DISTINCT c.run_id, c.attempt, c.day FROM kolony.output_chunks c
        WHERE c.workspace_id = in_workspace AND c.day <= cutoff::date + 1
          AND (c.run_id, c.attempt) > (coalesce(after_run, '00000000-0000-0000-0000-000000000000'), after_attempt)
        ORDER BY c.run_id, c.attempt, c.day
    LOOP
        CONTINUE WHEN kolony.is_held(in_workspace, each.run_id);
        made := gen_random_uuid();
        INSERT INTO kolony.output_archives AS a (workspace_id, run_id, attempt, state, output_day, finished_at, location,
            object, host, ticket, taken_until)
        SELECT in_workspace, r.run_id, each.attempt, 'taken', each.day, r.finished_at, place,
            format('%s/%s/%s.%s.%s', in_workspace, to_char(each.day, 'YYYY/MM'), r.run_id, each.attempt,
                replace(made::text, '-', '')), "left"(coalesce(on_host, ''), 255), made,
            clock_timestamp() + interval '5 minutes'
        FROM kolony.runs r
        WHERE r.workspace_id = in_workspace AND r.run_id = each.run_id AND r.finished_at < cutoff
        ON CONFLICT (workspace_id, run_id, attempt) DO UPDATE SET location = EXCLUDED.location, object = EXCLUDED.object,
            finished_at = EXCLUDED.finished_at, host = EXCLUDED.host, ticket = EXCLUDED.ticket,
            taken_until = EXCLUDED.taken_until, stale = a.stale || a.object
        WHERE a.state = 'taken' AND a.taken_until < clock_timestamp();
        IF FOUND THEN
            RETURN QUERY SELECT a.run_id, a.attempt, a.output_day, a.location, a.object, a.ticket, a.stale
            FROM kolony.output_archives a
            WHERE a.workspace_id = in_workspace AND a.run_id = each.run_id AND a.attempt = each.attempt;
            RETURN;
        END IF;
    END LOOP;
END

--- function take_deliveries(in_workspace uuid, up_to integer, only_this uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid, up_to integer DEFAULT 10, only_this uuid DEFAULT NULL::uuid) RETURNS TABLE(delivery_id uuid, try integer, url text, body text, signature text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    seconds CONSTANT text := extract(epoch FROM clock_timestamp())::bigint::text;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    RETURN QUERY
    UPDATE kolony.webhook_deliveries d
    SET tries = d.tries + 1, tried_at = clock_timestamp(), next_try_at = clock_timestamp() + interval '1 minute'
    FROM kolony.webhooks w JOIN kolony.webhook_secrets s USING (workspace_id, webhook_id)
    WHERE d.workspace_id = in_workspace AND w.workspace_id = in_workspace AND w.webhook_id = d.webhook_id
      AND d.delivery_id IN (
          SELECT q.delivery_id FROM kolony.webhook_deliveries q
          WHERE q.workspace_id = in_workspace AND q.state = 'pending'
            AND CASE WHEN only_this IS NULL THEN q.next_try_at <= clock_timestamp() ELSE q.delivery_id = only_this END
          ORDER BY q.next_try_at LIMIT least(up_to, 100) FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING d.delivery_id, d.tries, w.url, d.body, 't=' || seconds || ',v1=' || encode(kolony.hmac_sha256(
        convert_to(s.secret, 'UTF8'), convert_to(seconds || '.' || d.body, 'UTF8')), 'hex');
END

--- function take_events(home uuid)
OWNER kolony_api ARGUMENTS (home uuid) RETURNS kolony.notification_events[] LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    taken kolony.notification_events[];
BEGIN
    WITH taken AS (
        DELETE FROM kolony.notification_events e
        WHERE e.workspace_id = home AND e.event_id <= (
            SELECT max(q.event_id) FROM (SELECT o.event_id FROM kolony.notification_events o
                                         WHERE o.workspace_id = home ORDER BY o.event_id LIMIT 10000) q)
        RETURNING e.*),
    last_of_each AS (
        SELECT DISTINCT ON (coalesce(t.dedupe, t.event_id::text)) t::kolony.notification_events AS event,
               count(*) OVER (PARTITION BY coalesce(t.dedupe, t.event_id::text)) AS many
        FROM taken t ORDER BY coalesce(t.dedupe, t.event_id::text), t.event_id DESC)
    SELECT array_agg(jsonb_populate_record(l.event, jsonb_build_object('count', l.many)) ORDER BY (l.event).event_id)
    INTO taken FROM last_of_each l;
    RETURN coalesce(taken, '{}');
END

--- function take_notice(in_workspace uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    RETURN kolony.hand_out(in_workspace);
END

--- function take_removal(in_workspace uuid)
OWNER kolony_api ARGUMENTS (in_workspace uuid) RETURNS TABLE(run_id uuid, attempt integer, location text, objects text[], ticket uuid) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
#variable_conflict use_column
DECLARE
    cutoff CONSTANT timestamptz := kolony.old_before(in_workspace, 'output');
    its kolony.output_archives;
    made CONSTANT uuid := gen_random_uuid();
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM kolony.hold_off_holds(in_workspace);
    SELECT a.* INTO its FROM kolony.output_archives a
    WHERE a.workspace_id = in_workspace AND a.finished_at < cutoff AND a.state IN ('archived', 'restored', 'removing')
      AND coalesce(a.taken_until, '-infinity') < clock_timestamp() AND NOT kolony.is_held(in_workspace, a.run_id)
    ORDER BY a.finished_at LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    DELETE FROM kolony.output_chunks c WHERE c.workspace_id = in_workspace AND c.run_id = its.run_id
        AND c.attempt = its.attempt AND c.day = its.output_day;
    UPDATE kolony.output_archives a SET state = 'removing', ticket = made,
        taken_until = clock_timestamp() + interval '1 minute'
    WHERE a.workspace_id = in_workspace AND a.run_id = its.run_id AND a.attempt = its.attempt;
    RETURN QUERY SELECT its.run_id, its.attempt, its.location, its.stale || its.object, made;
END

--- function take_step(home uuid, the_run uuid, step text, why text, number integer, INOUT undoable jsonb, OUT became text)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid, step text, why text, number integer, INOUT undoable jsonb, OUT became text) RETURNS record LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    cancelled record;
BEGIN
    CASE step
        WHEN 'cancel' THEN
            SELECT * INTO cancelled FROM kolony.cancel_open_run(home, the_run, why);
            became := cancelled.became;
            IF became IS NULL THEN
                RAISE EXCEPTION 'this run has ended already (%)', (SELECT r.outcome FROM kolony.runs r
                    WHERE r.workspace_id = home AND r.run_id = the_run) USING ERRCODE = '55000';
            ELSIF cancelled.was IS NOT NULL AND jsonb_array_length(undoable) < 10000 THEN
                undoable := undoable || jsonb_build_array(cancelled.was);
            END IF;
        WHEN 'hold' THEN became := kolony.hold_waiting_run(home, the_run, why);
        WHEN 'release' THEN became := kolony.release_waiting_run(home, the_run);
        WHEN 'interrupt' THEN became := kolony.interrupt_open_run(home, the_run, why);
        WHEN 'priority' THEN became := kolony.set_waiting_priority(home, the_run, number, NULL);
        WHEN 'shift' THEN became := kolony.set_waiting_priority(home, the_run, NULL, number);
        WHEN 'retry' THEN
            IF NOT kolony.retry_ended_run(home, the_run) THEN
                RAISE EXCEPTION 'only a run that failed or was cancelled can be retried' USING ERRCODE = '55000';
            END IF;
            became := 'waiting';
    END CASE;
END

--- function take_steps(the_runs uuid[], step text, why text, number integer, alone boolean)
OWNER kolony_api ARGUMENTS (the_runs uuid[], step text, why text, number integer, alone boolean) RETURNS TABLE(run_id uuid, became text, refused text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    each record;
    home uuid;
    reason CONSTANT text := "left"(coalesce(why, ''), 1000);
    undoable jsonb;
    touched uuid[];
BEGIN
    IF cardinality(the_runs) > 100000 THEN
        RAISE EXCEPTION 'at most 100000 runs at once' USING ERRCODE = '22023';
    END IF;
    IF step IN ('priority', 'shift') AND (number IS NULL OR abs(number) > 100 OR step = 'priority' AND number < 0) THEN
        RAISE EXCEPTION 'a priority is 0 to 100, not %', number USING ERRCODE = '22023';
    END IF;
    RETURN QUERY
    SELECT t, NULL::text, 'there is no such run here' FROM (SELECT DISTINCT unnest(the_runs) AS t) given
    WHERE NOT EXISTS (SELECT FROM kolony.runs r WHERE r.run_id = given.t
                      AND r.workspace_id = ANY (kolony.my_workspace_ids()));
    FOR home IN
        SELECT DISTINCT r.workspace_id FROM kolony.runs r
        WHERE r.workspace_id = ANY (kolony.my_workspace_ids()) AND r.run_id = ANY (the_runs) ORDER BY 1
    LOOP
        PERFORM kolony.require_role(home, 'operator');
        IF step NOT IN ('cancel', 'retry') THEN
            PERFORM kolony.settle_lost(home, a.agent_id) FROM (
                SELECT DISTINCT r.agent_id FROM kolony.runs r
                WHERE r.workspace_id = home AND r.run_id = ANY (the_runs) ORDER BY 1) a;
        END IF;
        undoable := '[]';
        touched := '{}';
        FOR each IN
            SELECT r.run_id, r.command_id FROM kolony.runs r
            WHERE r.workspace_id = home AND r.run_id = ANY (the_runs) ORDER BY r.run_id
        LOOP
            run_id := each.run_id;
            refused := NULL;
            IF alone THEN
                SELECT s.undoable, s.became INTO undoable, became
                FROM kolony.take_step(home, each.run_id, step, reason, number, undoable) s;
            ELSE
                BEGIN
                    SELECT s.undoable, s.became INTO undoable, became
                    FROM kolony.take_step(home, each.run_id, step, reason, number, undoable) s;
                EXCEPTION WHEN object_not_in_prerequisite_state OR invalid_parameter_value THEN
                    became := NULL;
                    refused := SQLERRM;
                END;
            END IF;
            RETURN NEXT;
            CONTINUE WHEN refused IS NOT NULL;
            touched := touched || each.command_id;
        END LOOP;
        IF step NOT IN ('priority', 'shift', 'interrupt') THEN
            PERFORM kolony.roll_up(home, t.command_id)
            FROM (SELECT DISTINCT unnest(touched) AS command_id ORDER BY 1) t;
        END IF;
        IF step = 'retry' AND touched <> '{}' THEN
            PERFORM kolony.require_room(home, 'waiting runs');
        ELSIF step = 'cancel' THEN
            PERFORM kolony.remember_cancel(home, undoable);
            -- After the requests: a runner that is gone will not confirm them, so its runs end here.
            PERFORM kolony.settle_lost(home, a.agent_id) FROM (
                SELECT DISTINCT r.agent_id FROM kolony.runs r
                WHERE r.workspace_id = home AND r.run_id = ANY (the_runs) ORDER BY 1) a;
        END IF;
        PERFORM kolony.hint(home, 'agent:' || a.agent_id) FROM (
            SELECT DISTINCT r.agent_id FROM kolony.runs r
            WHERE r.workspace_id = home AND r.run_id = ANY (the_runs) LIMIT 100) a;
    END LOOP;
END

--- function take_waiting(home uuid, the_run uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_run uuid) RETURNS kolony.blocked_runs LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    waiting kolony.blocked_runs;
    scheduled kolony.scheduled_runs;
    ready kolony.ready_runs;
BEGIN
    DELETE FROM kolony.blocked_runs q WHERE q.workspace_id = home AND q.run_id = the_run RETURNING q.* INTO waiting;
    IF FOUND THEN
        RETURN waiting;
    END IF;
    DELETE FROM kolony.scheduled_runs q WHERE q.workspace_id = home AND q.run_id = the_run RETURNING q.* INTO scheduled;
    IF FOUND THEN
        waiting.due_at := scheduled.due_at;
        waiting.attempt := scheduled.attempt;
        waiting.place := extract(epoch FROM scheduled.due_at);
    ELSE
        DELETE FROM kolony.ready_runs q WHERE q.workspace_id = home AND q.run_id = the_run RETURNING q.* INTO ready;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        waiting.attempt := ready.attempt;
        waiting.place := ready.place;
    END IF;
    SELECT r.workspace_id, r.run_id, r.agent_id, r.command_id, r.ordinal, r.priority, false, false, false
    INTO STRICT waiting.workspace_id, waiting.run_id, waiting.agent_id, waiting.command_id, waiting.ordinal,
        waiting.priority, waiting.held, waiting.after, waiting.beyond
    FROM kolony.runs r WHERE r.workspace_id = home AND r.run_id = the_run;
    RETURN waiting;
END

--- function tell_each(home uuid, events kolony.notification_events[])
OWNER kolony_api ARGUMENTS (home uuid, events kolony.notification_events[]) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    ranks CONSTANT text[] := ARRAY['low', 'medium', 'high', 'critical'];
    audiences CONSTANT text[] := ARRAY['owner', 'admins', 'operators', 'everyone'];
    told integer;
BEGIN
    UPDATE kolony.notifications n SET dedupe = NULL
    WHERE n.workspace_id = home AND n.dedupe IN (SELECT e.dedupe FROM unnest(events) e)
      AND (n.read_at IS NOT NULL OR n.created_at < now() - interval '10 minutes');
    WITH rules AS (
        SELECT r.kind, 2 - (r.profile_id IS NOT NULL)::int AS distance, r.profile_id, r.audience, r.agent_id, r.tag,
               r.priority, r.channels, r.enabled, r.rule_id
        FROM kolony.notification_rules r WHERE r.workspace_id = home AND r.deleted_at IS NULL
        UNION ALL
        SELECT k.kind, 3, NULL, k.audience, NULL, NULL, NULL, k.channels, k.enabled, NULL FROM kolony.notification_kinds k),
    ruled AS (
        SELECT DISTINCT ON (e.event_id, m.profile_id) e.*, m.profile_id, coalesce(r.priority, e.priority) AS rank,
               r.channels, r.enabled
        FROM unnest(events) e
        JOIN kolony.memberships m ON m.workspace_id = home AND NOT m.disabled
            AND m.profile_id IS DISTINCT FROM e.by_profile AND (e.only_to IS NULL OR m.profile_id = ANY (e.only_to))
        JOIN rules r ON r.kind = e.kind AND (r.profile_id IS NULL OR r.profile_id = m.profile_id)
            AND (r.agent_id IS NULL OR r.agent_id = e.agent_id)
            AND (r.tag IS NULL OR EXISTS (SELECT FROM kolony.agents a WHERE a.workspace_id = home
                                          AND a.agent_id = e.agent_id AND r.tag = ANY (a.tags)))
            AND (e.only_to IS NOT NULL OR CASE r.audience WHEN 'owner' THEN m.profile_id = e.owner
                     WHEN 'admins' THEN m.role = 'admin' WHEN 'operators' THEN m.role <> 'viewer' ELSE true END)
        ORDER BY e.event_id, m.profile_id, r.distance, r.agent_id IS NULL, r.tag IS NULL,
                 array_position(audiences, r.audience), r.rule_id DESC)
    INSERT INTO kolony.notifications AS n (workspace_id, profile_id, kind, priority, title, message, data, channels,
        quiet, dedupe, count, created_at, last_at, expires_at)
    SELECT home, t.profile_id, t.kind, t.rank, t.title, t.message, t.data, t.channels,
           t.rank <> 'critical' AND kolony.is_quiet(s.quiet_from, s.quiet_to, s.time_zone, t.at), t.dedupe, t.count,
           t.at, t.at, now() + CASE t.rank WHEN 'low' THEN interval '7 days' WHEN 'medium' THEN interval '14 days'
                                           ELSE interval '30 days' END
    FROM ruled t LEFT JOIN kolony.notification_settings s ON s.profile_id = t.profile_id
    WHERE t.enabled
    ORDER BY t.event_id
    ON CONFLICT (workspace_id, profile_id, dedupe) WHERE dedupe IS NOT NULL DO UPDATE
    SET count = n.count + EXCLUDED.count, last_at = EXCLUDED.last_at, title = EXCLUDED.title,
        message = EXCLUDED.message, data = EXCLUDED.data, expires_at = EXCLUDED.expires_at,
        priority = ranks[greatest(array_position(ranks, n.priority), array_position(ranks, EXCLUDED.priority))];
    GET DIAGNOSTICS told = ROW_COUNT;
    RETURN told;
END

--- function test_webhook(the_webhook uuid)
OWNER kolony_api ARGUMENTS (the_webhook uuid) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    webhook kolony.webhooks := kolony.webhook_for_step(the_webhook);
    made uuid := kolony.new_id();
    event kolony.notification_events;
BEGIN
    event.kind := 'test';
    event.priority := 'low';
    event.title := format('a test of the webhook %s by %s', kolony.plain_words(webhook.name, 100), session_user);
    event.message := '';
    event.count := 1;
    event.at := now();
    event.data := '{}';
    INSERT INTO kolony.webhook_deliveries (workspace_id, delivery_id, webhook_id, kind, title, body)
    VALUES (webhook.workspace_id, made, the_webhook, 'test', event.title,
            kolony.delivery_body(webhook.workspace_id, made, event));
    RETURN made;
END

--- function today_in(home uuid)
OWNER kolony_api ARGUMENTS (home uuid) RETURNS date LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN (SELECT (now() AT TIME ZONE w.time_zone)::date FROM kolony.workspaces w WHERE w.workspace_id = home);
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

--- function told(the_run uuid)
OWNER kolony_api ARGUMENTS (the_run uuid) RETURNS TABLE(part text, words text) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    run kolony.runs;
    command kolony.commands;
BEGIN
    SELECT * INTO run FROM kolony.runs r WHERE r.run_id = the_run AND r.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such run here' USING ERRCODE = 'P0002', HINT = 'see kolony run list';
    END IF;
    PERFORM kolony.require_role(run.workspace_id, 'viewer');
    SELECT * INTO STRICT command FROM kolony.commands c
    WHERE c.workspace_id = run.workspace_id AND c.command_id = run.command_id;
    RETURN QUERY
    SELECT 'instructions', kolony.instructed(a.instructions, command.kind) FROM kolony.agents a
    WHERE a.workspace_id = run.workspace_id AND a.agent_id = run.agent_id
      AND kolony.instructed(a.instructions, command.kind) <> ''
    UNION ALL SELECT 'command', command.content;
    RETURN QUERY
    SELECT 'subject', format('#%s of %s', kolony.run_reference(run.workspace_id, s.run_id), a.name)
    FROM unnest(command.subjects) WITH ORDINALITY AS s (run_id, place)
    JOIN kolony.runs r ON r.workspace_id = run.workspace_id AND r.run_id = s.run_id
    JOIN kolony.agents a ON a.workspace_id = r.workspace_id AND a.agent_id = r.agent_id ORDER BY s.place;
END

--- function undelete_constraint(the_constraint uuid, as_default boolean)
OWNER kolony_api ARGUMENTS (the_constraint uuid, as_default boolean DEFAULT false) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    profile kolony.constraint_profiles := kolony.constraint_for_step(the_constraint);
BEGIN
    PERFORM kolony.refuse_taken_constraint(profile.workspace_id, profile.name, the_constraint);
    UPDATE kolony.constraint_profiles p
    SET deleted_at = NULL, is_default = coalesce(as_default, false) AND NOT EXISTS (
        SELECT FROM kolony.constraint_profiles o WHERE o.workspace_id = profile.workspace_id AND o.is_default)
    WHERE p.workspace_id = profile.workspace_id AND p.constraint_id = the_constraint AND p.deleted_at IS NOT NULL;
    PERFORM kolony.hint(profile.workspace_id, 'constraint:' || the_constraint);
END

--- function undo(the_step uuid)
OWNER kolony_api ARGUMENTS (the_step uuid DEFAULT NULL::uuid) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    step kolony.undo_steps;
BEGIN
    IF kolony.my_workspace_ids() = '{}' THEN
        RAISE EXCEPTION 'you are a member of no workspace' USING ERRCODE = '42501', HINT = 'ask an admin to add you';
    END IF;
    SELECT * INTO step FROM kolony.undo_steps u
    WHERE u.profile_id = kolony.my_profile_id() AND u.workspace_id = ANY (kolony.my_workspace_ids())
      AND u.undone_at IS NULL AND u.step_id = coalesce(the_step, u.step_id)
      AND u.made_at > clock_timestamp() - interval '30 seconds'
    ORDER BY u.made_at DESC, u.step_id DESC LIMIT 1 FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is nothing to undo'
            USING ERRCODE = '55000', HINT = 'one''s own cancel, retire or delete can be undone for 30 seconds';
    END IF;
    UPDATE kolony.undo_steps u SET undone_at = now()
    WHERE u.workspace_id = step.workspace_id AND u.step_id = step.step_id;
    EXECUTE format('SELECT kolony.%I($1, $2)', 'undo_' || step.kind) USING step.workspace_id, step.facts;
    PERFORM kolony.record_audit(step.workspace_id, 'STEP_UNDONE', step.title, jsonb_build_object('kind', step.kind));
    RETURN step.title;
END

--- function undo_cancel(home uuid, facts jsonb)
OWNER kolony_api ARGUMENTS (home uuid, facts jsonb) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    done boolean;
BEGIN
    PERFORM kolony.require_role(home, 'operator');
    IF facts ? 'draft' THEN
        UPDATE kolony.commands c SET outcome = NULL, finished_at = NULL
        WHERE c.workspace_id = home AND c.command_id = (facts ->> 'draft')::uuid
          AND c.submitted_at IS NULL AND c.outcome = 'cancelled';
        done := FOUND;
        PERFORM kolony.hint(home, 'command:' || (facts ->> 'draft'));
    ELSE
        done := kolony.bring_back(home, facts -> 'runs') > 0;
    END IF;
    IF NOT done THEN
        RAISE EXCEPTION 'nothing of it is cancelled any more' USING ERRCODE = '55000';
    END IF;
END

--- function undo_delete_constraint(home uuid, facts jsonb)
OWNER kolony_api ARGUMENTS (home uuid, facts jsonb) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    PERFORM kolony.undelete_constraint((facts ->> 'constraint_id')::uuid, (facts ->> 'was_default')::boolean);
END

--- function undo_delete_preset(home uuid, facts jsonb)
OWNER kolony_api ARGUMENTS (home uuid, facts jsonb) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    preset kolony.presets;
BEGIN
    SELECT * INTO preset FROM kolony.presets p
    WHERE p.workspace_id = home AND p.preset_id = (facts ->> 'preset_id')::uuid FOR NO KEY UPDATE;
    IF preset.deleted_at IS NULL THEN
        RAISE EXCEPTION 'that preset is not deleted any more' USING ERRCODE = '55000';
    END IF;
    preset.deleted_at := NULL;
    PERFORM kolony.keep_preset(preset, NULL, 'PRESET_CREATED', jsonb_build_object('undone', true));
END

--- function undo_delete_rule(home uuid, facts jsonb)
OWNER kolony_api ARGUMENTS (home uuid, facts jsonb) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    rule kolony.notification_rules;
BEGIN
    SELECT * INTO STRICT rule FROM kolony.notification_rules r
    WHERE r.workspace_id = home AND r.rule_id = (facts ->> 'rule_id')::uuid FOR NO KEY UPDATE;
    PERFORM kolony.require_role(home, CASE WHEN rule.profile_id IS NULL THEN 'admin' ELSE 'viewer' END);
    UPDATE kolony.notification_rules r SET deleted_at = NULL WHERE r.workspace_id = home AND r.rule_id = rule.rule_id;
    IF rule.profile_id IS NULL THEN
        PERFORM kolony.record_audit(home, 'RULE_CREATED', rule.kind, jsonb_build_object('undone', true), rule.agent_id);
    END IF;
    PERFORM kolony.hint(home, 'note:*');
END

--- function undo_delete_view(home uuid, facts jsonb)
OWNER kolony_api ARGUMENTS (home uuid, facts jsonb) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    UPDATE kolony.saved_views v SET deleted_at = NULL
    WHERE v.workspace_id = home AND v.view_id = (facts ->> 'view_id')::uuid;
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'another view has this name by now' USING ERRCODE = '55000';
END

--- function undo_retire(home uuid, facts jsonb)
OWNER kolony_api ARGUMENTS (home uuid, facts jsonb) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    was kolony.agents := jsonb_populate_record(NULL::kolony.agents, facts -> 'agent');
BEGIN
    PERFORM kolony.require_role(home, 'operator');
    UPDATE kolony.agents a SET desired = was.desired, desired_why = was.desired_why, desired_by = was.desired_by,
        desired_since = was.desired_since
    WHERE a.workspace_id = home AND a.agent_id = was.agent_id AND a.desired = 'retired'
      AND a.desired_since = (facts ->> 'retired_at')::timestamptz;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the agent "%" is not retired any more', was.name USING ERRCODE = '55000';
    END IF;
    PERFORM kolony.bring_back(home, facts -> 'runs');
    PERFORM kolony.require_room(home, 'agents');
    PERFORM kolony.hint(home, 'agent:' || was.agent_id);
END

--- function unfinished(bytes bytea)
OWNER kolony_api ARGUMENTS (bytes bytea) RETURNS bytea LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT CASE WHEN length(bytes) = 0 OR get_byte(bytes, length(bytes) - 1) = 10 THEN ''
                ELSE decode(substring(encode(substr(bytes, greatest(length(bytes) - 8191, 1)), 'escape') FROM '[^\n]*$'),
                            'escape') END

--- function unpaid(home uuid, of_agent uuid, OUT closed boolean, OUT commands uuid[], OUT presets uuid[], OUT people uuid[])
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid, OUT closed boolean, OUT commands uuid[], OUT presets uuid[], OUT people uuid[]) RETURNS record LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.budgets b WHERE b.workspace_id = home AND b.removed_at IS NULL) THEN
        RETURN;
    END IF;
    SELECT bool_or(o.scope = 'workspace' OR o.subject_id = of_agent),
           array_agg(o.subject_id) FILTER (WHERE o.scope = 'command'),
           array_agg(o.subject_id) FILTER (WHERE o.scope = 'preset'),
           array_agg(coalesce(m.profile_id, o.subject_id)) FILTER (WHERE o.scope = 'person' OR m.profile_id IS NOT NULL)
    INTO closed, commands, presets, people
    FROM kolony.budget_overview o
    LEFT JOIN kolony.people_group_members m
        ON o.scope = 'people' AND m.workspace_id = home AND m.group_id = o.subject_id
    WHERE o.workspace_id = home AND o.hard AND o.share >= 1;
END

--- function unset_variable(of_agent uuid, name text)
OWNER kolony_api ARGUMENTS (of_agent uuid, name text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_variable
DECLARE
    agent kolony.agents := kolony.agent_for_writing(of_agent);
BEGIN
    DELETE FROM kolony.agent_variables v
    WHERE v.workspace_id = agent.workspace_id AND v.agent_id = of_agent AND v.name = name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no variable "%" of this agent', "left"(name, 200)
            USING ERRCODE = 'P0002', HINT = 'see kolony agent var list';
    END IF;
    PERFORM kolony.record_audit(agent.workspace_id, 'VARIABLE_UNSET', agent.name || ' ' || name,
        jsonb_build_object('name', name), of_agent);
    PERFORM kolony.hint(agent.workspace_id, 'variable:' || of_agent);
END

--- function usage_of(held kolony.leases)
OWNER kolony_api ARGUMENTS (held kolony.leases) RETURNS kolony.attempt_usage LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    mine kolony.attempt_usage;
BEGIN
    INSERT INTO kolony.attempt_usage (workspace_id, attempt_id, run_id, command_id, agent_id, profile_id, preset_id)
    SELECT r.workspace_id, held.attempt_id, r.run_id, c.command_id, r.agent_id, c.created_by, c.preset_id
    FROM kolony.runs r JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    WHERE r.workspace_id = held.workspace_id AND r.run_id = held.run_id
    ON CONFLICT (workspace_id, attempt_id) DO NOTHING;
    SELECT * INTO STRICT mine FROM kolony.attempt_usage u
    WHERE u.workspace_id = held.workspace_id AND u.attempt_id = held.attempt_id FOR NO KEY UPDATE;
    RETURN mine;
END

--- function variables_brief(home uuid, of_agent uuid)
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid) RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_build_object('name', v.name, 'value', v.value, 'secret', v.secret) ORDER BY v.name)
            FROM kolony.agent_variables v WHERE v.workspace_id = home AND v.agent_id = of_agent);
END

--- function verdict_on(run kolony.runs, command kolony.commands, ended text, tries integer)
OWNER kolony_api ARGUMENTS (run kolony.runs, command kolony.commands, ended text, tries integer) RETURNS text LANGUAGE sql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
    SELECT CASE
        WHEN ended IN ('completed', 'cancelled') THEN ended
        WHEN run.cancel_at IS NOT NULL OR run.interrupt_at IS NOT NULL THEN 'cancelled'
        WHEN ended = 'failed' AND (command.retry_on = 'lost' OR tries >= command.max_attempts) THEN 'failed'
        WHEN ended = 'lost' AND tries >= command.max_attempts THEN 'failed' END

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

--- function webhook_for_step(the_webhook uuid)
OWNER kolony_api ARGUMENTS (the_webhook uuid) RETURNS kolony.webhooks LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    webhook kolony.webhooks;
BEGIN
    SELECT * INTO webhook FROM kolony.webhooks w
    WHERE w.webhook_id = the_webhook AND w.workspace_id = ANY (kolony.my_workspace_ids()) AND w.deleted_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such webhook here' USING ERRCODE = 'P0002', HINT = 'see kolony webhook list';
    END IF;
    PERFORM kolony.require_role(webhook.workspace_id, 'admin');
    RETURN webhook;
END

--- function weigh_money(report jsonb, by_prices numeric, INOUT since jsonb, INOUT base jsonb, OUT cost numeric, OUT estimated numeric)
OWNER kolony_api ARGUMENTS (report jsonb, by_prices numeric, INOUT since jsonb, INOUT base jsonb, OUT cost numeric, OUT estimated numeric) RETURNS record LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    now_said CONSTANT numeric := kolony.figure(report -> 'cost_usd');
    so_far CONSTANT numeric := coalesce((since ->> 'cost_usd')::numeric, 0);
    guessed CONSTANT numeric := coalesce((since ->> 'estimated_usd')::numeric, 0);
    sums CONSTANT boolean := coalesce((report ->> 'money_cumulative')::boolean, false);
BEGIN
    IF now_said IS NULL THEN
        cost := CASE WHEN base ? 'names_money' AND report ->> 'scope' IS DISTINCT FROM 'call' THEN 0
                     ELSE coalesce(round(by_prices, 9), 0) END;
        estimated := cost;
        since := since || jsonb_build_object('cost_usd', so_far + cost, 'estimated_usd', guessed + cost);
    ELSIF sums THEN
        cost := greatest(now_said - coalesce((base ->> 'cost_usd')::numeric, 0), 0) - so_far;
        cost := greatest(cost, -guessed);
        estimated := -guessed;
        base := base || jsonb_build_object('cost_usd', now_said, 'names_money', true);
        since := since - 'cost_usd' - 'estimated_usd';
    ELSE
        -- Of a single call it is that call's; of more it stands for the calls before, too.
        estimated := CASE WHEN report ->> 'scope' = 'call' THEN 0 ELSE -guessed END;
        cost := now_said + estimated;
        base := base || '{"names_money": true}';
        since := since || jsonb_build_object('cost_usd', so_far + cost, 'estimated_usd', guessed + estimated);
    END IF;
END

--- function weigh_tokens(report jsonb, INOUT since jsonb, INOUT base jsonb, OUT added jsonb)
OWNER kolony_api ARGUMENTS (report jsonb, INOUT since jsonb, INOUT base jsonb, OUT added jsonb) RETURNS record LANGUAGE plpgsql IMMUTABLE SET search_path=pg_catalog, pg_temp
AS
DECLARE
    name text;
    now_said numeric;
    so_far numeric;
    more numeric;
BEGIN
    added := '{}';
    FOREACH name IN ARRAY ARRAY['input_fresh', 'input_cached', 'cache_write', 'output', 'reasoning', 'calls'] LOOP
        now_said := trunc(kolony.figure(report -> name));
        so_far := coalesce((since ->> name)::numeric, 0);
        IF now_said IS NULL THEN
            more := 0;
        ELSIF coalesce((report ->> 'cumulative')::boolean, false) THEN
            more := greatest(now_said - coalesce((base ->> name)::numeric, 0) - so_far, 0);
            base := base || jsonb_build_object(name, now_said);
            since := since - name;
        ELSE
            more := now_said;
            since := since || jsonb_build_object(name, so_far + now_said);
        END IF;
        added := added || jsonb_build_object(name, more);
    END LOOP;
END

--- function why_agent(home uuid, of_agent uuid)
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid) RETURNS TABLE(depth integer, kind text, words text, remedy text, subject_id uuid) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    its kolony.agent_overview;
    stop record;
BEGIN
    SELECT * INTO STRICT its FROM kolony.agent_overview o WHERE o.workspace_id = home AND o.agent_id = of_agent;
    SELECT * INTO stop FROM kolony.stops_in_force f
    WHERE f.workspace_id = home AND f.agent_id = of_agent ORDER BY f.began_at LIMIT 1;
    IF FOUND THEN
        RETURN QUERY SELECT 0, 'stopped', format('an emergency stop by %s holds the agent "%s", for %s%s',
            coalesce(stop.began_by_login, 'somebody'), its.name, kolony.in_words(now() - stop.began_at),
            coalesce(': ' || nullif(stop.why, ''), '')), 'lift the stop', stop.stop_id;
    END IF;
    IF its.desired <> 'active' THEN
        RETURN QUERY SELECT 0, its.desired, format('the agent "%s" was %s by %s %s ago%s', its.name, its.desired,
            coalesce(its.desired_by_login, 'somebody'), kolony.in_words(now() - its.desired_since),
            coalesce(': ' || nullif(its.desired_why, ''), '')), 'resume the agent', of_agent;
    END IF;
    IF its.sessions = 0 THEN
        RETURN QUERY SELECT 0, 'offline', CASE WHEN its.last_seen IS NULL THEN
                format('no runner of the agent "%s" was ever here', its.name)
            ELSE format('no runner of the agent "%s" is connected, since %s%s', its.name,
                kolony.in_words(now() - its.disconnected_at), coalesce(' (' || nullif(its.end_reason, '') || ')', '')) END,
            'start its runner: kolony agent run', of_agent;
    ELSIF its.running >= its.slots THEN
        RETURN QUERY SELECT 0, 'busy', format('the agent "%s" is busy: %s of %s slots are taken', its.name, its.running,
            its.slots), 'wait, start another runner, or cancel one of them', of_agent;
        RETURN QUERY SELECT 1, 'holds_slot', format('#%s, %s for %s, asked by %s: %s', kolony.run_reference(home, l.run_id),
                CASE WHEN r.cancel_at IS NOT NULL THEN 'being cancelled' WHEN t.started_at IS NULL THEN 'dispatching'
                     ELSE 'executing' END,
                kolony.in_words(now() - coalesce(t.started_at, t.claimed_at)), coalesce(p.login, 'somebody'),
                "left"(c.title, 60)), 'cancel it', l.run_id
            FROM kolony.leases l
            JOIN kolony.attempts t ON t.workspace_id = l.workspace_id AND t.attempt_id = l.attempt_id
            JOIN kolony.runs r ON r.workspace_id = l.workspace_id AND r.run_id = l.run_id
            JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
            LEFT JOIN kolony.profiles p ON p.profile_id = c.created_by
            WHERE l.workspace_id = home AND l.agent_id = of_agent ORDER BY t.claimed_at LIMIT 10;
    END IF;
END

--- function why_blocked(run kolony.runs)
OWNER kolony_api ARGUMENTS (run kolony.runs) RETURNS TABLE(depth integer, kind text, words text, remedy text, subject_id uuid) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    home CONSTANT uuid := run.workspace_id;
    command kolony.commands;
    blocked kolony.blocked_runs;
    due timestamptz;
BEGIN
    SELECT * INTO STRICT command FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id = run.command_id;
    SELECT * INTO blocked FROM kolony.blocked_runs b WHERE b.workspace_id = home AND b.run_id = run.run_id;
    due := coalesce(blocked.due_at, (SELECT s.due_at FROM kolony.scheduled_runs s
                                     WHERE s.workspace_id = home AND s.run_id = run.run_id));
    IF blocked.held THEN
        RETURN QUERY SELECT 0, CASE WHEN run.held_by IS NULL THEN 'canary' ELSE 'held' END,
            format('held by %s %s ago%s', coalesce((SELECT p.login FROM kolony.profiles p
                WHERE p.profile_id = run.held_by), 'its command, which stops after ' || kolony.counted(command.stop_after, 'failure')),
                kolony.in_words(now() - run.held_at), coalesce(': ' || nullif(run.held_why, ''), '')),
            'release it', run.run_id;
    END IF;
    IF blocked.after THEN
        RETURN QUERY SELECT 0, 'after', format('command #%s comes after others that have not ended as needed',
            command.number), 'wait for them, or release this run', run.command_id;
        RETURN QUERY SELECT * FROM kolony.why_later(home, run.command_id);
    END IF;
    IF blocked.beyond AND NOT blocked.held THEN
        RETURN QUERY SELECT 0, 'window', format('command #%s lets %s in at a time', command.number,
            kolony.counted(command.at_a_time, 'run')),
            'wait for one of these to end, or cancel it', run.command_id;
        RETURN QUERY SELECT 1, 'let_in', format('#%s on "%s" is %s', kolony.run_reference(home, o.run_id), o.agent,
            o.status), NULL, o.run_id
            FROM kolony.run_overview o
            WHERE o.workspace_id = home AND o.command_id = run.command_id AND o.finished_at IS NULL
              AND NOT EXISTS (SELECT FROM kolony.blocked_runs b
                              WHERE b.workspace_id = home AND b.run_id = o.run_id AND b.beyond)
            ORDER BY o.ordinal LIMIT 10;
    END IF;
    IF due > now() THEN
        RETURN QUERY SELECT 0, CASE WHEN due = command.not_before THEN 'not_before' ELSE 'backoff' END,
            CASE WHEN due = command.not_before THEN
                format('not before %s UTC, in %s', to_char(due AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
                    kolony.in_words(due - now()))
            ELSE format('tried %s; tried again in %s%s', kolony.counted(run.failed_tries, 'time'), kolony.in_words(due - now()),
                coalesce(': ' || "left"(run.error, 200), '')) END,
            'wait, or cancel it', run.run_id;
    END IF;
END

--- function why_later(home uuid, the_command uuid)
OWNER kolony_api ARGUMENTS (home uuid, the_command uuid) RETURNS TABLE(depth integer, kind text, words text, remedy text, subject_id uuid) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
BEGIN
    RETURN QUERY
    SELECT 1, CASE WHEN o.finished_at IS NOT NULL THEN 'dependency_failed' WHEN o.submitted_at IS NULL THEN 'dependency_draft'
                   ELSE 'dependency' END,
           format('#%s has to be %s, it is %s%s: %s', o.number, d.need, o.status,
               CASE WHEN o.finished_at IS NULL AND o.runs > 1 THEN
                   format(' (%s of %s ended)', o.completed + o.failed + o.cancelled, o.runs) ELSE '' END, "left"(o.title, 60)),
           CASE WHEN o.finished_at IS NOT NULL THEN 'retry it, or release this run'
                WHEN o.submitted_at IS NULL THEN 'submit it, or release this run'
                ELSE 'wait, or release this run' END, d.after_id
    FROM kolony.command_dependencies d
    JOIN kolony.command_overview o ON o.workspace_id = d.workspace_id AND o.command_id = d.after_id
    WHERE d.workspace_id = home AND d.command_id = the_command
      AND (o.finished_at IS NULL OR d.need = 'completed' AND o.status <> 'completed')
    ORDER BY o.number LIMIT 20;
END

--- function why_queued(run kolony.runs)
OWNER kolony_api ARGUMENTS (run kolony.runs) RETURNS TABLE(depth integer, kind text, words text, remedy text, subject_id uuid) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    mine kolony.ready_runs;
    ahead bigint;
BEGIN
    SELECT * INTO mine FROM kolony.ready_runs q WHERE q.workspace_id = run.workspace_id AND q.run_id = run.run_id;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT count(*) INTO ahead FROM (
        SELECT FROM kolony.ready_runs q
        WHERE q.workspace_id = run.workspace_id AND q.agent_id = run.agent_id AND q.priority >= mine.priority
          AND (q.priority > mine.priority OR (q.place, q.run_id) < (mine.place, mine.run_id)) LIMIT 1000) q;
    IF ahead = 0 THEN
        RETURN QUERY SELECT 0, 'next', 'it is the next one of its agent''s queue', NULL, run.run_id;
        RETURN;
    END IF;
    RETURN QUERY SELECT 0, 'behind', format('%s run%s before it in the agent''s queue (its priority is %s)',
        CASE WHEN ahead = 1000 THEN '1000 or more' ELSE ahead::text END, CASE WHEN ahead = 1 THEN ' comes' ELSE 's come' END,
        mine.priority), 'raise it, or move it to the front', run.run_id;
    RETURN QUERY SELECT 1, 'ahead', format('#%s, priority %s: %s', kolony.run_reference(run.workspace_id, q.run_id), q.priority,
        (SELECT "left"(c.title, 60) FROM kolony.runs r
         JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
         WHERE r.workspace_id = run.workspace_id AND r.run_id = q.run_id)), NULL, q.run_id
        FROM kolony.ready_runs q
        WHERE q.workspace_id = run.workspace_id AND q.agent_id = run.agent_id AND q.priority >= mine.priority
          AND (q.priority > mine.priority OR (q.place, q.run_id) < (mine.place, mine.run_id))
        ORDER BY q.priority DESC, q.place, q.run_id LIMIT 3;
END

--- function why_unpaid(run kolony.runs)
OWNER kolony_api ARGUMENTS (run kolony.runs) RETURNS TABLE(depth integer, kind text, words text, remedy text, subject_id uuid) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
DECLARE
    empty kolony.budget_overview := kolony.empty_budget(run.workspace_id, run.run_id);
BEGIN
    IF empty.budget_id IS NOT NULL THEN
        RETURN QUERY SELECT 0, 'no_budget', 'no budget left: ' || kolony.budget_words(empty),
            CASE empty.period WHEN 'total' THEN 'raise the budget'
                 ELSE format('raise the budget, or wait for the next %s', empty.period) END, empty.budget_id;
    END IF;
END

--- function why_waiting(the_run uuid)
OWNER kolony_api ARGUMENTS (the_run uuid) RETURNS TABLE(depth integer, kind text, words text, remedy text, subject_id uuid) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_column
DECLARE
    run kolony.runs;
    status text;
BEGIN
    SELECT * INTO run FROM kolony.runs r
    WHERE r.run_id = the_run AND r.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such run here' USING ERRCODE = 'P0002', HINT = 'see kolony run list';
    END IF;
    PERFORM kolony.require_role(run.workspace_id, 'viewer');
    SELECT CASE WHEN o.lost THEN 'lost' ELSE o.status END INTO STRICT status FROM kolony.run_overview o
    WHERE o.workspace_id = run.workspace_id AND o.run_id = the_run;
    IF status = 'lost' THEN
        RETURN QUERY SELECT 0, 'lost', 'its runner stopped answering; the next claim takes it back', NULL, the_run;
    ELSIF status <> 'waiting' THEN
        RETURN QUERY SELECT 0, status, format('it does not wait: it is %s', status), NULL, the_run;
        RETURN;
    END IF;
    RETURN QUERY SELECT * FROM kolony.why_blocked(run);
    RETURN QUERY SELECT * FROM kolony.why_unpaid(run);
    RETURN QUERY SELECT * FROM kolony.why_agent(run.workspace_id, run.agent_id);
    RETURN QUERY SELECT * FROM kolony.why_queued(run);
END

--- function withdraw_question(the_approval uuid, why text)
OWNER kolony_api ARGUMENTS (the_approval uuid, why text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
AS
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    withdrawn uuid;
BEGIN
    UPDATE kolony.approvals p SET heard_at = clock_timestamp(),
        expired_at = CASE WHEN p.expires_at <= clock_timestamp() THEN clock_timestamp() END,
        cancelled_at = CASE WHEN p.expires_at <= clock_timestamp() THEN NULL ELSE clock_timestamp() END,
        cancelled_why = CASE WHEN p.expires_at <= clock_timestamp() THEN NULL ELSE "left"(why, 1000) END
    WHERE p.workspace_id = token.workspace_id AND p.approval_id = the_approval AND p.agent_id = token.agent_id
      AND p.answered_at IS NULL AND p.cancelled_at IS NULL AND p.expired_at IS NULL
    RETURNING p.approval_id INTO withdrawn;
    IF withdrawn IS NOT NULL THEN
        PERFORM kolony.hint(token.workspace_id, 'inbox:' || withdrawn);
    END IF;
END

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

--- function write_note(home uuid, of_agent uuid, name text, content text, in_run uuid)
OWNER kolony_api ARGUMENTS (home uuid, of_agent uuid, name text, content text, in_run uuid) RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path=pg_catalog, pg_temp
AS
#variable_conflict use_variable
DECLARE
    made integer;
BEGIN
    PERFORM kolony.check_note(name, content);
    IF (SELECT count(*) FROM kolony.agent_notes n
        WHERE n.workspace_id = home AND n.agent_id = of_agent AND n.name <> name) >= 100
    THEN
        RAISE EXCEPTION 'an agent keeps at most 100 notes' USING ERRCODE = '54000';
    END IF;
    INSERT INTO kolony.agent_notes AS n (workspace_id, agent_id, name, content, updated_by, updated_run)
    VALUES (home, of_agent, name, content, CASE WHEN in_run IS NULL THEN kolony.my_profile_id() END, in_run)
    ON CONFLICT ON CONSTRAINT agent_notes_pkey DO UPDATE SET content = EXCLUDED.content, version = n.version + 1,
        updated_by = EXCLUDED.updated_by, updated_run = EXCLUDED.updated_run, updated_at = now()
    RETURNING n.version INTO made;
    PERFORM kolony.hint(home, 'note_kept:' || of_agent);
    RETURN made;
END

--- grants database of kolony
GRANT CONNECT TO kolony_agents
GRANT CONNECT TO kolony_backup
GRANT CONNECT TO kolony_user

--- grants function accept_plan(the_run uuid, only_items integer[])
GRANT EXECUTE TO kolony_user

--- grants function acknowledge_stop(the_session uuid)
GRANT EXECUTE TO kolony_agents

--- grants function add_person(in_workspace uuid, who text, verifier text, as_role text, called text)
GRANT EXECUTE TO kolony_user

--- grants function add_rule(in_workspace uuid, of_agent uuid, tool text, prefix text, decision text, until timestamp with time zone, note text)
GRANT EXECUTE TO kolony_user

--- grants function add_webhook(in_workspace uuid, called text, url text, secret text, kinds text[], at_least text)
GRANT EXECUTE TO kolony_user

--- grants function administers_all_of(who text)
GRANT EXECUTE TO kolony_roleadm

--- grants function admit_person(in_workspace uuid, who text, as_role text, called text)
GRANT EXECUTE TO kolony_user

--- grants function analyze_tables()
GRANT EXECUTE TO kolony_api

--- grants function announce(hints text[])
GRANT EXECUTE TO kolony_agents

--- grants function answer_always(the_approval uuid, allow boolean, prefix text, until timestamp with time zone, any_agent boolean, note text)
GRANT EXECUTE TO kolony_user

--- grants function answer_approval(the_approval uuid, allow boolean, answer text, note text)
GRANT EXECUTE TO kolony_user

--- grants function answer_approvals(approvals uuid[], allow boolean, answer text, note text)
GRANT EXECUTE TO kolony_user

--- grants function answer_message()
GRANT EXECUTE TO kolony_owner

--- grants function answer_messages()
GRANT EXECUTE TO kolony_owner

--- grants function append_artifact_part(the_attempt uuid, the_artifact uuid, at_part integer, with_data bytea)
GRANT EXECUTE TO kolony_agents

--- grants function append_output(the_attempt uuid, seqs integer[], streams text[], ats timestamp with time zone[], first_lines bigint[], line_counts integer[], datas bytea[])
GRANT EXECUTE TO kolony_agents

--- grants function append_trace(the_attempt uuid, entries jsonb)
GRANT EXECUTE TO kolony_agents

--- grants function archive_conversation(the_conversation uuid, archived boolean)
GRANT EXECUTE TO kolony_user

--- grants function are_tags(words text[])
GRANT EXECUTE TO kolony_api

--- grants function ask(the_attempt uuid, name text, kind text, title text, detail text, options jsonb, risk text, expires_seconds integer, tool text, command text, request jsonb)
GRANT EXECUTE TO kolony_agents

--- grants function assign_run(the_run uuid, to_agent uuid)
GRANT EXECUTE TO kolony_user

--- grants function audit_agent()
GRANT EXECUTE TO kolony_owner

--- grants function audit_agent_session()
GRANT EXECUTE TO kolony_owner

--- grants function audit_command()
GRANT EXECUTE TO kolony_owner

--- grants function audit_constraint()
GRANT EXECUTE TO kolony_owner

--- grants function audit_limit()
GRANT EXECUTE TO kolony_owner

--- grants function audit_membership()
GRANT EXECUTE TO kolony_owner

--- grants function audit_profile()
GRANT EXECUTE TO kolony_owner

--- grants function audit_run()
GRANT EXECUTE TO kolony_owner

--- grants function audit_steering()
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

--- grants function begin_attempt(the_attempt uuid)
GRANT EXECUTE TO kolony_agents

--- grants function begin_job(in_workspace uuid, the_job text, on_host text, in_total bigint)
GRANT EXECUTE TO kolony_user

--- grants function cancel_command(the_command uuid, why text)
GRANT EXECUTE TO kolony_user

--- grants function cancel_run(the_run uuid, why text)
GRANT EXECUTE TO kolony_user

--- grants function cancel_runs(the_runs uuid[], why text)
GRANT EXECUTE TO kolony_user

--- grants function change_constraint(the_constraint uuid, new_name text, new_description text, new_time_limit_ms bigint, new_token_budget bigint, new_memory_limit_mb integer, new_cpu_limit_percent integer)
GRANT EXECUTE TO kolony_user

--- grants function change_disabled(in_workspace uuid, who text, to_disabled boolean)
GRANT EXECUTE TO kolony_roleadm

--- grants function change_membership(in_workspace uuid, who text, as_role text)
GRANT EXECUTE TO kolony_roleadm

--- grants function change_notification_rule(the_rule uuid, audience text, priority text, channels text[], enabled boolean)
GRANT EXECUTE TO kolony_user

--- grants function change_preset(the_preset uuid, changes jsonb, expected integer)
GRANT EXECUTE TO kolony_user

--- grants function change_webhook(the_webhook uuid, url text, kinds text[], at_least text, secret text)
GRANT EXECUTE TO kolony_user

--- grants function change_workspace(in_workspace uuid, new_name text, new_admits_viewers boolean)
GRANT EXECUTE TO kolony_user

--- grants function check_kind_of_row()
GRANT EXECUTE TO kolony_owner

--- grants function claim_attempts(the_session uuid, up_to integer, at_once boolean)
GRANT EXECUTE TO kolony_agents

--- grants function claim_runs(the_session uuid, up_to integer)
GRANT EXECUTE TO kolony_agents

--- grants function clear_the_way()
GRANT EXECUTE TO kolony_api

--- grants function close_questions()
GRANT EXECUTE TO kolony_owner

--- grants function close_questions_of_ended()
GRANT EXECUTE TO kolony_owner

--- grants function close_session(the_session uuid, because text, was_error boolean)
GRANT EXECUTE TO kolony_agents

--- grants function complete_attempts(ends jsonb)
GRANT EXECUTE TO kolony_agents

--- grants function connected_people(in_workspace uuid)
GRANT EXECUTE TO kolony_user

--- grants function count_archive(in_workspace uuid)
GRANT EXECUTE TO kolony_user

--- grants function create_agent(in_workspace uuid, new_name text, new_type text, new_category text, new_instructions text, new_description text, new_config jsonb)
GRANT EXECUTE TO kolony_user

--- grants function create_workspace(new_slug text, new_name text)
GRANT EXECUTE TO kolony_user

--- grants function delete_constraint(the_constraint uuid)
GRANT EXECUTE TO kolony_user

--- grants function delete_note(of_agent uuid, name text)
GRANT EXECUTE TO kolony_user

--- grants function delete_notification_rule(the_rule uuid)
GRANT EXECUTE TO kolony_user

--- grants function delete_preset(the_preset uuid)
GRANT EXECUTE TO kolony_user

--- grants function delete_view(the_view uuid)
GRANT EXECUTE TO kolony_user

--- grants function disable_person(in_workspace uuid, who text)
GRANT EXECUTE TO kolony_user

--- grants function discard_plan(the_run uuid, only_items integer[])
GRANT EXECUTE TO kolony_user

--- grants function drop_month(of_table text, of_month date, with_rows boolean)
GRANT EXECUTE TO kolony_api

--- grants function edit_agent(of_agent uuid, change jsonb)
GRANT EXECUTE TO kolony_user

--- grants function edit_command(the_command uuid, content text, priority integer)
GRANT EXECUTE TO kolony_user

--- grants function enable_person(in_workspace uuid, who text)
GRANT EXECUTE TO kolony_user

--- grants function end_delivery(the_delivery uuid, of_try integer, status integer, error text)
GRANT EXECUTE TO kolony_user

--- grants function end_job(in_workspace uuid, the_job text, its_result jsonb)
GRANT EXECUTE TO kolony_user

--- grants function end_membership(in_workspace uuid, who text)
GRANT EXECUTE TO kolony_roleadm

--- grants function enroll_person(in_workspace uuid, who text, as_role text, called text, newly_made boolean)
GRANT EXECUTE TO kolony_roleadm

--- grants function ensure_audit_partition(for_day date)
GRANT EXECUTE TO kolony_api

--- grants function ensure_event_partition(for_day date)
GRANT EXECUTE TO kolony_api

--- grants function ensure_output_partition(for_day date)
GRANT EXECUTE TO kolony_api

--- grants function ensure_profile()
GRANT EXECUTE TO kolony_user

--- grants function ensure_trace_partition(for_day date)
GRANT EXECUTE TO kolony_api

--- grants function enter_by_gate()
GRANT EXECUTE TO kolony_owner

--- grants function events_of_agents()
GRANT EXECUTE TO kolony_owner

--- grants function events_of_approvals()
GRANT EXECUTE TO kolony_owner

--- grants function events_of_attempt()
GRANT EXECUTE TO kolony_owner

--- grants function events_of_claims()
GRANT EXECUTE TO kolony_owner

--- grants function events_of_commands()
GRANT EXECUTE TO kolony_owner

--- grants function events_of_delays()
GRANT EXECUTE TO kolony_owner

--- grants function events_of_draft()
GRANT EXECUTE TO kolony_owner

--- grants function events_of_questions()
GRANT EXECUTE TO kolony_owner

--- grants function events_of_results()
GRANT EXECUTE TO kolony_owner

--- grants function events_of_run()
GRANT EXECUTE TO kolony_owner

--- grants function events_of_runs()
GRANT EXECUTE TO kolony_owner

--- grants function events_of_session()
GRANT EXECUTE TO kolony_owner

--- grants function events_of_spending()
GRANT EXECUTE TO kolony_owner

--- grants function events_of_steps()
GRANT EXECUTE TO kolony_owner

--- grants function events_of_stops()
GRANT EXECUTE TO kolony_owner

--- grants function expire_token(the_token uuid, at_latest timestamp with time zone)
GRANT EXECUTE TO kolony_user

--- grants function extend_archive(in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid)
GRANT EXECUTE TO kolony_user

--- grants function fill_preset(the_preset uuid, given jsonb, of_version integer, partly boolean)
GRANT EXECUTE TO kolony_user

--- grants function finish_archive(in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid, object_sha256 text, object_size bigint, rows_digest bytea, new_words text[], cut boolean)
GRANT EXECUTE TO kolony_user

--- grants function finish_attempt(the_attempt uuid, ended text, with_exit_code integer, with_signal integer, with_error text, with_usage jsonb, chunks bigint, bytes bigint, lines bigint, limit_hit text, reason text, warning text)
GRANT EXECUTE TO kolony_agents

--- grants function finish_removal(in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid)
GRANT EXECUTE TO kolony_user

--- grants function finish_restore(in_workspace uuid, the_run uuid, the_attempt integer)
GRANT EXECUTE TO kolony_user

--- grants function force_out(in_workspace uuid, who text)
GRANT EXECUTE TO kolony_user

--- grants function forget_folder(in_workspace uuid, on_host text, the_path text)
GRANT EXECUTE TO kolony_user

--- grants function free_dependents()
GRANT EXECUTE TO kolony_owner

--- grants function give_archive_back(in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid)
GRANT EXECUTE TO kolony_user

--- grants function hear_answer(the_approval uuid)
GRANT EXECUTE TO kolony_agents

--- grants function hint(in_workspace uuid, payload text)
GRANT EXECUTE TO kolony_roleadm

--- grants function hold_command(the_command uuid, why text)
GRANT EXECUTE TO kolony_user

--- grants function hold_run(the_run uuid, why text)
GRANT EXECUTE TO kolony_user

--- grants function hold_runs(the_runs uuid[], why text)
GRANT EXECUTE TO kolony_user

--- grants function holds_role(in_workspace uuid, needed text)
GRANT EXECUTE TO kolony_user

--- grants function inbox(in_workspace uuid, hidden boolean, longest integer)
GRANT EXECUTE TO kolony_user

--- grants function interrupt_run(the_run uuid, why text)
GRANT EXECUTE TO kolony_user

--- grants function interrupt_runs(the_runs uuid[], why text)
GRANT EXECUTE TO kolony_user

--- grants function is_stopped(home uuid, of_agent uuid)
GRANT EXECUTE TO kolony_user

--- grants function issue_token(of_agent uuid, new_login text, verifier text, new_hash bytea, new_hint text, new_label text, new_expiry timestamp with time zone)
GRANT EXECUTE TO kolony_user

--- grants function keep_artifact(the_attempt uuid, name text, kind text, media_type text, size bigint, sha256 text, not_kept text)
GRANT EXECUTE TO kolony_agents

--- grants function keep_notes(the_attempt uuid, notes jsonb)
GRANT EXECUTE TO kolony_agents

--- grants function keep_usage()
GRANT EXECUTE TO kolony_owner

--- grants function lift_hold(the_hold uuid)
GRANT EXECUTE TO kolony_user

--- grants function lift_stop(in_workspace uuid, agents uuid[])
GRANT EXECUTE TO kolony_user

--- grants function limit_token(the_token uuid, at_latest timestamp with time zone, OUT its_login text, OUT its_expiry timestamp with time zone)
GRANT EXECUTE TO kolony_roleadm

--- grants function list_tokens(in_workspace uuid)
GRANT EXECUTE TO kolony_user

--- grants function login_was_made_here(who text)
GRANT EXECUTE TO kolony_roleadm

--- grants function make_constraint(in_workspace uuid, new_name text, new_description text, time_limit_ms bigint, token_budget bigint, memory_limit_mb integer, cpu_limit_percent integer, as_default boolean)
GRANT EXECUTE TO kolony_user

--- grants function make_notification_rule(in_workspace uuid, kind text, for_everybody boolean, audience text, of_agent uuid, tag text, priority text, channels text[], enabled boolean)
GRANT EXECUTE TO kolony_user

--- grants function make_preset(in_workspace uuid, new_name text, content text, details jsonb, as_shared boolean)
GRANT EXECUTE TO kolony_user

--- grants function make_stop_gate()
GRANT EXECUTE TO kolony_owner

--- grants function mark_inbox(in_workspace uuid, items uuid[], until timestamp with time zone, done boolean)
GRANT EXECUTE TO kolony_user

--- grants function member_logins(in_workspace uuid)
GRANT EXECUTE TO kolony_roleadm

--- grants function moment()
GRANT EXECUTE TO kolony_user

--- grants function move_run(the_run uuid, to_position integer)
GRANT EXECUTE TO kolony_user

--- grants function my_colleague_ids()
GRANT EXECUTE TO kolony_backup
GRANT EXECUTE TO kolony_user

--- grants function my_preset_ids()
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

--- grants function note_approval()
GRANT EXECUTE TO kolony_owner

--- grants function note_ended_command()
GRANT EXECUTE TO kolony_owner

--- grants function note_ended_commands()
GRANT EXECUTE TO kolony_owner

--- grants function note_ended_session(of_login text, of_pid integer, because text)
GRANT EXECUTE TO kolony_roleadm

--- grants function note_failed_run()
GRANT EXECUTE TO kolony_owner

--- grants function note_folder(the_attempt uuid, facts jsonb)
GRANT EXECUTE TO kolony_agents

--- grants function note_job(in_workspace uuid, the_job text, so_far bigint)
GRANT EXECUTE TO kolony_user

--- grants function note_login(in_workspace uuid, claimed_version text)
GRANT EXECUTE TO kolony_user

--- grants function note_logout(in_workspace uuid)
GRANT EXECUTE TO kolony_user

--- grants function note_reply(the_attempt uuid, content text, cut boolean)
GRANT EXECUTE TO kolony_agents

--- grants function note_session(the_attempt uuid, session_id text, how text, adapter text, program text, version text, mode text, cwd text, why text)
GRANT EXECUTE TO kolony_agents

--- grants function note_step(the_attempt uuid, step text, detail text)
GRANT EXECUTE TO kolony_agents

--- grants function note_stop()
GRANT EXECUTE TO kolony_owner

--- grants function note_swept(in_workspace uuid, the_run uuid, the_attempt integer, swept text[])
GRANT EXECUTE TO kolony_user

--- grants function open_asks(home uuid, of_agent uuid, of_run uuid)
GRANT EXECUTE TO kolony_user

--- grants function open_session(on_host text, with_pid integer, with_version text, with_adapter text, with_concurrency integer)
GRANT EXECUTE TO kolony_agents

--- grants function person_to_reset(in_workspace uuid, who text)
GRANT EXECUTE TO kolony_roleadm

--- grants function place_hold(in_workspace uuid, on_scope text, on_subject uuid, because text)
GRANT EXECUTE TO kolony_user

--- grants function propose_plan(the_attempt uuid, items jsonb)
GRANT EXECUTE TO kolony_agents

--- grants function put_report(the_attempt uuid, document jsonb, new_status text, new_source text)
GRANT EXECUTE TO kolony_agents

--- grants function read_all_notifications(in_workspace uuid, up_to timestamp with time zone)
GRANT EXECUTE TO kolony_user

--- grants function read_attachment(the_attempt uuid, the_attachment uuid)
GRANT EXECUTE TO kolony_agents

--- grants function read_conversation(the_conversation uuid, upto integer)
GRANT EXECUTE TO kolony_user

--- grants function read_notifications(which uuid[])
GRANT EXECUTE TO kolony_user

--- grants function read_subject(the_attempt uuid, the_subject uuid, at_most integer)
GRANT EXECUTE TO kolony_agents

--- grants function record_audit(in_workspace uuid, what text, about text, facts jsonb, of_agent uuid, of_command uuid, of_run uuid)
GRANT EXECUTE TO kolony_roleadm

--- grants function record_token(of_agent uuid, new_login text, new_hash bytea, new_hint text, new_label text, new_expiry timestamp with time zone)
GRANT EXECUTE TO kolony_roleadm

--- grants function refuse_half_restored()
GRANT EXECUTE TO kolony_owner

--- grants function release_command(the_command uuid)
GRANT EXECUTE TO kolony_user

--- grants function release_run(the_run uuid)
GRANT EXECUTE TO kolony_user

--- grants function release_runs(the_runs uuid[])
GRANT EXECUTE TO kolony_user

--- grants function remove_audit_month(of_month date)
GRANT EXECUTE TO kolony_api

--- grants function remove_budget(the_budget uuid)
GRANT EXECUTE TO kolony_user

--- grants function remove_events(home uuid, before timestamp with time zone, up_to integer)
GRANT EXECUTE TO kolony_api

--- grants function remove_people_group(in_workspace uuid, called text)
GRANT EXECUTE TO kolony_user

--- grants function remove_person(in_workspace uuid, who text)
GRANT EXECUTE TO kolony_user

--- grants function remove_price(in_workspace uuid, for_models text)
GRANT EXECUTE TO kolony_user

--- grants function remove_sealed_entries(home uuid, the_seal integer)
GRANT EXECUTE TO kolony_api

--- grants function remove_webhook(the_webhook uuid)
GRANT EXECUTE TO kolony_user

--- grants function rename_conversation(the_conversation uuid, title text)
GRANT EXECUTE TO kolony_user

--- grants function replace_token(the_token uuid, new_login text, new_hash bytea, new_hint text, overlap interval, new_label text, new_expiry timestamp with time zone, OUT made uuid, OUT old_login text, OUT old_expiry timestamp with time zone)
GRANT EXECUTE TO kolony_roleadm

--- grants function report_usage(the_attempt uuid, reports jsonb)
GRANT EXECUTE TO kolony_agents

--- grants function require_role(in_workspace uuid, needed text)
GRANT EXECUTE TO kolony_roleadm

--- grants function require_role_anywhere(needed text)
GRANT EXECUTE TO kolony_roleadm

--- grants function reset_password(in_workspace uuid, who text, verifier text)
GRANT EXECUTE TO kolony_user

--- grants function restore_output(in_workspace uuid, the_run uuid, the_attempt integer, seqs integer[], streams text[], ats timestamp with time zone[], first_lines bigint[], line_counts integer[], datas bytea[])
GRANT EXECUTE TO kolony_user

--- grants function restore_preset_version(the_preset uuid, the_version integer)
GRANT EXECUTE TO kolony_user

--- grants function retire_token(the_token uuid, OUT its_login text, OUT revoked_before boolean, OUT revoked_at timestamp with time zone, OUT revoked_by text, OUT in_use_by jsonb)
GRANT EXECUTE TO kolony_roleadm

--- grants function retry_command(the_command uuid)
GRANT EXECUTE TO kolony_user

--- grants function retry_run(the_run uuid)
GRANT EXECUTE TO kolony_user

--- grants function retry_runs(the_runs uuid[])
GRANT EXECUTE TO kolony_user

--- grants function revoke_rule(the_rule uuid)
GRANT EXECUTE TO kolony_user

--- grants function revoke_token(the_token uuid)
GRANT EXECUTE TO kolony_user

--- grants function rotate_token(the_token uuid, new_login text, verifier text, new_hash bytea, new_hint text, overlap interval, new_label text, new_expiry timestamp with time zone)
GRANT EXECUTE TO kolony_user

--- grants function run_upkeep(even_if_not_due boolean, only_job text)
GRANT EXECUTE TO kolony_user

--- grants function save_view(in_workspace uuid, of_list text, with_name text, what jsonb, with_others boolean)
GRANT EXECUTE TO kolony_user

--- grants function schema_version()
GRANT EXECUTE TO kolony_agents
GRANT EXECUTE TO kolony_user

--- grants function seal_audit_now(in_workspace uuid)
GRANT EXECUTE TO kolony_user

--- grants function search_output(home uuid, the_run uuid, the_attempt integer, of_day date, first integer, last integer, wanted text, as_pattern boolean, any_case boolean, only_stream text, width integer)
GRANT EXECUTE TO kolony_user

--- grants function search_reports(in_workspace uuid, what text, at_most integer)
GRANT EXECUTE TO kolony_user

--- grants function send_command(in_workspace uuid, to_agents uuid[], content text, priority integer, as_draft boolean, max_attempts integer, retry_on text, time_limit_ms bigint, kind text, about_runs uuid[], parent uuid, not_before timestamp with time zone, after_commands uuid[], after_need text, at_a_time integer, stop_after integer, idempotency_key text, constraint_profile uuid, token_budget bigint, memory_limit_mb integer, cpu_limit_percent integer, target_words text, preset uuid, preset_version integer)
GRANT EXECUTE TO kolony_user

--- grants function send_message(the_conversation uuid, content text, file_names text[], files bytea[])
GRANT EXECUTE TO kolony_user

--- grants function set_agent_desired(of_agent uuid, to_desired text, why text)
GRANT EXECUTE TO kolony_user

--- grants function set_archive(in_workspace uuid, new_location text)
GRANT EXECUTE TO kolony_user

--- grants function set_audit_retention(in_workspace uuid, days integer)
GRANT EXECUTE TO kolony_user

--- grants function set_budget(in_workspace uuid, scope text, subject text, period text, token_limit bigint, usd_limit numeric, warn_percent integer, hard boolean)
GRANT EXECUTE TO kolony_user

--- grants function set_default_constraint(in_workspace uuid, the_constraint uuid)
GRANT EXECUTE TO kolony_user

--- grants function set_dependencies(the_command uuid, after_commands uuid[], after_need text)
GRANT EXECUTE TO kolony_user

--- grants function set_limits(in_workspace uuid, new_plan text, members integer, agents integer, waiting_runs integer)
GRANT EXECUTE TO kolony_user

--- grants function set_masking(in_workspace uuid, masked boolean)
GRANT EXECUTE TO kolony_user

--- grants function set_note(of_agent uuid, name text, content text, base integer)
GRANT EXECUTE TO kolony_user

--- grants function set_notification_settings(quiet_from time without time zone, quiet_to time without time zone, time_zone text, bell text, desktop text, sound_from text)
GRANT EXECUTE TO kolony_user

--- grants function set_people_group(in_workspace uuid, called text, logins text[])
GRANT EXECUTE TO kolony_user

--- grants function set_price(in_workspace uuid, for_models text, input_usd numeric, output_usd numeric, cached_usd numeric, cache_write_usd numeric, valid_from date)
GRANT EXECUTE TO kolony_user

--- grants function set_redaction(in_workspace uuid, redacted boolean)
GRANT EXECUTE TO kolony_user

--- grants function set_report_status(the_report uuid, new_status text)
GRANT EXECUTE TO kolony_user

--- grants function set_retention(in_workspace uuid, of_kind text, new_days integer)
GRANT EXECUTE TO kolony_user

--- grants function set_role(in_workspace uuid, who text, as_role text)
GRANT EXECUTE TO kolony_user

--- grants function set_run_priority(the_run uuid, priority integer)
GRANT EXECUTE TO kolony_user

--- grants function set_runs_priority(the_runs uuid[], priority integer)
GRANT EXECUTE TO kolony_user

--- grants function set_time_zone(in_workspace uuid, new_zone text)
GRANT EXECUTE TO kolony_user

--- grants function set_variable(of_agent uuid, name text, value text, secret boolean, description text)
GRANT EXECUTE TO kolony_user

--- grants function settle(in_workspace uuid)
GRANT EXECUTE TO kolony_user

--- grants function share_preset(the_preset uuid, with_everyone boolean)
GRANT EXECUTE TO kolony_user

--- grants function shift_runs_priority(the_runs uuid[], by integer)
GRANT EXECUTE TO kolony_user

--- grants function start_attempt(the_attempt uuid)
GRANT EXECUTE TO kolony_agents

--- grants function start_conversation(in_workspace uuid, with_agent uuid, content text, title text, file_names text[], files bytea[])
GRANT EXECUTE TO kolony_user

--- grants function stop_agents(in_workspace uuid, agents uuid[], why text)
GRANT EXECUTE TO kolony_user

--- grants function submit_command(the_command uuid)
GRANT EXECUTE TO kolony_user

--- grants function tag_agents(the_agents uuid[], put_on text[], take_off text[])
GRANT EXECUTE TO kolony_user

--- grants function take_archive(in_workspace uuid, on_host text, after_run uuid, after_attempt integer)
GRANT EXECUTE TO kolony_user

--- grants function take_deliveries(in_workspace uuid, up_to integer, only_this uuid)
GRANT EXECUTE TO kolony_user

--- grants function take_notice(in_workspace uuid)
GRANT EXECUTE TO kolony_user

--- grants function take_removal(in_workspace uuid)
GRANT EXECUTE TO kolony_user

--- grants function test_webhook(the_webhook uuid)
GRANT EXECUTE TO kolony_user

--- grants function told(the_run uuid)
GRANT EXECUTE TO kolony_user

--- grants function undelete_constraint(the_constraint uuid, as_default boolean)
GRANT EXECUTE TO kolony_user

--- grants function undo(the_step uuid)
GRANT EXECUTE TO kolony_user

--- grants function unset_variable(of_agent uuid, name text)
GRANT EXECUTE TO kolony_user

--- grants function verify_audit(in_workspace uuid, OUT ok boolean, OUT seals integer, OUT sealed bigint, OUT removed bigint, OUT unsealed bigint, OUT at_seal integer, OUT at_entry bigint, OUT difference text)
GRANT EXECUTE TO kolony_user

--- grants function watchdog()
GRANT EXECUTE TO kolony_api
GRANT EXECUTE TO kolony_user

--- grants function watchdog_patience()
GRANT EXECUTE TO kolony_user

--- grants function why_waiting(the_run uuid)
GRANT EXECUTE TO kolony_user

--- grants function withdraw_question(the_approval uuid, why text)
GRANT EXECUTE TO kolony_agents

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

--- grants sequence conversations_number_seq
GRANT SELECT TO kolony_backup

--- grants sequence event_ids
GRANT SELECT TO kolony_backup
GRANT USAGE TO kolony_api

--- grants sequence notification_events_event_id_seq
GRANT SELECT TO kolony_backup

--- grants table agent_notes
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table agent_sessions
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table agent_tellings
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup

--- grants table agent_tokens
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup

--- grants table agent_variables
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup

--- grants table agent_variables (agent_id)
GRANT SELECT TO kolony_user

--- grants table agent_variables (created_at)
GRANT SELECT TO kolony_user

--- grants table agent_variables (description)
GRANT SELECT TO kolony_user

--- grants table agent_variables (length)
GRANT SELECT TO kolony_user

--- grants table agent_variables (name)
GRANT SELECT TO kolony_user

--- grants table agent_variables (secret)
GRANT SELECT TO kolony_user

--- grants table agent_variables (shown)
GRANT SELECT TO kolony_user

--- grants table agent_variables (updated_at)
GRANT SELECT TO kolony_user

--- grants table agent_variables (updated_by)
GRANT SELECT TO kolony_user

--- grants table agent_variables (workspace_id)
GRANT SELECT TO kolony_user

--- grants table agents
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table approval_rules
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table approvals
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table artifact_parts
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table artifacts
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table attempt_steps
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table attempt_usage
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

--- grants table blocked_runs
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table budget_spending
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table budgets
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table command_dependencies
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table commands
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table constraint_profiles
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table conversation_reads
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table conversation_replies
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup

--- grants table conversation_sessions
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table conversations
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table events
GRANT INSERT, SELECT TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table inbox_marks
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table keeping
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table leases
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table legal_holds
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table memberships
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table message_attachments
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table messages
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table migrations
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table model_prices
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table notification_events
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup

--- grants table notification_kinds
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table notification_rules
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table notification_settings
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table notification_turns
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup

--- grants table notifications
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table output_archives
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup

--- grants table output_archives (archived_at)
GRANT SELECT TO kolony_user

--- grants table output_archives (archived_by)
GRANT SELECT TO kolony_user

--- grants table output_archives (attempt)
GRANT SELECT TO kolony_user

--- grants table output_archives (byte_count)
GRANT SELECT TO kolony_user

--- grants table output_archives (chunk_count)
GRANT SELECT TO kolony_user

--- grants table output_archives (digest)
GRANT SELECT TO kolony_user

--- grants table output_archives (finished_at)
GRANT SELECT TO kolony_user

--- grants table output_archives (host)
GRANT SELECT TO kolony_user

--- grants table output_archives (line_count)
GRANT SELECT TO kolony_user

--- grants table output_archives (location)
GRANT SELECT TO kolony_user

--- grants table output_archives (object)
GRANT SELECT TO kolony_user

--- grants table output_archives (object_bytes)
GRANT SELECT TO kolony_user

--- grants table output_archives (output_day)
GRANT SELECT TO kolony_user

--- grants table output_archives (removed_at)
GRANT SELECT TO kolony_user

--- grants table output_archives (restored_at)
GRANT SELECT TO kolony_user

--- grants table output_archives (restored_by)
GRANT SELECT TO kolony_user

--- grants table output_archives (run_id)
GRANT SELECT TO kolony_user

--- grants table output_archives (sha256)
GRANT SELECT TO kolony_user

--- grants table output_archives (state)
GRANT SELECT TO kolony_user

--- grants table output_archives (taken_until)
GRANT SELECT TO kolony_user

--- grants table output_archives (words)
GRANT SELECT TO kolony_user

--- grants table output_archives (words_cut)
GRANT SELECT TO kolony_user

--- grants table output_archives (workspace_id)
GRANT SELECT TO kolony_user

--- grants table output_chunks
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table people_group_members
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table people_groups
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table plan_items
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table preset_versions
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table presets
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

--- grants table report_findings
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table reports
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table retention_kinds
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table retention_settings
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table runs
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table saved_views
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table scheduled_runs
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table session_usage
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup

--- grants table shipped_prices
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table stale_agents
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table stop_gates
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup

--- grants table stop_hearings
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table stopped_agents
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table stops
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table trace_entries
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table undo_steps
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table upkeep
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table upkeep_history
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table usage_days
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table usage_reports
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table webhook_deliveries
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table webhook_secrets
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup

--- grants table webhooks
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table work_folders
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table workspace_jobs
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants table workspaces
GRANT DELETE, INSERT, SELECT, UPDATE TO kolony_api
GRANT SELECT TO kolony_backup
GRANT SELECT TO kolony_user

--- grants view agent_listed
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view agent_listed_then
GRANT SELECT TO kolony_user

--- grants view agent_note_overview
GRANT SELECT TO kolony_user

--- grants view agent_overview
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view agent_overview_then
GRANT SELECT TO kolony_user

--- grants view agent_sessions_then
GRANT SELECT TO kolony_user

--- grants view agent_variable_overview
GRANT SELECT TO kolony_user

--- grants view agents_then
GRANT SELECT TO kolony_user

--- grants view approval_overview
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view approval_rule_overview
GRANT SELECT TO kolony_user

--- grants view artifact_overview
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view attempt_steps_then
GRANT SELECT TO kolony_user

--- grants view attempts_then
GRANT SELECT TO kolony_user

--- grants view budget_overview
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view command_overview
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view command_overview_then
GRANT SELECT TO kolony_user

--- grants view commands_then
GRANT SELECT TO kolony_user

--- grants view conversation_overview
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view ended_runs_then
GRANT SELECT TO kolony_user

--- grants view hold_overview
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view leases_then
GRANT SELECT TO kolony_user

--- grants view open_runs_then
GRANT SELECT TO kolony_user

--- grants view output_chunks_then
GRANT SELECT TO kolony_user

--- grants view plan_overview
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view preset_overview
GRANT SELECT TO kolony_user

--- grants view price_list
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view report_overview
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view retention_overview
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view run_listed
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view run_listed_then
GRANT SELECT TO kolony_user

--- grants view run_overview
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view run_overview_then
GRANT SELECT TO kolony_user

--- grants view runs_then
GRANT SELECT TO kolony_user

--- grants view stop_acknowledgements
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view stop_overview
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view stops_in_force
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view trace_entries_then
GRANT SELECT TO kolony_user

--- grants view usage_overview
GRANT SELECT TO kolony_api
GRANT SELECT TO kolony_user

--- grants view waiting_runs_then
GRANT SELECT TO kolony_user
