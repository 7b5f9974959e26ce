package upstream

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Lookup resolves a DNS name to addresses.
type Lookup func(ctx context.Context, name string) ([]netip.Addr, error)

// SystemLookup asks the system's resolver.
func SystemLookup(ctx context.Context, name string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
}

// How often names are resolved. Go's resolver does not tell how long an answer
// is good for; these are short enough to follow a move and long enough not to
// bother anybody.
const (
	resolveEvery   = 30 * time.Second
	resolveRetry   = 2 * time.Second
	resolveTimeout = 5 * time.Second
)

// resolver keeps the addresses of names up to date.
type resolver struct {
	ask     Lookup
	changed func(name string)
	log     *slog.Logger
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mu    sync.Mutex
	names map[string]*resolution
	guard *guard
}

// resolution is what is known about a name.
type resolution struct {
	addrs   []netip.Addr // all of the answer, whether they may be used or not
	version int
	first   chan struct{} // closed after the first answer, good or bad
	known   bool
	// complained is set after it was logged that no address may be used.
	complained bool
	cancel     context.CancelFunc
}

func newResolver(ask Lookup, changed func(string), log *slog.Logger) *resolver {
	if ask == nil {
		ask = SystemLookup
	}
	r := &resolver{ask: ask, changed: changed, log: log, names: map[string]*resolution{}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

func (r *resolver) close() {
	r.cancel()
	r.wg.Wait()
}

// want makes exactly these names be resolved from now on.
func (r *resolver) want(names map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, res := range r.names {
		if !names[name] {
			res.cancel()
			delete(r.names, name)
		}
	}
	for name := range names {
		if r.names[name] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(r.ctx)
		res := &resolution{first: make(chan struct{}), cancel: cancel}
		r.names[name] = res
		r.wg.Go(func() { r.follow(ctx, name, res) })
	}
}

// restrict says which addresses are refused from now on.
func (r *resolver) restrict(g *guard) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.guard = g
}

// answer is what is known about a name.
type answer struct {
	// addrs may be used.
	addrs []netip.Addr
	// forbidden says that the name has addresses, and that none may be used.
	forbidden bool
	// pending is what to wait for if nothing is known yet.
	pending <-chan struct{}
}

// lookup is what is known about a name. Refused addresses are left out here and not
// when they arrive: which ones are may change at any time.
func (r *resolver) lookup(name string) (a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.names[name]
	if res == nil {
		return answer{}
	}
	if !res.known {
		a.pending = res.first
	}
	a.addrs = preferred(r.guard.permitted(res.addrs))
	a.forbidden = len(a.addrs) == 0 && len(res.addrs) > 0
	if a.forbidden && !res.complained {
		res.complained = true
		r.log.Warn("name of a backend resolves to addresses that are forbidden", "name", name, "addresses", res.addrs)
	}
	return a
}

// version changes whenever what is known about a name does.
func (r *resolver) version(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if res := r.names[name]; res != nil {
		v := strconv.Itoa(res.version) + strconv.FormatBool(res.known)
		if r.guard != nil {
			v += r.guard.version
		}
		return v
	}
	return ""
}

// follow resolves one name until it is not wanted any more. A failure keeps the
// addresses that were known.
func (r *resolver) follow(ctx context.Context, name string, res *resolution) {
	for {
		asking, cancel := context.WithTimeout(ctx, resolveTimeout)
		addrs, err := r.ask(asking, name)
		cancel()
		if ctx.Err() != nil {
			return
		}
		wait := resolveEvery
		if err != nil {
			wait = resolveRetry
		}
		r.take(name, res, addrs, err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (r *resolver) take(name string, res *resolution, addrs []netip.Addr, err error) {
	addrs = ordered(addrs)
	r.mu.Lock()
	first := !res.known
	changed := err == nil && !slices.Equal(addrs, res.addrs)
	if changed {
		res.addrs = addrs
		res.version++
	}
	res.known = true
	r.mu.Unlock()
	if first || changed {
		r.changed(name)
	}
	if first {
		close(res.first)
	}
}

// ordered are the addresses in one order, whichever way they were told.
func ordered(addrs []netip.Addr) []netip.Addr {
	all := make([]netip.Addr, len(addrs))
	for i, a := range addrs {
		all[i] = a.Unmap()
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}

// preferred are the IPv4 addresses if there are any, else the others: a name
// with both kinds usually names the same machines twice, and IPv4 is what a
// network that has only one of them has.
func preferred(addrs []netip.Addr) []netip.Addr {
	// IPv4 addresses come first in the order.
	if i := slices.IndexFunc(addrs, netip.Addr.Is6); i > 0 {
		return addrs[:i]
	}
	return addrs
}

// LookupAt asks the name server at an address.
func LookupAt(server string) Lookup {
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server)
	}}
	return func(ctx context.Context, name string) ([]netip.Addr, error) {
		return r.LookupNetIP(ctx, "ip", name)
	}
}
