package provision

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
)

// Settings are what the installation says about the proxies of all Gateways.
type Settings struct {
	Image      string
	PullPolicy corev1.PullPolicy
	// LogLevel of proxies whose Gateways say none: debug, info, warn or error.
	LogLevel string
	// Collector is the URL that takes traces of proxies by OTLP; empty for none.
	// SampledRatio is the share of the traces that begin in a proxy which it takes.
	Collector    string
	SampledRatio float64
	// Controller is the URL of the controller's delivery.
	Controller string
	// TrustMap is the ConfigMap, in every namespace with proxies, that has the
	// authorities of the controller, and Audience that of the tokens with which
	// proxies prove themselves.
	TrustMap, Audience string
}

const (
	// healthPort is where the kubelet asks whether a proxy is ready.
	healthPort = ir.HealthPort
	// drain is how long a proxy may take to end, a second less than it is given.
	drainSeconds = 59
	runAs        = 65532
)

// Port is one that a Gateway's Service has.
type Port struct {
	Port     int32
	Protocol corev1.Protocol
}

// Gateway is what the objects of one are made from.
type Gateway struct {
	Object *gatewayv1.Gateway
	// Name of its objects, from Name.
	Name string
	// Identity that its proxies ask for, as a SPIFFE ID.
	Identity string
	// Ports of its listeners, those of its ListenerSets included. In any order, and
	// with repetitions.
	Ports      []Port
	Parameters Parameters
}

// Objects makes the objects of a Gateway, in the order in which to apply them. A
// Gateway whose ports are none has no Service, which could not exist.
func (s *Settings) Objects(g Gateway) []runtime.Object {
	objects := []runtime.Object{
		&corev1.ServiceAccount{
			TypeMeta: kind("v1", "ServiceAccount"), ObjectMeta: g.meta(), AutomountServiceAccountToken: new(false),
		},
		s.deployment(g),
	}
	if len(g.Ports) > 0 {
		objects = append(objects, g.service())
	}
	if g.Parameters.AutoScaling.Max > 0 {
		objects = append(objects, g.autoscaler())
	}
	if g.Parameters.DisruptionBudget {
		objects = append(objects, &policyv1.PodDisruptionBudget{
			TypeMeta: kind("policy/v1", "PodDisruptionBudget"), ObjectMeta: g.meta(),
			Spec: policyv1.PodDisruptionBudgetSpec{MinAvailable: new(intstr.FromInt32(1)), Selector: g.selector()},
		})
	}
	return objects
}

func kind(apiVersion, kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: apiVersion, Kind: kind}
}

// meta is that of every object: the labels and annotations that the Gateway's
// infrastructure asks for, and ours, which win.
func (g *Gateway) meta() metav1.ObjectMeta {
	m := metav1.ObjectMeta{
		Namespace: g.Object.Namespace, Name: g.Name, Labels: map[string]string{}, Annotations: map[string]string{},
		OwnerReferences: []metav1.OwnerReference{{
			APIVersion: gatewayv1.GroupVersion.String(), Kind: "Gateway", Name: g.Object.Name, UID: g.Object.UID,
			Controller: new(true), BlockOwnerDeletion: new(true),
		}},
	}
	if i := g.Object.Spec.Infrastructure; i != nil {
		for k, v := range i.Labels {
			m.Labels[string(k)] = string(v)
		}
		for k, v := range i.Annotations {
			m.Annotations[string(k)] = string(v)
		}
	}
	maps.Copy(m.Labels, g.identity())
	m.Labels[ManagedByLabel] = ManagedBy
	m.Labels[gatewayClassLabel] = LabelValue(string(g.Object.Spec.GatewayClassName))
	return m
}

// identity are the labels by which the pods of a Gateway are found.
func (g *Gateway) identity() map[string]string {
	return map[string]string{appLabel: app, GatewayNameLabel: LabelValue(g.Object.Name)}
}

func (g *Gateway) selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: g.identity()}
}

// ports are the ports once each, in order.
func (g *Gateway) ports() []Port {
	ports := slices.Clone(g.Ports)
	slices.SortFunc(ports, func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol))
	})
	return slices.Compact(ports)
}

// Address is the one that a Gateway's Service asks for, which can be one only: the
// first that the Gateway names. It is empty for any.
func Address(g *gatewayv1.Gateway) string {
	for _, a := range g.Spec.Addresses {
		if a.Value != "" && (a.Type == nil || *a.Type == gatewayv1.IPAddressType) {
			return a.Value
		}
	}
	return ""
}

func portName(p Port) string {
	prefix := map[corev1.Protocol]string{corev1.ProtocolTCP: "tcp-", corev1.ProtocolUDP: "udp-"}[p.Protocol]
	return prefix + strconv.Itoa(int(p.Port))
}

func (g *Gateway) service() *corev1.Service {
	m := g.meta()
	maps.Copy(m.Annotations, g.Parameters.ServiceAnnotations)
	s := &corev1.Service{
		TypeMeta: kind("v1", "Service"), ObjectMeta: m,
		Spec: corev1.ServiceSpec{Type: g.Parameters.ServiceType, Selector: g.identity()},
	}
	if s.Spec.Type != corev1.ServiceTypeClusterIP {
		s.Spec.ExternalTrafficPolicy = g.Parameters.TrafficPolicy
	}
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer {
		s.Spec.LoadBalancerIP = Address(g.Object)
	}
	for _, p := range g.ports() {
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{
			Name: portName(p), Port: p.Port, Protocol: p.Protocol, TargetPort: intstr.FromInt32(int32(ir.PodPort(uint16(p.Port)))),
		})
	}
	return s
}

