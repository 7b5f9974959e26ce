package kube

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"fsm/internal/resource"
)

// withhold takes Secrets of namespaces that are not to be read out of what is
// wanted, and says so.
func (s *Source) withhold(wanted map[resource.Key]bool) []resource.Problem {
	if s.options.SecretNamespaces == nil {
		return nil
	}
	var problems []resource.Problem
	for key := range wanted {
		if key.Kind == "Secret" && !slices.Contains(s.options.SecretNamespaces, key.Namespace) {
			delete(wanted, key)
			problems = append(problems, resource.Problem{Key: key, Message: fmt.Sprintf(
				"Secrets of namespace %s are not read; add it to fsm.secretNamespaces", key.Namespace)})
		}
	}
	return problems
}

// watchWanted begins the watches that are missing; it tells whether all of them
// have been answered.
func (s *Source) watchWanted(ctx context.Context, wanted map[resource.Key]bool) bool {
	answered := true
	for key := range wanted {
		w := s.named[key]
		if w == nil {
			var err error
			if w, err = s.watchNamed(ctx, key); err != nil {
				s.log.Error("cannot watch", "object", key.String(), "error", err)
				continue
			}
			s.named[key] = w
		}
		answered = answered && w.state.isAnswered()
	}
	return answered
}

// dropUnwanted ends the watches that nothing refers to any longer, and forgets what
// they read.
func (s *Source) dropUnwanted(wanted map[resource.Key]bool) {
	for key, w := range s.named {
		if !wanted[key] {
			w.stop()
			w.feed.empty()
			delete(s.named, key)
		}
	}
}

func compareKeys(a, b resource.Key) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
