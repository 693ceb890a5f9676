# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared between the sourced files
# What tests/run.sh runs: one function a step, each called in a process of its own under `set -e`, in
# the root of the checkout. Needs deploy/lib and the variables `builds`, `models`, `asan`, `clang`, `tsan`, `fuzz_seconds`,
# `quickstart_preset` and `no_aslr`.

# configure_and_build PRESET
configure_and_build() {
  cmake --preset "$1" -B "$builds/$1"
  # One compiler a processor: each takes up to half a gigabyte. All errors are told, not the first.
  cmake --build "$builds/$1" --parallel "$(nproc)" -- -k 0
}

# run_ctest PRESET JOBS [ARGUMENT...]
run_ctest() {
  local preset=$1 jobs=$2
  shift 2
  "${no_aslr[@]}" ctest --test-dir "$builds/$preset" --parallel "$jobs" --output-on-failure --no-tests=error "$@"
}

step_packages() { install_packages deploy/packages.txt tests/packages.txt; }

step_build() { configure_and_build dev; }

# Whole programs wait for each other on a machine that may be busy with something else: one of these
# tests that fails is run once more, by itself, and is named. No other test has a second try.
step_tests() {
  # Half of their time they wait for each other's processes.
  if run_ctest dev "$(($(nproc) + 1))"; then return; fi
  local whole failed
  whole=$(ctest --test-dir "$builds/dev" --show-only --label-regex '^e2e$' | sed -n 's/^ *Test *#[0-9]*: //p' | sort)
  failed=$(sed 's/^[0-9]*://' "$builds/dev/Testing/Temporary/LastTestsFailed.log" | sort)
  [[ -n $failed && -z $(comm -23 <(echo "$failed") <(echo "$whole")) ]] || return 1
  headline "Once more, by themselves: ${failed//$'\n'/ }"
  ctest --test-dir "$builds/dev" --rerun-failed --output-on-failure || return 1
  say "UNSTEADY, passed at the second try: ${failed//$'\n'/ }"
}

step_models() { tests/model/run.sh "--$models"; }

# The migrations against a PostgreSQL of their own, by psql and pg_dump alone.
step_schema() {
  directory=$(mktemp -d /tmp/lockstep-schema.XXXXXX)
  chmod 755 -- "$directory"
  trap '[[ -z ${postgres_process-} ]] || postgres_stop; rm -rf -- "$directory"' EXIT
  postgres_start "$directory/postgres"
  tests/migrations/check_schema.sh "$(postgres_url postgres postgres)"
}

# With the programs that are built already: whether all benchmarks work, not how fast anything is.
step_bench() { LOCKSTEP_BUILD_ROOT=$builds LOCKSTEP_PRESET=dev tests/bench/run.sh --quick; }

step_docs() { tests/docs/check_links.sh; }

# The unit tests of the core; with --full the gRPC parts and the tests on a database too, which take
# their time under a sanitizer. Whole fleets are run in parts by these.
step_asan() {
  if [[ $asan == full ]]; then
    configure_and_build asan
    run_ctest asan "$(nproc)" -L '^(unit|pg)$'
    return
  fi
  local targets=(support_test base_test sql_test chain_test postgres_unit_test apply_unit_test
    coordinator_unit_test)
  cmake --preset asan -B "$builds/asan-core" -DLOCKSTEP_CORE_ONLY=ON
  cmake --build "$builds/asan-core" --parallel "$(nproc)" --target "${targets[@]}"
  run_ctest asan-core "$(nproc)" -R "^($(IFS='|' && echo "${targets[*]}"))\$"
}

# The core, which links nothing that ThreadSanitizer cannot see into: the tests that start threads; with
# --full all of them.
step_tsan() {
  if [[ $tsan == full ]]; then
    configure_and_build tsan
    run_ctest tsan "$(nproc)"
    return
  fi
  local targets=(support_test base_test postgres_test apply_run_test apply_concurrent_test catalog_lease_test
    coordinator_unit_test coordinator_pg_test lost_commit_test lockstep-schedules)
  cmake --preset tsan -B "$builds/tsan"
  cmake --build "$builds/tsan" --parallel "$(nproc)" --target "${targets[@]}"
  # Instrumented, a race takes ten times as long; what threads do to each other is the same in each.
  LOCKSTEP_RACES=20 run_ctest tsan "$(nproc)" -R "^($(IFS='|' && echo "${targets[*]}")|schedules)\$"
}

# clang's thread-safety analysis is made while it compiles; nothing is run. The core is what step asan
# compiles with clang; here it is every file of the folders that speak gRPC. --full compiles and links all,
# tests as well.
step_clang() {
  if [[ $clang == full ]]; then
    configure_and_build clang
    return
  fi
  local build=$builds/clang-programs objects
  cmake --preset clang -B "$build" -DLOCKSTEP_BUILD_TESTS=OFF
  mapfile -t objects < <(ninja -C "$build" -t targets all |
    sed -nE 's,^((agent|ctl|proto|coordinator/(program|rpc|wire))/.*\.o): .*,\1,p')
  ((${#objects[@]})) || die 'nothing speaks gRPC any more?'
  ninja -C "$build" -k 0 "${objects[@]}"
}

step_fuzz() { LOCKSTEP_FUZZ_BUILD="$builds/fuzz" tests/fuzz/run.sh "$fuzz_seconds"; }

# With the programs that are built already; their release build differs in the optimiser's flags only.
step_quickstart() {
  LOCKSTEP_BUILD_ROOT=$builds LOCKSTEP_PRESET=$quickstart_preset deploy/quickstart.sh
  [[ $quickstart_preset == release ]] || return 0
  # What is shipped has no failpoints; what was tested has, so that this would be seen.
  local program
  for program in lockstep lockstep-agent lockstep-coordinator; do
    grep -q LOCKSTEP_FAILPOINTS "$builds/dev/bin/$program" || die "$program of preset dev has no failpoints"
    ! grep -q LOCKSTEP_FAILPOINTS "$builds/release/bin/$program" || die "$program of preset release has failpoints"
  done
}
