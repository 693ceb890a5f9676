# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared between the sourced files
# Talk, errors and bounded waits. Sourced by the scripts; defines functions only.

# Colours on a terminal, unless NO_COLOR is set.
if [[ -t 1 && -z ${NO_COLOR-} ]]; then
  bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
  bold='' green='' red='' plain=''
fi

# say TEXT: a line of talk.
say() { printf '%s\n' "$*"; }

# headline TEXT: the first line of a part.
headline() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

# good TEXT: something that was checked and holds.
good() { printf '%s%s%s\n' "$green" "$*" "$plain"; }

# die TEXT [FACT...]: the error, its facts indented, and the end.
die() {
  printf '%serror:%s %s\n' "$red" "$plain" "$1" >&2
  shift
  if (($#)); then printf '  %s\n' "$@" >&2; fi
  exit 1
}

# die_with_log FILE TEXT [FACT...]: die after showing the end of the log that tells why.
die_with_log() {
  local file=$1
  shift
  if [[ -s $file ]]; then
    printf '%s--- the end of %s%s\n' "$bold" "$file" "$plain" >&2
    tail -n 30 -- "$file" >&2
    printf -- '---\n' >&2
  fi
  die "$@"
}

# quietly LOG TEXT COMMAND...: runs COMMAND with its output in LOG; dies with the log when it fails.
quietly() {
  local log=$1 text=$2
  shift 2
  "$@" >"$log" 2>&1 </dev/null || die_with_log "$log" "$text: $1 failed with exit code $?"
}

# wait_until SECONDS COMMAND...: repeats COMMAND until it succeeds; fails after SECONDS.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# packages_in FILE...: the names in package lists, without comments.
packages_in() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' -- "$@"; }

# forget_environment: a connection or a coordinator of the caller's environment must not be mistaken
# for the private ones.
forget_environment() {
  local name
  for name in "${!PG@}" "${!LOCKSTEP_@}"; do unset "$name"; done
}
