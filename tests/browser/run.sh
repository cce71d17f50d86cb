#!/usr/bin/env bash
# Runs a file of this folder with what setup.sh put in place: `run.sh run.mjs self-test`.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Read whole, so that a setup that fails ends this too.
setup=$("$here/setup.sh")
{ read -r KLIV_BROWSER_PACKAGES; read -r CHROMIUM; } <<<"$setup"
export KLIV_BROWSER_PACKAGES CHROMIUM
script=$1
shift
exec node "$here/$script" "$@"
