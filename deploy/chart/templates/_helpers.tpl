{{/* The name of all objects, of at most 52 bytes, so that a suffix of 11 fits into a label. */}}
{{- define "certshim.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "certshim.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* What selects the Pods. A Deployment's selector can't be changed, so neither may this. Commands find the Deployment by
the first of the two. */}}
{{- define "certshim.selectorLabels" -}}
app.kubernetes.io/name: certshim
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "certshim.labels" -}}
{{ include "certshim.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "certshim.serviceAccountName" -}}
{{- if (.Values.serviceAccount).create -}}
{{- default (include "certshim.fullname" .) (.Values.serviceAccount).name -}}
{{- else -}}
{{- default "default" (.Values.serviceAccount).name -}}
{{- end -}}
{{- end -}}

{{- define "certshim.image" -}}
{{- $image := default dict .Values.image -}}
{{- $registry := default (dig "imageRegistry" "" (default dict .Values.global)) $image.registry -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- default .Chart.Name $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default .Chart.AppVersion $image.tag }}{{ end -}}
{{- end -}}

{{/* Pull secrets, as names or objects, in a list under "items". */}}
{{- define "certshim.pullSecrets" -}}
{{- $items := list -}}
{{- range concat (default list (dig "imagePullSecrets" list (default dict .Values.global))) (default list .Values.imagePullSecrets) -}}
{{- $items = append $items (kindIs "string" . | ternary (dict "name" .) .) -}}
{{- end -}}
{{- toYaml (dict "items" ($items | uniq)) -}}
{{- end -}}

{{/* The ControllerConfiguration with what the chart adds to it; empty where there is nothing to say. */}}
{{- define "certshim.config" -}}
{{- $config := deepCopy (default dict .Values.config) -}}
{{- $resolvers := default dict $config.resolvers -}}
{{- $plugins := default list $resolvers.plugins -}}
{{- range .Values.plugins -}}
{{- $plugin := dict "name" .name "socket" (include "certshim.socket" .) "uid" (default 65533 .uid | int64) "grant" .grant -}}
{{- with .timeout }}{{ $_ := set $plugin "timeout" . }}{{ end -}}
{{- with .onUnavailable }}{{ $_ := set $plugin "onUnavailable" . }}{{ end -}}
{{- $plugins = append $plugins $plugin -}}
{{- end -}}
{{- if $plugins -}}
{{- $_ := set $config "resolvers" (set $resolvers "plugins" $plugins) -}}
{{- end -}}
{{- if .Values.metricsTLSSecret -}}
{{- $files := dict "tlsCertFile" "/etc/certshim-metrics/tls.crt" "tlsKeyFile" "/etc/certshim-metrics/tls.key" -}}
{{- $_ := set $config "metrics" (merge $files (default dict $config.metrics)) -}}
{{- end -}}
{{- $lease := include "certshim.leaseName" . -}}
{{- if ne $lease "certshim" -}}
{{- $_ := set $config "leaderElection" (set (default dict $config.leaderElection) "leaseName" $lease) -}}
{{- end -}}
{{- if $config -}}
{{- toYaml (merge (dict "apiVersion" "certshim.io/v1alpha1" "kind" "ControllerConfiguration") $config) -}}
{{- end -}}
{{- end -}}

{{- define "certshim.leaseName" -}}
{{- dig "leaderElection" "leaseName" "" (default dict .Values.config) | default (include "certshim.fullname" .) -}}
{{- end -}}

{{- define "certshim.leaseNamespace" -}}
{{- dig "leaderElection" "namespace" "" (default dict .Values.config) | default (include "certshim.namespace" .) -}}
{{- end -}}

{{/* Where a plugin listens; the folder is a volume of its own. */}}
{{- define "certshim.socketFolder" -}}/run/certshim/{{ .name }}{{- end -}}
{{- define "certshim.socket" -}}{{ include "certshim.socketFolder" . }}/plugin.sock{{- end -}}

{{/* 86 % of the memory limit, in MiB; empty without a limit. */}}
{{- define "certshim.goMemLimit" -}}
{{- $limit := dig "limits" "memory" "" (default dict .Values.resources) | toString -}}
{{- if $limit -}}
{{- $units := dict "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "k" 1e3 "M" 1e6 "G" 1e9 "" 1.0 -}}
{{- $unit := regexFind "[A-Za-z]*$" $limit -}}
{{- if not (hasKey $units $unit) }}{{ fail (printf "resources.limits.memory: %q has a unit that isn't one of Ki, Mi, Gi, k, M, G" $limit) }}{{ end -}}
{{- $bytes := mulf (regexFind "^[0-9.]+" $limit | float64) (get $units $unit) -}}
{{- divf (mulf $bytes 0.86) 1048576.0 | floor | int64 -}}MiB
{{- end -}}
{{- end -}}

{{/* A file of own types: an object, or a text. */}}
{{- define "certshim.typeFile" -}}
{{- if kindIs "string" . }}{{ . }}{{ else }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* The specs of the types in a map of files, in a list under "items". */}}
{{- define "certshim.typeSpecs" -}}
{{- $items := list -}}
{{- range . -}}
{{- range regexSplit "(?m)^---\\s*$" (include "certshim.typeFile" .) -1 -}}
{{- with (fromYaml .).spec }}{{ $items = append $items . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "items" $items) -}}
{{- end -}}

{{/* A role's binding in each namespace that is watched, or everywhere. Takes root, kind, name and namespace. */}}
{{- define "certshim.binding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "certshim.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "certshim.serviceAccountName" .root }}
    namespace: {{ include "certshim.namespace" .root }}
{{- end -}}

{{/* Roles of one name with the given rules: a ClusterRole, or a Role in each namespace that is watched. Takes root, comment,
name and rules. */}}
{{- define "certshim.roles" -}}
{{- $namespaces := dig "namespaces" list (default dict .root.Values.config) | default list -}}
{{- $kind := ternary "Role" "ClusterRole" (not (empty $namespaces)) -}}
{{- range ternary $namespaces (list "") (not (empty $namespaces)) }}
---
{{ $.comment }}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ $.name }}
  {{- with . }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "certshim.labels" $.root | nindent 4 }}
rules:
{{- $.rules | trimAll "\n" | nindent 2 }}
---
{{ include "certshim.binding" (dict "root" $.root "kind" $kind "name" $.name "namespace" .) }}
{{- end }}
{{- end -}}
