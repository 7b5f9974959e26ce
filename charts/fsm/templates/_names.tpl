{{/* Namespace of the control plane. */}}
{{- define "fsm.namespace" -}}
{{- .Values.fsm.fsmNamespace | default .Release.Namespace -}}
{{- end }}

{{/* Name of cluster-wide objects, which must differ between meshes. */}}
{{- define "fsm.clusterName" -}}
{{- printf "%s-controller" .Values.fsm.meshName -}}
{{- end }}

{{/* Name of the registration of the webhook. */}}
{{- define "fsm.validator" -}}
{{- printf "%s-validator" .Values.fsm.meshName -}}
{{- end }}

{{/* Labels by which the pods of the controller are found. They never change. */}}
{{- define "fsm.selector" -}}
app: fsm-controller
meshName: {{ .Values.fsm.meshName | quote }}
{{- end }}

{{/* Labels of every object. */}}
{{- define "fsm.labels" -}}
{{ include "fsm.selector" . }}
app.kubernetes.io/name: flomesh.io
app.kubernetes.io/component: fsm-controller
app.kubernetes.io/instance: {{ .Values.fsm.meshName | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | replace "+" "_" | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end }}

{{/* Reference to an image of this version; the argument is a list of root and name. */}}
{{- define "fsm.image" -}}
{{- $root := index . 0 -}}
{{- $image := $root.Values.fsm.image -}}
{{- printf "%s/%s:%s" $image.registry (index . 1) ($image.tag | default $root.Chart.AppVersion) -}}
{{- end }}

{{/* Level of the controller's log: the nearest that it has. */}}
{{- define "fsm.logLevel" -}}
{{- $level := .Values.fsm.controllerLogLevel -}}
{{- dict "trace" "debug" "fatal" "error" "panic" "error" "disabled" "error" | dig $level $level -}}
{{- end }}

{{/* The Secret for the certificate of ingresses: name and namespace, or nothing. */}}
{{- define "fsm.ingressCertificate" -}}
{{- dig "ingressGateway" "secret" dict (.Values.fsm.certificateProvider | default dict) | toYaml -}}
{{- end }}
