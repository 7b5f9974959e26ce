package operator_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/operator"
)

const ingressObjects = `
apiVersion: v1
kind: Namespace
metadata: {name: ingressed}
---
apiVersion: v1
kind: Namespace
metadata: {name: store}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: store
  annotations:
    nginx.ingress.kubernetes.io/rewrite-target: /
    nginx.ingress.kubernetes.io/server-snippet: "return 200;"
spec:
  ingressClassName: pipy
  rules: [{host: store.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}]}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: theirs, namespace: store}
spec:
  ingressClassName: theirs
  rules: [{host: theirs.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}]}}]
`

// ingressBackend has the classes, and a Service of a namespace.
const ingressBackend = `
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: pipy}
spec: {controller: flomesh.io/ingress-pipy}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: theirs}
spec: {controller: example.com/theirs}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: NAMESPACE}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: NAMESPACE, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: BACKEND_PORT}]
endpoints: [{addresses: [BACKEND_IP]}]
`

// serve makes a Service of a namespace with a backend, and other objects, until the test
// ends.
func (l *lab) serve(namespace, objects string) {
	l.T.Helper()
	ip, port := backend(l.T, "hello")
	all := objects + strings.NewReplacer("NAMESPACE", namespace, "BACKEND_PORT", port, "BACKEND_IP", ip).Replace(ingressBackend)
	l.Put(all)
	l.T.Cleanup(func() { l.Check(l.Delete(context.WithoutCancel(l.Ctx), all)) })
}

// ingressLab is a control plane in a namespace of its own, without Gateways.
func ingressLab(t *testing.T, namespace string) *lab {
	t.Helper()
	l := newLab(t)
	l.Check(l.ApplyFiles(l.Ctx, "../../charts/fsm/crds/*.yaml"))
	t.Cleanup(func() { l.Check(l.DeleteFiles(context.WithoutCancel(l.Ctx), "../../charts/fsm/crds/*.yaml")) })
	l.set = func(o *operator.Options) { o.Namespace, o.ControllerName = namespace, "flomesh.io/"+namespace }
	return l
}

// ingressConfig is a mesh configuration that says something about Ingresses only.
func ingressConfig(namespace, spec string) string {
	return "apiVersion: config.flomesh.io/v1alpha3\nkind: MeshConfig\nmetadata: {name: fsm-mesh-config, namespace: " + namespace + "}\nspec: {ingress: " + spec + "}\n"
}

