#!/usr/bin/env bash
# Puts in place what tests with clients of the Model Context Protocol need, in the cache
# outside the checkout: the packages of package-lock.json and those of requirements.txt.
# Says as two lines where they are: the folder of Node's packages, that of Python's.
set -euo pipefail

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${KLIV_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/kliv-secrets}/agents

say() { echo "agents' tests: $*" >&2; }

command -v node >/dev/null && command -v npm >/dev/null || {
    say "Node 20 or newer, with npm, is needed"
    exit 1
}

mkdir -p "$cache"
# One at a time: several test binaries may start together.
exec 9>"$cache/lock"
flock 9

has_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }
if ! has_venv && command -v apt-get >/dev/null && [[ $(id -u) == 0 ]]; then
    say "installing Debian's python3-venv, once"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; } >&2
fi
has_venv || {
    say "Python 3.11 or newer is needed, with venv (Debian: python3-venv)"
    exit 1
}

# place <what> <files that say what is in it> -- <what makes it, in the folder $new>
place() {
    local what=$1 key
    key=$({ node --version; python3 --version; cat "${@:2}"; } | sha256sum | cut -c1-16)
    placed=$cache/$what-$key
    new=$placed.new
    if [[ ! -d $placed ]]; then
        rm -rf "$new"
        mkdir "$new"
        "make_$what" >&2
        mv "$new" "$placed"
    fi
}

make_node() {
    say "installing $(grep -c '"node_modules/' "$source_dir/package-lock.json") packages of Node, once"
    cp "$source_dir"/{package.json,package-lock.json,.npmrc} "$new"
    # No package's script is run: none of ours needs one.
    npm ci --prefix "$new" --ignore-scripts --no-audit --no-fund --loglevel=error
}

make_python() {
    say "installing $(grep -c '==' "$source_dir/requirements.txt") packages of Python, once"
    # Not a virtual environment of its own: that would know its folder's name.
    python3 -m venv "$new/tools"
    "$new/tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --require-hashes --only-binary :all: --target "$new/packages" \
        --requirement "$source_dir/requirements.txt"
    rm -rf "$new/tools"
}

place node "$source_dir/package-lock.json"
echo "$placed"
place python "$source_dir/requirements.txt"
echo "$placed/packages"
