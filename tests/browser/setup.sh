#!/usr/bin/env bash
# Puts in place what tests in a browser need: the packages of package-lock.json, and Debian's
# Chromium where there is none. Says as two lines where they are: the folder of the packages,
# the browser.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"

chromium=${CHROMIUM:-/usr/bin/chromium}
if [[ ! -x $chromium ]] &&
    ! { [[ -z ${CHROMIUM:-} ]] && install_debian chromium fonts-dejavu-core; }; then
    say "$chromium is no program: apt-get install chromium as root, or name one in CHROMIUM"
    exit 1
fi

place_node
echo "$placed"
echo "$chromium"
