package operator

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"weak"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/deliver"
	"fsm/internal/identity"
	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/report"
)

// fleet knows which proxy has what: those that are connected here, and those of
// which other replicas tell.
type fleet struct {
	server  *deliver.Server
	publish func(*report.Report)
	// wake is called when something else changed that statuses depend on.
	wake func()
	// news has an element after something changed about the proxies that are here.
	news chan struct{}

	// counting is held while proxies are counted, so that the last count stays.
	counting sync.Mutex

	mu     sync.Mutex
	report *report.Report
	// editions are the latest meshes with the marks of their Gateways, the oldest
	// first.
	editions []edition
	here     proxies
	// elsewhere are the proxies of other replicas, by the name of the replica.
	elsewhere map[string]relayed
}

// proxies are the proxies of Gateways, by the names that they give themselves.
type proxies map[resource.Key]map[string]*proxyState

// proxyState is what statuses depend on.
type proxyState struct {
	// Mark of the Gateway that the proxy answered last.
	Mark string `json:"mark"`
	// Rejected and Failures are of that answer.
	Rejected string       `json:"rejected,omitempty"`
	Failures []ir.Failure `json:"failures,omitempty"`
	Ready    bool         `json:"ready"`
}

// relayed are the proxies of another replica as they were told at a time.
type relayed struct {
	proxies proxies
	at      time.Time
}

// edition is a mesh and what it has of each Gateway. It does not keep the mesh, which
// may be large: one that no proxy is to answer any longer is of no interest.
type edition struct {
	mesh  weak.Pointer[ir.Mesh]
	marks map[resource.Key]string
	// orphans are the Gateways that it has not because their class does not exist.
	orphans map[resource.Key]bool
}

// mostEditions bounds how far behind a proxy may be so that its answer still counts.
const mostEditions = 128

func newFleet() *fleet {
	return &fleet{news: make(chan struct{}, 1), here: proxies{}, elsewhere: map[string]relayed{}}
}

// mark tells apart the states of a Gateway that proxies can have in force, as far as
// its status is concerned: the generations of the Gateway and of its ListenerSets, and
// which listeners should serve. Replicas of the control plane that have read the same
// objects have the same marks.
func mark(r *report.Report, gateway resource.Key) string {
	s := r.Gateways[gateway]
	if s == nil {
		return ""
	}
	var text strings.Builder
	add := func(name any, conditions []metav1.Condition) {
		c := meta.FindStatusCondition(conditions, string(gatewayv1.GatewayConditionProgrammed))
		if c == nil {
			c = &metav1.Condition{}
		}
		fmt.Fprintf(&text, "%v=%d%.1s ", name, c.ObservedGeneration, c.Status)
	}
	add("", s.Conditions)
	for _, l := range s.Listeners {
		add(l.Name, l.Conditions)
	}
	for _, key := range r.Attached[gateway] {
		if set := r.ListenerSets[key]; set != nil {
			add(key.Namespace+"/"+key.Name, set.Conditions)
			for _, l := range set.Listeners {
				add(l.Name, l.Conditions)
			}
		}
	}
	return text.String()
}

// translated takes in the latest result.
func (f *fleet) translated(m *ir.Mesh, r *report.Report) {
	marks := make(map[resource.Key]string, len(r.Gateways))
	for key := range r.Gateways {
		marks[key] = mark(r, key)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.report = r
	f.editions = slices.DeleteFunc(f.editions, func(e edition) bool { return e.mesh.Value() == nil })
	f.editions = append(f.editions, edition{weak.Make(m), marks, r.Orphans})
	if len(f.editions) > mostEditions {
		f.editions = slices.Delete(f.editions, 0, len(f.editions)-mostEditions)
	}
	f.publish(f.merged())
}

// orphaned reports whether a mesh lacks a Gateway only because its class does not
// exist. Of a mesh that is too old to be known nothing should be delivered either.
func (f *fleet) orphaned(m *ir.Mesh, gateway resource.Key) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.editions {
		if e.mesh == weak.Make(m) {
			return e.orphans[gateway]
		}
	}
	return true
}

// answered takes in what a proxy answered.
func (f *fleet) answered(a deliver.Answer) {
	key, ok := gatewayOf(a.Proxy.ID)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.here.at(key, a.Proxy.Node)
	before := *p
	p.Mark, p.Rejected, p.Failures = "", a.Ack.Rejected, a.Ack.Failures
	for _, e := range f.editions {
		if e.mesh == weak.Make(a.Mesh) {
			p.Mark = e.marks[key]
		}
	}
	if p.Mark != before.Mark || p.Rejected != before.Rejected || !reflect.DeepEqual(p.Failures, before.Failures) {
		f.changed(len(p.Failures) > 0 || len(before.Failures) > 0)
	}
}

