#!/usr/bin/env bash
# Verifies the spin models of this directory and their mutations. See README.md.
#
#   run.sh [--quick | --full] [--jobs N] [--timeout SECONDS] [--only TEXT] [--markdown FILE] [--list]
#
# --quick (default) runs the rows of tier quick, --full all rows. --only runs the rows whose name contains TEXT. --markdown writes
# the results as a table. Needs bash, spin and gcc. Exits 0 only if every case gave what the table says.
set -u -o pipefail
export LC_ALL=C

# file | flags | expected | tier | what it shows
#   pass         no error in the whole state space
#   holds        the same, although a rule is missing; the last column says what else covers it
#   fail:A,B     the first error found is one of these: a name from the model, or deadlock (an end state that is not a goal)
# roll.pml is checked for deadlocks; CYCLES looks for a cycle instead (there must be none, or "no deadlock" would prove nothing).
cases() {
  sed -e 's/[ \t]*|[ \t]*/|/g' -e '/^[ \t]*#/d' -e '/^[ \t]*$/d' <<'TABLE'
run  | FENCE EXP3 TRIES=3 REVOKES=1             | pass                    | quick | run 1..3, takeover and revoke at any point
run  | FENCE EXP3 GROUP TRIES=3 REVOKES=1       | pass                    | quick | the same, neighbours in one transaction
run  | FENCE NTX3 TRIES=3 REVOKES=1             | pass                    | quick | run 1..2, then a non-transactional migration
run  | GATE STARTS=1                            | pass                    | quick | two instances, contract at the end of the chain
run  | GATE NTXC STARTS=1                       | pass                    | quick | the contract is non-transactional
run  | LANE STARTS=1                            | pass                    | quick | 3 passes over contract 2
run  | LANE CONFLICT STARTS=1                   | pass                    | quick | 3 waits for contract 2
run  | LANE2 STARTS=1                           | pass                    | quick | two contracts, one barrier
run  | FENCE EXP3 GRANTS=3 TOKENS=3             | pass                    | full  | run 1..3, takeover and revoke at any point
run  | FENCE EXP3 GROUP GRANTS=3 TOKENS=3       | pass                    | full  | the same, neighbours in one transaction
run  | FENCE NTX3 GRANTS=3 TOKENS=3             | pass                    | full  | run 1..2, then a non-transactional migration
run  | GATE GRANTS=3 TOKENS=3                   | pass                    | full  | two instances, contract at the end of the chain
run  | GATE NTXC GRANTS=3 TOKENS=3              | pass                    | full  | the contract is non-transactional
run  | LANE GRANTS=3 TOKENS=3                   | pass                    | full  | 3 passes over contract 2
run  | LANE CONFLICT GRANTS=3 TOKENS=3          | pass                    | full  | 3 waits for contract 2
run  | LANE2 GRANTS=3 TOKENS=3 BARRIERS=3       | pass                    | full  | two contracts, one barrier
run  | LANE TAKEOVER STARTS=1                   | pass                    | full  | contract lane with two coordinators
run  | LANE ZOMBIE STARTS=1                     | pass                    | full  | contract lane with two backends
run  | GATE NTXC ZOMBIE STARTS=1                | pass                    | full  | non-transactional contract with two backends

run  | FENCE EXP3 REACH                         | fail:goal_reached       | quick | reachable: the end of the chain
run  | FENCE NTX3 REACH                         | fail:goal_reached       | quick | reachable: the end of the chain
run  | GATE REACH                               | fail:goal_reached       | quick | reachable: the end of the chain
run  | GATE NTXC REACH                          | fail:goal_reached       | quick | reachable: the end of the chain
run  | LANE REACH                               | fail:goal_reached       | quick | reachable: the end of the chain
run  | LANE CONFLICT REACH GRANTS=3 TOKENS=3    | fail:goal_reached       | quick | reachable: the end of the chain
run  | LANE2 REACHBOTH GRANTS=3 TOKENS=3        | fail:goal_reached       | quick | reachable: both contracts done
run  | LANE2 REACHLIFT                          | fail:goal_reached       | quick | reachable: contract 2 in flight, contract 3 barriered
run  | LANE REACHSKIP                           | fail:goal_reached       | quick | reachable: 3 has run, old and new build serve, contract 2 waits
run  | LANE LANEINLINE REACHSKIP STARTS=1       | pass                    | quick | the same is out of reach when a contract holds up what follows it

run  | FENCE EXP3 NOCLOSECHK NOFENCE            | fail:I3_broken          | quick | neither `open` locks the lease nor `close` asks for the token
run  | FENCE EXP3 NOEXCL                        | fail:I4_broken          | quick | key share alone: two backends of one token
run  | FENCE EXP3 NOFENCE NOEXCL                | fail:I4_broken          | quick | `open` neither locks nor excludes
run  | FENCE EXP3 NOORDER                       | fail:I4_broken          | quick | `open` does not ask for the next version
run  | FENCE EXP3 NOLFENCE                      | fail:I5_broken          | quick | leader writes are not fenced
run  | FENCE EXP3 NOMUSTCLOSE                   | fail:I2_broken          | quick | a COMMIT between `open` and `close` goes through
run  | FENCE EXP3 GROUP NOMUSTCLOSE             | fail:I2_broken          | quick | a COMMIT in the middle of a group goes through
run  | FENCE EXP3 GROUP PARTCLOSE               | fail:I2_broken,I1_broken | quick | a group is closed as if it were its last version alone
run  | FENCE EXP3 GROUP NOEXCL                  | fail:I4_broken          | quick | two backends of one token, one of them with a group
run  | FENCE NTX3 NOADV                         | fail:I4_broken          | quick | no advisory lock
run  | FENCE NTX3 EARLYCLR                      | fail:inflight_wrong     | quick | revoking clears `inflight` at once
run  | GATE NTXC TOKENFIRST STARTS=1            | fail:I7_broken          | quick | the token is checked before the advisory lock is taken
run  | GATE BARRIEREND                          | fail:barrier_lost       | quick | the end of any run lifts the barrier
run  | GATE NOINFLCLR                           | fail:inflight_wrong     | quick | revoke leaves `inflight`: the chain is wedged
run  | GATE NOINFL                              | fail:I9_broken          | quick | admission ignores `inflight`
run  | GATE NOGATEWAIT                          | fail:I8_broken,I9_broken | quick | grant and barrier do not wait for open admissions
run  | GATE NONCEGONE                           | fail:I7_broken          | quick | a newer nonce retires a session that lives
run  | GATE NOCONCERN                           | fail:I9_broken          | quick | grant does not ask whom the contract concerns
run  | GATE NOBARRIER STALESNAP                 | fail:I9_broken          | quick | gate query on an old snapshot, and no barrier before it
run  | GATE STALEDONE                           | fail:I7_broken          | quick | admission reads which contracts are done before it locks the chain row
run  | GATE NTXC HALFLOST                       | fail:I7_broken          | quick | a half-done contract goes back to waiting
run  | LANE LANEAPPLIED                         | fail:I1_broken          | quick | `close` of a contract moves `applied`
run  | LANE LANEOPEN                            | fail:I7_broken          | quick | the token of a run opens the contract that the run passes over
run  | LANE CONFLICT NOLANECONFLICT             | fail:conflict_overtaken | quick | a conflicting later migration overtakes
run  | LANE NOORDER                             | fail:I4_broken,I1_broken | quick | a contract opens before its turn or a second time
run  | LANE STALEDONE                           | fail:I7_broken          | quick | the same, where `applied` says nothing about contracts
run  | LANE2 TWOCONTRACTS GRANTS=3              | fail:I12_broken         | quick | a lease for each contract
run  | LANE2 CLOSELIFTS                         | fail:barrier_lost       | quick | `close` of a contract lifts another one's barrier
run  | LANE2 NOCONCERN                          | fail:I9_broken          | quick | grant does not ask whom the contract concerns

run  | FENCE EXP3 NOFENCE TRIES=3 REVOKES=1     | holds                   | quick | `opened` lets one in, and `close` asks for the token
run  | FENCE EXP3 NOCLOSECHK TRIES=3 REVOKES=1  | holds                   | quick | the key share of `open` keeps the token current
run  | GATE STALESNAP STARTS=1                  | holds                   | quick | the barrier waited for admissions one transaction earlier
run  | GATE NOOPENGATE STARTS=1                 | holds                   | quick | `inflight` has refused whom the contract concerns since the grant
run  | GATE STALESNAP NOOPENGATE STARTS=1       | holds                   | quick | both of the above
run  | GATE NOBARRIER STARTS=1                  | holds                   | quick | for safety the gate query and `inflight` are enough; the barrier is what makes a drain end
run  | FENCE EXP3 NOFENCE GRANTS=3              | holds                   | full  | as with fewer grants
run  | FENCE EXP3 NOCLOSECHK GRANTS=3           | holds                   | full  | as with fewer grants
run  | FENCE NTX3 NOFENCE TOKENS=3              | holds                   | full  | as with EXP3; non-transactional ones are fenced by the advisory lock
run  | GATE STALESNAP NOOPENGATE GRANTS=3 TOKENS=3 | holds                | full  | as with fewer grants and tokens
run  | GATE NOBARRIER GRANTS=3 TOKENS=3         | holds                   | full  | as with fewer grants and tokens

gate |                                          | pass                    | quick | the gate counts durable rows
gate | MEMREG                                   | pass                    | quick | the gate counts the leader's memory
gate | STARTS=3 CHANGES=2 BARRIERS=3            | pass                    | full  | the gate counts durable rows
gate | MEMREG STARTS=3 CHANGES=2 BARRIERS=3     | pass                    | full  | the gate counts the leader's memory
gate | REACH                                    | fail:goal_reached       | quick | reachable: contract done after a leader change
gate | REACHEXPIRE                              | fail:goal_reached       | quick | reachable: expiry by the new leader lets the contract go
gate | NOBARRIER                                | fail:I8_broken,I7_broken | quick | admissions stay open until the contract is done
gate | NOADMLOCK                                | fail:I8_broken,I7_broken | quick | verdict and row are two transactions
gate | NOCONCERN                                | fail:I9_broken          | quick | grant does not ask whom the contract concerns
gate | NOSELFSTOP                               | fail:I7_broken          | quick | a service that goes on serving is expired by TTL
gate | NOVALIDITY                               | fail:I7_broken          | quick | an OPEN verdict does not lapse
gate | NOSETTLE                                 | fail:I7_broken          | quick | a new leader expires whom it has not heard
gate | SETTLEBUG                                | fail:I7_broken          | quick | settle ignores whoever is admitted and not serving yet
gate | EXPIREDIRECT                             | fail:I7_broken          | quick | a row that no leader was told of is expired by TTL
gate | NOEXPIRE                                 | fail:I8_broken,I7_broken | quick | the grant counts a reservation out and leaves its row
gate | REACHTAKEOVER                            | fail:goal_reached       | quick | reachable: an instance is let in by its reservation during the drain
gate | MEMREG NOSETTLE                          | fail:I7_broken          | quick | grant by a leader that knows nobody yet
gate | MEMREG SETTLEBUG                         | fail:I7_broken          | quick | settle ignores whoever is admitted and not serving yet

roll |                                          | pass                    | quick | every order of events ends with 3 applied, the new build serving, 2 done
roll | CYCLES                                   | pass                    | quick | nothing can be repeated for ever
roll | CONFLICT TWOSTEP                         | pass                    | quick | 3 conflicts with 2, but the new build does not need 3 yet
roll | FAULTS=3 LIFTS=3 CRASHES=3               | pass                    | full  | as with fewer faults
roll | CYCLES FAULTS=3 LIFTS=3 CRASHES=3        | pass                    | full  | nothing can be repeated for ever
roll | REACH                                    | fail:goal_reached       | quick | reachable: the end
roll | REACHSKIP                                | fail:goal_reached       | quick | reachable: 3 runs and both builds serve while 2 is barriered
roll | LANEINLINE                               | fail:deadlock           | quick | 3 waits for 2, 2 for the old build, the old build for the new one, that for 3
roll | NEEDSCONTRACT                            | fail:deadlock           | quick | a build needs the contracts it was built with
roll | BARRIERALL                               | fail:deadlock           | quick | a barrier stops builds that the contract does not concern
roll | CONFLICT                                 | fail:deadlock           | quick | limit: 3 conflicts with 2 and the new build needs 3
TABLE
}

