#!/usr/bin/env bash
# Puts in place what tests with clients of the Model Context Protocol need: the packages of
# package-lock.json and those of requirements.txt. Says as two lines where they are: the folder
# of Node's packages, that of Python's.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"

has_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }
if ! has_venv && ! { install_debian python3-venv && has_venv; }; then
    say "Python 3.11 or newer is needed, with venv (Debian: python3-venv)"
    exit 1
fi

make_python() {
    say "installing $(grep -c '==' "$source_dir/requirements.txt") packages of Python, once"
    # Not a virtual environment of its own: that would know its folder's name.
    python3 -m venv "$new/tools"
    "$new/tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --require-hashes --only-binary :all: --target "$new/packages" \
        --requirement "$source_dir/requirements.txt"
    rm -rf "$new/tools"
}

place_node
echo "$placed"
place python "$(python3 --version)" requirements.txt
echo "$placed/packages"
