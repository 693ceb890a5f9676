# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared between the sourced files
# The DPP Playground on one machine: PostgreSQL, a coordinator and eight services behind their gates.
# Needs common.sh, processes.sh and postgres.sh, and from the caller: `root` (the checkout), `build`
# (where bin/ is) and `state` (a directory of its own, open to every user).

# NAME:HOLDS, in the order of their ports. HOLDS is `migrator` for a service whose agent may apply
# migrations, `none` for one that has no database connection, else `application`.
playground_services=(
  simulation-engine:migrator
  compliance-service:application
  gamification-service:application
  edc-simulator:application
  collaboration-service:migrator
  platform-api:none
  platform-core:migrator
  aas-adapter:none
)
playground_first_port=8101
playground_head=16

playground_agents=()
playground_processes=()

playground_names() { printf '%s\n' "${playground_services[@]%%:*}"; }

# playground_database: the database with three roles: the owner of all objects, whom nobody logs in
# as; the migrator, who may step into the owner's place and take leases; the application.
playground_database() {
  postgres_start "$state/postgres"
  postgres_sql postgres <<'SQL'
    CREATE ROLE playground_owner NOLOGIN;
    CREATE ROLE playground_app LOGIN;
    CREATE ROLE playground_migrator LOGIN IN ROLE playground_owner;
    CREATE DATABASE playground OWNER playground_owner;
SQL
  postgres_sql playground <<'SQL'
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT CREATE, USAGE ON SCHEMA public TO playground_owner;
    ALTER DEFAULT PRIVILEGES FOR ROLE playground_owner
      GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO playground_app;
SQL
}

# playground_coordinator: connected as superuser of the private server, so that it can make schema
# `lockstep` with roles of its own.
playground_coordinator() {
  playground_socket=$state/lockstep.sock
  coordinator_log=$state/log/coordinator.log
  start_process "$coordinator_log" "$build/bin/lockstep-coordinator" \
    --database "$(postgres_url postgres playground)" --owner-role playground_owner \
    --listen 127.0.0.1:0 --socket "$playground_socket" --log-format text
  coordinator_process=$started
  playground_processes+=("$started")
  export LOCKSTEP_ADDRESS=unix:$playground_socket
  if ! wait_until 30 coordinator_leads; then
    die_with_log "$coordinator_log" 'the coordinator did not lead within 30 s'
  fi
  # The group that may take leases has come with schema `lockstep`.
  postgres_sql playground -c 'GRANT lockstep_agents TO playground_migrator'
}

coordinator_leads() {
  is_running "$coordinator_process" || die_with_log "$coordinator_log" 'the coordinator ended'
  [[ $(fleet_facts) == leader\ * ]]
}

# fleet_facts: the state of the cluster as one line a fact.
#   leader ADDRESS | applied N | service NAME GATE serving|idle
fleet_facts() {
  { "$build/bin/lockstep" status -o json 2>/dev/null || true; } | python3 -c '
import json, sys
text = sys.stdin.read()
status = json.loads(text)["status"] if text else {}
if status.get("leader", {}).get("address"):
    print("leader", status["leader"]["address"])
print("applied", status.get("chain", {}).get("applied", 0))
for service in status.get("services", []):
    for instance in service.get("instances", []):
        gate = instance.get("gate", {}).get("state", "").replace("GATE_STATE_", "").lower()
        print("service", service["service"], gate, "serving" if instance.get("serving") else "idle")
'
}

# playground_ports: eight free ports in a row, reserved until the script ends.
playground_ports() {
  start_process "$state/log/ports.log" \
    python3 "$root/deploy/examples/reserve_ports.py" "$playground_first_port" "${#playground_services[@]}"
  playground_processes+=("$started")
  if ! wait_until 10 test -s "$state/log/ports.log"; then
    die "no free ports from $playground_first_port on were found within 10 s"
  fi
  playground_port=$(<"$state/log/ports.log")
  [[ $playground_port =~ ^[0-9]+$ ]] || die_with_log "$state/log/ports.log" 'no free ports were found'
}

# service_port NAME
service_port() {
  local index
  for index in "${!playground_services[@]}"; do
    if [[ ${playground_services[index]} == "$1":* ]]; then echo $((playground_port + index)); fi
  done
}