die() { printf '%s\n' "run.sh: $*" >&2; exit 2; }

# run_case NUMBER: prints one line, leaves "NUMBER|verdict|..." in $work/NUMBER.result
run_case() {
  local number=$1 file flags expected tier shows name status=FAIL detail='' found='' check=safety
  IFS='|' read -r file flags expected tier shows < <(cases | sed -n "${number}p")
  name="$file${flags:+ $flags}"
  local defines=() gcc_flags=(-w -DVECTORSZ=2048) pan_flags=(-m20000 -n) flag
  for flag in $flags; do
    if [ "$flag" = CYCLES ]; then check=cycles; else defines+=("-D$flag"); fi
  done
  # a case that must fail stops after a moment, so the compiler's time is what counts
  case $expected in fail:*) gcc_flags+=(-O0) ;; *) gcc_flags+=(-O2) ;; esac
  if [ $check = cycles ]; then gcc_flags+=(-DNP); pan_flags+=(-l); else gcc_flags+=(-DSAFETY -DCOLLAPSE "-DMEMLIM=$memory"); fi
  [ "$file" = roll ] || pan_flags+=(-E)

  local dir="$work/$number" begin=$EPOCHREALTIME seconds rc=0 states=0 depth=0
  mkdir "$dir" && cd "$dir" || exit 2
  if ! spin -a ${defines[@]+"${defines[@]}"} "$here/$file.pml" >spin.out 2>&1 || grep -qi 'error' spin.out || [ ! -f pan.c ]; then
    detail="spin: $(head -n 1 spin.out)"
  elif ! gcc "${gcc_flags[@]}" -o pan pan.c >gcc.out 2>&1; then
    detail="gcc: $(head -n 1 gcc.out)"
  else
    timeout "$limit" ./pan "${pan_flags[@]}" >pan.out 2>&1 || rc=$?
    states=$(awk '/states, stored/ { print $1; exit }' pan.out)
    depth=$(sed -n 's/.*depth reached \([0-9]*\).*/\1/p' pan.out | head -n 1)
    found=$(sed -n -e 's/^pan:1: assertion violated \([A-Za-z0-9_]*\) .*/\1/p' -e 's/^pan:1: invalid end state.*/deadlock/p' pan.out | head -n 1)
    if [ "$rc" = 124 ]; then detail="no verdict after $limit s"
    elif [ "$rc" != 0 ]; then detail="pan ended with $rc: $(tail -n 1 pan.out)"
    elif [[ $expected == fail:* ]]; then
      if [ -z "$found" ]; then detail="expected to fail, found: $(grep -m 1 -E '^pan:1:|^error|errors:' pan.out)"
      elif [[ ",${expected#fail:}," == *",$found,"* ]]; then status=ok
      else detail="expected ${expected#fail:}, found $found"; fi
    elif [ -n "$found" ]; then detail="expected no error, found $found"
    elif grep -q -E 'max search depth too small|reached -DMEMLIM|out of memory|Search not completed' pan.out; then
      detail="incomplete: $(grep -m 1 -E 'max search depth too small|reached -DMEMLIM|out of memory|Search not completed' pan.out)"
    elif grep -q 'errors: 0$' pan.out && [ -n "$states" ]; then status=ok
    else detail="expected no error, found: $(grep -m 1 -E '^pan:1:|errors:' pan.out)"; fi
  fi
  seconds=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
  cd "$work" && rm -rf "$dir"
  local verdict=${expected%%:*}
  [ -z "$found" ] || verdict="fails: $found"
  [ $status = ok ] || verdict="UNEXPECTED: $detail"
  printf '%s|%s|%s|%s|%s|%s|%s|%s\n' "$status" "$name" "$verdict" "${states:-0}" "${depth:-0}" "$seconds" "$tier" "$shows" >"$number.result"
  if [ $status = ok ]; then
    printf 'ok - %s%s (%s states, %s s)\n' "$name" "${found:+: $found, as it must}" "${states:-0}" "$seconds"
  else
    printf 'FAIL - %s: %s (%s states, %s s)\n' "$name" "$detail" "${states:-0}" "$seconds"
  fi
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 2
if [ "${1-}" = --one ]; then
  work=$2 limit=$3 memory=$4
  run_case "$5"
  exit 0
