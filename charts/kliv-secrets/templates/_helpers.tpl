{{- /* Names are fixed, not made from the release's: there is one operator in a cluster. */ -}}

{{- define "kliv-secrets.labels" -}}
app.kubernetes.io/name: kliv-secrets
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* The controller's name as an authenticated user. */ -}}
{{- define "kliv-secrets.controllerUser" -}}
system:serviceaccount:{{ .Release.Namespace }}:kliv-secrets-controller
{{- end }}

{{- /* The webhook's. */ -}}
{{- define "kliv-secrets.webhookUser" -}}
system:serviceaccount:{{ .Release.Namespace }}:kliv-secrets-webhook
{{- end }}

{{- /* CEL: of a write: nothing of the metadata changes but what Kubernetes itself does there. */ -}}
{{- define "kliv-secrets.metadataStays" -}}
(object.metadata.transformMap(k, v, !(k in ['finalizers', 'managedFields', 'resourceVersion']), v) ==
oldObject.metadata.transformMap(k, v, !(k in ['finalizers', 'managedFields', 'resourceVersion']), v) &&
object.metadata.?finalizers.orValue([]).all(f, f in oldObject.metadata.?finalizers.orValue([])))
{{- end }}

{{- /* CEL, of an env entry whose variable is the argument. */ -}}

{{- define "kliv-secrets.hasOurRef" -}}
(has({{ . }}.valueFrom) && has({{ . }}.valueFrom.secretKeyRef) && {{ . }}.valueFrom.secretKeyRef.name.startsWith('kliv-env-') && {{ . }}.valueFrom.secretKeyRef.key == {{ . }}.name)
{{- end }}

{{- define "kliv-secrets.hasValue" -}}
(has({{ . }}.value) && {{ . }}.value != '')
{{- end }}

{{- define "kliv-secrets.hasOtherSource" -}}
(has({{ . }}.valueFrom) && (has({{ . }}.valueFrom.configMapKeyRef) || has({{ . }}.valueFrom.fieldRef) || has({{ . }}.valueFrom.fileKeyRef) || has({{ . }}.valueFrom.resourceFieldRef)))
{{- end }}

{{- define "kliv-secrets.isOurs" -}}
({{ include "kliv-secrets.hasOurRef" . }} && !{{ include "kliv-secrets.hasValue" . }} && !{{ include "kliv-secrets.hasOtherSource" . }})
{{- end }}

{{- define "kliv-secrets.isMixed" -}}
({{ include "kliv-secrets.hasOurRef" . }} && ({{ include "kliv-secrets.hasValue" . }} || {{ include "kliv-secrets.hasOtherSource" . }}))
{{- end }}

{{- /* CEL of the injection policy: for every container, what it gets of the list given. */ -}}
{{- define "kliv-secrets.entriesOf" -}}
variables.containers.transformList(i, c, !(c.name in variables.targets) ? [] : {{ . }}.filter(o, (variables.listed.size() == 0 || o.split("/", 2)[0] in variables.listed) && !(o.split("/", 2)[0] in variables.users[i])))
{{- end }}

{{- /* CEL: (map, keys): the map without these keys. */ -}}
{{- define "kliv-secrets.without" -}}
{{ index . 0 }}.transformMap(k, v, !(k in ['{{ join "', '" (index . 1) }}']), v)
{{- end }}

{{- /* CEL: (root, object, field): of labels or annotations those that mean something to us. */ -}}
{{- define "kliv-secrets.ourKeys" -}}
{{ index . 1 }}.?{{ index . 2 }}.orValue({}).transformMap(k, v, k.startsWith('secrets.kliv.dev/') || k in ['kubectl.kubernetes.io/default-container', '{{ keys (index . 0).Values.functionLabels | sortAlpha | join "', '" }}'], v)
{{- end }}

{{- /* CEL: (after, before): two containers have one image, perhaps with its digest added. */ -}}
{{- define "kliv-secrets.sameImage" -}}
{{- $after := printf "%s.?image.orValue('')" (index . 0) }}{{ $before := printf "%s.?image.orValue('')" (index . 1) }}{{ $name := printf "%s.split('@')[0]" $after -}}
({{ $after }} == {{ $before }} || (!{{ $before }}.contains('@') && {{ $after }}.matches('^[^@]+@sha256:[0-9a-f]{64}$') && ({{ $name }} == {{ $before }} || ({{ $before }}.startsWith({{ $name }} + ':') && !{{ $before }}.substring({{ $name }}.size() + 1).contains('/')))))
{{- end }}

