#!/usr/bin/env bash
# Puts kubectl kliv of this checkout beside the cluster's kubectl, and installs the operator
# into the running cluster by Helm, unless this very one is installed. KLIV_IMAGE=NAME:TAG takes a ready image, e.g. one pushed to a
# registry that an existing cluster pulls from; KLIV_HELM_ARGS adds to Helm's arguments.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

namespace=kliv-secrets-system
mark=devcluster.kliv.dev/installed
eval "$(tests/devcluster/run.sh env)"

# kubectl finds a plugin, and what completes its words, by these names on the PATH.
cli=$(make -s cli)
for name in kubectl-kliv kubectl_complete-kliv; do
    ln -sfn "$cli" "$(dirname "$(command -v kubectl)")/$name"
done

if [[ ! -e $(dirname "$KUBECONFIG")/../containerd && -z ${KLIV_KUBECONFIG:-} ]]; then
    echo "install: a control plane runs no pods, so the operator is not installed" >&2
    exit 0
fi

# One at a time: Helm refuses a second one at its work.
if [[ -z ${KLIV_KUBECONFIG:-} ]]; then
    exec 8>"$(dirname "$KUBECONFIG")/../install.lock"
    flock 8
fi

image=${KLIV_IMAGE:-}
if [[ -z $image ]]; then
    image=$(make -s image)
    if [[ -z ${KLIV_KUBECONFIG:-} ]]; then
        tests/devcluster/run.sh image load target/image/kliv-secrets.tar
    else
        echo "install: your cluster's nodes need target/image/kliv-secrets.tar as $image (or set KLIV_IMAGE)" >&2
    fi
fi

version=$({ echo "$image ${KLIV_HELM_ARGS:-}"; find charts/kliv-secrets -type f -print0 | sort -z | xargs -0 cat; } |
    sha256sum | cut -c1-16)
installed=$(kubectl get namespace "$namespace" --ignore-not-found \
    -o "jsonpath={.metadata.annotations.${mark//./\\.}}")
state=$(helm status kliv-secrets -n "$namespace" -o json 2>/dev/null | grep -o '"status":"[a-z-]*"' | head -1 || true)
if [[ $installed == "$version" && $state == '"status":"deployed"' ]]; then
    exit 0
fi

if [[ $state == *pending* ]]; then # an install that was cut off blocks the next one
    helm uninstall kliv-secrets -n "$namespace" --wait
fi
echo "install: helm upgrade --install kliv-secrets ($image)" >&2
# shellcheck disable=SC2086 # several arguments, on purpose
helm upgrade --install kliv-secrets charts/kliv-secrets -n "$namespace" --create-namespace \
    --set image.repository="${image%:*}" --set image.tag="${image##*:}" \
    --wait --timeout 3m ${KLIV_HELM_ARGS:-} >/dev/null || {
    kubectl -n "$namespace" get pods,events >&2
    kubectl -n "$namespace" logs -l app.kubernetes.io/name=kliv-secrets --tail=20 --prefix >&2
    exit 1
}
kubectl annotate namespace "$namespace" --overwrite "$mark=$version" >/dev/null
