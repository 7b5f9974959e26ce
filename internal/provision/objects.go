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
func (s *Settings) Objects(g Gateway) []runtime.Object { return s.objects(g.workload()) }

// workload is what objects are made from, whatever their proxies serve.
type workload struct {
	// meta is that of every object, and selector the labels by which the pods are found.
	meta     metav1.ObjectMeta
	selector map[string]string
	identity string
	// service is the name of the Service; its ports are none where there is to be none.
	service    string
	ports      []corev1.ServicePort
	address    string
	parameters Parameters
}

func (s *Settings) objects(w workload) []runtime.Object {
	objects := []runtime.Object{
		&corev1.ServiceAccount{
			TypeMeta: kind("v1", "ServiceAccount"), ObjectMeta: w.object(), AutomountServiceAccountToken: new(false),
		},
		s.deployment(w),
	}
	if len(w.ports) > 0 {
		objects = append(objects, w.lead())
	}
	if w.parameters.AutoScaling.Max > 0 {
		objects = append(objects, w.autoscaler())
	}
	if w.parameters.DisruptionBudget {
		objects = append(objects, &policyv1.PodDisruptionBudget{
			TypeMeta: kind("policy/v1", "PodDisruptionBudget"), ObjectMeta: w.object(),
			Spec: policyv1.PodDisruptionBudgetSpec{MinAvailable: new(intstr.FromInt32(1)), Selector: w.pods()},
		})
	}
	return objects
}

// object is the meta of one more object.
func (w *workload) object() metav1.ObjectMeta { return *w.meta.DeepCopy() }

func (w *workload) pods() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: w.selector}
}

func kind(apiVersion, kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: apiVersion, Kind: kind}
}

// workload is the Gateway's. Labels and annotations are those that its infrastructure
// asks for, and ours, which win.
func (g *Gateway) workload() workload {
	selector := map[string]string{appLabel: app, GatewayNameLabel: LabelValue(g.Object.Name)}
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
	maps.Copy(m.Labels, selector)
	m.Labels[ManagedByLabel] = ManagedBy
	m.Labels[gatewayClassLabel] = LabelValue(string(g.Object.Spec.GatewayClassName))
	w := workload{
		meta: m, selector: selector, identity: g.Identity, service: g.Name, address: Address(g.Object), parameters: g.Parameters,
	}
	for _, p := range g.ports() {
		w.ports = append(w.ports, corev1.ServicePort{
			Name: portName(p), Port: p.Port, Protocol: p.Protocol, TargetPort: intstr.FromInt32(int32(ir.PodPort(uint16(p.Port)))),
		})
	}
	return w
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

// lead is the Service that leads to the proxies.
func (w *workload) lead() *corev1.Service {
	m := w.object()
	m.Name = w.service
	maps.Copy(m.Annotations, w.parameters.ServiceAnnotations)
	s := &corev1.Service{
		TypeMeta: kind("v1", "Service"), ObjectMeta: m,
		Spec: corev1.ServiceSpec{Type: w.parameters.ServiceType, Selector: w.selector, Ports: w.ports},
	}
	if s.Spec.Type != corev1.ServiceTypeClusterIP {
		s.Spec.ExternalTrafficPolicy = w.parameters.TrafficPolicy
	}
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer {
		s.Spec.LoadBalancerIP = w.address
	}
	return s
}

func (w *workload) autoscaler() *autoscalingv2.HorizontalPodAutoscaler {
	a := w.parameters.AutoScaling
	h := &autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta: kind("autoscaling/v2", "HorizontalPodAutoscaler"), ObjectMeta: w.object(),
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: w.meta.Name},
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

func (s *Settings) deployment(w workload) *appsv1.Deployment {
	p := &w.parameters
	pod := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: w.object().Labels, Annotations: w.object().Annotations},
		Spec: corev1.PodSpec{
			ServiceAccountName: w.meta.Name, AutomountServiceAccountToken: new(false), EnableServiceLinks: new(false),
			TerminationGracePeriodSeconds: new(int64(drainSeconds + 1)),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: new(true), RunAsUser: new(int64(runAs)), RunAsGroup: new(int64(runAs)), FSGroup: new(int64(runAs)),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			NodeSelector: p.NodeSelector, Tolerations: p.Tolerations, Affinity: p.Affinity,
			TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
				MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: w.pods(),
			}},
			Containers: []corev1.Container{s.proxy(w)},
			Volumes:    s.volumes(),
		},
	}
	d := &appsv1.Deployment{
		TypeMeta: kind("apps/v1", "Deployment"), ObjectMeta: w.object(),
		Spec: appsv1.DeploymentSpec{
			Selector: w.pods(), Template: pod,
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

func (s *Settings) proxy(w workload) corev1.Container {
	c := corev1.Container{
		Name: "fsm-proxy", Image: s.Image, ImagePullPolicy: s.PullPolicy,
		Args: []string{
			"gateway", "--controller=" + s.Controller, "--identity=" + w.identity, "--token-file=" + tokenDir + "/token", "--trust-file=" + trustDir + "/ca.crt",
			"--health=:" + strconv.Itoa(healthPort), "--log-level=" + w.parameters.LogLevel,
			"--drain-timeout=" + strconv.Itoa(drainSeconds) + "s",
		},
		Resources: w.parameters.Resources,
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
	if memory, ok := w.parameters.Resources.Limits[corev1.ResourceMemory]; ok && memory.Sign() > 0 {
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
