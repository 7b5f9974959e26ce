package behavior

import (
	"flag"
	"io"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// command is a command of scripts.
type command = func(ts *testscript.TestScript, neg bool, args []string)

// commands is the list of all commands; README.md describes each.
var commands = map[string]command{
	"gateway": cmdGateway, "apply": cmdApply, "remove": cmdRemove,
	"standin": cmdStandin, "dns": cmdDNS, "hosts": cmdHosts,
	"backend": cmdBackend, "stop-backend": cmdStopBackend, "seen": cmdSeen, "seen-between": cmdSeenBetween, "silent": cmdSilent, "last": cmdLast,
	"ca": cmdCA, "cert": cmdCert, "secret": cmdSecret, "configmap": cmdConfigMap,
	"sh": shell, "answer": cmdAnswer, "printed": cmdPrinted,
	"get": cmdGet, "eventually": cmdEventually, "spread": cmdSpread, "tcp": cmdTCP, "udp": cmdUDP,
	"connection": cmdConnection, "connection-send": cmdConnectionSend,
	"grpc-backend": cmdGRPCBackend, "grpc": cmdGRPC, "grpc-spread": cmdGRPCSpread,
	"websocket": cmdWebSocket, "websocket-send": cmdWebSocketSend,
	"status": cmdStatus, "header": cmdHeader, "body": cmdBody, "json": cmdJSON, "peer": cmdPeer,
	"conditions": cmdConditions,
}

// flags are those of a command.
type flags struct {
	*flag.FlagSet
	ts *testscript.TestScript
}

func newFlags(ts *testscript.TestScript) flags {
	f := flags{flag.NewFlagSet("", flag.ContinueOnError), ts}
	f.SetOutput(io.Discard)
	return f
}

// parse returns the arguments; flags may stand before and between them.
func (f flags) parse(args []string) []string {
	var rest []string
	for len(args) > 0 {
		f.ts.Check(f.FlagSet.Parse(args))
		args = f.Args()
		if len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	return rest
}

// list is a flag that may be given several times.
type list []string

// String implements flag.Value.
func (l *list) String() string { return strings.Join(*l, ",") }

// Set implements flag.Value.
func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

func (f flags) list(name, usage string) *list {
	l := &list{}
	f.Var(l, name, usage)
	return l
}
