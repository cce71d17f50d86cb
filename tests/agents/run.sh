#!/usr/bin/env bash
# Runs a file of this folder with what setup.sh put in place: `run.sh typescript-1.mjs`.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Read whole, so that a setup that fails ends this too.
setup=$("$here/setup.sh")
{ read -r KLIV_AGENTS_PACKAGES; read -r PYTHONPATH; } <<<"$setup"
export KLIV_AGENTS_PACKAGES PYTHONPATH
script=$1
shift
case $script in
*.py) exec python3 "$here/$script" "$@" ;;
*) exec node "$here/$script" "$@" ;;
esac
