package controller

import (
	"context"
	"sync"
	"time"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/report"
)

// Source is where user objects come from.
type Source interface {
	// Set is the current set of objects.
	Set() *resource.Set
	// Run calls changed after each change of the set, until the context ends.
	Run(ctx context.Context, changed func())
}

// Delivery takes meshes to proxies.
type Delivery interface{ Publish(*ir.Mesh) }

// Translator says what objects mean, as that of package translate does.
type Translator interface {
	Translate(*resource.Set) (*ir.Mesh, *report.Report)
}

// Loop is the control plane.
type Loop struct {
	Sources    []Source
	Translator Translator
	Delivery   Delivery
	// Translated is called with each result before it is delivered.
	Translated func(*ir.Mesh, *report.Report)
	// Took, if it is set, is told how long each translation took.
	Took func(time.Duration)
}

// A single change is acted on at once. Changes that follow closely are gathered
// until nothing came for quiet, or for as long as patience lasts.
const (
	quiet    = 10 * time.Millisecond
	patience = 100 * time.Millisecond
)

// Run runs the loop until the context ends.
func (l *Loop) Run(ctx context.Context) {
	changed := make(chan struct{}, 1)
	signal := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, s := range l.Sources {
		wg.Go(func() { s.Run(ctx, signal) })
	}
	l.Translate()
	for rested := time.Now(); ; rested = time.Now() {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		if time.Since(rested) < quiet && !gather(ctx, changed) {
			return
		}
		l.Translate()
	}
}

// gather waits until changes come to rest. False means that the context ended.
func gather(ctx context.Context, changed <-chan struct{}) bool {
	latest := time.After(patience)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-latest:
			return true
		case <-time.After(quiet):
			return true
		case <-changed:
		}
	}
}

// Translate looks at everything once.
func (l *Loop) Translate() {
	sets := make([]*resource.Set, len(l.Sources))
	for i, s := range l.Sources {
		sets[i] = s.Set()
	}
	begun := time.Now()
	mesh, rep := l.Translator.Translate(resource.Union(sets...))
	if l.Took != nil {
		l.Took(time.Since(begun))
	}
	l.Translated(mesh, rep)
	l.Delivery.Publish(mesh)
}
