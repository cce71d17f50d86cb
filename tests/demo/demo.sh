#!/usr/bin/env bash
# The product at work, on a real cluster: `make demo`. Ends with "live on 2 of 2
# functions" and exit code 0, or says what went wrong.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

account=kliv-demo
serial=$RANDOM$RANDOM   # so that a second demo is not about the first one's values
here=tests/demo

bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
[[ -t 1 && -z ${NO_COLOR:-} ]] || bold='' dim='' plain=''
step() { printf '\n%s── %s%s\n' "$bold" "$*" "$plain"; }
say() { printf '%s%s%s\n' "$dim" "$*" "$plain"; }
show() { printf '%s$ %s%s\n' "$dim" "$*" "$plain"; "$@"; }
fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }

# wait_for WHAT COMMAND…: until the command succeeds, for two minutes at most.
wait_for() {
  local what=$1; shift
  local end=$((SECONDS + 120))
  until "$@"; do
    ((SECONDS < end)) || fail "waited two minutes for $what, in vain; the cluster is still up: look with kubectl -n $account get klivsecrets,klivaccounts,deployments,events"
    sleep 0.2
  done
}

# What a running function answers: its whole environment as JSON.
answer() { kubectl get --raw "/api/v1/namespaces/$account/services/$1:8080/proxy/" 2>/dev/null; }
variable() { answer "$1" | grep -o "\"$2\":\"[^\"]*\"" | cut -d'"' -f4 || true; }
answers() { [[ $(variable "$1" "$2") == "$3" ]]; }
is_live() {
  [[ $(kubectl -n "$account" get klivaccount default \
    -o jsonpath='{.status.functions.updated}/{.status.functions.total}' 2>/dev/null) == 2/2 ]]
}
replica_sets() { kubectl -n "$account" get replicasets -o name | wc -l; }

step "A real cluster, with kliv-secrets installed by Helm"
exports=$(make -s up)
eval "$exports"
say "Kubernetes $(kubectl version -o json | grep -o '"gitVersion": *"[^"]*"' | tail -1 | cut -d'"' -f4)"
show helm list -n kliv-secrets-system

step "An account is a namespace; its edge functions are Deployments with a label"
kubectl delete namespace "$account" --ignore-not-found --wait=true >/dev/null
kubectl create namespace "$account" >/dev/null
sed "s|FUNCTION_IMAGE|$KLIV_FUNCTION_IMAGE|" "$here/functions.yaml" | kubectl -n "$account" apply -f - >/dev/null
kubectl -n "$account" rollout status deployment/checkout deployment/preview --timeout=120s >/dev/null
show kubectl -n "$account" get deployments -L secrets.kliv.dev/environment

step "Somebody hands over keys, in plain text, with nothing but kubectl"
manifest() { sed "s|OPENAI_SERIAL|${1:-$serial}|; s|SERIAL|$serial|" "$here/secrets.yaml"; }
manifest | sed -n '/name: openai-api-key/,/^---/{/^---/!p}'
say "\$ kubectl -n $account apply -f secrets.yaml"
manifest | kubectl -n "$account" apply -f -
kubectl -n "$account" wait klivsecrets --all --for=condition=Ready --timeout=60s >/dev/null ||
  fail "the secrets did not become Ready: kubectl -n $account describe klivsecrets"

step "Everybody sees what is there; nobody sees a value"
show kubectl -n "$account" get klivsecrets

step "What the cluster's database really holds"
# $KLIV_ETCDCTL is a command line.
etcd() { $KLIV_ETCDCTL "$@"; }
say "the custom resource:"
etcd get "/registry/secrets.kliv.dev/klivsecrets/$account/openai-api-key" --print-value-only |
  grep -o '"sealed":"[^"]*"' | head -1 | cut -c1-100
etcd get "" --prefix > >(grep -a -c "$serial" >"${TMPDIR:-/tmp}/kliv-demo.$$" || true)
wait_for "etcd's answer" test -s "${TMPDIR:-/tmp}/kliv-demo.$$"
found=$(<"${TMPDIR:-/tmp}/kliv-demo.$$"); rm -f "${TMPDIR:-/tmp}/kliv-demo.$$"
[[ $found == 0 ]] || fail "a value stands in etcd in plain text ($found times)"
say "all of etcd searched for the plain values: found $found times"

step "The running functions have them as environment variables"
wait_for "checkout's variables" answers checkout OPENAI_API_KEY "demo-openai-$serial-for-both"
wait_for "preview's variables" answers preview OPENAI_API_KEY "demo-openai-$serial-for-both"
wait_for "checkout's own environment" answers checkout PAYMENT_KEY "demo-live-$serial-production-only"
wait_for "preview's own environment" answers preview PAYMENT_KEY "demo-play-$serial-test-only"
for function in checkout preview; do
  say "$function answers over HTTP:"
  for name in OPENAI_API_KEY PAYMENT_KEY WEBHOOK_SIGNING_SECRET; do
    value=$(variable "$function" $name)
    [[ $name != WEBHOOK* ]] || value="(${#value} random characters)"
    printf '  %-24s %s\n' "$name" "$value"
  done
done

step "A key is rotated: one rollout per function"
wait_for "the rollouts" is_live
before=$(replica_sets)
started=$(date +%s%N)
say "\$ kubectl -n $account apply -f openai-api-key.yaml"
manifest "$serial-rotated" | sed '/^---/,$d' | kubectl -n "$account" apply -f -
for function in checkout preview; do
  wait_for "the new value in $function" answers $function OPENAI_API_KEY "demo-openai-$serial-rotated-for-both"
done
say "answered by both functions $((($(date +%s%N) - started) / 1000000)) ms after kubectl apply"
wait_for "the rollouts" is_live
rollouts=$(($(replica_sets) - before))
[[ $rollouts == 2 ]] || fail "expected one rollout per function, saw $rollouts in all"
say "new ReplicaSets: $rollouts, for 2 functions"
show kubectl -n "$account" get klivsecret openai-api-key -o wide

step "A key that is no longer used is deleted"
show kubectl -n "$account" delete klivsecret webhook-signing-secret
for function in checkout preview; do
  wait_for "the variable to leave $function" answers $function WEBHOOK_SIGNING_SECRET ""
done
wait_for "the rollouts" is_live
show kubectl -n "$account" get klivaccount default

cat <<END

The cluster stays up. To use it:  eval "\$(make -s up)"     To stop it:  make down
END
kubectl -n "$account" get klivaccount default \
  -o jsonpath='live on {.status.functions.updated} of {.status.functions.total} functions{"\n"}'
