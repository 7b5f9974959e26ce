// Package status writes what a translation has to say into the statuses of the
// objects that it is about.
//
// A [Writer] is given one report after another and makes the cluster agree with the
// last one. It compares the report with the statuses as package source/kube knows
// them and writes where they differ in meaning: a status that says the same already
// is not written again, whoever wrote it.
//
// Much of a status may belong to others. Conditions of types that are not ours, and
// entries of routes and policies under another controllerName, stay as they are. Ours
// that no longer hold go.
//
// A write is a merge patch of the status subresource, with the resource version that
// it was made from: if anybody changed the object in between, the API server refuses
// it and the writer looks again once it has seen that change. Server-side apply would
// not do, because the lists of parents and of ancestors have one owner only by the
// schema of the Gateway API.
//
// Nothing is written that can wait: each object has a budget of writes, so that a
// thousand routes that attach to one Gateway, one after the other, do not cost it a
// thousand writes. Only the leader of several controllers may run a Writer.
package status
