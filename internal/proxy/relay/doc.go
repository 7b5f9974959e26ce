// Package relay forwards connections and datagrams without reading them: TCP
// routes, TLS passthrough and TLS terminated in front of a TCP backend, and UDP
// sessions.
//
// A relay chooses its backend once, when it begins. Later changes of the
// configuration leave it alone.
package relay
