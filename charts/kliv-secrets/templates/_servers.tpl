{{- /*
What the servers for people and for agents have in common. Both act as whoever asks, and
nothing here names Secrets, pods or `impersonate` as such.
*/ -}}

{{- /* Verbs that a server may use as somebody, for both kinds of somebody. */ -}}
{{- define "kliv-secrets.asSomebody" -}}
{{- $verbs := list }}
{{- range $kind := list "user-info" "serviceaccount" }}
{{- range $ }}{{ $verbs = append $verbs (printf "impersonate-on:%s:%s" $kind .) }}{{ end }}
{{- end }}
{{- toYaml $verbs }}
{{- end }}

{{- /* (root, part): rules: whose token it is, as itself; and as whom it may act. */ -}}
{{- define "kliv-secrets.actsAs" -}}
- apiGroups: [authentication.k8s.io]
  resources: [tokenreviews]
  verbs: [create]
- apiGroups: [authentication.k8s.io]
  resources:
    - users
    - groups
    - uids
    - userextras/secrets.kliv.dev/on-behalf-of
    {{- range (index (index . 0).Values (index . 1)).extraKeys }}
    - userextras/{{ . }}
    {{- end }}
  verbs: ["impersonate:user-info"]
- apiGroups: [authentication.k8s.io]
  resources: [serviceaccounts]
  verbs: ["impersonate:serviceaccount"]
{{- end }}

