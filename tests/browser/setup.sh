#!/usr/bin/env bash
# Puts in place what tests in a browser need: the packages of package-lock.json, in the
# cache outside the checkout, and Debian's Chromium where there is none. Says as two lines
# where they are: the folder of the packages, the browser.
set -euo pipefail

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${KLIV_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/kliv-secrets}/browser

say() { echo "browser tests: $*" >&2; }

command -v node >/dev/null && command -v npm >/dev/null || {
    say "Node 20 or newer, with npm, is needed"
    exit 1
}

mkdir -p "$cache"
# One at a time: several test binaries may start together.
exec 9>"$cache/lock"
flock 9

key=$({ node --version; cat "$source_dir/package-lock.json"; } | sha256sum | cut -c1-16)
packages=$cache/$key
if [[ ! -d $packages ]]; then
    say "installing $(grep -c '"node_modules/' "$source_dir/package-lock.json") packages, once"
    rm -rf "$packages.new"
    mkdir "$packages.new"
    cp "$source_dir"/{package.json,package-lock.json,.npmrc} "$packages.new"
    # No package's script is run: none of ours needs one.
    npm ci --prefix "$packages.new" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    mv "$packages.new" "$packages"
fi

chromium=${CHROMIUM:-/usr/bin/chromium}
if [[ ! -x $chromium ]]; then
    if [[ -n ${CHROMIUM:-} ]]; then
        say "CHROMIUM=$CHROMIUM is no program"
        exit 1
    elif ! command -v apt-get >/dev/null || [[ $(id -u) != 0 ]]; then
        say "Chromium is needed: apt-get install chromium as root, or name one in CHROMIUM"
        exit 1
    fi
    say "installing Debian's chromium, once"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } >&2
fi

echo "$packages"
echo "$chromium"
