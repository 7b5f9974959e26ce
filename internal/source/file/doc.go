// Package file reads user objects from YAML and JSON files, and watches the
// files, so that a gateway runs without Kubernetes.
//
// A [Source] only lists: it resolves no reference between objects and judges no
// object by another. What it does beyond reading is what an API server does for
// its clients. An object that is not edited keeps its pointer and one whose
// content is edited gets the next generation. An edit that cannot be accepted
// changes nothing: as long as a file is half written, or breaks a rule, the last
// good version of the objects concerned stays in the set, and a problem says so.
// Only deleting a file, or an object from a file that is otherwise in order,
// removes objects.
//
// Files are watched by directory, because editors and Kubernetes replace files
// and symbolic links instead of writing into them, and are compared every few
// seconds besides, because notifications get lost on network file systems.
package file
