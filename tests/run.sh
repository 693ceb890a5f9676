#!/usr/bin/env bash
# Installs what the tests need, builds, and runs them; see --help.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: tests/run.sh [--quick | --full] [STEP...]

Runs the steps, or only those that are named, and ends with a summary. Exits 0
only if every step passed.

  packages    installs what is missing of deploy/ and tests/packages.txt
  build       preset dev: g++, warnings are errors
  tests       all tests of that build
  models      the spin models of the protocol and their mutations
  schema      migrations, models, seeds and backfill against each other
  docs        links and line lengths of the documents
  bench       the benchmarks, shortly: whether they work, not how fast they are
  clang       preset clang: what speaks gRPC again, with thread-safety analysis (asan
              has the core); with --full all, tests too
  asan        preset asan: the core's unit tests under Address- and UBSanitizer;
              with --full all unit and database tests
  tsan        preset tsan: the core's tests that start threads under ThreadSanitizer;
              with --full all of the core's tests
  fuzz        the fuzz targets, for seconds
  quickstart  deploy/quickstart.sh, with the programs of the first build

  --quick   packages, build, tests, models, schema, docs and bench only
  --full    all models instead of the quick ones, all tests under asan, tsan and clang, a minute
            for each fuzz target, and the quickstart with a release build
  --help    this text

Environment:
  LOCKSTEP_BUILD_ROOT   where to build (default: build/ in the checkout)
  CCACHE_DIR            default: ccache/ in there
USAGE
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source=deploy/lib/common.sh
source deploy/lib/common.sh
# shellcheck source=deploy/lib/packages.sh
source deploy/lib/packages.sh
# shellcheck source=deploy/lib/processes.sh
source deploy/lib/processes.sh
# shellcheck source=deploy/lib/postgres.sh
source deploy/lib/postgres.sh
# shellcheck source=tests/ci/steps.sh
source tests/ci/steps.sh

quick_steps=(packages build tests models schema docs bench)
all_steps=("${quick_steps[@]}" clang asan tsan fuzz quickstart)
steps=()
chosen_steps=("${all_steps[@]}")
models=quick asan=core clang=programs tsan=threads fuzz_seconds=10 quickstart_preset=dev
while (($#)); do
  case $1 in
    --quick) chosen_steps=("${quick_steps[@]}") ;;
    --full)
      models=full asan=full clang=full tsan=full fuzz_seconds=60 quickstart_preset=release
      ;;
    -h | --help) usage; exit 0 ;;
    *)
      [[ " ${all_steps[*]} " == *" $1 "* ]] || { usage >&2; exit 2; }
      steps+=("$1")
      ;;
  esac
  shift
done
((${#steps[@]})) || steps=("${chosen_steps[@]}")

builds=${LOCKSTEP_BUILD_ROOT:-$root/build}
forget_environment
mkdir -p -- "$builds"
builds=$(cd "$builds" && pwd)
export CCACHE_DIR=${CCACHE_DIR:-$builds/ccache}
export NINJA_STATUS='[%f/%t, %es] '
# Sanitizers name the lines in their reports with it.
export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-14
export UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS=suppressions=$root/tests/ci/lsan.supp

# Sanitizers of this age cannot live with as much address randomisation as newer kernels have.
no_aslr=()
if setarch --addr-no-randomize true 2>/dev/null; then no_aslr=(setarch --addr-no-randomize); fi

declare -A results=() seconds=()

# run_step NAME: its output, then its result with the time it took.
run_step() {
  local name=$1 begin=$SECONDS status
  headline "==> $name"
  # In a process of its own, as a step may end by `die`; not as a condition, which would switch
  # `set -e` off in it.
  set +e
  (
    set -e
    "step_$name"
  ) </dev/null
  status=$?
  set -e
  results[$name]=passed
  ((status == 0)) || results[$name]=failed
  seconds[$name]=$((SECONDS - begin))
  say "<== $name ${results[$name]} in ${seconds[$name]} s"
}

for name in "${steps[@]}"; do
  # Without packages nothing works; without the build there is nothing to test.
  if [[ ${results[packages]-} == failed ]]; then break; fi
  if [[ $name == tests && ${results[build]-} == failed ]]; then continue; fi
  run_step "$name"
done

headline 'Summary'
passed=0 failed=0
for name in "${steps[@]}"; do
  result=${results[$name]-not run}
  if [[ $result == passed ]]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  printf '  %-10s  %-7s %5s s\n' "$name" "$result" "${seconds[$name]-0}"
done
printf '%s passed, %s failed in %s s\n' "$passed" "$failed" "$SECONDS"
((failed == 0))
