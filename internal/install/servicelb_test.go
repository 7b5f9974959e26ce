package install_test

import (
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/install"
	"fsm/internal/servicelb"
)

const balanced = `
apiVersion: v1
kind: Namespace
metadata: {name: balanced}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: balanced}
spec: {type: LoadBalancer, selector: {app: none}, ports: [{port: 80}]}
`

const balancingNode = `
apiVersion: v1
kind: Node
metadata: {name: balancing}
`

// TestServiceLB: with the rights that the chart gives it, and no others, the control
// plane gives Services addresses of nodes, and takes them back before the rights go.
func TestServiceLB(t *testing.T) {
	l := newLab(t)
	l.kubelet("fsm-system")
	l.Check(l.Apply(l.Ctx, "apiVersion: v1\nkind: Namespace\nmetadata: {name: fsm-system}\n---"+balancingNode+"---"+balanced))
	t.Cleanup(func() { l.delete(balanced); l.delete(balancingNode) })
	l.Check(l.ApplyStatus(l.Ctx, "test", balancingNode+"status: {addresses: [{type: InternalIP, address: 10.0.0.1}]}\n"))
	l.Check(l.install(l.options("fsm-system")))
	l.operate("fsm-system")
	if l.may("patch", "services/status", "balanced", "web") || l.may("create", "apps/daemonsets", servicelb.Namespace, "") {
		t.Error("there are rights that nobody needs")
	}
	l.Check(l.fsm.Switch(l.Ctx, install.ServiceLB, true, l.options("fsm-system")))
	l.Eventually("the pod of the load balancer is ready", l.balancerReady)
	l.Eventually("the Service has the address of the node", func() error { return l.balancedAt("10.0.0.1") })

	l.heard("")
	l.Check(l.fsm.Switch(l.Ctx, install.ServiceLB, false, l.options("fsm-system")))
	if !l.heard("taking the addresses of nodes away from Services: 1") {
		t.Error("nothing is said about the Services")
	}
	l.Check(l.balancedAt())
	l.Eventually("the namespace goes", func() error {
		if err := l.endPods(); err != nil {
			return err
		}
		_, err := l.Kube.CoreV1().Namespaces().Get(l.Ctx, servicelb.Namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("it is there"), err)
	})
	if l.may("patch", "services/status", "balanced", "web") {
		t.Error("the rights are left")
	}
}

// balancerReady does what scheduler and kubelet would about the pod.
func (l *lab) balancerReady() error {
	pods := l.Kube.CoreV1().Pods(servicelb.Namespace)
	list, err := pods.List(l.Ctx, metav1.ListOptions{LabelSelector: servicelb.Selector})
	if err != nil || len(list.Items) != 1 {
		return errors.Join(fmt.Errorf("there are %d pods", len(list.Items)), err)
	}
	p := &list.Items[0]
	if p.Spec.NodeName == "" {
		err := pods.Bind(l.Ctx, &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: p.Name}, Target: corev1.ObjectReference{Kind: "Node", Name: "balancing"}}, metav1.CreateOptions{})
		return errors.Join(errors.New("just bound"), err)
	}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	_, err = pods.UpdateStatus(l.Ctx, p, metav1.UpdateOptions{})
	return err
}

// endPods does what a kubelet would about pods that are deleted.
func (l *lab) endPods() error {
	pods := l.Kube.CoreV1().Pods(servicelb.Namespace)
	list, err := pods.List(l.Ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, p := range list.Items {
		if p.DeletionTimestamp == nil {
			continue
		}
		if err := pods.Delete(l.Ctx, p.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// balancedAt compares the addresses of the Service.
func (l *lab) balancedAt(want ...string) error {
	s, err := l.Kube.CoreV1().Services("balanced").Get(l.Ctx, "web", metav1.GetOptions{})
	if err != nil {
		return err
	}
	var got []string
	for _, i := range s.Status.LoadBalancer.Ingress {
		got = append(got, i.IP)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("addresses are %v", got)
	}
	return nil
}
