package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/report"
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
	closed   bool
	read     func(P, *reading[S])
	byTarget *core.Index[resource.Key, P]
	all      *core.Index[struct{}, P]
	readings *memo.Table[types.NamespacedName, *reading[S]]
}

// reading is what a policy comes to.
type reading[S any] struct {
	// scopes are the parts of the target that the policy is for.
	scopes []scope[S]
	// problem is what is wrong with the policy itself, and reason that of a condition.
	problem string
	reason  gatewayv1.PolicyConditionReason
}

// invalid keeps the first value that cannot be used: which field, and what to do.
func (rd *reading[S]) invalid(format string, args ...any) {
	rd.refuse(gatewayv1.PolicyReasonInvalid, format, args...)
}

func (rd *reading[S]) refuse(reason gatewayv1.PolicyConditionReason, format string, args ...any) {
	if rd.problem == "" {
		rd.reason, rd.problem = reason, fmt.Sprintf(format, args...)
	}
}

func (rd *reading[S]) add(p part, setting S) { rd.scopes = append(rd.scopes, scope[S]{p, setting}) }

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
	// field is where the policy says so.
	field string
}

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
	f := &family[P, S]{src: src, kind: kind, allowed: allowed, read: read}
	f.byTarget = core.NewIndex(src, func(p P) []resource.Key { return []resource.Key{targetOf(p)} })
	f.all = core.NewIndex(src, func(P) []struct{} { return []struct{}{{}} })
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

// any tells whether there is a policy of the family.
func (f *family[P, S]) any(r *memo.Recorder) bool { return len(f.all.List(r, struct{}{})) > 0 }

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
	if !slices.Contains(f.allowed, kindOf(target)) || !f.permitted(r, p, target) {
		return nil, false
	}
	rd := f.readings.Read(r, nameOf(p))
	return rd, rd.problem == "" || f.closed
}

// kindOf is a key without names.
func kindOf(key resource.Key) resource.Key { return resource.Key{Group: key.Group, Kind: key.Kind} }

func (f *family[P, S]) permitted(r *memo.Recorder, p P, target resource.Key) bool {
	from := core.Referrer{Group: v1alpha1.GroupName, Kind: f.kind, Namespace: p.GetNamespace()}
	return f.src.Permits(r, from, target)
}

// winner finds what holds at a place of a target: the most specific part, of equally
// specific ones that of the oldest policy. Of hostnames the longest is the most
// specific.
func (f *family[P, S]) winner(r *memo.Recorder, target resource.Key, at place) (best scope[S], ok bool) {
	for _, p := range f.byTarget.List(r, target) {
		rd, counts := f.counts(r, p)
		if !counts {
			continue
		}
		for _, s := range rd.scopes {
			if s.covers(at) && (!ok || s.compare(best.part) < 0) {
				best, ok = s, true
			}
		}
	}
	return best, ok
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

// verdict is the condition of a policy. has tells which parts its target has.
func (f *family[P, S]) verdict(p P, has func(part) bool) metav1.Condition {
	target := targetOf(p)
	if !slices.Contains(f.allowed, kindOf(target)) {
		return report.PolicyInvalid(fmt.Sprintf("targetRef: kind %s cannot be the target of %s; use %s",
			cmp.Or(target.Group, "core")+"/"+target.Kind, withArticle(f.kind), kindList(f.allowed)))
	}
	rd := f.readings.Read(nil, nameOf(p))
	if rd.problem != "" {
		return report.PolicyRefused(rd.reason, rd.problem)
	}
	if !f.permitted(nil, p, target) {
		return report.PolicyRefNotPermitted(fmt.Sprintf("targetRef: no ReferenceGrant in namespace %q allows %s of namespace %q to refer to %s %q",
			target.Namespace, withArticle(f.kind), p.GetNamespace(), target.Kind, target.Name))
	}
	if has == nil {
		return report.PolicyTargetNotFound(fmt.Sprintf("targetRef: %s does not exist", target))
	}
	var missing, lost []string
	for _, s := range rd.scopes {
		switch rival, loses := f.rival(p, target, s.part); {
		case !has(s.part):
			missing = append(missing, fmt.Sprintf("%s: %s has no %s", s.field, target, s))
		case loses:
			lost = append(lost, fmt.Sprintf("%s: %s %s is older or comes first by name, and is about the same", cmp.Or(s.field, "spec"), f.kind, rival))
		}
	}
	said := strings.Join(append(lost, missing...), "; ")
	switch {
	case len(missing)+len(lost) < len(rd.scopes):
		return report.PolicyAcceptedBut(said)
	case len(lost) > 0:
		return report.PolicyConflicted(said)
	default:
		return report.PolicyTargetNotFound(said)
	}
}

// rival is the policy that takes precedence over another one for a part.
func (f *family[P, S]) rival(p P, target resource.Key, about part) (types.NamespacedName, bool) {
	for _, other := range f.byTarget.List(nil, target) {
		if other == p {
			return types.NamespacedName{}, false
		}
		rd, counts := f.counts(nil, other)
		if counts && slices.ContainsFunc(rd.scopes, func(s scope[S]) bool { return s.same(about) }) {
			return nameOf(other), true
		}
	}
	return types.NamespacedName{}, false
}

func withArticle(kind string) string {
	if strings.ContainsAny(kind[:1], "AEIOU") {
		return "an " + kind
	}
	return "a " + kind
}

func kindList(kinds []resource.Key) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.Kind
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " or " + names[last]
	}
	return strings.Join(names, "")
}
