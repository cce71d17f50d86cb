#!/bin/sh
# The vendored HPKE library of the web UI, made from the npm registry again.
#
#   tests/browser/vendor.sh          writes src/web/assets/vendor/
#   tests/browser/vendor.sh check    makes it elsewhere and compares, byte for byte
#
# Needs npm and the network. To take a newer version: the numbers and sums below, then run
# it, the unit tests and `cargo test --test cluster web_seal`.
set -eu

CORE=@hpke/core@1.9.0
CORE_SUM=e594d5b2ec00a124078717b43967c0075e5e1947a9c16af719cee0516e250eec
COMMON=@hpke/common@1.10.1
COMMON_SUM=3a5af3be65728595a475675b93f925ad9a4a707c8605f62d74916ee72b9ea850
ESBUILD=esbuild@0.28.2

here=$(cd "$(dirname "$0")/../.." && pwd)
vendor=$here/src/web/assets/vendor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case ${1:-write} in
write) to=$vendor ;;
check) to=$work/vendor ;;
*) echo "usage: $0 [write|check]" >&2; exit 2 ;;
esac
mkdir -p "$to"

# package <name@version> <sha256 of its archive>
package() {
    archive=$work/$(cd "$work" && npm pack --silent "$1")
    echo "$2  $archive" | sha256sum --check --quiet
    folder=$work/node_modules/${1%@*}
    mkdir -p "$folder"
    tar -xzf "$archive" -C "$folder" --strip-components=1
}
echo '{"private":true}' >"$work/package.json"
(cd "$work" && npm install --silent --no-save --no-audit --no-fund --ignore-scripts "$ESBUILD")
package "$CORE" "$CORE_SUM"
package "$COMMON" "$COMMON_SUM"

# Only our suite; only WebCrypto: what the library would load under an old Node is not there.
cat >"$work/hpke.js" <<'END'
export { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
END
echo 'export const webcrypto = globalThis.crypto;' >"$work/webcrypto.js"
(cd "$work" && node_modules/.bin/esbuild hpke.js --bundle --format=esm --target=es2022 \
    --minify --alias:crypto=./webcrypto.js --log-level=warning \
    --banner:js="/* @hpke/core 1.9.0, @hpke/common 1.10.1: MIT, see LICENSE.hpke */" \
    --outfile="$to/hpke.js")
{
    cat "$work/node_modules/@hpke/core/LICENSE"
    cmp -s "$work/node_modules/@hpke/core/LICENSE" "$work/node_modules/@hpke/common/LICENSE" ||
        { echo; echo "----- @hpke/common"; echo; cat "$work/node_modules/@hpke/common/LICENSE"; }
} >"$to/LICENSE.hpke"
(cd "$to" && sha256sum hpke.js LICENSE.hpke >SHA256SUMS)

if [ "$to" != "$vendor" ]; then
    for file in hpke.js LICENSE.hpke SHA256SUMS; do
        cmp "$vendor/$file" "$to/$file"
    done
    echo "src/web/assets/vendor is what the registry gives"
fi
