{{/* Fails on values that nothing would come of, or that contradict each other, and which the schema can't tell. */}}
{{- define "certshim.contradictions" -}}
{{- $config := include "certshim.settings" . | fromYaml -}}
{{- if and (not (dig "leaderElection" "enabled" true $config)) (ne (toString .Values.replicaCount) "1") -}}
{{- fail (printf "config.leaderElection.enabled is false, so that each replica writes: replicaCount is %s, must be 1" (default "null" (toString .Values.replicaCount | replace "<nil>" ""))) -}}
{{- end -}}
{{- range $i, $plugin := .Values.plugins -}}
{{- $context := default dict $plugin.securityContext -}}
{{- if and (hasKey $plugin "uid") (hasKey $context "runAsUser") -}}
{{- if ne (toJson $plugin.uid) (toJson $context.runAsUser) -}}
{{- fail (printf "plugins[%d].uid is %s, and securityContext.runAsUser is %s: leave the latter out" $i (toJson $plugin.uid) (toJson $context.runAsUser)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $config.namespaces -}}
{{- range $i, $policy := $config.policies -}}
{{- if $policy.namespaceSelector -}}
{{- fail (printf "config.policies[%d].namespaceSelector needs the labels of Namespaces, which no Role in config.namespaces can permit; name the namespaces" $i) -}}
{{- end -}}
{{- end -}}
{{- range list
  (list "flowSchema.enabled" true (.Values.flowSchema).enabled)
  (list "admissionPolicy.enabled" true (.Values.admissionPolicy).enabled)
  (list "tiePolicy.enabled" true (.Values.tiePolicy).enabled)
  (list "config.namespaceDefaults" true $config.namespaceDefaults)
  (list "config.metrics.authentication" true (dig "metrics" "authentication" false $config))
  (list "config.crossNamespace.orphans" "delete" (dig "crossNamespace" "orphans" "" $config))
-}}
{{- if eq (toString (index . 1)) (toString (index . 2)) -}}
{{- fail (printf "%s is %v, which needs objects or permissions of the whole cluster, and a release limited to config.namespaces has none; leave one of the two out" (index . 0) (index . 1)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- include "certshim.known" (list "rbac.issuers" (.Values.rbac).issuers (append (.Files.Get "files/issuers.yaml" | fromYaml | keys | sortAlpha) "*")) -}}
{{- include "certshim.known" (list "rbac.sources" (.Values.rbac).sources (append (.Files.Get "files/sources.yaml" | fromYaml | keys | sortAlpha) "*")) -}}
{{- $alerts := list -}}
{{- range (index (.Files.Get "files/alerts.yaml" | fromYaml).groups 0).rules }}{{ $alerts = append $alerts .alert }}{{ end -}}
{{- include "certshim.known" (list "prometheusRule.disable" (.Values.prometheusRule).disable ($alerts | uniq)) -}}
{{- with $config.healthzListenAddress -}}
{{- if or (hasPrefix "127." .) (hasPrefix "localhost:" .) (hasPrefix "[::1]:" .) -}}
{{- fail (printf "config.healthzListenAddress is %s, which the kubelet's probes can't reach; leave the address out, as in :9403, or switch it off by \"0\"" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Fails where a list has something else than is known. Takes the value's name, the list, and what is known. */}}
{{- define "certshim.known" -}}
{{- $name := index . 0 -}}
{{- $known := index . 2 -}}
{{- range index . 1 -}}
{{- if not (has . $known) }}{{ fail (printf "%s has %q, which is none of %s" $name . (join ", " $known)) }}{{ end -}}
{{- end -}}
{{- end -}}