fi

tier=quick jobs=2 limit='' only='' markdown='' list=
while [ $# -gt 0 ]; do
  case $1 in
    --quick) tier=quick ;;
    --full) tier=full ;;
    --list) list=1 ;;
    --jobs | --timeout | --only | --markdown)
      [ $# -ge 2 ] || die "$1 needs a value"
      case $1 in --jobs) jobs=$2 ;; --timeout) limit=$2 ;; --only) only=$2 ;; --markdown) markdown=$(realpath -m -- "$2") ;; esac
      shift ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) die "unknown argument $1 (try --help)" ;;
  esac
  shift
done
[[ $jobs =~ ^[1-9][0-9]*$ ]] || die "--jobs wants a number"
[ -n "$limit" ] || { [ $tier = full ] && limit=600 || limit=60; }
[[ $limit =~ ^[1-9][0-9]*$ ]] || die "--timeout wants seconds"

numbers=$(cases | awk -F'|' -v tier=$tier -v only="$only" '
  (tier == "full" || $4 == "quick") && index($1 ($2 == "" ? "" : " " $2), only) { print NR }')
[ -n "$numbers" ] || die "no case matches"
if [ -n "$list" ]; then
  for number in $numbers; do cases | sed -n "${number}p"; done
  exit 0
fi
for tool in spin gcc timeout awk xargs; do command -v $tool >/dev/null || die "$tool not found"; done

work=$(mktemp -d "${TMPDIR:-/tmp}/lockstep-model.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
# MB for each verifier; reaching it makes the case fail
printf '%s\n' "$numbers" | xargs -P "$jobs" -n 1 "$BASH" "$here/run.sh" --one "$work" "$limit" 6000

passed=0 failed=0
for number in $numbers; do
  # a case that left no result was ended from outside
  if [ -f "$work/$number.result" ] && [ "$(cut -d'|' -f1 "$work/$number.result")" = ok ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    [ -f "$work/$number.result" ] || printf 'FAIL - case %s gave no result\n' "$number"
  fi
done
if [ -n "$markdown" ]; then
  { printf '| case | result | states | depth | s | shows |\n|---|---|---|---|---|---|\n'
    for number in $numbers; do
      [ -f "$work/$number.result" ] &&
        awk -F'|' '{ printf "| %s | %s | %s | %s | %s | %s |\n", $2, $3, $4, $5, $6, $8 }' "$work/$number.result"
    done; } >"$markdown"
fi
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
