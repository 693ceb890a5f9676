#!/usr/bin/env bash
# Builds the chaos suite and runs it; see --help.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: tests/chaos/run.sh [--minutes M] [--seed S] [--faults LIST | --without LIST]
                          [--agents N] [--keep-dir] [--list] ...

Three coordinators, agents, PostgreSQL with a streaming standby, services that
roll, traffic and canaries, under kills, stops, partitions, failovers that lose
commits and the like, for M minutes (5) with dice of seed S (1). Prints a line a
fault and a report. Exits with 1, and names the directory of all logs, when an
invariant did not hold, when a kind of fault never happened, or when none of the
situations came about that the protocol is there for. All options: `--help` of
the program, behind `--`: tests/chaos/run.sh -- --help.

Environment:
  LOCKSTEP_BUILD_ROOT   where to build (default: build/ in the checkout)
  LOCKSTEP_PRESET       which of CMake's presets to build (default: dev)
  LOCKSTEP_CHAOS_BUILD  0: run what is built already
USAGE
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
case ${1-} in
  -h | --help) usage; exit 0 ;;
  --) shift ;;
esac
preset=${LOCKSTEP_PRESET:-dev}
build=${LOCKSTEP_BUILD_ROOT:-$root/build}/$preset
if [[ ${LOCKSTEP_CHAOS_BUILD-1} != 0 ]]; then
  cmake -S "$root" --preset "$preset" -B "$build" >/dev/null
  cmake --build "$build" --target chaos >&2
fi
exec "$build/bin/chaos_suite" "$@"
