#!/usr/bin/env bash
# Runs once, when the first primary is made: logins, the groups that `fullhouse migrate` gives rights to, and the database.
set -euo pipefail

PGPASSWORD=$POSTGRES_PASSWORD psql -v ON_ERROR_STOP=1 -X -q -U postgres -d postgres <<END
CREATE ROLE fullhouse_command NOLOGIN;
CREATE ROLE fullhouse_query NOLOGIN;
CREATE ROLE fullhouse_projector NOLOGIN;
CREATE ROLE fullhouse_analyst NOLOGIN;

CREATE ROLE fullhouse_owner LOGIN PASSWORD '${OWNER_PASSWORD:?}';
CREATE ROLE fullhouse_replication LOGIN REPLICATION PASSWORD '${REPLICATION_PASSWORD:?}';
CREATE ROLE fullhouse_gateway LOGIN CONNECTION LIMIT 20;
ALTER ROLE fullhouse_gateway SET statement_timeout = '2s';
-- The check hangs up as soon as it knows what it wants to know; that is nothing to log five times a second.
ALTER ROLE fullhouse_gateway SET log_min_messages = fatal;
CREATE ROLE fullhouse_command_login LOGIN PASSWORD '${COMMAND_PASSWORD:?}' IN ROLE fullhouse_command;
CREATE ROLE fullhouse_query_login LOGIN PASSWORD '${QUERY_PASSWORD:?}' IN ROLE fullhouse_query;
CREATE ROLE fullhouse_projector_login LOGIN PASSWORD '${PROJECTOR_PASSWORD:?}' IN ROLE fullhouse_projector;
CREATE ROLE fullhouse_analyst_login LOGIN PASSWORD '${ANALYST_PASSWORD:?}' IN ROLE fullhouse_analyst;

CREATE DATABASE fullhouse OWNER fullhouse_owner;
-- Else the gateway's role, which needs no password, could look around there.
REVOKE ALL ON DATABASE fullhouse FROM PUBLIC;
GRANT CONNECT ON DATABASE fullhouse TO fullhouse_command, fullhouse_query, fullhouse_projector, fullhouse_analyst;

-- Counts from the next start on: else this script itself would wait for a standby that can't be there yet. Both names, so
-- that the setting is right whichever of the two is the primary.
ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (postgres_1, postgres_2)';
END
