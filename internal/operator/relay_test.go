package operator_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// leads waits until a replica holds the Lease.
func (l *lab) leads(pod string) {
	l.T.Helper()
	l.Eventually(pod+" leads", func() error {
		lease, err := l.Kube.CoordinationV1().Leases("fsm-system").Get(l.Ctx, "fsm-controller", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if h := lease.Spec.HolderIdentity; h == nil || !strings.HasPrefix(*h, pod+"_") {
			return fmt.Errorf("the lease is %+v", lease.Spec)
		}
		return nil
	})
}

// TestTwoReplicas: the leader writes what a proxy answered that is connected to the
// other replica, failures included; and the other one takes over.
func TestTwoReplicas(t *testing.T) {
	l := newLab(t)
	l.namespace("replicas")
	listen := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		l.Check(err)
		return ln
	}
	stop := l.operateAs("one", listen())
	l.leads("one")
	follower := listen()
	l.operateAs("two", follower)

	port, occupied := l.FreePort(), listen()
	defer occupied.Close()
	_, taken, _ := net.SplitHostPort(occupied.Addr().String())
	l.Put(strings.NewReplacer("8080", port, "HTTP}]", "HTTP}, {name: taken, port: "+taken+", protocol: HTTP}]").
		Replace(gatewayWith("replicas", "gw", "")))
	l.assign("replicas", "fsm-gateway-replicas", "", "192.0.2.7")
	l.says("replicas", "gw", metav1.Condition{Type: "Programmed", Status: "Unknown", Reason: "Pending", Message: "no proxy"})
	l.proxy(follower.Addr().String(), "replicas", "fsm-gateway-replicas", "gw")
	l.says("replicas", "gw", metav1.Condition{Type: "Programmed", Status: "True", Reason: "Programmed"})
	l.Eventually("the listener whose port is taken is not programmed", func() error {
		g, err := l.read("replicas", "gw")
		if err != nil {
			return err
		}
		for _, s := range g.Status.Listeners {
			want := map[string]metav1.ConditionStatus{"http": "True", "taken": "False"}[string(s.Name)]
			for _, c := range s.Conditions {
				if c.Type == "Programmed" && c.Status != want {
					return fmt.Errorf("listener %s: %+v", s.Name, c)
				}
			}
		}
		return nil
	})

	stop()
	l.Put("apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: replicas}\nspec: {ports: [{port: 80}]}\n")
	l.Put(strings.NewReplacer("namespace: shop", "namespace: replicas", "VERSION", "1").Replace(route))
	l.leads("two")
	l.Eventually("a route is accepted by the next leader", func() error { return l.acceptedIn("replicas") })
	l.says("replicas", "gw", metav1.Condition{Type: "Programmed", Status: "True", Reason: "Programmed"})
}
