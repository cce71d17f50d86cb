# Sourced by the setup.sh of a folder of scripts. What they need is put in place once a machine,
# in the cache outside the checkout.

source_dir=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
caches=${KLIV_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/kliv-secrets}
cache=$caches/$(basename "$source_dir")

say() { echo "tests/$(basename "$source_dir"): $*" >&2; }

command -v node >/dev/null && command -v npm >/dev/null || {
    say "Node 20 or newer, with npm, is needed"
    exit 1
}

mkdir -p "$cache"
# One at a time: several test binaries may start together, and Debian installs for one alone.
exec 9>"$caches/setup.lock"
flock 9

# install_debian <packages>, where this is Debian and we may.
install_debian() {
    command -v apt-get >/dev/null && [[ $(id -u) == 0 ]] || return
    say "installing Debian's $*, once"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } >&2
}

# place <what> <the version of its tool> <the file that says what is in it>: $placed is the folder
# of it, which `make_<what>` fills as $new.
place() {
    local key
    key=$({ echo "$2"; cat "$source_dir/$3"; } | sha256sum | cut -c1-16)
    placed=$cache/$1-$key
    new=$placed.new
    if [[ ! -d $placed ]]; then
        rm -rf "$new"
        mkdir "$new"
        "make_$1" >&2
        mv "$new" "$placed"
    fi
}

make_node() {
    say "installing $(grep -c '"node_modules/' "$source_dir/package-lock.json") packages of Node, once"
    cp "$source_dir"/{package.json,package-lock.json,.npmrc} "$new"
    # No package's script is run: none of ours needs one.
    npm ci --prefix "$new" --ignore-scripts --no-audit --no-fund --loglevel=error
}

place_node() { place node "$(node --version)" package-lock.json; }