// TestIngress: with the mesh configuration the proxies of Ingresses come, change and
// go; they serve, and each Ingress has their address and is told what is not honoured.
func TestIngress(t *testing.T) {
	l := ingressLab(t, "ingressed")
	gateway := l.FreePort()
	l.serve("store", ingressObjects)
	l.Put(ingressConfig("ingressed", "{enabled: true, http: {listen: "+gateway+"}}"))
	controller := l.listen()

	l.serviceOf("fsm-ingress", "http 80:"+gateway+" 30508")
	d, err := l.Kube.AppsV1().Deployments("ingressed").Get(l.Ctx, "fsm-ingress", metav1.GetOptions{})
	l.Check(err)
	if got := d.Spec.Template.Labels["app"]; got != "fsm-ingress" || *d.Spec.Replicas != 1 {
		t.Errorf("pods have label app=%s, and there are to be %d", got, *d.Spec.Replicas)
	}
	l.assign("ingressed", "fsm-ingress", "", "192.0.2.9")
	l.proxyAs("ingress/fsm-ingress", controller, "ingressed", "fsm-ingress")
	l.Eventually("Ingress serves", func() error { return asks(gateway, "store.example", http.StatusOK) })
	l.Eventually("address of the Ingress", func() error { return l.ingressAt("store", "web", "192.0.2.9") })
	l.Eventually("event about the snippet", func() error { return l.told("store", "web", "server-snippet") })
	if err := asks(gateway, "theirs.example", http.StatusNotFound); err != nil {
		t.Errorf("Ingress of another controller: %v", err)
	}
	if err := l.ingressAt("store", "theirs"); err != nil {
		t.Errorf("Ingress of another controller: %v", err)
	}

	// A name of older charts, and another port. The ports of nodes are taken over.
	l.Put(ingressConfig("ingressed", "{enabled: true, serviceName: fsm-ingress-pipy-controller, replicas: 2, http: {listen: "+gateway+"}, tls: {enabled: true}}"))
	l.serviceOf("fsm-ingress-pipy-controller", "http 80:"+gateway+" 30508, https 443:8443 30607")
	if _, err := l.Kube.CoreV1().Services("ingressed").Get(l.Ctx, "fsm-ingress", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the Service of before: %v", err)
	}
	l.Eventually("no address", func() error { return l.ingressAt("store", "web") })

	l.Put(ingressConfig("ingressed", "{enabled: false}"))
	l.Eventually("nothing is left", func() error {
		_, err := l.Kube.AppsV1().Deployments("ingressed").Get(l.Ctx, "fsm-ingress", metav1.GetOptions{})
		_, err2 := l.Kube.CoreV1().Services("ingressed").Get(l.Ctx, "fsm-ingress-pipy-controller", metav1.GetOptions{})
		_, err3 := l.Kube.CoreV1().ServiceAccounts("ingressed").Get(l.Ctx, "fsm-ingress", metav1.GetOptions{})
		if !apierrors.IsNotFound(err) || !apierrors.IsNotFound(err2) || !apierrors.IsNotFound(err3) {
			return fmt.Errorf("Deployment: %w", errors.Join(err, err2, err3))
		}
		return nil
	})
	if err := asks(gateway, "store.example", http.StatusOK); err != nil {
		t.Errorf("a proxy that is about to go: %v", err)
	}
}

const tenantObjects = `
apiVersion: v1
kind: Namespace
metadata: {name: shared}
---
apiVersion: v1
kind: Namespace
metadata: {name: tenant}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: tenant}
spec:
  ingressClassName: pipy
  rules: [{host: tenant.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
---
apiVersion: flomesh.io/v1alpha1
kind: NamespacedIngress
metadata: {name: own, namespace: tenant}
spec: {http: {port: {name: http, protocol: TCP, port: 81, targetPort: TARGET_PORT, nodePort: 30081}}, serviceAnnotations: {note: x}}
---
apiVersion: flomesh.io/v1alpha1
kind: NamespacedIngress
metadata: {name: second, namespace: tenant}
`

// TestNamespacedIngress: a namespace gets proxies of its own once that is enabled, which
// serve its Ingresses, with an address of their own; they go when it is disabled.
func TestNamespacedIngress(t *testing.T) {
	l := ingressLab(t, "shared")
	gateway := l.FreePort()
	l.serve("tenant", strings.ReplaceAll(tenantObjects, "TARGET_PORT", gateway))
	l.Put(ingressConfig("shared", "{enabled: true, http: {nodePort: 0}}"))
	controller := l.listen()
	l.Eventually("event about what is not enabled", func() error { return l.told("tenant", "own", "not enabled") })

	l.Put(ingressConfig("shared", "{enabled: true, namespaced: true, http: {nodePort: 0}}"))
	var service *corev1.Service
	l.Eventually("Service of the namespace", func() (err error) {
		service, err = l.Kube.CoreV1().Services("tenant").Get(l.Ctx, "fsm-ingress-own", metav1.GetOptions{})
		return err
	})
	if p := service.Spec.Ports[0]; p.Port != 81 || p.NodePort != 30081 || service.Annotations["note"] != "x" {
		t.Errorf("Service %v with annotations %v", p, service.Annotations)
	}
	l.assign("tenant", "fsm-ingress-own", "", "192.0.2.10")
	l.proxyAs("ingress/fsm-ingress-own", controller, "tenant", "fsm-ingress-own")
	l.Eventually("Ingress serves", func() error { return asks(gateway, "tenant.example", http.StatusOK) })
	l.Eventually("address of the Ingress", func() error { return l.ingressAt("tenant", "web", "192.0.2.10") })
	l.Eventually("event about the second", func() error { return l.told("tenant", "second", "NamespacedIngress own") })
	if _, err := l.Kube.AppsV1().Deployments("tenant").Get(l.Ctx, "fsm-ingress-second", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("Deployment of the second: %v", err)
	}

	l.Put(ingressConfig("shared", "{enabled: true, http: {nodePort: 0}}"))
	l.Eventually("nothing is left", func() error {
		_, err := l.Kube.AppsV1().Deployments("tenant").Get(l.Ctx, "fsm-ingress-own", metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("Deployment: %w", err)
		}
		return nil
	})
	if _, err := l.Kube.AppsV1().Deployments("shared").Get(l.Ctx, "fsm-ingress", metav1.GetOptions{}); err != nil {
		t.Errorf("Deployment that namespaces share: %v", err)
	}
}

