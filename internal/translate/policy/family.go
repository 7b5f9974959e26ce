package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
)

// object is a pointer to one of our own kinds of policies.
type object interface {
	comparable
	v1alpha1.Policy
}

// family is one kind of policy: where its objects are attached, and what each comes
// to, which is of type S.
type family[P object, S any] struct {
	src  *core.Source
	kind string
	// allowed are the kinds of targets.
	allowed []resource.Key
	// closed makes what a policy protects fail while the policy cannot be put to work.
	// Otherwise such a policy does nothing.
	closed bool
	// judge may refuse a part where the policy takes precedence, for the sake of other
	// objects; nil for kinds that need none.
	judge    func(P, scope[S]) *metav1.Condition
	byTarget *core.Index[resource.Key, P]
	readings *memo.Table[types.NamespacedName, *reading[S]]
}

// reading is what a policy comes to.
type reading[S any] struct {
	flaw
	// scopes are the parts of the target that the policy is for.
	scopes []scope[S]
}

func (rd *reading[S]) add(p part, setting S) { rd.scopes = append(rd.scopes, scope[S]{p, setting}) }

// flaw is what is wrong with a policy itself, and the reason of a condition for that.
type flaw struct {
	problem string
	reason  gatewayv1.PolicyConditionReason
	// warnings are about what works, and is hardly meant.
	warnings []string
}

// invalid keeps the first value that cannot be used: which field, and what to do.
func (f *flaw) invalid(format string, args ...any) {
	f.refuse(gatewayv1.PolicyReasonInvalid, format, args...)
}

func (f *flaw) refuse(reason gatewayv1.PolicyConditionReason, format string, args ...any) {
	if f.problem == "" {
		f.reason, f.problem = reason, fmt.Sprintf(format, args...)
	}
}

// scope is a part of a target with what holds for it.
type scope[S any] struct {
	part
	setting S
}

// part of a target.
type part struct {
	level level
	// name is the port, the hostname or the key of the match; empty for the whole.
	name string
	// field is where the policy names the part, and valueAt where it says what holds for
	// it: beside that, or once for all parts.
	field, valueAt string
}

// whole is a target as a whole.
var whole = part{level: byWhole}

// level is how specific a part is.
type level int

// Levels, most specific first.
const (
	byMatch level = iota
	byHostname
	byWhole
	byPort
)

// String names the part, for origins and messages.
func (p part) String() string {
	switch p.level {
	case byMatch:
		return "match " + p.name
	case byHostname:
		return "hostname " + p.name
	case byPort:
		return "port " + p.name
	default:
		return ""
	}
}

// place is where a policy is looked for.
type place struct {
	hostname, match, port string
}

func portPlace(port int32) place { return place{port: strconv.Itoa(int(port))} }

// covers tells whether the part is about a place.
func (p part) covers(at place) bool {
	switch p.level {
	case byMatch:
		return p.name == at.match && at.match != ""
	case byHostname:
		return at.hostname != "" && ir.HostnameCovers(p.name, at.hostname)
	case byPort:
		return p.name == at.port
	default:
		return at.port == ""
	}
}

// same tells whether two parts are the same one, so that one has to give way.
func (p part) same(o part) bool { return p.level == o.level && p.name == o.name }

// newFamily makes a family; read fills in what a policy comes to.
func newFamily[P object, S any](src *core.Source, kind string, read func(P, *reading[S]), allowed ...resource.Key) *family[P, S] {
	f := &family[P, S]{src: src, kind: kind, allowed: allowed}
	f.byTarget = core.NewIndex(src, func(p P) []resource.Key { return []resource.Key{targetOf(p)} })
	f.readings = memo.NewTable(src.Clock(), func(r *memo.Recorder, name types.NamespacedName) *reading[S] {
		rd := &reading[S]{}
		read(core.Get[P](src, r, name), rd)
		return rd
	})
	return f
}

// targetOf is the key of what a policy is attached to.
func targetOf(p v1alpha1.Policy) resource.Key {
	t := p.Target()
	key := resource.Key{Group: string(t.Group), Kind: string(t.Kind), Namespace: p.GetNamespace(), Name: string(t.Name)}
	if key.Kind == "" {
		key.Kind = "Service" // the default of the schema
	}
	if t.Namespace != nil && *t.Namespace != "" {
		key.Namespace = string(*t.Namespace)
	}
	return key
}

// existence returns a function that tells whether there is a policy of a kind.
func existence[P object](src *core.Source) func(*memo.Recorder) bool {
	all := core.NewIndex(src, func(P) []struct{} { return []struct{}{{}} })
	return func(r *memo.Recorder) bool { return len(all.List(r, struct{}{})) > 0 }
}

func nameOf(p metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: p.GetNamespace(), Name: p.GetName()}
}

// origin is a part of a policy as the cause of something.
func origin(kind string, p metav1.Object, part part) ir.Origin {
	return ir.Origin{Kind: kind, Namespace: p.GetNamespace(), Name: p.GetName(), Part: part.String()}
}

// counts tells whether a policy has a say about its target.
func (f *family[P, S]) counts(r *memo.Recorder, p P) (*reading[S], bool) {
	target := targetOf(p)
	if !f.allows(target) || !f.permitted(r, p, target) {
		return nil, false
	}
	rd := f.readings.Read(r, nameOf(p))
	return rd, rd.problem == "" || f.closed
}

// named is an object of a kind.
func named(kind resource.Key, name types.NamespacedName) resource.Key {
	kind.Namespace, kind.Name = name.Namespace, name.Name
	return kind
}

// kindOf is a key without names.
func kindOf(key resource.Key) resource.Key { return resource.Key{Group: key.Group, Kind: key.Kind} }

func (f *family[P, S]) allows(target resource.Key) bool {
	return slices.Contains(f.allowed, kindOf(target))
}

func (f *family[P, S]) permitted(r *memo.Recorder, p P, target resource.Key) bool {
	from := core.Referrer{Group: v1alpha1.GroupName, Kind: f.kind, Namespace: p.GetNamespace()}
	return f.src.Permits(r, from, target)
}

// winner finds what holds at a place of a target, and which policy says so: the most
// specific part, of equally specific ones that of the oldest policy. Of hostnames the
// longest is the most specific.
func (f *family[P, S]) winner(r *memo.Recorder, target resource.Key, at place) (policy P, best scope[S], ok bool) {
	for _, p := range f.byTarget.List(r, target) {
		rd, counts := f.counts(r, p)
		if !counts {
			continue
		}
		for _, s := range rd.scopes {
			if s.covers(at) && (!ok || s.compare(best.part) < 0) {
				policy, best, ok = p, s, true
			}
		}
	}
	return policy, best, ok
}

// compare orders the more specific part first.
func (p part) compare(o part) int {
	if p.level == byHostname && o.level == byHostname {
		return ir.CompareHostnames(p.name, o.name)
	}
	return cmp.Compare(p.level, o.level)
}

// hostnames that policies of the family name, of a target.
func (f *family[P, S]) hostnames(r *memo.Recorder, target resource.Key) []string {
	var names []string
	for _, p := range f.byTarget.List(r, target) {
		if rd, counts := f.counts(r, p); counts {
			for _, s := range rd.scopes {
				if s.level == byHostname {
					names = append(names, s.name)
				}
			}
		}
	}
	return names
}
