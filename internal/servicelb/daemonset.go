package servicelb

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"fsm/internal/provision"
)

// Labels and annotations of what a Service gets.
const (
	nameLabel      = "svccontroller.flomesh.io/svcname"
	namespaceLabel = "svccontroller.flomesh.io/svcnamespace"
	uidAnnotation  = "svccontroller.flomesh.io/svcuid"
	appLabel       = "app"
)

const (
	// firstPort of a pod; the second port of a Service has the next one. Ports that a
	// process without privileges may have.
	firstPort  = 20000
	healthPort = 15021
	runAs      = 65532
	// drainSeconds is short: nobody else can have the ports meanwhile.
	drainSeconds = 10
)

// name of the objects of a Service. A Service that is made again has others.
func name(s *corev1.Service) string {
	sum := sha256.Sum256([]byte(s.UID))
	return "svclb-" + strings.TrimRight(s.Name[:min(len(s.Name), 40)], "-") + "-" + hex.EncodeToString(sum[:4])
}

// daemonSet makes that of a Service. With chosen, its pods are only for the nodes that
// have the label.
func daemonSet(s *corev1.Service, settings Settings, chosen bool) *appsv1.DaemonSet {
	app := map[string]string{appLabel: name(s)}
	labels := map[string]string{appLabel: name(s), nameLabel: s.Name, namespaceLabel: s.Namespace, provision.ManagedByLabel: provision.ManagedBy}
	d := &appsv1.DaemonSet{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "DaemonSet"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: Namespace, Name: name(s), Labels: labels, Annotations: map[string]string{uidAnnotation: string(s.UID)},
		},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: app},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
				AutomountServiceAccountToken: new(false), EnableServiceLinks: new(false),
				TerminationGracePeriodSeconds: new(int64(drainSeconds + 1)),
				SecurityContext: &corev1.PodSecurityContext{
					RunAsNonRoot: new(true), RunAsUser: new(int64(runAs)), RunAsGroup: new(int64(runAs)),
					SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
				},
				// Nodes of the control plane are nodes like others to clients.
				Tolerations: []corev1.Toleration{
					{Key: "node-role.kubernetes.io/control-plane", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule},
					{Key: "node-role.kubernetes.io/master", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule},
				},
				Containers: []corev1.Container{container(s, settings)},
			}},
		},
	}
	if chosen {
		d.Spec.Template.Spec.NodeSelector = map[string]string{NodeLabel: enabled}
	}
	return d
}

func container(s *corev1.Service, settings Settings) corev1.Container {
	c := corev1.Container{
		Name: "fsm-proxy", Image: settings.Image, ImagePullPolicy: settings.PullPolicy,
		Args: []string{"servicelb", "--health=:" + strconv.Itoa(healthPort), "--drain-notice=0s", "--drain-timeout=" + strconv.Itoa(drainSeconds) + "s"},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true), RunAsNonRoot: new(true),
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("32Mi"),
		}},
		Ports:          []corev1.ContainerPort{{Name: "health", ContainerPort: healthPort, Protocol: corev1.ProtocolTCP}},
		ReadinessProbe: probe("/ready", 2), LivenessProbe: probe("/healthz", 10),
	}
	for i, port := range s.Spec.Ports {
		own := int32(firstPort + i)
		protocol := cmp.Or(port.Protocol, corev1.ProtocolTCP)
		c.Args = append(c.Args, fmt.Sprintf("--forward=%s/%d=%s",
			strings.ToLower(string(protocol)), own, net.JoinHostPort(s.Spec.ClusterIP, strconv.Itoa(int(port.Port)))))
		c.Ports = append(c.Ports, corev1.ContainerPort{
			Name: "port-" + strconv.Itoa(i), ContainerPort: own, HostPort: port.Port, Protocol: protocol,
		})
	}
	for _, source := range s.Spec.LoadBalancerSourceRanges {
		c.Args = append(c.Args, "--source="+strings.TrimSpace(source))
	}
	return c
}

func probe(path string, period int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("health")}},
		PeriodSeconds: period, TimeoutSeconds: 2, FailureThreshold: 3,
	}
}

// applied is a DaemonSet as it was last applied, and the generation that it got.
type applied struct {
	sum        [sha256.Size]byte
	generation int64
}

// apply makes a DaemonSet what it should be, if it is not: it was another one, or
// somebody changed it.
func (c *Controller) apply(ctx context.Context, d *appsv1.DaemonSet, s *state) error {
	body, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode DaemonSet %s: %w", d.Name, err)
	}
	sum, last := sha256.Sum256(body), c.applied[d.Name]
	for _, there := range s.daemonSets {
		if there.Name == d.Name && last.sum == sum && last.generation >= there.Generation {
			return nil // as it was applied, or the news have not come yet
		}
	}
	result, err := c.Client.AppsV1().DaemonSets(Namespace).Patch(ctx, d.Name, types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: Manager, Force: new(true)})
	if err != nil {
		return fmt.Errorf("apply DaemonSet %s: %w", d.Name, err)
	}
	c.applied[d.Name] = applied{sum, result.Generation}
	return nil
}
