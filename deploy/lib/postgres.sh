# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared between the sourced files
# A private PostgreSQL on a Unix socket. Needs common.sh and processes.sh.

# postgres_bin: the directory of the newest server that is installed.
postgres_bin() {
  local directory
  while read -r directory; do
    if [[ -x $directory/postgres && -x $directory/initdb ]]; then
      printf '%s\n' "$directory"
      return
    fi
  done < <(
    printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV
    pg_config --bindir 2>/dev/null
  )
  die 'no PostgreSQL server found' 'tried /usr/lib/postgresql/*/bin and pg_config --bindir' \
    'run: apt-get install -y --no-install-recommends postgresql'
}

# postgres_start DIRECTORY: an absolute path that does not exist yet and whose parents let every user
# through. The data, the socket and DIRECTORY.log are there. Sets postgres_process.
postgres_start() {
  local drop=()
  postgres_directory=$1
  postgres_log=$1.log
  postgres_binaries=$(postgres_bin)
  # Nobody is asked for a password: only the server's user and root can reach the socket in here.
  mkdir -m 700 -- "$postgres_directory"
  if ((EUID == 0)); then
    # The server refuses to run as root; the user comes with its package.
    id postgres >/dev/null 2>&1 || die 'there is no user postgres to run the server as'
    chown postgres: -- "$postgres_directory"
    drop=(--reuid=postgres --regid=postgres --init-groups)
  fi
  quietly "$postgres_log" 'the data directory could not be made' \
    setpriv "${drop[@]}" env -C / "$postgres_binaries/initdb" -D "$postgres_directory/data" \
    -U postgres -A trust --encoding UTF8 --locale C --no-sync
  # A change of user clears the guard, so it is set once more. SIGINT ends the server's sessions.
  start_process "$postgres_log" setpriv "${drop[@]}" --pdeathsig "$(process_guard INT)" \
    env -C / "$postgres_binaries/postgres" -D "$postgres_directory/data" -c listen_addresses= \
    -c "unix_socket_directories=$postgres_directory" -c port=5432 -c max_connections=100 \
    -c log_destination=stderr -c logging_collector=off
  postgres_process=$started
  if ! wait_until 30 postgres_answers; then
    die_with_log "$postgres_log" 'PostgreSQL did not answer within 30 s'
  fi
}

postgres_answers() {
  is_running "$postgres_process" || die_with_log "$postgres_log" 'PostgreSQL ended'
  "$postgres_binaries/pg_isready" -q -h "$postgres_directory" -p 5432
}

# postgres_url USER DATABASE
postgres_url() { echo "host=$postgres_directory port=5432 user=$1 dbname=$2"; }

# postgres_sql DATABASE [ARGUMENT...]: psql as the superuser.
postgres_sql() {
  local database=$1
  shift
  "$postgres_binaries/psql" -X -q -A -t -v ON_ERROR_STOP=1 -d "$(postgres_url postgres "$database")" "$@"
}

postgres_stop() { end_processes 20 INT "$postgres_process"; }