// TestIngressOfOthers: what has the name of the proxies of Ingresses and is somebody
// else's stays as it is, and everything comes when it is gone.
func TestIngressOfOthers(t *testing.T) {
	l := ingressLab(t, "taken")
	const theirs = "apiVersion: v1\nkind: Service\nmetadata: {name: fsm-ingress, namespace: taken}\nspec: {ports: [{port: 7}]}\n"
	l.Put("apiVersion: v1\nkind: Namespace\nmetadata: {name: taken}\n---\n" + theirs)
	l.Put(ingressConfig("taken", "{enabled: true, http: {nodePort: 0}}"))
	refused := make(chan struct{}, 1)
	l.answered = func(q *http.Request, status int) {
		if q.Method == http.MethodGet && strings.HasSuffix(q.URL.Path, "/namespaces/taken/services/fsm-ingress") && status == http.StatusOK {
			select {
			case refused <- struct{}{}:
			default:
			}
		}
	}
	l.listen()
	for range 2 { // the second time it has been through with the first
		select {
		case <-refused:
		case <-l.Ctx.Done():
			t.Fatal("nobody looked for the Service")
		}
	}
	s, err := l.Kube.CoreV1().Services("taken").Get(l.Ctx, "fsm-ingress", metav1.GetOptions{})
	l.Check(err)
	if len(s.Spec.Ports) != 1 || s.Spec.Ports[0].Port != 7 {
		t.Errorf("their Service has ports %v", s.Spec.Ports)
	}
	if _, err := l.Kube.AppsV1().Deployments("taken").Get(l.Ctx, "fsm-ingress", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("Deployment: %v", err)
	}
	l.Check(l.Delete(l.Ctx, theirs))
	l.Eventually("ours", func() error {
		_, err := l.Kube.AppsV1().Deployments("taken").Get(l.Ctx, "fsm-ingress", metav1.GetOptions{})
		return err
	})
}

