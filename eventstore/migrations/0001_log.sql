-- The log. Rows are inserted and never changed again; whoever reads asserts that positions follow one another.

CREATE TABLE facts (
    log_position bigint   PRIMARY KEY CHECK (log_position > 0),
    show_id      text     NOT NULL COLLATE "C",
    position     bigint   NOT NULL CHECK (position > 0),
    kind         text     NOT NULL,
    version      smallint NOT NULL,
    recorded_at  bigint   NOT NULL, -- microseconds since 1970, by the clock of this database
    command_id   bytea    NOT NULL,
    subject      text,
    touches      bytea    NOT NULL, -- seats in chart order, 4 bytes each, little endian
    data         text     NOT NULL, -- a JSON object
    row_hash     bytea    NOT NULL, -- of all that stands before it, see StoredFact::row_hash
    UNIQUE (show_id, position)
) WITH (
    -- Nothing is ever updated, so pages are filled; and inserted rows are frozen soon, not all at once much later.
    fillfactor = 100, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02, autovacuum_freeze_min_age = 0
);

-- Commands whose senders may repeat them at any time.
CREATE TABLE commands (
    command_id         bytea   PRIMARY KEY,
    fingerprint        bytea   NOT NULL,
    first_log_position bigint  NOT NULL,
    facts              integer NOT NULL,
    refusal            text
) WITH (fillfactor = 100);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'facts are never changed' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER facts_are_never_changed BEFORE UPDATE OR DELETE ON facts FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER facts_are_never_truncated BEFORE TRUNCATE ON facts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER commands_are_never_changed BEFORE UPDATE OR DELETE ON commands FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER commands_are_never_truncated BEFORE TRUNCATE ON commands FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- One group for each kind of process. Logins are made members of them; see docs/operations.md.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['fullhouse_command', 'fullhouse_query', 'fullhouse_projector', 'fullhouse_analyst'] LOOP
        -- Groups belong to the whole server: another database of it may have made them, even at this moment.
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA fullhouse TO fullhouse_command, fullhouse_query, fullhouse_projector;
GRANT SELECT ON ALL TABLES IN SCHEMA fullhouse TO fullhouse_command, fullhouse_query, fullhouse_projector;
GRANT INSERT ON facts, commands TO fullhouse_command;
