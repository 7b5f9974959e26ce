package route

import (
	"slices"
	"strings"
)

// prefixTree finds all prefixes that cover a path by whole segments, longest
// first, in one walk over the path.
type prefixTree struct{ root prefixNode }

// prefixNode is a node of a radix tree. Nodes where a prefix ends hold its
// routes.
type prefixNode struct {
	label    string
	firsts   string // the first bytes of the children's labels, in their order
	children []*prefixNode
	end      bool
	length   int // of the whole prefix
	routes   []int32
	// shorter is the next shorter prefix that covers every path this one covers.
	shorter *prefixNode
}

// add puts a route under a prefix without a trailing slash; "" covers all.
func (t *prefixTree) add(prefix string, route int32) {
	n := &t.root
	rest := prefix
	for rest != "" {
		i := strings.IndexByte(n.firsts, rest[0])
		if i < 0 {
			leaf := &prefixNode{label: rest}
			n.firsts += rest[:1]
			n.children = append(n.children, leaf)
			n, rest = leaf, ""
			break
		}
		child := n.children[i]
		common := 0
		for common < len(child.label) && common < len(rest) && child.label[common] == rest[common] {
			common++
		}
		if common < len(child.label) {
			lower := *child
			lower.label = child.label[common:]
			*child = prefixNode{label: child.label[:common], firsts: lower.label[:1], children: []*prefixNode{&lower}}
		}
		n, rest = child, rest[common:]
	}
	n.end, n.length = true, len(prefix)
	n.routes = append(n.routes, route)
}

// link sets the shorter pointers once all prefixes are in.
func (t *prefixTree) link() { t.root.link("", nil) }

func (n *prefixNode) link(above string, ends []*prefixNode) {
	whole := above + n.label
	if n.end {
		for _, e := range slices.Backward(ends) {
			if whole[e.length] == '/' {
				n.shorter = e
				break
			}
		}
		ends = append(ends, n)
	}
	for _, c := range n.children {
		c.link(whole, ends)
	}
}

// longest is the node of the longest prefix that covers the path; nil for none.
func (t *prefixTree) longest(path []byte) *prefixNode {
	var best *prefixNode
	n, i := &t.root, 0
	for {
		if n.end && (i == len(path) || path[i] == '/') {
			best = n
		}
		if i == len(path) {
			return best
		}
		k := strings.IndexByte(n.firsts, path[i])
		if k < 0 {
			return best
		}
		n = n.children[k]
		if len(path)-i < len(n.label) || string(path[i:i+len(n.label)]) != n.label {
			return best
		}
		i += len(n.label)
	}
}