{{- /* (root, part): labels of a part of the operator. */ -}}
{{- define "kliv-secrets.partLabels" -}}
{{ include "kliv-secrets.labels" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "kliv-secrets.selector" -}}
app.kubernetes.io/name: kliv-secrets
app.kubernetes.io/component: {{ . }}
{{- end }}

{{- define "kliv-secrets.podLabels" -}}
{{- $root := index . 0 }}{{ $part := index . 1 -}}
{{ mergeOverwrite (dict) (index $root.Values $part).podLabels (include "kliv-secrets.partLabels" . | fromYaml) | toYaml }}
{{- end }}

{{- define "kliv-secrets.podAnnotations" -}}
{{- $root := index . 0 }}{{ $part := index . 1 -}}
{{ mergeOverwrite (dict "kubectl.kubernetes.io/default-container" $part) (index $root.Values $part).podAnnotations | toYaml }}
{{- end }}

{{- /* Not the same for both makers: neither finds what the other left. */ -}}
{{- define "kliv-secrets.certificateSecret" -}}
kliv-secrets-webhook-{{ if .Values.webhook.certificate.certManager.enabled }}certificate{{ else }}tls{{ end }}
{{- end }}

{{- /* The Secrets that the controller keeps in its namespace, as a list for YAML and CEL. */ -}}
{{- define "kliv-secrets.ownSecrets" -}}
['kliv-secrets-keyring'{{ if not .Values.webhook.certificate.certManager.enabled }}, 'kliv-secrets-webhook-tls'{{ end }}]
{{- end }}

{{- define "kliv-secrets.functionSelector" -}}
{{- $parts := list }}
{{- range $key, $value := .Values.functionLabels }}{{ $parts = append $parts (printf "%s=%s" $key $value) }}{{ end }}
{{- join "," $parts }}
{{- end }}

{{- define "kliv-secrets.image" -}}
{{- with .Values.image }}
{{- if not .repository }}
{{- fail "\n\nimage.repository is empty, and there is no public image. `make image` builds one and says how to load it; then install with --set image.repository=… --set image.tag=…\n" }}
{{- end }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else if .tag }}
{{- printf "%s:%s" .repository .tag }}
{{- else }}
{{- fail "\n\nimage.tag is empty. Give the tag that `make image` printed (--set image.tag=…), or image.digest\n" }}
{{- end }}
{{- end }}
{{- end }}

{{- /* (root, part): what the pods of both parts have in common. */ -}}
{{- define "kliv-secrets.podSpec" -}}
{{- $root := index . 0 }}{{ $part := index . 1 }}{{ $values := index $root.Values $part -}}
serviceAccountName: kliv-secrets-{{ $part }}
{{- with $root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "kliv-secrets.selector" $part | nindent 8 }}
# Nothing in here needs the addresses of the namespace's Services.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "kliv-secrets.container" -}}
image: {{ include "kliv-secrets.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
startupProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 10
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 5
{{- end }}

{{- define "kliv-secrets.commonArgs" -}}
- --log-format={{ .Values.log.format }}
- --log-level={{ .Values.log.level }}
- --http-bind=0.0.0.0:8080
{{- end }}

{{- define "kliv-secrets.disruptionBudget" -}}
{{- $root := index . 0 }}{{ $part := index . 1 -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: kliv-secrets-{{ $part }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "kliv-secrets.partLabels" . | nindent 4 }}
spec:
  maxUnavailable: {{ $root.Values.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels: {{- include "kliv-secrets.selector" $part | nindent 6 }}
{{- end }}

{{- /* (root, name): the binding that makes a policy of that name refuse. */ -}}
{{- define "kliv-secrets.deny" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ index . 1 }}
  labels: {{- include "kliv-secrets.labels" (index . 0) | nindent 4 }}
spec:
  policyName: {{ index . 1 }}
  validationActions: [Deny]
{{- end }}

{{- /* A stamp, as a regular expression for CEL: just what `src/api/stamps.rs` reads. */ -}}
{{- define "kliv-secrets.stamp" -}}
^[1-9][0-9]{0,14} [0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z (value|spec) [a-z]{1,32}(:([^ %]|%20|%25)+)? .
{{- end }}

{{- /* One that is made now: of a time that there is, but for the ends of short months. */ -}}
{{- define "kliv-secrets.newStamp" -}}
^[1-9][0-9]{0,14} [0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z (value|spec) [a-z]{1,32}(:([^ %]|%20|%25)+)? .
{{- end }}

{{- /* Whether the cluster has MutatingAdmissionPolicy. `helm template` does not ask it. */ -}}
{{- define "kliv-secrets.injectionByPolicy" -}}
{{- if or (.Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy") (semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version) }}yes{{ end }}
{{- end }}