// changed tells of a change of what proxies say. The lock is held.
func (f *fleet) changed(failures bool) {
	select {
	case f.news <- struct{}{}:
	default:
	}
	if failures && f.report != nil {
		f.publish(f.merged())
		return
	}
	f.wake()
}

// connected takes in that proxies came, went, or became ready or not ready.
func (f *fleet) connected() {
	f.counting.Lock()
	defer f.counting.Unlock()
	there := proxies{}
	for _, p := range f.server.Proxies() {
		if key, ok := gatewayOf(p.ID); ok {
			state := there.at(key, p.Node)
			state.Ready = state.Ready || p.Report.Ready
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	failures := false
	for key, byNode := range f.here {
		for node, p := range byNode {
			failures = failures || len(p.Failures) > 0
			if there[key][node] == nil {
				delete(byNode, node)
			}
		}
		if len(byNode) == 0 {
			delete(f.here, key)
		}
	}
	for key, byNode := range there {
		for node, p := range byNode {
			f.here.at(key, node).Ready = p.Ready
		}
	}
	f.changed(failures)
}

// told takes in what another replica says about its proxies.
func (f *fleet) told(replica string, there proxies) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.elsewhere[replica].proxies
	f.elsewhere[replica] = relayed{there, time.Now()}
	if !reflect.DeepEqual(before, there) {
		f.publishOrWake()
	}
}

// forget drops what replicas said of which nothing was heard for some time.
func (f *fleet) forget(old time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.elsewhere)
	maps.DeleteFunc(f.elsewhere, func(_ string, r relayed) bool { return time.Since(r.at) > old })
	if len(f.elsewhere) != before {
		f.publishOrWake()
	}
}

// publishOrWake tells of a change elsewhere. The lock is held.
func (f *fleet) publishOrWake() {
	if f.report != nil {
		f.publish(f.merged())
	}
}

// copied are the proxies that are here.
func (f *fleet) copied() proxies {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := proxies{}
	for key, byNode := range f.here {
		for node, p := range byNode {
			*all.at(key, node) = *p
		}
	}
	return all
}

// at finds or makes the state of a proxy.
func (p proxies) at(gateway resource.Key, node string) *proxyState {
	if p[gateway] == nil {
		p[gateway] = map[string]*proxyState{}
	}
	if p[gateway][node] == nil {
		p[gateway][node] = &proxyState{}
	}
	return p[gateway][node]
}

// gatewayOf is the Gateway that a proxy is of.
func gatewayOf(id identity.ID) (resource.Key, bool) {
	key := resource.Key{Group: gatewayv1.GroupName, Kind: "Gateway", Namespace: id.Namespace, Name: id.Name}
	return key, id.Role == identity.Gateway
}

// latest is the mark of a Gateway that proxies should have. The lock is held.
func (f *fleet) latest(gateway resource.Key) string {
	if len(f.editions) == 0 {
		return ""
	}
	return f.editions[len(f.editions)-1].marks[gateway]
}

// everywhere are the proxies that are known. The lock is held.
func (f *fleet) everywhere() []proxies {
	all := []proxies{f.here}
	for _, name := range slices.Sorted(maps.Keys(f.elsewhere)) {
		all = append(all, f.elsewhere[name].proxies)
	}
	return all
}

// merged is the latest report with what proxies could not put to work. The lock is
// held.
func (f *fleet) merged() *report.Report {
	var failures []ir.Failure
	for _, some := range f.everywhere() {
		for key, byNode := range some {
			for _, p := range byNode {
				if p.Mark == f.latest(key) {
					failures = append(failures, p.Failures...)
				}
			}
		}
	}
	return f.report.Apply(failures)
}

// ready reports whether a proxy of a Gateway that is ready has what the status of the
// Gateway is about in force, and none refused it.
func (f *fleet) ready(gateway resource.Key) (ok bool, message string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	latest := f.latest(gateway)
	message = "no proxy of the Gateway is connected"
	for _, some := range f.everywhere() {
		for _, node := range slices.Sorted(maps.Keys(some[gateway])) {
			switch p := some[gateway][node]; {
			case latest == "" || p.Mark != latest:
				message = "proxies have not taken over the latest version yet"
			case p.Rejected != "":
				return false, fmt.Sprintf("proxy %s refused the configuration: %s", node, p.Rejected)
			case !p.Ready:
				message = "no proxy of the Gateway is ready yet"
			default:
				ok = true
			}
		}
	}
	if ok {
		return true, ""
	}
	return false, message
}
