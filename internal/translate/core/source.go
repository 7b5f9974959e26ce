package core

import (
	"reflect"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/memo"
)

// Source is the set that is being translated. It lives as long as its
// translator; [Source.Load] moves it to the next set and tells apart what changed
// from what did not.
type Source struct {
	clock  *memo.Clock
	dns    DNS
	key    ir.Private
	set    *resource.Set
	stores map[reflect.Type]loader

	slices *Index[types.NamespacedName, *discoveryv1.EndpointSlice] // by Service
	grants *Index[string, *gatewayv1.ReferenceGrant]                // by namespace

	references *memo.Table[Reference, resolution]
	endpoints  *memo.Table[Address, *Endpoints]
	keyPairs   *memo.Table[types.NamespacedName, *Material]
	bundles    *memo.Table[resource.Key, *Material]

	fileKeyPairs *memo.Table[KeyPaths, *Material]
	fileBundles  *memo.Table[string, *Material]
}

// NewSource returns a Source without objects.
func NewSource(config Config) *Source {
	s := &Source{clock: new(memo.Clock), dns: config.DNS, key: config.SessionKey, set: resource.NewSet(nil), stores: map[reflect.Type]loader{}}
	s.slices = NewIndex(s, func(slice *discoveryv1.EndpointSlice) []types.NamespacedName {
		return []types.NamespacedName{{Namespace: slice.Namespace, Name: slice.Labels[discoveryv1.LabelServiceName]}}
	})
	s.grants = NewIndex(s, func(g *gatewayv1.ReferenceGrant) []string { return []string{g.Namespace} })
	s.references = memo.NewTable(s.clock, s.resolve)
	s.endpoints = memo.NewTable(s.clock, s.makeEndpoints)
	s.keyPairs = memo.NewTable(s.clock, s.makeKeyPair)
	s.bundles = memo.NewTable(s.clock, s.makeBundle)
	s.fileKeyPairs = memo.NewTable(s.clock, s.makeFileKeyPair)
	s.fileBundles = memo.NewTable(s.clock, s.makeFileBundle)
	return s
}

// Clock numbers the sets that were loaded.
func (s *Source) Clock() *memo.Clock { return s.clock }

// SessionKey is that of the configuration.
func (s *Source) SessionKey() ir.Private { return s.key }

// Load makes the set the one that questions are about.
func (s *Source) Load(set *resource.Set) {
	s.clock.Tick()
	s.set = set
	for _, store := range s.stores {
		store.load(set)
	}
}

// Problems lists what is wrong with the inputs of the set.
func (s *Source) Problems() []resource.Problem { return s.set.Problems() }

// List returns all objects of a type, sorted by namespace and name. The caller
// must not change the list. Values that are kept must not be made from it,
// because it is not recorded.
func List[T Object](s *Source) []T { return storeOf[T](s).sorted }

// Get finds an object by type and name; nil when there is none.
func Get[T Object](s *Source, r *memo.Recorder, name types.NamespacedName) T {
	return storeOf[T](s).inputs.Read(r, name)
}
