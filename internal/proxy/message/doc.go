// Package message is the one model of HTTP messages that filters see, whichever
// protocol carried them.
//
// A message is a head and a streamed body. The head is an ordered list of header
// fields over bytes that the message leases from a connection's buffer or a
// stream's arena: nothing is copied to read a message and only what changed is
// copied to write it. What belongs to one connection and not to the message
// (Connection, Transfer-Encoding, Content-Length, TE, Upgrade, Host) is not in
// the list; it is framing, which the codecs on both sides own.
//
// The package parses nothing and writes nothing. It has no maps, no strings made
// per request, and no opinion on which messages are valid: a codec that hands
// out a message has checked it.
package message
