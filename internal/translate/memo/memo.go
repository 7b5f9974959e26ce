package memo

// Clock numbers runs and keeps house.
type Clock struct {
	now    uint64
	sweeps []func()
}

// runsPerSweep is how often the house is kept: sweeping visits all nodes.
const runsPerSweep = 16

// Tick begins a run. Now and then it drops what the run before had no need of.
func (c *Clock) Tick() {
	c.now++
	if c.now%runsPerSweep != 0 {
		return
	}
	for _, sweep := range c.sweeps {
		sweep()
	}
}

// idle tells whether a node that was last needed in the given run was not needed
// in the run before this one.
func (c *Clock) idle(needed uint64) bool { return needed+1 < c.now }

// node is something that values are made from.
type node interface {
	// update brings the node up to date and returns the run of its last change.
	update(*Clock) uint64
}

// Recorder keeps the nodes that a value is made from. Reading with a nil Recorder
// records nothing, for results that are not kept.
type Recorder struct{ read []node }

func (r *Recorder) add(n node) {
	if r != nil {
		r.read = append(r.read, n)
	}
}

// Inputs are nodes that come from outside, by key.
type Inputs[K comparable, V any] struct {
	clock  *Clock
	find   func(K) V
	inputs map[K]*input[V]
}

type input[V any] struct {
	value           V
	changed, needed uint64
	// dropped inputs are no longer refreshed. A value that was made from one, and
	// was not needed itself when it was dropped, must read it again.
	dropped bool
}

// NewInputs returns the inputs that a function finds. Whenever it would find
// another value for a key, [Inputs.Refresh] must be told.
func NewInputs[K comparable, V any](c *Clock, find func(K) V) *Inputs[K, V] {
	in := &Inputs[K, V]{clock: c, find: find, inputs: map[K]*input[V]{}}
	c.sweeps = append(c.sweeps, in.sweep)
	return in
}

// Refresh finds the value for a key again. It is called before anything is read
// in a run.
func (in *Inputs[K, V]) Refresh(key K) {
	if i := in.inputs[key]; i != nil {
		i.value, i.changed = in.find(key), in.clock.now
	}
}

// Read returns the value for a key and records it.
func (in *Inputs[K, V]) Read(r *Recorder, key K) V {
	i := in.inputs[key]
	if i == nil {
		i = &input[V]{value: in.find(key)}
		in.inputs[key] = i
	}
	i.needed = in.clock.now
	r.add(i)
	return i.value
}

func (in *Inputs[K, V]) sweep() {
	for key, i := range in.inputs {
		if in.clock.idle(i.needed) {
			i.dropped = true
			delete(in.inputs, key)
		}
	}
}

func (i *input[V]) update(c *Clock) uint64 {
	if i.dropped {
		return c.now
	}
	i.needed = c.now
	return i.changed
}

// Table holds the values that one function makes, by key.
type Table[K, V comparable] struct {
	clock   *Clock
	produce func(*Recorder, K) V
	values  map[K]*Value[K, V]
}

// NewTable returns an empty table. The function must depend on nothing but its
// key and what it reads.
func NewTable[K, V comparable](c *Clock, produce func(*Recorder, K) V) *Table[K, V] {
	t := &Table[K, V]{clock: c, produce: produce, values: map[K]*Value[K, V]{}}
	c.sweeps = append(c.sweeps, t.sweep)
	return t
}

// At returns the value for a key without making it.
func (t *Table[K, V]) At(key K) *Value[K, V] {
	v := t.values[key]
	if v == nil {
		v = &Value[K, V]{table: t, key: key}
		t.values[key] = v
	}
	return v
}

// Read returns the value for a key, made anew if need be, and records it.
func (t *Table[K, V]) Read(r *Recorder, key K) V { return t.At(key).Read(r) }

func (t *Table[K, V]) sweep() {
	for key, v := range t.values {
		if t.clock.idle(v.needed) {
			delete(t.values, key)
		}
	}
}

// Value is a node that is made from others.
type Value[K, V comparable] struct {
	table *Table[K, V]
	key   K
	value V
	read  []node
	// made is false before the first time.
	made            bool
	changed, needed uint64
}

// Read returns the value, made anew if need be, and records it.
func (v *Value[K, V]) Read(r *Recorder) V {
	v.update(v.table.clock)
	r.add(v)
	return v.value
}

func (v *Value[K, V]) update(c *Clock) uint64 {
	if v.needed == c.now {
		return v.changed
	}
	if !v.made || v.stale(c) {
		v.remake(c)
	}
	v.needed = c.now
	return v.changed
}

// stale looks for a change since the value was last needed. Nodes are updated in
// the order in which they were read, and none after the first change: what was
// read later may have depended on it.
func (v *Value[K, V]) stale(c *Clock) bool {
	for _, n := range v.read {
		if n.update(c) > v.needed {
			return true
		}
	}
	return false
}

func (v *Value[K, V]) remake(c *Clock) {
	var r Recorder
	value := v.table.produce(&r, v.key)
	v.read = r.read
	if !v.made || value != v.value {
		v.value, v.changed = value, c.now
	}
	v.made = true
}