// serviceOf waits until a Service has ports, as NAME PORT:BIND NODEPORT.
func (l *lab) serviceOf(name, want string) {
	l.T.Helper()
	l.Eventually("Service "+name, func() error {
		s, err := l.Kube.CoreV1().Services("ingressed").Get(l.Ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		var ports []string
		for _, p := range s.Spec.Ports {
			ports = append(ports, fmt.Sprintf("%s %d:%s %d", p.Name, p.Port, p.TargetPort.String(), p.NodePort))
		}
		if s.Spec.Type != corev1.ServiceTypeLoadBalancer || s.Labels["app"] != "fsm-ingress" || s.Labels["app.kubernetes.io/component"] != "controller" {
			return fmt.Errorf("%s Service with labels %v", s.Spec.Type, s.Labels)
		}
		return is(strings.Join(ports, ", "), want)
	})
}

// asks asks a proxy for a host.
func asks(port, host string, want int) error {
	q, err := http.NewRequest(http.MethodGet, "http://"+net.JoinHostPort("127.0.0.1", port)+"/", nil)
	if err != nil {
		return err
	}
	q.Host = host
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return is(res.StatusCode, want)
}

// ingressAt reports the difference between the addresses of an Ingress and others.
func (l *lab) ingressAt(namespace, name string, want ...string) error {
	i, err := l.Kube.NetworkingV1().Ingresses(namespace).Get(l.Ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	var got []string
	for _, a := range i.Status.LoadBalancer.Ingress {
		got = append(got, a.IP)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return errors.New(diff)
	}
	return nil
}

// told reports whether no event about an object has a text.
func (l *lab) told(namespace, name, text string) error {
	events, err := l.Kube.CoreV1().Events(namespace).List(l.Ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, e := range events.Items {
		if e.InvolvedObject.Name == name && strings.Contains(e.Message, text) {
			return nil
		}
	}
	return fmt.Errorf("%d events, none about %s", len(events.Items), text)
}

const namesakeObjects = `
apiVersion: v1
kind: Namespace
metadata: {name: namesake}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: namesake}
spec: {controllerName: flomesh.io/namesake}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: fsm-ingress, namespace: namesake}
spec: {gatewayClassName: namesake, listeners: [{name: http, port: GATEWAY_PORT, protocol: HTTP}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: namesake}
spec:
  ingressClassName: pipy
  rules: [{host: namesake.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
`

// TestGatewayNamedLikeIngress: a Gateway may have the name and the namespace of the
// proxies of Ingresses. Each has proxies and ports of its own.
func TestGatewayNamedLikeIngress(t *testing.T) {
	l := ingressLab(t, "namesake")
	gateway, ingress := l.FreePort(), l.FreePort()
	l.serve("namesake", strings.ReplaceAll(namesakeObjects, "GATEWAY_PORT", gateway))
	l.Put(strings.Replace(ingressConfig("namesake", "{enabled: true, http: {nodePort: 0, listen: "+ingress+"}}"), "spec: {", "spec: {gatewayAPI: {enabled: true}, ", 1))
	controller := l.listen()
	for name, port := range map[string]string{"fsm-ingress": "80", "fsm-gateway-namesake": gateway} {
		l.Eventually("Service "+name, func() error {
			s, err := l.Kube.CoreV1().Services("namesake").Get(l.Ctx, name, metav1.GetOptions{})
			if err == nil && (len(s.Spec.Ports) != 1 || fmt.Sprint(s.Spec.Ports[0].Port) != port) {
				return fmt.Errorf("ports are %v", s.Spec.Ports)
			}
			return err
		})
	}
	l.proxyAs("ingress/fsm-ingress", controller, "namesake", "fsm-ingress")
	l.Eventually("Ingress serves", func() error { return asks(ingress, "namesake.example", http.StatusOK) })
	if err := asks(gateway, "namesake.example", http.StatusNotFound); err == nil {
		t.Error("the proxies of Ingresses serve the Gateway")
	}
	l.proxy(controller, "namesake", "fsm-gateway-namesake", "fsm-ingress")
	l.Eventually("Gateway serves", func() error { return asks(gateway, "namesake.example", http.StatusNotFound) })
}

const guestObjects = `
apiVersion: v1
kind: Namespace
metadata: {name: guested}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: guest, namespace: guested}
spec:
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 31400, name: tcp, protocol: TCP}, hosts: ["*"]}
`

// TestGuestPorts: the Service of the ingress gets the ports of Istio's Gateways that it
// lacks, and loses them with the Gateway.
func TestGuestPorts(t *testing.T) {
	l := ingressLab(t, "guested")
	l.Put(guestObjects)
	l.Put(ingressConfig("guested", "{enabled: true, http: {nodePort: 0}}"))
	l.listen()
	ports := func(want string) {
		l.Eventually("ports "+want, func() error {
			s, err := l.Kube.CoreV1().Services("guested").Get(l.Ctx, "fsm-ingress", metav1.GetOptions{})
			if err != nil {
				return err
			}
			var got []string
			for _, p := range s.Spec.Ports {
				got = append(got, fmt.Sprintf("%d:%s", p.Port, p.TargetPort.String()))
			}
			return is(strings.Join(got, " "), want)
		})
	}
	ports("80:8000 31400:31400")
	_, gateway, _ := strings.Cut(guestObjects, "---")
	l.Check(l.Delete(l.Ctx, gateway))
	ports("80:8000")
}
