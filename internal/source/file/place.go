package file

import (
	"io"

	"fsm/internal/resource"
)

// Places tells where objects stand: "routes.yaml:12".
type Places map[resource.Key]string

// Locate is Read that also tells where each object of the set stands.
func Locate(paths []string, stdin io.Reader) (*resource.Set, Places, error) {
	s := &Source{paths: paths, once: true, stdin: stdin}
	if err := s.refresh(nil); err != nil {
		return nil, nil, err
	}
	winners, _ := s.winners()
	places := make(Places, len(winners))
	for key, o := range winners {
		places[key] = o.source
	}
	return s.Set(), places, nil
}
