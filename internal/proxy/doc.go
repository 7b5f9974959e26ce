// Package proxy is the data plane: it takes snapshots and serves them.
//
// [Proxy.Apply] builds everything a snapshot needs beside what is in force, puts
// it into force with the store of one pointer, and only then gives up what is not
// needed any more. What could not be built is reported, and the rest serves.
// Listeners, connections, pools, and whose turn it is outlive snapshots; no
// connection is closed because something else changed.
//
// Nothing here knows where snapshots come from or what user objects they were
// made of, beyond the names that logs show.
package proxy
