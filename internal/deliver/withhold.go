package deliver

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"fsm/internal/ir"
)

// reasonUnsupported is the same as for filters that nobody supports: what a client
// sees does not depend on who did not know the filter.
const reasonUnsupported = "unsupported_filter"

// withhold replaces the routes whose filters a proxy does not know by routes that
// answer 500, and says so among the conflicts. A snapshot without such routes is
// returned as it is.
func withhold(s *ir.Snapshot, known []string) *ir.Snapshot {
	if !slices.ContainsFunc(ir.FilterKinds(), func(k string) bool { return !slices.Contains(known, k) }) {
		return s
	}
	reduced := *s
	reduced.Tables = maps.Clone(s.Tables)
	for _, name := range slices.Sorted(maps.Keys(s.Tables)) {
		t := *s.Tables[name]
		changed := false
		for i, r := range t.Routes {
			strange := strangeFilter(r, known)
			if strange == "" {
				continue
			}
			if !changed {
				t.Routes, changed = slices.Clone(t.Routes), true
			}
			message := fmt.Sprintf("the proxy is too old for the filter %s; upgrade it", strange)
			t.Routes[i] = &ir.Route{Origin: r.Origin, Match: r.Match, Action: &ir.Respond{
				Status: http.StatusInternalServerError, Reason: reasonUnsupported, Message: message,
			}}
			reduced.Conflicts = append(slices.Clip(reduced.Conflicts), ir.Failure{
				Resource: string(name), Origins: []ir.Origin{r.Origin}, Reason: "UnsupportedFilter", Message: message,
			})
		}
		if changed {
			reduced.Tables[name] = &ir.RouteTable{Name: t.Name, Routes: t.Routes}
		}
	}
	reduced.Seal()
	return &reduced
}

// strangeFilter is the first filter of a route that is not known.
func strangeFilter(r *ir.Route, known []string) string {
	filters := slices.Clone(r.Filters)
	if forward, ok := r.Action.(*ir.Forward); ok {
		for _, d := range forward.Destinations {
			filters = append(filters, d.Filters...)
		}
	}
	for _, f := range filters {
		if k := ir.FilterKind(f); !slices.Contains(known, k) {
			return k
		}
	}
	return ""
}
