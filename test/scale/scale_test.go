package scale

import (
	"flag"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	gateways "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"

	"fsm/internal/inspect"
	"fsm/test/cluster"
)

// Flags. Without the first two nothing is measured, because it takes minutes and
// disturbs others.
var (
	share    = flag.Float64("scale", 0, "measure with this share of the numbers of routes and requests; 1 for all of them")
	soakTime = flag.Duration("soak", 0, "change and load everything for this long")
	out      = flag.String("out", "", "document to write the figures into")
	version  = flag.String("version", "devel", "what is measured")
	command  = flag.String("command", "go test", "how it was started")
	where    = flag.String("cluster", "the test cluster", "which cluster this is, in words")
)

// lab is a cluster in which FSM is installed, and what was measured there.
type lab struct {
	cluster.Running
	kube    kubernetes.Interface
	objects gateways.Interface
	inside  *inspect.Cluster
	figures *figures
}

func newLab(t *testing.T) *lab {
	l := &lab{Running: cluster.NeedNodes(t), figures: &figures{}}
	var err error
	if l.kube, err = kubernetes.NewForConfig(l.Config); err != nil {
		t.Fatal("make Kubernetes client:", err)
	}
	if l.objects, err = gateways.NewForConfig(l.Config); err != nil {
		t.Fatal("make client of the Gateway API:", err)
	}
	if l.inside, err = inspect.New(l.Config); err != nil {
		t.Fatal(err)
	}
	return l
}

// part is a share of a number.
func part(n int) int { return max(1, int(float64(n)*min(*share, 1))) }

// patience is how long something may take that is not measured.
const patience = 5 * time.Minute

// TestScale measures, one thing after the other: each needs the machine for itself.
func TestScale(t *testing.T) {
	if *share == 0 {
		t.Skip("-scale is not given; 'make scale' measures")
	}
	l := newLab(t)
	for _, one := range []struct {
		name    string
		measure func(*testing.T, *lab)
	}{
		{"attached", attached},
		{"propagation", propagation},
		{"size", size},
		{"toggling", toggling},
		{"rollouts-of-backends", rolloutsOfBackends},
		{"rollouts-of-proxies", rolloutsOfProxies},
		{"absence", absence},
	} {
		t.Run(one.name, func(t *testing.T) { one.measure(t, l) })
	}
	publish(t, *out, "scale", here(), l.figures)
}

// here is where and when this is.
func here() circumstances {
	return circumstances{command: *command, version: *version, cluster: *where, when: time.Now()}
}