{{- /* (root, part): its account, bound to the ClusterRole and the Role of its name. */ -}}
{{- define "kliv-secrets.serverAccount" -}}
{{- $root := index . 0 }}{{ $name := printf "kliv-secrets-%s" (index . 1) -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "kliv-secrets.partLabels" . | nindent 4 }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $name }}
  labels: {{- include "kliv-secrets.partLabels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $name }}
    namespace: {{ $root.Release.Namespace }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "kliv-secrets.partLabels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $name }}
    namespace: {{ $root.Release.Namespace }}
{{- end }}

{{- /*
(root, part, key, way): refuses what can't work. `key` is the value that names the Secret whose
key all replicas share; `way` is the way out on a Kubernetes that is too old.
*/ -}}
{{- define "kliv-secrets.serverChecks" -}}
{{- $part := .part }}{{ $values := index .root.Values $part }}{{ $key := .key }}
{{- if not $values.publicURL }}
{{- fail (printf "\n\n%s.enabled needs %s.publicURL: where it is reached, e.g. https://%s.example.org\n" $part $part (ternary "secrets" "agents" (eq $part "web"))) }}
{{- end }}
{{- if eq (empty $values.tls.secretName) (not $values.tls.atProxy) }}
{{- fail (printf "\n\n%s.enabled needs one of %s.tls.secretName, a Secret of type kubernetes.io/tls for the host of %s.publicURL, and %s.tls.atProxy, where an Ingress, a Gateway or a proxy ends TLS\n" $part $part $part $part) }}
{{- end }}
{{- if and (or $values.tls.atProxy $values.ingress.enabled $values.httpRoute.enabled) (not $values.proxies) }}
{{- fail (printf "\n\n%s.tls.atProxy, %s.ingress and %s.httpRoute need %s.proxies: how many proxies stand before it, mostly 1. Else limits take all for one, and anybody could keep everybody out\n" $part $part $part $part) }}
{{- end }}
{{- if and $values.proxies (not $values.proxyFrom) (not .root.Values.networkPolicy.enabled) }}
{{- fail (printf "\n\n%s.proxies needs %s.proxyFrom, the addresses that they connect from, as blocks; or networkPolicy.enabled with networkPolicy.%sFrom, which lets nobody else reach the server. Else any pod could say whence it asks, and have others shut out. Where that may be: %s.proxyFrom={0.0.0.0/0,::/0}\n" $part $part $part $part) }}
{{- end }}
{{- if and (gt (int $values.replicas) 1) (not (index $values $key).secretName) }}
{{- fail (printf "\n\n%s.replicas above 1 needs %s.%s.secretName: all replicas must know one key. Make it: kubectl -n NAMESPACE create secret generic kliv-secrets-%s-key --from-literal=key=\"$(head -c 32 /dev/urandom | base64)\"\n" $part $part $key $part) }}
{{- end }}
{{- if and $values.httpRoute.enabled (not $values.httpRoute.parentRefs) }}
{{- fail (printf "\n\n%s.httpRoute.enabled needs %s.httpRoute.parentRefs: your Gateway, e.g. [{name: public, namespace: gateways}]\n" $part $part) }}
{{- end }}
{{- if semverCompare "<1.36.0-0" .root.Capabilities.KubeVersion.Version }}
{{- fail (printf "\n\n%s.enabled needs Kubernetes 1.36 or newer: on older ones nothing keeps impersonation to our kinds. %s\n" $part .way) }}
{{- end }}
{{- end }}

{{- define "kliv-secrets.serverPort" -}}
{{ if .tls.atProxy }}80{{ else }}443{{ end }}
{{- end }}

{{- /*
(root, part, args, files): Service, Deployment and PodDisruptionBudget. Of `files` each is
name, entries, and secretName or configMapName; it is in /etc/kliv-secrets/<name>.
*/ -}}
{{- define "kliv-secrets.server" -}}
{{- $root := .root }}{{ $part := .part }}{{ $both := list $root $part }}{{ $files := .files }}
{{- $values := index $root.Values $part }}
{{- with $values.tls.secretName }}
{{- $files = prepend $files (dict "name" "tls" "secretName" . "entries" (list "tls.crt" "tls.key")) }}
{{- end -}}
apiVersion: v1
kind: Service
metadata:
  name: kliv-secrets-{{ $part }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "kliv-secrets.partLabels" $both | nindent 4 }}
spec:
  selector: {{- include "kliv-secrets.selector" $part | nindent 4 }}
  ports:
    - name: {{ $part }}
      port: {{ include "kliv-secrets.serverPort" $values }}
      targetPort: {{ $part }}
      appProtocol: {{ if $values.tls.atProxy }}http{{ else }}https{{ end }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: kliv-secrets-{{ $part }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "kliv-secrets.partLabels" $both | nindent 4 }}
spec:
  replicas: {{ $values.replicas }}
  selector:
    matchLabels: {{- include "kliv-secrets.selector" $part | nindent 6 }}
  template:
    metadata:
      labels: {{- include "kliv-secrets.podLabels" $both | nindent 8 }}
      annotations: {{- include "kliv-secrets.podAnnotations" $both | nindent 8 }}
    spec:
      {{- include "kliv-secrets.podSpec" $both | nindent 6 }}
      automountServiceAccountToken: true
      containers:
        - name: {{ $part }}
          {{- include "kliv-secrets.container" $root | nindent 10 }}
          args:
            - {{ $part }}
            {{- include "kliv-secrets.commonArgs" $root | nindent 12 }}
            - --bind=0.0.0.0:8443
            - --public-url={{ $values.publicURL }}
            {{- if $values.tls.secretName }}
            - --tls-dir=/etc/kliv-secrets/tls
            {{- end }}
            - --proxies={{ $values.proxies }}
            {{- /* Where the network lets nobody but them in, whoever connects is one. */}}
            {{- with $values.proxyFrom | default (ternary (list "0.0.0.0/0" "::/0") list (gt (int $values.proxies) 0)) }}
            - --proxy-from={{ join "," . }}
            {{- end }}
            {{- with .args }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          env:
            - name: POD_NAMESPACE
              valueFrom:
                fieldRef:
                  fieldPath: metadata.namespace
          ports:
            - name: {{ $part }}
              containerPort: 8443
            - name: http
              containerPort: 8080
          # Until proxies have heard that it goes, it is still asked.
          lifecycle: {preStop: {sleep: {seconds: 5}}}
          resources: {{- toYaml $values.resources | nindent 12 }}
          {{- if $files }}
          volumeMounts:
            {{- range $files }}
            - name: {{ .name }}
              mountPath: /etc/kliv-secrets/{{ .name }}
              readOnly: true
            {{- end }}
      volumes:
        {{- range $files }}
        - name: {{ .name }}
          {{- if .secretName }}
          secret:
            secretName: {{ .secretName }}
          {{- else }}
          configMap:
            name: {{ .configMapName }}
          {{- end }}
            items:
              {{- range .entries }}
              - {key: {{ . | quote }}, path: {{ . | quote }}}
              {{- end }}
        {{- end }}
          {{- end }}
---
{{ include "kliv-secrets.disruptionBudget" $both }}
{{- end }}

{{- /* (root, part): how it is reached from outside: neither, by default. */ -}}
{{- define "kliv-secrets.wayIn" -}}
{{- $root := index . 0 }}{{ $part := index . 1 }}{{ $both := . }}
{{- with index $root.Values $part }}
{{- $host := (urlParse .publicURL).hostname }}
{{- if .ingress.enabled }}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: kliv-secrets-{{ $part }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "kliv-secrets.partLabels" $both | nindent 4 }}
  {{- with .ingress.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .ingress.className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with .ingress.tlsSecretName }}
  tls:
    - hosts: [{{ $host }}]
      secretName: {{ . }}
  {{- end }}
  rules:
    - host: {{ $host }}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: kliv-secrets-{{ $part }}
                port: {name: {{ $part }}}
{{- end }}
{{- if .httpRoute.enabled }}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: kliv-secrets-{{ $part }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "kliv-secrets.partLabels" $both | nindent 4 }}
  {{- with .httpRoute.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  parentRefs: {{- toYaml .httpRoute.parentRefs | nindent 4 }}
  hostnames: [{{ $host }}]
  rules:
    - backendRefs:
        - name: kliv-secrets-{{ $part }}
          port: {{ include "kliv-secrets.serverPort" . }}
{{- end }}
{{- end }}
{{- end }}
