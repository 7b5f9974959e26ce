package file

import (
	"bytes"
	"fmt"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/resource"
)

// routes is a file of HTTPRoutes; prefix goes into the path of the middle one.
func routes(n int, prefix string) string {
	var b bytes.Buffer
	for i := range n {
		path := "/v1"
		if i == n/2 {
			path = prefix
		}
		fmt.Fprintf(&b, `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: route-%d
  namespace: demo
spec:
  parentRefs:
  - name: gateway
  hostnames:
  - host-%d.example.com
  rules:
  - matches:
    - path: {type: PathPrefix, value: %s}
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier:
        set: [{name: x-route, value: route-%d}]
    backendRefs:
    - name: httpbin
      port: 8080
`, i, i, path, i)
	}
	return b.String()
}

func BenchmarkRead5000Routes(b *testing.B) {
	f := newFolder(b)
	f.write("routes.yaml", routes(5000, "/v1"))
	for b.Loop() {
		set, err := Read([]string{f.path}, nil)
		if err != nil || set.Len() != 5000 {
			b.Fatalf("got %d objects: %v", set.Len(), err)
		}
	}
}

func BenchmarkOneEditAmong5000Routes(b *testing.B) {
	f := newFolder(b)
	f.write("routes.yaml", routes(5000, "/v1"))
	s, err := Open([]string{f.path})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		before := resource.List[*gatewayv1.HTTPRoute](s.Set())
		f.write("routes.yaml", routes(5000, fmt.Sprintf("/edit-%d", i)))
		b.StartTimer()
		if err := s.refresh(nil); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		edited := 0
		for j, route := range resource.List[*gatewayv1.HTTPRoute](s.Set()) {
			if route != before[j] {
				edited++
			}
		}
		if edited != 1 {
			b.Fatalf("%d routes are new after one edit", edited)
		}
		b.StartTimer()
	}
}

func BenchmarkNothingChangedAmong5000Files(b *testing.B) {
	f := newFolder(b)
	for i := range 5000 {
		f.write(fmt.Sprintf("%d.yaml", i), configMap(fmt.Sprintf("c%d", i), "1"))
	}
	s, err := Open([]string{f.path})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.refresh(nil); err != nil {
			b.Fatal(err)
		}
	}
}
