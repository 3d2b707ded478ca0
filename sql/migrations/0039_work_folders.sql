-- Work folders: where runs work on machines of their runners, the commit that a worktree was made from, and what is left.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.work_folders (
    workspace_id    uuid NOT NULL,
    run_id          uuid NOT NULL,
    agent_id        uuid NOT NULL,
    conversation_id uuid,
    host            text NOT NULL CHECK (length(host) <= 255),
    path            text NOT NULL CHECK (length(path) BETWEEN 1 AND 5000),
    repository      text NOT NULL DEFAULT '' CHECK (length(repository) <= 5000),
    isolation       text NOT NULL CHECK (isolation IN ('none', 'run', 'conversation')),
    base_commit     text CHECK (base_commit ~ '^[0-9a-f]{7,64}$'),
    base_dirty      boolean NOT NULL DEFAULT false,
    state           text NOT NULL CHECK (state IN ('in use', 'kept', 'removed')),
    dirty_files     integer CHECK (dirty_files >= 0),
    new_commits     integer CHECK (new_commits >= 0),
    size_bytes      bigint CHECK (size_bytes >= 0),
    made_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, run_id),
    FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs,
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents,
    FOREIGN KEY (workspace_id, conversation_id) REFERENCES kolony.conversations
);
COMMENT ON COLUMN kolony.work_folders.base_dirty IS 'the repository had changes that nobody had committed: they are not in it';
CREATE INDEX work_folders_by_agent ON kolony.work_folders (workspace_id, agent_id);
CREATE INDEX work_folders_by_conversation ON kolony.work_folders (workspace_id, conversation_id)
    WHERE conversation_id IS NOT NULL;
CREATE INDEX work_folders_there ON kolony.work_folders (workspace_id, seen_at DESC) WHERE state <> 'removed';

SELECT kolony.protect('kolony.work_folders');
CREATE POLICY member ON kolony.work_folders FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
GRANT SELECT ON kolony.work_folders TO kolony_user;

SET LOCAL ROLE kolony_api;

-- A runner says where an attempt works, and at its end what is left there: {"path", "repository", "isolation",
-- "base_commit", "base_dirty", "state", "dirty_files", "new_commits", "size_bytes"}.
CREATE FUNCTION kolony.note_folder(the_attempt uuid, facts jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
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
$$;

-- A folder on a machine is gone: nothing lists it any more. Answers how many runs had worked there.
CREATE FUNCTION kolony.forget_folder(in_workspace uuid, on_host text, the_path text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
$$;

COMMENT ON FUNCTION kolony.forget_folder(uuid, text, text) IS 'operator: note that a work folder was removed';
GRANT EXECUTE ON FUNCTION kolony.forget_folder(uuid, text, text) TO kolony_user;
GRANT EXECUTE ON FUNCTION kolony.note_folder(uuid, jsonb) TO kolony_agents;

RESET ROLE;
