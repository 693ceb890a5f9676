#!/usr/bin/env bash
# Builds the programs with failpoints and runs the matrix; see --help.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: tests/failpoints/run.sh [--all | --sample | --only NAME[=ACTION]...] [--jobs N]
                               [--logs DIR] [--list]

Builds lockstep with failpoints and runs an upgrade of 12 migrations, on three
coordinators and two agents at a twentieth of the usual durations, once for each
cell of {failpoint} x {kill, stop, reset, error}. Whoever was killed is started
again, whoever was stopped goes on after two TTLs; nobody else helps. A cell passes
when its failpoint acted, the upgrade succeeded, and the checkers find nothing wrong
and nothing left behind. Exits 0 only if every cell passed.

  --all       the whole matrix, some minutes
  --sample    each failpoint once (the default); ctest runs this as failpoints_sample
  --only      the cells whose names begin so, e.g. agent.before_commit=kill
  --jobs N    cells at a time (default: as many as processors)
  --logs DIR  keeps there what the programs of failed cells wrote
  --list      prints the cells and leaves
  --help      this text

Needs the packages of deploy/packages.txt and tests/packages.txt.

Environment:
  LOCKSTEP_BUILD_ROOT      where to build (default: build/ in the checkout)
  LOCKSTEP_PRESET          which of CMake's presets, one with failpoints (default: dev)
  LOCKSTEP_TEST_PG_BINDIR  the programs of another PostgreSQL
USAGE
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=deploy/lib/common.sh
source "$root/deploy/lib/common.sh"

arguments=()
while (($#)); do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --logs)
      logs=$(realpath -m -- "${2:?--logs needs a directory}")
      mkdir -p -- "$logs"
      arguments+=("$1" "$logs")
      shift
      ;;
    --only | --jobs) arguments+=("$1" "${2:?$1 needs a value}"); shift ;;
    --all | --sample | --list) arguments+=("$1") ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

preset=${LOCKSTEP_PRESET:-dev}
build=${LOCKSTEP_BUILD_ROOT:-$root/build}/$preset
pg_bindir=${LOCKSTEP_TEST_PG_BINDIR-}
forget_environment
[[ -z $pg_bindir ]] || export LOCKSTEP_TEST_PG_BINDIR=$pg_bindir
cd "$root"
log=$(mktemp)
quietly "$log" 'the build could not be configured' \
  cmake --preset "$preset" -B "$build" -DLOCKSTEP_FAILPOINTS=ON
rm -f -- "$log"
NINJA_STATUS='  [%f/%t] ' cmake --build "$build" --parallel "$(nproc)" --target lockstep-failpoints ||
  die 'the build failed; its errors are above'
exec "$build/bin/lockstep-failpoints" "${arguments[@]}"
