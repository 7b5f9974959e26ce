package provision

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"
)

// AnnotationPrefix is that of the annotations of a Gateway that are about its
// objects.
const AnnotationPrefix = "gateway.flomesh.io/"

// Parameters are what users may say about the objects of a Gateway.
type Parameters struct {
	// Replicas of the proxy; not used with AutoScaling. Default 1.
	Replicas int32
	// ServiceType is LoadBalancer, NodePort or ClusterIP. Default LoadBalancer.
	ServiceType corev1.ServiceType
	// TrafficPolicy is Cluster, or Local, with which clients keep their addresses and
	// nodes without a proxy take no part. Default Cluster.
	TrafficPolicy corev1.ServiceExternalTrafficPolicy
	Resources     corev1.ResourceRequirements
	// DisruptionBudget keeps one replica at least when nodes are drained.
	DisruptionBudget bool
	AutoScaling      AutoScaling

	NodeSelector       map[string]string
	Tolerations        []corev1.Toleration
	Affinity           *corev1.Affinity
	ServiceAnnotations map[string]string
	// LogLevel of the proxy: debug, info, warn or error.
	LogLevel string
}

// AutoScaling is a HorizontalPodAutoscaler; off unless Max is set.
type AutoScaling struct {
	Min, Max int32
	// CPU and Memory are target utilisations in percent of what is requested; 0 for
	// no target.
	CPU, Memory int32
}

// Defaults are the parameters of a Gateway about which nobody says anything.
func Defaults() Parameters {
	return Parameters{
		Replicas: 1, ServiceType: corev1.ServiceTypeLoadBalancer, TrafficPolicy: corev1.ServiceExternalTrafficPolicyCluster,
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
		},
		LogLevel: "info",
	}
}

// Defaults are the parameters of a Gateway about which nobody says anything, in this
// installation.
func (s *Settings) Defaults() Parameters {
	p := Defaults()
	if s.LogLevel != "" {
		p.LogLevel = s.LogLevel
	}
	return p
}

// key is one thing that annotations, and a ConfigMap's data, may say.
type key struct {
	name string
	set  func(p *Parameters, value string) error
}

// keys are all of them. The names up to auto-scaling's are those of FSM 1.2.
var keys = []key{
	{"cpu", quantity(func(p *Parameters) *corev1.ResourceList { return &p.Resources.Requests }, corev1.ResourceCPU)},
	{"cpu-limit", quantity(func(p *Parameters) *corev1.ResourceList { return &p.Resources.Limits }, corev1.ResourceCPU)},
	{"memory", quantity(func(p *Parameters) *corev1.ResourceList { return &p.Resources.Requests }, corev1.ResourceMemory)},
	{"memory-limit", quantity(func(p *Parameters) *corev1.ResourceList { return &p.Resources.Limits }, corev1.ResourceMemory)},
	{"replicas", number(func(p *Parameters) *int32 { return &p.Replicas }, 0, 1000)},
	{"enable-pod-disruption-budget", boolean(func(p *Parameters, on bool) { p.DisruptionBudget = on })},
	{"auto-scaling", boolean(func(p *Parameters, on bool) {
		p.AutoScaling = AutoScaling{}
		if on {
			p.AutoScaling = AutoScaling{Min: 1, Max: 5, CPU: 80}
		}
	})},
	{"auto-scaling-min-replicas", number(func(p *Parameters) *int32 { return &p.AutoScaling.Min }, 1, 1000)},
	{"auto-scaling-max-replicas", number(func(p *Parameters) *int32 { return &p.AutoScaling.Max }, 1, 1000)},
	{"auto-scaling-target-cpu-utilization-percentage", number(func(p *Parameters) *int32 { return &p.AutoScaling.CPU }, 1, 1000)},
	{"auto-scaling-target-memory-utilization-percentage", number(func(p *Parameters) *int32 { return &p.AutoScaling.Memory }, 1, 1000)},
	{"service-type", oneOf(func(p *Parameters) *corev1.ServiceType { return &p.ServiceType },
		corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort, corev1.ServiceTypeClusterIP)},
	{"external-traffic-policy", oneOf(func(p *Parameters) *corev1.ServiceExternalTrafficPolicy { return &p.TrafficPolicy },
		corev1.ServiceExternalTrafficPolicyCluster, corev1.ServiceExternalTrafficPolicyLocal)},
	{"log-level", oneOf(func(p *Parameters) *string { return &p.LogLevel }, "debug", "info", "warn", "error")},
	{"node-selector", structured(func(p *Parameters) any { return &p.NodeSelector })},
	{"tolerations", structured(func(p *Parameters) any { return &p.Tolerations })},
	{"affinity", structured(func(p *Parameters) any { return &p.Affinity })},
	{"service-annotations", structured(func(p *Parameters) any { return &p.ServiceAnnotations })},
}

func quantity(list func(*Parameters) *corev1.ResourceList, name corev1.ResourceName) func(*Parameters, string) error {
	return func(p *Parameters, v string) error {
		q, err := resource.ParseQuantity(v)
		if err != nil || q.Sign() <= 0 {
			return errors.New("want a quantity such as 100m or 64Mi")
		}
		to := list(p)
		*to = maps.Clone(*to)
		if *to == nil {
			*to = corev1.ResourceList{}
		}
		(*to)[name] = q
		return nil
	}
}

func number(field func(*Parameters) *int32, least, most int64) func(*Parameters, string) error {
	return func(p *Parameters, v string) error {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil || n < least || n > most {
			return fmt.Errorf("want a number from %d to %d", least, most)
		}
		*field(p) = int32(n)
		return nil
	}
}

func boolean(set func(*Parameters, bool)) func(*Parameters, string) error {
	return func(p *Parameters, v string) error {
		on, err := strconv.ParseBool(v)
		if err != nil {
			return errors.New("want true or false")
		}
		set(p, on)
		return nil
	}
}

func oneOf[T ~string](field func(*Parameters) *T, known ...T) func(*Parameters, string) error {
	return func(p *Parameters, v string) error {
		if !slices.Contains(known, T(v)) {
			return fmt.Errorf("want one of %v", known)
		}
		*field(p) = T(v)
		return nil
	}
}

func structured(field func(*Parameters) any) func(*Parameters, string) error {
	return func(p *Parameters, v string) error {
		if err := yaml.UnmarshalStrict([]byte(v), field(p)); err != nil {
			return fmt.Errorf("read as YAML: %w", err)
		}
		return nil
	}
}

// With adds what data says, in the order of the table. The errors name the keys
// that could not be used; the others are.
func (p Parameters) With(data map[string]string, prefix string) (Parameters, []error) {
	var failures []error
	for _, k := range keys {
		v, ok := data[prefix+k.name]
		if !ok {
			continue
		}
		if err := k.set(&p, strings.TrimSpace(v)); err != nil {
			failures = append(failures, fmt.Errorf("%s: %q: %w", prefix+k.name, v, err))
		}
	}
	if a := p.AutoScaling; a.Max > 0 && a.Min > a.Max {
		failures = append(failures, fmt.Errorf("%sauto-scaling-min-replicas: %d is more than the maximum of %d", prefix, a.Min, a.Max))
		p.AutoScaling.Min = a.Max
	}
	return p, failures
}

// Unknown lists the keys of a ConfigMap that mean nothing.
func Unknown(data map[string]string) []string {
	var unknown []string
	for name := range data {
		if !slices.ContainsFunc(keys, func(k key) bool { return k.name == name }) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}
