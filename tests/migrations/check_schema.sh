#!/usr/bin/env bash
# Checks that the chain, the models, the seeds and the backfill in migrations/
# fit together, on a real PostgreSQL and with nothing but psql and pg_dump.

set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: check_schema.sh [CONNINFO]
       LOCKSTEP_TEST_PG=CONNINFO check_schema.sh

CONNINFO is a libpq connection string or URL of a PostgreSQL 13 or newer, for a
role that may create databases. The script makes two scratch databases, checks
migrations/ in them and drops them again; it touches nothing else.

Prints one line for each check that holds. At the first that does not it prints
the difference and exits 1. Exits 2 when it cannot start.
USAGE
}

die() {
  echo "check_schema.sh: $*" >&2
  exit 2
}

case "${1-}" in
  -h | --help) usage; exit 0 ;;
esac
[[ $# -le 1 ]] || { usage >&2; exit 2; }

admin=${1:-${LOCKSTEP_TEST_PG-}}
[[ -n $admin ]] || die "no connection: set LOCKSTEP_TEST_PG or pass a conninfo (see --help)"
[[ $admin == *=* || $admin == postgres://* || $admin == postgresql://* ]] ||
  die "'$admin' is neither a URL nor key=value pairs"
for program in psql pg_dump; do
  command -v "$program" >/dev/null || die "$program is not on the PATH"
done

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
migrations=$(cd "$here/../../migrations" && pwd)
suffix=$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
chain_db=lockstep_check_chain_$suffix
models_db=lockstep_check_models_$suffix
work=$(mktemp -d)

# The admin connection with another database; the last dbname of a conninfo wins.
connection_to() {
  case $admin in
    postgres://*\?* | postgresql://*\?*) echo "$admin&dbname=$1" ;;
    postgres://* | postgresql://*) echo "$admin?dbname=$1" ;;
    *) echo "$admin dbname=$1" ;;
  esac
}

run_psql() {
  local connection=$1
  shift
  psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$connection" "$@"
}

query() { run_psql "$(connection_to "$1")" -c "$2"; }

# Applies each file in a transaction of its own.
apply() {
  local database=$1 file
  shift
  for file in "$@"; do
    run_psql "$(connection_to "$database")" -1 \
      -c 'SET client_min_messages = warning' -f "$file" >/dev/null ||
      fail "$(basename "$file") does not apply"
  done
}

# The schema in the form of the golden files: no comments, settings, owners,
# grants, psql commands or blank lines.
dump_schema() {
  pg_dump -s --no-owner --no-privileges -d "$(connection_to "$1")" |
    sed -E '/^--/d; /^SET /d; /^SELECT pg_catalog\./d; /^\\/d; /^[[:space:]]*$/d'
}

# Every row as an INSERT. pg_dump warns that sessions and journey runs refer to
# each other, which matters only for a restore: its words count if it fails.
dump_rows() {
  pg_dump -a --inserts --no-owner -d "$(connection_to "$1")" >"$work/dump" 2>"$work/dump.log" || {
    cat "$work/dump.log" >&2
    fail "the rows cannot be dumped"
  }
  grep '^INSERT INTO' "$work/dump" | sort
}

ok() { echo "ok - $*"; }

fail() {
  echo "not ok - $*" >&2
  exit 1
}

# expect_same NAME WANT_FILE GOT_FILE
expect_same() {
  diff -u --label expected --label found "$2" "$3" || fail "$1"
  ok "$1"
}

# expect NAME WANT GOT
expect() {
  [[ $2 == "$3" ]] || fail "$1: expected '$2', found '$3'"
}

# The SQL of one section of a backfill file.
section() {
  awk -v name="$2" '
    /^-- lockstep:section / { inside = ($3 == name); next }
    inside { print }
  ' "$1"
}

cleanup() {
  local database
  for database in "$chain_db" "$models_db"; do
    run_psql "$admin" -c "SET client_min_messages = warning" \
      -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" || true
  done
  rm -rf "$work"
}

# apply_chain FROM TO: the migrations FROM to TO, or to the newest there is.
apply_chain() {
  local version files
  for ((version = $1; version <= ${2:-9999}; version++)); do
    files=("$migrations/$(printf '%03d' "$version")"_*.sql)
    if [[ ! -e ${files[0]} ]]; then
      [[ -z ${2-} ]] || fail "there is no migration $version"
      return 0
    fi
    [[ ${#files[@]} -eq 1 ]] || fail "two migrations have the number $version: ${files[*]##*/}"
    apply "$chain_db" "${files[0]}"
  done
}

check_chain() {
  apply_chain 1 12
  dump_schema "$chain_db" >"$work/at_012.sql"
  expect_same "the chain arrives at the golden schema of version 12" \
    "$here/at_012.sql" "$work/at_012.sql"

  apply_chain 13 16
  dump_schema "$chain_db" >"$work/at_016.sql"
  expect_same "the chain arrives at the golden schema of version 16" \
    "$here/at_016.sql" "$work/at_016.sql"

  apply_chain 17
  dump_schema "$chain_db" >"$work/head.sql"
  apply_chain 1
  dump_schema "$chain_db" >"$work/twice.sql"
  expect_same "the chain applied a second time changes nothing" \
    "$work/head.sql" "$work/twice.sql"
}

check_models() {
  apply "$models_db" "$migrations"/models/*.sql
  dump_schema "$models_db" >"$work/models.sql"
  expect_same "the models declare the schema that the chain arrives at" \
    "$work/head.sql" "$work/models.sql"
}

check_seeds() {
  apply "$chain_db" "$migrations"/seeds/*.sql
  dump_rows "$chain_db" >"$work/seeded.rows"
  [[ -s $work/seeded.rows ]] || fail "the seeds insert nothing"
  apply "$chain_db" "$migrations"/seeds/*.sql
  dump_rows "$chain_db" >"$work/seeded_twice.rows"
  expect_same "the seeds run a second time change no row" \
    "$work/seeded.rows" "$work/seeded_twice.rows"
}

# run_batch LOW HIGH: one batch as the engine sends it, with bound parameters.
run_batch() {
  {
    echo "PREPARE batch (uuid, uuid) AS"
    section "$backfill" batch
    echo "EXECUTE batch ('$1', '$2');"
  } >"$work/batch.sql"
  apply "$chain_db" "$work/batch.sql"
}

rows_left() {
  section "$backfill" verify >"$work/verify.sql"
  run_psql "$(connection_to "$chain_db")" -f "$work/verify.sql" | wc -l | tr -d ' '
}

check_backfill() {
  local sessions=40 lowest=00000000-0000-0000-0000-000000000000
  local middle=80000000-0000-0000-0000-000000000000
  local highest=ffffffff-ffff-ffff-ffff-ffffffffffff
  backfill=$migrations/backfills/journey_backfill_v1.sql

  # 40 sessions without a run, the last without a user and without times, and
  # one session that has its run already.
  query "$chain_db" "
    INSERT INTO simulation_sessions (id, user_id, active_role, started_at, last_activity)
    SELECT md5(n::text)::uuid, users.id, 'manufacturer',
           timestamptz '2025-01-01 00:00+00' + n * interval '1 hour',
           timestamptz '2025-01-01 00:30+00' + n * interval '1 hour'
    FROM generate_series(1, $sessions - 1) AS n
    CROSS JOIN users WHERE users.keycloak_id = 'playground-manufacturer';
    INSERT INTO simulation_sessions (id, active_role, started_at, last_activity)
    VALUES (md5('bare')::uuid, 'consumer', NULL, NULL), (md5('linked')::uuid, 'recycler', now(), now());
    INSERT INTO journey_runs (id, active_role, session_id, current_step_key)
    VALUES (md5('run')::uuid, 'recycler', md5('linked')::uuid, 'own');
    UPDATE simulation_sessions SET journey_run_id = md5('run')::uuid WHERE id = md5('linked')::uuid;"
  expect "verify finds the sessions left to do" "$sessions" "$(rows_left)"

  section "$backfill" prepare >"$work/prepare.sql"
  apply "$chain_db" "$work/prepare.sql" "$work/prepare.sql"
  expect "prepare makes one template with five steps" 1,5 "$(query "$chain_db" "
    SELECT count(DISTINCT journey_templates.id) || ',' || count(*)
    FROM journey_templates
    JOIN journey_steps ON journey_steps.template_id = journey_templates.id
    WHERE journey_templates.code = 'manufacturer-core-e2e'")"
  ok "the backfill's template and steps are made once"

  run_batch "$lowest" "$middle"
  expect "a batch keeps to its range" \
    "$(query "$chain_db" "SELECT count(*) FROM simulation_sessions WHERE id > '$middle' AND id <> md5('linked')::uuid")" \
    "$(rows_left)"
  run_batch "$lowest" "$highest"
  dump_rows "$chain_db" >"$work/backfilled.rows"
  run_batch "$lowest" "$highest"
  dump_rows "$chain_db" >"$work/backfilled_twice.rows"
  expect_same "the backfill resumes, and repeated it changes no row" \
    "$work/backfilled.rows" "$work/backfilled_twice.rows"

  expect "verify finds nothing left" 0 "$(rows_left)"
  expect "sessions, runs, and sessions linked to a run of their own" \
    "$((sessions + 1)),$((sessions + 1)),$((sessions + 1))" "$(query "$chain_db" "
    SELECT (SELECT count(*) FROM simulation_sessions) || ','
        || (SELECT count(*) FROM journey_runs) || ',' || count(*)
    FROM simulation_sessions
    JOIN journey_runs
      ON journey_runs.id = simulation_sessions.journey_run_id
     AND journey_runs.session_id = simulation_sessions.id")"
  expect "runs that carry what their session says" "$sessions" "$(query "$chain_db" "
    SELECT count(*)
    FROM journey_runs
    JOIN simulation_sessions ON simulation_sessions.id = journey_runs.session_id
    JOIN journey_templates ON journey_templates.id = journey_runs.template_id
    WHERE journey_templates.code = 'manufacturer-core-e2e'
      AND journey_runs.status = 'active'
      AND journey_runs.locale = 'en'
      AND journey_runs.current_step_key = 'backfilled'
      AND journey_runs.active_role = simulation_sessions.active_role
      AND journey_runs.user_id IS NOT DISTINCT FROM simulation_sessions.user_id
      AND journey_runs.started_at IS NOT DISTINCT FROM simulation_sessions.started_at
      AND journey_runs.updated_at IS NOT DISTINCT FROM simulation_sessions.last_activity")"
  ok "the backfill gives every session exactly one run, and verify finds nothing left"
}

run_psql "$admin" -c 'SELECT 1' >/dev/null || die "cannot connect"
trap cleanup EXIT
for database in "$chain_db" "$models_db"; do
  # template0: whatever a site keeps in template1 is not part of the schema.
  run_psql "$admin" -c "CREATE DATABASE $database TEMPLATE template0 ENCODING 'UTF8'" ||
    die "cannot create a database"
  [[ $(query "$database" 'SELECT current_database()') == "$database" ]] ||
    die "the connection does not lead to $database"
done

check_chain
check_models
check_seeds
check_backfill
