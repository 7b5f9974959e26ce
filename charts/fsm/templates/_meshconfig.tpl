{{/* Where values go in the mesh configuration. What nobody gives a value for has the
     default of the definition there. A value under an older name comes first, so that
     the newer one counts more. */}}
{{- define "fsm.meshConfig.fields" -}}
- [controllerLogLevel, observability.fsmLogLevel]
- [enableDebugServer, observability.enableDebugServer]
- [tracing, observability.tracing]
- [remoteLogging, observability.remoteLogging]
- [image.registry, image.registry]
- [image.tag, image.tag]
- [image.pullPolicy, image.pullPolicy]
- [fsmGateway.enabled, gatewayAPI.enabled]
- [fsmGateway.logLevel, gatewayAPI.logLevel]
- [fsmGateway.fgwLogLevel, gatewayAPI.fgwLogLevel]
- [fsmGateway.stripAnyHostPort, gatewayAPI.stripAnyHostPort]
- [fsmGateway.proxyPreserveHost, gatewayAPI.proxyPreserveHost]
- [fsmGateway.sslPassthroughUpstreamPort, gatewayAPI.sslPassthroughUpstreamPort]
- [fsmGateway.http1PerRequestLoadBalancing, gatewayAPI.http1PerRequestLoadBalancing]
- [fsmGateway.http2PerRequestLoadBalancing, gatewayAPI.http2PerRequestLoadBalancing]
- [certificateProvider.serviceCertValidityDuration, certificate.serviceCertValidityDuration]
- [certificateProvider.certKeyBitSize, certificate.certKeyBitSize]
- [certificateProvider.ingressGateway, certificate.ingressGateway]
- [serviceLB.enabled, serviceLB.enabled]
- [flb.enabled, flb.enabled]
- [ingress.tls.enabled, ingress.tls.enabled]
- [fsmIngress.namespaced, ingress.namespaced]
- [fsmIngress.logLevel, ingress.logLevel]
- [fsmIngress.service.type, ingress.type]
- [fsmIngress.service.name, ingress.serviceName]
- [fsmIngress.replicaCount, ingress.replicas]
- [fsmIngress.http.enabled, ingress.http.enabled]
- [fsmIngress.http.port, ingress.http.bind]
- [fsmIngress.http.containerPort, ingress.http.listen]
- [fsmIngress.http.nodePort, ingress.http.nodePort]
- [fsmIngress.tls.enabled, ingress.tls.enabled]
- [fsmIngress.tls.port, ingress.tls.bind]
- [fsmIngress.tls.containerPort, ingress.tls.listen]
- [fsmIngress.tls.nodePort, ingress.tls.nodePort]
- [fsmIngress.tls.mTLS, ingress.tls.mTLS]
- [fsmIngress.tls.sslPassthrough, ingress.tls.sslPassthrough]
- [egressGateway.enabled, egressGateway.enabled]
- [egressGateway.mode, egressGateway.mode]
- [egressGateway.port, egressGateway.port]
- [egressGateway.adminPort, egressGateway.adminPort]
- [egressGateway.logLevel, egressGateway.logLevel]
- [egressGateway.replicaCount, egressGateway.replicas]
- [sidecarLogLevel, sidecar.logLevel]
- [sidecar.sidecarLogLevel, sidecar.logLevel]
- [sidecar.sidecarDisabledMTLS, sidecar.sidecarDisabledMTLS]
- [sidecar.sidecarTimeout, sidecar.sidecarTimeout]
- [enablePrivilegedInitContainer, sidecar.enablePrivilegedInitContainer]
- [maxDataPlaneConnections, sidecar.maxDataPlaneConnections]
- [configResyncInterval, sidecar.configResyncInterval]
- [localProxyMode, sidecar.localProxyMode]
- [localDNSProxy, sidecar.localDNSProxy]
- [repoServer.ipaddr, repoServer.ipaddr]
- [repoServer.port, repoServer.port]
- [repoServer.codebase, repoServer.codebase]
- [trafficInterceptionMode, traffic.interceptionMode]
- [enableEgress, traffic.enableEgress]
- [enablePermissiveTrafficPolicy, traffic.enablePermissiveTrafficPolicyMode]
- [outboundIPRangeExclusionList, traffic.outboundIPRangeExclusionList]
- [outboundIPRangeInclusionList, traffic.outboundIPRangeInclusionList]
- [outboundPortExclusionList, traffic.outboundPortExclusionList]
- [inboundPortExclusionList, traffic.inboundPortExclusionList]
- [networkInterfaceExclusionList, traffic.networkInterfaceExclusionList]
- [serviceAccessMode, traffic.serviceAccessMode]
- [http1PerRequestLoadBalancing, traffic.http1PerRequestLoadBalancing]
- [http2PerRequestLoadBalancing, traffic.http2PerRequestLoadBalancing]
- [featureFlags, featureFlags]
- [clusterSet, clusterSet]
{{- end }}

{{/* The spec of the mesh configuration: every field whose value is given. */}}
{{- define "fsm.meshConfig.spec" -}}
{{- $spec := dict -}}
{{- range include "fsm.meshConfig.fields" . | fromYamlArray -}}
{{- $value := $.Values.fsm -}}
{{- range splitList "." (index . 0) -}}
{{- $value = ternary $value dict (kindIs "map" $value) | dig . "" -}}
{{- end -}}
{{- if and (ne (toString $value) "") (not (kindIs "invalid" $value)) -}}
{{- $path := splitList "." (index . 1) -}}
{{- $at := $spec -}}
{{- range initial $path -}}
{{- if not (hasKey $at .) }}{{ $_ := set $at . dict }}{{ end -}}
{{- $at = get $at . -}}
{{- end -}}
{{- $_ := set $at (last $path) $value -}}
{{- end -}}
{{- end -}}
{{- /* Without names the value only gives the right to write the Secret. */ -}}
{{- $certificate := get $spec "certificate" | default dict -}}
{{- if not (dig "ingressGateway" "subjectAltNames" list $certificate) }}{{ $_ := unset $certificate "ingressGateway" }}{{ end -}}
{{- if and (hasKey $spec "certificate") (not $certificate) }}{{ $_ := unset $spec "certificate" }}{{ end -}}
{{- $ingress := get $spec "ingress" | default dict -}}
{{- with include "fsm.ingress.given" . }}{{ $_ := set $ingress "enabled" (eq . "true") }}{{ end -}}
{{- if and .Values.fsm.ingress (not (hasKey $ingress "serviceName")) }}{{ $_ := set $ingress "serviceName" "fsm-ingress-pipy-controller" }}{{ end -}}
{{- if $ingress }}{{ $_ := set $spec "ingress" $ingress }}{{ end -}}
{{- toYaml $spec -}}
{{- end }}

{{/* Whether Ingresses are served: "true" or "false", or empty if no value says so. The
     values of charts before 1.0 count where the newer one is not given; one that
     switched TLS on was enough there. */}}
{{- define "fsm.ingress.given" -}}
{{- $old := .Values.fsm.ingress | default dict -}}
{{- $older := dig "enabled" (dig "tls" "enabled" "" $old) $old -}}
{{- dig "enabled" $older .Values.fsm.fsmIngress -}}
{{- end }}
