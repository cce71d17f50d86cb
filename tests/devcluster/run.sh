#!/usr/bin/env bash
# Builds the launcher when its source changed, then runs it: `run.sh up`, `run.sh help`.
set -euo pipefail

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export KLIV_CACHE=${KLIV_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/kliv-secrets}
export KLIV_DEVCLUSTER_SOURCE=$source_dir

if ! command -v go >/dev/null; then
    PATH=$PATH:/usr/local/go/bin
    command -v go >/dev/null || {
        echo "devcluster: Go 1.26 or newer is needed to build the test cluster: https://go.dev/dl" >&2
        exit 1
    }
fi

key=$(cd "$source_dir" && { go version && cat ./*.go go.mod; } | sha256sum | cut -c1-16)
launcher=$KLIV_CACHE/launcher/$key
if [[ ! -x $launcher ]]; then
    mkdir -p "$KLIV_CACHE/launcher"
    # A name of its own until it is whole: several may build at once.
    (cd "$source_dir" && GOWORK=off GOFLAGS=-buildvcs=false CGO_ENABLED=0 go build -o "$launcher.$$" . >&2)
    mv -f "$launcher.$$" "$launcher"
fi
exec "$launcher" "$@"
