# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared between the sourced files
# Background processes that are ended by their own ids, never by name. Needs common.sh.
#
# A process is written PID:START, START being its start time in the kernel's clock ticks, so that a
# later process with the same id is never mistaken for it.

# What a process that is started does when the script is killed hard: it gets the signal that
# `process_guard SIGNAL` puts before its command. Set to no when processes may outlive the script.
process_guarded=${process_guarded:-yes}

process_guard() { if [[ $process_guarded == yes ]]; then echo "$1"; else echo clear; fi; }

# start_process LOG COMMAND...: sets `started` to the process. It gets a session of its own, so that
# Ctrl-C at a terminal reaches only the script, which then ends its processes in order.
start_process() {
  local log=$1
  shift
  setsid setpriv --pdeathsig "$(process_guard TERM)" "$@" >"$log" 2>&1 </dev/null &
  started=$!:$(start_time "$!")
}

# start_time PID: 0 for a process that has ended already.
start_time() {
  local line fields
  line=$(cat "/proc/$1/stat" 2>/dev/null) || { echo 0; return; }
  # A program's name may contain anything; behind the last ") " come the state and the numbers.
  read -ra fields <<<"${line##*) }"
  if [[ ${fields[0]} == Z ]]; then echo 0; else echo "${fields[19]}"; fi
}

is_running() { [[ ${1#*:} != 0 && $(start_time "${1%:*}") == "${1#*:}" ]]; }

all_ended() {
  local process
  for process in "$@"; do
    if is_running "$process"; then return 1; fi
  done
}

# end_processes SECONDS SIGNAL PROCESS...: asks all at once, waits for all, kills what is left.
end_processes() {
  local seconds=$1 signal=$2 process
  shift 2
  for process in "$@"; do
    if is_running "$process"; then kill -s "$signal" "${process%:*}" 2>/dev/null || true; fi
  done
  if wait_until "$seconds" all_ended "$@"; then return 0; fi
  for process in "$@"; do
    if is_running "$process"; then
      say "process ${process%:*} did not end within $seconds s and is killed" >&2
      kill -s KILL "${process%:*}" 2>/dev/null || true
    fi
  done
  wait_until 5 all_ended "$@"
}
