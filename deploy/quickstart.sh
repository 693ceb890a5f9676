#!/usr/bin/env bash
# Builds lockstep and shows its main job on the DPP Playground; see --help.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: deploy/quickstart.sh [--keep]

Builds lockstep, starts a private PostgreSQL, a coordinator and the eight
services of the DPP Playground, and upgrades the empty database from version 0
to 16 while the services wait at their gates. Prints the whole fleet before,
during and after, checks that every service opened and answers, and stops and
removes everything again.

  --keep   leave it running; prints how to look around and how to stop it
  --help   this text

Needs Debian 12 and, when packages are missing, root to install them. Nothing
outside build/ and one directory in /tmp is written; all addresses are loopback
addresses and Unix sockets. Exits 0 only when all of it worked.

Environment:
  LOCKSTEP_BUILD_ROOT   where to build (default: build/ in the checkout)
  LOCKSTEP_PRESET       which of CMake's presets to build (default: release)
USAGE
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/lib/common.sh
source "$root/deploy/lib/common.sh"
# shellcheck source=deploy/lib/packages.sh
source "$root/deploy/lib/packages.sh"
# shellcheck source=deploy/lib/processes.sh
source "$root/deploy/lib/processes.sh"
# shellcheck source=deploy/lib/postgres.sh
source "$root/deploy/lib/postgres.sh"
# shellcheck source=deploy/lib/playground.sh
source "$root/deploy/lib/playground.sh"

keep=no
while (($#)); do
  case $1 in
    --keep) keep=yes ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

preset=${LOCKSTEP_PRESET:-release}
build=${LOCKSTEP_BUILD_ROOT:-$root/build}/$preset
forget_environment
if [[ $keep == yes ]]; then process_guarded=no; fi

readonly steps=8
step=0
next_step() {
  step=$((step + 1))
  headline "[$step/$steps] $*"
}

# show lockstep ARGUMENT...: a command of the release tooling as a person types it, and its output.
show() {
  local status=0
  printf '%s$ %s%s\n' "$bold" "$*" "$plain"
  (cd "$root" && "$build/bin/$1" "${@:2}" </dev/null) || status=$?
  [[ $status == 0 ]] || die_with_log "$coordinator_log" "\`$*\` failed with exit code $status"
}

build_programs() {
  local log
  log=$(mktemp)
  (cd "$root" && quietly "$log" 'the build could not be configured' \
    cmake --preset "$preset" -B "$build")
  rm -f -- "$log"
  # One compiler a processor: each takes up to half a gigabyte.
  NINJA_STATUS='  [%f/%t] ' cmake --build "$build" --parallel "$(nproc)" \
    --target lockstep lockstep-agent lockstep-coordinator ||
    die 'the build failed; its errors are above'
}

# ---- What runs is stopped, whatever happens.

state=
stop_everything() {
  local status=$?
  trap '' INT TERM HUP
  trap - EXIT
  if [[ -z $state ]]; then exit "$status"; fi
  if [[ $status == 0 && $keep == yes ]]; then
    exit 0
  fi
  playground_stop || status=1
  rm -rf -- "$state"
  exit "$status"
}

make_state_directory() {
  # In /tmp: a socket's path may have 107 bytes at most, and the user of the server must reach it.
  state=$(mktemp -d /tmp/lockstep-quickstart.XXXXXX)
  chmod 755 -- "$state"
  mkdir -- "$state/log"
}

# ---- The story.

# watch_upgrade DIRECTORY: takes the status again and again, each into a file of its own.
watch_upgrade() {
  local number
  for ((number = 1001; ; number++)); do
    "$build/bin/lockstep" status >"$1/$number" 2>/dev/null || true
  done
}

# upgrade_and_watch: leaves in $state/during what the status was while the upgrade ran.
upgrade_and_watch() {
  local watcher
  mkdir -- "$state/during"
  watch_upgrade "$state/during" &
  watcher=$!
  show lockstep upgrade --yes --timeout 2m
  kill "$watcher"
  wait "$watcher" 2>/dev/null || true
}

# The one from the middle of those that were taken between the first migration and the last.
show_status_during() {
  local seen=()
  mapfile -t seen < <(grep -lE '^UPGRADE .* running ' "$state"/during/* || true)
  if ((${#seen[@]} == 0)); then
    say '(the upgrade was over before the status could be asked for)'
    return
  fi
  say "${bold}\$ lockstep status${plain}"
  cat -- "${seen[${#seen[@]} / 2]}"
}

say_how_to_look() {
  write_stop_script "$state/stop"
  headline 'Left running'
  cat <<TEXT
  export LOCKSTEP_ADDRESS=$LOCKSTEP_ADDRESS PATH=$build/bin:\$PATH
  lockstep status                   # also: status platform-core, history, operations list, --help
  http://127.0.0.1:$(service_port platform-core)/health      # platform-core
  psql '$(postgres_url playground_app playground)'
  ls $state/log

  $state/stop    # stops all of it and removes $state
TEXT
}

trap stop_everything EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

next_step 'Packages'
install_packages "$root/deploy/packages.txt"

next_step 'Build'
build_programs

next_step 'A private PostgreSQL, a coordinator, eight services'
make_state_directory
playground_database
say "PostgreSQL $(postgres_sql playground -c 'SHOW server_version') on a Unix socket, database playground is empty"
playground_coordinator
say "the coordinator leads at $(fleet_facts | sed -n 's/^leader //p') and $LOCKSTEP_ADDRESS"
playground_start_services
say "eight services wait at their gates, to serve on ports $playground_port to $((playground_port + 7))"
show lockstep status

next_step 'Publish the chain'
show lockstep publish

next_step 'Plan'
show lockstep plan

next_step 'Upgrade, and what the fleet looks like meanwhile'
upgrade_and_watch
say
show_status_during

next_step 'Afterwards'
playground_check
show lockstep status
show lockstep history

next_step 'Checked'
good "ok - applied $playground_head, $(playground_tables) tables"
good 'ok - eight services open, each answers over HTTP'
if [[ $keep == yes ]]; then say_how_to_look; fi
