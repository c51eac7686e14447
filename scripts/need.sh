#!/usr/bin/env bash
# need.sh COMMAND PACKAGE...: makes sure that COMMAND is there, from Debian's packages where we may install them.
set -euo pipefail
command=$1
shift
if command -v "$command" >/dev/null; then
  exit 0
fi
refuse() {
  echo "$command is missing, and $1. Install it (Debian: apt-get install $2) and try again." >&2
  exit 1
}
command -v apt-get >/dev/null || refuse "this is no Debian" "$*"
if [ "$(id -u)" = 0 ]; then
  as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=(sudo -n)
else
  refuse "only root may install packages" "$*"
fi
echo "$command is missing: installing $*" >&2
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" >&2
command -v "$command" >/dev/null || refuse "its package did not bring it" "$*"
