# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared between the sourced files
# Installs the distribution's packages that a list names and that are missing. Needs common.sh.

# package_is_installed NAME
package_is_installed() {
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# install_packages FILE...: does nothing when all packages of the lists are installed. Without root
# it prints the command that would install them and ends the script.
install_packages() {
  local name log missing=()
  command -v dpkg-query >/dev/null || {
    die 'this script installs Debian packages, and there is no dpkg here' \
      "needed: $(packages_in "$@" | tr '\n' ' ')"
  }
  while read -r name; do
    package_is_installed "$name" || missing+=("$name")
  done < <(packages_in "$@")
  if ((${#missing[@]} == 0)); then
    say "all $(packages_in "$@" | wc -l) packages are installed"
    return
  fi
  if ((EUID != 0)); then
    die "${#missing[@]} packages are missing, and only root can install them" \
      "run: sudo apt-get install -y --no-install-recommends ${missing[*]}"
  fi
  say "installing ${#missing[@]} packages: ${missing[*]}"
  log=$(mktemp)
  quietly "$log" 'the package index could not be read' apt-get update
  quietly "$log" 'the packages could not be installed' \
    env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
  rm -f -- "$log"
}
