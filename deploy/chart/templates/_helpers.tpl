{{/* The name of all objects, of at most 52 bytes, so that a suffix of 11 fits into a label. */}}
{{- define "certshim.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $isWhole := and (eq .Chart.Name "certshim") (contains $name .Release.Name) -}}
{{- include "certshim.shortened" (ternary .Release.Name (printf "%s-%s" .Release.Name $name) $isWhole) -}}
{{- end -}}
{{- end -}}

{{/* What tells this installation from others. An umbrella chart may have the chart several times in a release, each under
an alias, which Helm gives it as its name. */}}
{{- define "certshim.instance" -}}
{{- if eq .Chart.Name "certshim" }}{{ .Release.Name }}{{ else }}{{ include "certshim.shortened" (printf "%s-%s" .Release.Name .Chart.Name) }}{{ end -}}
{{- end -}}

{{/* A name of at most 52 bytes; of two longer ones that begin alike, each still has its own. */}}
{{- define "certshim.shortened" -}}
{{- if le (len .) 52 }}{{ . }}{{ else }}{{ printf "%s-%s" (trunc 43 . | trimSuffix "-") (sha256sum . | trunc 8) }}{{ end -}}
{{- end -}}

{{- define "certshim.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* What selects the Pods. A Deployment's selector can't be changed, so neither may this. Commands find the Deployment by
the first of the two. */}}
{{- define "certshim.selectorLabels" -}}
app.kubernetes.io/name: certshim
app.kubernetes.io/instance: {{ include "certshim.instance" . }}
{{- end -}}

{{- define "certshim.labels" -}}{{ include "certshim.labelsAnd" (list . dict) }}{{- end -}}

{{/* Labels of an object, of which there are more than those of all. Takes the root, and these. */}}
{{- define "certshim.labelsAnd" -}}
{{- $root := index . 0 -}}
{{- include "certshim.mergedLabels" (list (include "certshim.ownLabels" $root) (index . 1) $root.Values.commonLabels) -}}
{{- end -}}

{{- define "certshim.ownLabels" -}}
{{ include "certshim.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimAll "-_." }}
{{- end -}}

{{/* Takes labels in YAML, and maps with more. Of two with the same key the first counts. */}}
{{- define "certshim.mergedLabels" -}}
{{- $own := first . -}}
{{- $more := dict -}}
{{- range rest . }}{{ $more = merge $more (default dict .) }}{{ end -}}
{{- range $key, $_ := fromYaml $own }}{{ $more = omit $more $key }}{{ end -}}
{{- $own -}}
{{- with include "certshim.withoutNulls" $more | fromYaml }}
{{ toYaml . }}
{{- end -}}
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
{{- default "certshim" $image.repository -}}
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

{{/* The configuration of the values. */}}
{{- define "certshim.settings" -}}{{ include "certshim.withoutNulls" (default dict .Values.config) }}{{- end -}}

{{/* A map without what is null, which unsets a value of an earlier file. */}}
{{- define "certshim.withoutNulls" -}}
{{- $left := dict -}}
{{- range $key, $value := . -}}
{{- if kindIs "map" $value -}}
{{- $_ := set $left $key (include "certshim.withoutNulls" $value | fromYaml) -}}
{{- else if not (kindIs "invalid" $value) -}}
{{- $_ := set $left $key $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $left -}}
{{- end -}}

{{/* The ControllerConfiguration with what the chart adds to it; empty where there is nothing to say. */}}
{{- define "certshim.config" -}}
{{- $config := include "certshim.settings" . | fromYaml -}}
{{- $resolvers := default dict $config.resolvers -}}
{{- $plugins := default list $resolvers.plugins -}}
{{- range .Values.plugins -}}
{{- $plugin := dict "name" .name "socket" (include "certshim.socket" .) "grant" .grant -}}
{{- with include "certshim.pluginUID" . }}{{ $_ := set $plugin "uid" (int64 .) }}{{ end -}}
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
{{- dig "leaderElection" "leaseName" "" (include "certshim.settings" . | fromYaml) | default (include "certshim.fullname" .) -}}
{{- end -}}

{{- define "certshim.leaseNamespace" -}}
{{- dig "leaderElection" "namespace" "" (include "certshim.settings" . | fromYaml) | default (include "certshim.namespace" .) -}}
{{- end -}}

{{/* The user that a plugin runs as; empty where its uid, or else the runAsUser of its securityContext, is null, so that the
cluster chooses. */}}
{{- define "certshim.pluginUID" -}}
{{- $chosen := hasKey . "uid" | ternary .uid (dig "runAsUser" 65533 (default dict .securityContext)) -}}
{{- with $chosen }}{{ int64 . }}{{ end -}}
{{- end -}}

{{/* The security context of a plugin's container: the chart's, with the fields of the plugin's own. Takes the plugin and the
chart's. */}}
{{- define "certshim.pluginSecurityContext" -}}
{{- $plugin := index . 0 -}}
{{- $context := include "certshim.overlaid" (list (default dict (index . 1)) (default dict $plugin.securityContext)) | fromYaml -}}
{{- with include "certshim.pluginUID" $plugin }}{{ $_ := set $context "runAsUser" (int64 .) }}{{ end -}}
{{- toYaml $context -}}
{{- end -}}

{{/* A map with the fields of another laid over it: false and 0 count, as they don't in merge, and null takes a field away. */}}
{{- define "certshim.overlaid" -}}
{{- $fields := deepCopy (index . 0) -}}
{{- range $key, $value := index . 1 -}}
{{- $below := get $fields $key -}}
{{- if and (kindIs "map" $value) (kindIs "map" $below) -}}
{{- $value = include "certshim.overlaid" (list $below $value) | fromYaml -}}
{{- end -}}
{{- $_ := set $fields $key $value -}}
{{- end -}}
{{- include "certshim.withoutNulls" $fields -}}
{{- end -}}

{{/* Where a plugin listens; the folder is a volume of its own. */}}
{{- define "certshim.socketFolder" -}}/run/certshim/{{ .name }}{{- end -}}
{{- define "certshim.socket" -}}{{ include "certshim.socketFolder" . }}/plugin.sock{{- end -}}

{{/* A number or text as an argument has it; Helm reads numbers as floating-point ones, and would write 1e+06. */}}
{{- define "certshim.scalar" -}}{{ if kindIs "float64" . }}{{ toJson . }}{{ else }}{{ . }}{{ end }}{{- end -}}

{{/* 86 % of the memory limit, in MiB; empty without a limit, or where extraEnv has its own. */}}
{{- define "certshim.goMemLimit" -}}
{{- $limit := include "certshim.scalar" (dig "limits" "memory" "" (default dict .Values.resources) | default "") -}}
{{- range .Values.extraEnv }}{{ if eq .name "GOMEMLIMIT" }}{{ $limit = "" }}{{ end }}{{ end -}}
{{- if $limit -}}
{{- $units := dict "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "k" 1e3 "M" 1e6 "G" 1e9 "" 1.0 -}}
{{- $unit := regexFind "[A-Za-z]*$" $limit -}}
{{- if not (hasKey $units $unit) }}{{ fail (printf "resources.limits.memory: %q has a unit that isn't one of Ki, Mi, Gi, k, M, G" $limit) }}{{ end -}}
{{- $bytes := mulf (regexFind "^[0-9.]+([eE][0-9]+)?" $limit | float64) (get $units $unit) -}}
{{- with divf (mulf $bytes 0.86) 1048576.0 | floor | int64 }}{{ . }}MiB{{ end -}}
{{- end -}}
{{- end -}}

{{/* A probe, with its handler unless it has another one. Takes the probe, which may be nil, and a path. */}}
{{- define "certshim.probe" -}}
{{- $probe := deepCopy (default dict (index . 0)) -}}
{{- if not (or $probe.tcpSocket $probe.grpc $probe.exec) }}{{ $probe = merge $probe (dict "httpGet" (dict "path" (index . 1) "port" "healthz")) }}{{ end -}}
{{- toYaml $probe -}}
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
{{- $namespaces := dig "namespaces" list (include "certshim.settings" .root | fromYaml) | default list -}}
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
