#!/usr/bin/env bash
# Builds the benchmarks and runs them; see --help.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: tests/bench/run.sh [--quick] [--json FILE] [NAME...]

Builds lockstep and its benchmarks, starts a private PostgreSQL, lets reference
and lockstep take turns, and prints one table of ratios with targets and
verdicts. docs/performance.md says what each of them is.

  --quick        few rounds and short chains, less than a minute: shows that all
                 of it works; its figures say little
  --json FILE    the table as JSON, too
  --help         this text

Exits 0 when every benchmark could run and what it checked was right; a figure
that misses its target is no failure. Needs the packages of deploy/packages.txt
and tests/packages.txt, and installs nothing. References that are not installed
are left out, and the output says so.

Environment:
  LOCKSTEP_BUILD_ROOT   where to build (default: build/ in the checkout)
  LOCKSTEP_PRESET       which of CMake's presets to build (default: bench)
USAGE
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=deploy/lib/common.sh
source "$root/deploy/lib/common.sh"

arguments=()
while (($#)); do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --json) arguments+=("$1" "$(realpath -m -- "${2:?--json needs a file}")"); shift ;;
    --quick | [a-z]*) arguments+=("$1") ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

preset=${LOCKSTEP_PRESET:-bench}
build=${LOCKSTEP_BUILD_ROOT:-$root/build}/$preset
forget_environment
cd "$root"
log=$(mktemp)
quietly "$log" 'the build could not be configured' cmake --preset "$preset" -B "$build"
rm -f -- "$log"
NINJA_STATUS='  [%f/%t] ' cmake --build "$build" --parallel "$(nproc)" --target bench ||
  die 'the build failed; its errors are above'
exec "$build/bin/lockstep-bench" "${arguments[@]}"
