package resource

import "testing"

// What the first object of a kind costs on top: reading its definition and
// compiling its rules.
func BenchmarkCompile(b *testing.B) {
	for _, kind := range kinds {
		if kind.crd == "" {
			continue
		}
		b.Run(kind.Name, func(b *testing.B) {
			for b.Loop() {
				mustCompile(mustReadCRD(kind), kind.Versions[0])
			}
		})
	}
}
