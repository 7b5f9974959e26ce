package upstream

import (
	"context"
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
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mu    sync.Mutex
	names map[string]*resolution
}

// resolution is what is known about a name.
type resolution struct {
	addrs   []netip.Addr
	version int
	first   chan struct{} // closed after the first answer, good or bad
	known   bool
	cancel  context.CancelFunc
}

func newResolver(ask Lookup, changed func(string)) *resolver {
	if ask == nil {
		ask = SystemLookup
	}
	r := &resolver{ask: ask, changed: changed, names: map[string]*resolution{}}
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

// lookup is what is known about a name, and what to wait for if that is nothing
// yet.
func (r *resolver) lookup(name string) (addrs []netip.Addr, pending <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.names[name]
	if res == nil {
		return nil, nil
	}
	if !res.known {
		pending = res.first
	}
	return res.addrs, pending
}

// version changes whenever what is known about a name does.
func (r *resolver) version(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if res := r.names[name]; res != nil {
		return strconv.Itoa(res.version) + strconv.FormatBool(res.known)
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
	addrs = preferred(addrs)
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

// preferred are the IPv4 addresses if there are any, else the others: a name
// with both kinds usually names the same machines twice, and IPv4 is what a
// network that has only one of them has.
func preferred(addrs []netip.Addr) []netip.Addr {
	var v4, v6 []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() {
			v4 = append(v4, a)
		} else {
			v6 = append(v6, a)
		}
	}
	if len(v4) == 0 {
		v4 = v6
	}
	slices.SortFunc(v4, netip.Addr.Compare)
	return v4
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
