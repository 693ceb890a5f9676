#!/bin/sh
# Builds the fuzz targets in build/fuzz and runs each for SECONDS (default 60). What it finds new is
# kept in build/fuzz/corpus; an input that breaks a property is written there, too, and fails the run.
#
#   tests/fuzz/run.sh [SECONDS]
set -eu
seconds=${1:-60}
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${LOCKSTEP_FUZZ_BUILD:-$root/build/fuzz}

if [ ! -f "$build/build.ninja" ]; then
  cmake -S "$root" -B "$build" -G Ninja -DCMAKE_CXX_COMPILER="${CXX:-clang++-14}" \
    -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" -DLOCKSTEP_CORE_ONLY=ON \
    -DLOCKSTEP_BUILD_FUZZERS=ON -DLOCKSTEP_SANITIZE=fuzzer-no-link,address
fi
ninja -C "$build" tokens_fuzz split_fuzz analysis_fuzz migration_fuzz

for target in tokens split analysis migration; do
  found="$build/corpus/$target"
  mkdir -p "$found"
  echo "== ${target}_fuzz for ${seconds} s"
  if ! "$build/bin/${target}_fuzz" -max_total_time="$seconds" -max_len=2048 -timeout=10 \
    -dict="$root/tests/fuzz/sql.dict" -artifact_prefix="$found/broken-" -print_final_stats=1 \
    "$found" "$root/tests/fuzz/corpus/$target" "$root/migrations" >"$build/$target.log" 2>&1; then
    tail -n 60 "$build/$target.log"
    exit 1
  fi
  grep '^stat::\(number_of_executed_units\|new_units_added\|peak_rss_mb\)' "$build/$target.log"
done
