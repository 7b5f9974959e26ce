package status

import (
	policyv1alpha1 "fsm/api/policy/v1alpha1"
	"fsm/internal/resource"
	"fsm/internal/translate/report"
)

// commits lists what the policies of group policy.flomesh.io should say.
func commits(rep *report.Report) []demand {
	all := make([]demand, 0, len(rep.Commits))
	for key, c := range rep.Commits {
		all = append(all, demand{key: key, status: c})
	}
	return all
}

func (m merger) commit(current *policyv1alpha1.IngressBackendStatus, want report.Commit) fields {
	state := policyv1alpha1.StatusCommitted
	if !want.OK {
		state = policyv1alpha1.StatusError
	}
	f := fields{}
	f.set("currentStatus", current.CurrentStatus, state)
	f.set("reason", current.Reason, want.Reason)
	return f
}

// subresource is where the status of an object is written: an IngressBackend has it as
// an ordinary field, since its definition was without a subresource before FSM was
// written anew.
func subresource(key resource.Key) []string {
	if key.Group == policyv1alpha1.GroupName {
		return nil
	}
	return []string{"status"}
}
