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