func (g *Gateway) autoscaler() *autoscalingv2.HorizontalPodAutoscaler {
	a := g.Parameters.AutoScaling
	h := &autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta: kind("autoscaling/v2", "HorizontalPodAutoscaler"), ObjectMeta: g.meta(),
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: g.Name},
			MinReplicas:    new(max(a.Min, 1)), MaxReplicas: a.Max,
		},
	}
	for _, m := range []struct {
		name    corev1.ResourceName
		percent int32
	}{{corev1.ResourceCPU, a.CPU}, {corev1.ResourceMemory, a.Memory}} {
		if m.percent == 0 {
			continue
		}
		h.Spec.Metrics = append(h.Spec.Metrics, autoscalingv2.MetricSpec{
			Type: autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricSource{Name: m.name, Target: autoscalingv2.MetricTarget{
				Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &m.percent,
			}},
		})
	}
	return h
}

func (s *Settings) deployment(g Gateway) *appsv1.Deployment {
	p := &g.Parameters
	pod := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: g.meta().Labels, Annotations: g.meta().Annotations},
		Spec: corev1.PodSpec{
			ServiceAccountName: g.Name, AutomountServiceAccountToken: new(false), EnableServiceLinks: new(false),
			TerminationGracePeriodSeconds: new(int64(drainSeconds + 1)),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: new(true), RunAsUser: new(int64(runAs)), RunAsGroup: new(int64(runAs)), FSGroup: new(int64(runAs)),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			NodeSelector: p.NodeSelector, Tolerations: p.Tolerations, Affinity: p.Affinity,
			TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
				MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: g.selector(),
			}},
			Containers: []corev1.Container{s.proxy(g)},
			Volumes:    s.volumes(),
		},
	}
	d := &appsv1.Deployment{
		TypeMeta: kind("apps/v1", "Deployment"), ObjectMeta: g.meta(),
		Spec: appsv1.DeploymentSpec{
			Selector: g.selector(), Template: pod,
			// A new proxy is ready before an old one goes.
			Strategy: appsv1.DeploymentStrategy{
				Type: appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{
					MaxUnavailable: new(intstr.FromInt32(0)), MaxSurge: new(intstr.FromString("25%")),
				},
			},
		},
	}
	if p.AutoScaling.Max == 0 { // else the number is the autoscaler's
		d.Spec.Replicas = &p.Replicas
	}
	return d
}

const (
	tokenDir = "/var/run/fsm/token"
	trustDir = "/var/run/fsm/trust"
	// tokenLife is that of the tokens, which the kubelet renews.
	tokenLife = 3600
)

func (s *Settings) proxy(g Gateway) corev1.Container {
	c := corev1.Container{
		Name: "fsm-proxy", Image: s.Image, ImagePullPolicy: s.PullPolicy,
		Args: []string{
			"gateway", "--controller=" + s.Controller, "--identity=" + g.Identity, "--token-file=" + tokenDir + "/token", "--trust-file=" + trustDir + "/ca.crt",
			"--health=:" + strconv.Itoa(healthPort), "--log-level=" + g.Parameters.LogLevel,
			"--drain-timeout=" + strconv.Itoa(drainSeconds) + "s",
		},
		Resources: g.Parameters.Resources,
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true), RunAsNonRoot: new(true),
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: "token", MountPath: tokenDir, ReadOnly: true}, {Name: "trust", MountPath: trustDir, ReadOnly: true},
		},
		ReadinessProbe: probe("/ready", 2), LivenessProbe: probe("/healthz", 10),
		Ports: []corev1.ContainerPort{{Name: "health", ContainerPort: healthPort, Protocol: corev1.ProtocolTCP}},
		Env: []corev1.EnvVar{
			field("POD_NAME", "metadata.name"), field("POD_NAMESPACE", "metadata.namespace"),
		},
	}
	if s.Collector != "" {
		c.Args = append(c.Args, "--otlp-endpoint="+s.Collector, "--trace-ratio="+strconv.FormatFloat(s.SampledRatio, 'g', -1, 64))
	}
	if memory, ok := g.Parameters.Resources.Limits[corev1.ResourceMemory]; ok && memory.Sign() > 0 {
		c.Env = append(c.Env, corev1.EnvVar{Name: "MEMORY_LIMIT", ValueFrom: &corev1.EnvVarSource{
			ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.memory"},
		}})
	}
	return c
}

func field(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
}

func probe(path string, period int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("health")}},
		PeriodSeconds: period, TimeoutSeconds: 2, FailureThreshold: 3,
	}
}

func (s *Settings) volumes() []corev1.Volume {
	return []corev1.Volume{
		{Name: "token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
			Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
				Audience: s.Audience, ExpirationSeconds: new(int64(tokenLife)), Path: "token",
			}}},
		}}},
		{Name: "trust", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: s.TrustMap},
		}}},
	}
}