# start_service NAME HOLDS: an agent that starts the service behind it once its gate is open.
start_service() {
  local name=$1 port migrate=()
  port=$(service_port "$name")
  if [[ $2 == migrator ]]; then
    migrate=(--migrate-database "$(postgres_url playground_migrator playground)")
  fi
  start_process "$state/log/$name.log" "$build/bin/lockstep-agent" run \
    --service-file "$root/deploy/services/$name/lockstep.yaml" \
    --chain-sum "$root/migrations/chain.sum" \
    --instance node-1 --build quickstart --http 0 --log-format text \
    --ready-url "http://127.0.0.1:$port/health" \
    "${migrate[@]}" -- python3 "$root/deploy/examples/service.py" --name "$name" --port "$port"
  playground_agents+=("$started")
}

playground_start_services() {
  local service
  playground_ports
  for service in "${playground_services[@]}"; do
    start_service "${service%%:*}" "${service#*:}"
  done
  if ! wait_until 30 all_services_are wait; then
    explain_services wait
    die 'the services did not all arrive at their gates within 30 s'
  fi
}

# all_services_are GATE [serving]
all_services_are() {
  local facts name
  agents_run
  facts=$(fleet_facts)
  while read -r name; do
    [[ $facts == *"service $name $1 ${2-}"* ]] || return 1
  done < <(playground_names)
}

agents_run() {
  local index
  for index in "${!playground_agents[@]}"; do
    is_running "${playground_agents[index]}" || {
      local name=${playground_services[index]%%:*}
      die_with_log "$state/log/$name.log" "the agent of $name ended"
    }
  done
}

# explain_services GATE [serving]: the logs of those that are not there.
explain_services() {
  local facts name
  facts=$(fleet_facts)
  while read -r name; do
    [[ $facts == *"service $name $1 ${2-}"* ]] && continue
    printf -- '--- %s: %s\n' "$name" "$(grep "^service $name " <<<"$facts" || echo 'not registered')" >&2
    tail -n 8 -- "$state/log/$name.log" >&2
  done < <(playground_names)
}

# service_answers NAME: over HTTP, with its own name.
service_answers() {
  local answer
  answer=$(python3 -c '
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
print(opener.open(sys.argv[1], timeout=5).read().decode())
' "http://127.0.0.1:$(service_port "$1")/health" 2>/dev/null) || return 1
  [[ $answer == *"\"$1\""* ]]
}

# playground_check: applied at the head, eight gates open, eight answers over HTTP.
playground_check() {
  local name applied
  applied=$(fleet_facts | sed -n 's/^applied //p')
  [[ $applied == "$playground_head" ]] ||
    die_with_log "$coordinator_log" "applied is $applied, expected $playground_head"
  if ! wait_until 30 all_services_are open serving; then
    explain_services open serving
    die 'not all services opened and served within 30 s'
  fi
  while read -r name; do
    wait_until 10 service_answers "$name" ||
      die_with_log "$state/log/$name.log" "$name does not answer on port $(service_port "$name")"
  done < <(playground_names)
}

# playground_tables: as the application counts them, so it can reach what was made.
playground_tables() {
  "$postgres_binaries/psql" -X -A -t -d "$(postgres_url playground_app playground)" -c "
    SELECT count(*) FROM pg_tables
    WHERE schemaname = 'public' AND tableowner = 'playground_owner'
      AND has_table_privilege(schemaname || '.' || quote_ident(tablename), 'SELECT')"
}

# playground_stop: the services first, so that they can say goodbye; the database last.
playground_stop() {
  local failed=0
  end_processes 15 TERM "${playground_agents[@]}" || failed=1
  end_processes 15 TERM "${playground_processes[@]}" || failed=1
  if [[ -n ${postgres_process-} ]]; then postgres_stop || failed=1; fi
  return "$failed"
}

# write_stop_script FILE: ends what runs, by the ids it had when it was started, and removes `state`.
write_stop_script() {
  {
    printf '%s\n' '#!/usr/bin/env bash' '# Stops the Playground that deploy/quickstart.sh left running.' \
      'set -euo pipefail'
    declare -f say wait_until start_time is_running all_ended end_processes postgres_stop playground_stop
    declare -p playground_agents playground_processes postgres_process
    printf 'playground_stop\nrm -rf -- %q\n' "$state"
    printf 'say "stopped, and %s removed"\n' "$state"
  } >"$1"
  chmod 755 -- "$1"
}
