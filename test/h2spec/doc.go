// Package h2spec runs the cases of h2spec, which others wrote from RFC 7540 and RFC
// 7541, against a proxy with a backend behind it.
//
// Strict cases included, every one has to pass. What the project itself promises
// about HTTP/2 is tested beside the proxy; nothing of that is here.
package h2spec
