// Package deliver brings snapshots to proxies and their answers back.
//
// A delivery is told of each new mesh, selects from it what each proxy needs, and
// hands that over. A proxy has at most one snapshot that it has not answered; the
// meshes that come meanwhile are skipped, but for the last. What a proxy could not
// put to work comes back with the answer and does not hold up the rest.
//
// [Local] delivers to a proxy in the same process. Over a network the same
// interface will be a stream; nothing but this package knows the difference.
package deliver
