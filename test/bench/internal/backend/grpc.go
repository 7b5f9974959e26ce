package backend

import (
	"fmt"
	"net"

	"google.golang.org/grpc"

	"fsm/test/bench/internal/load"
)

// Calls starts a gRPC server, grpc-go's, that answers each unary call of whatever
// service with a message of the size of the small body.
func Calls() (addr string, stop func(), err error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("start backend: %w", err)
	}
	s := grpc.NewServer(grpc.ForceServerCodec(plain{}), grpc.UnknownServiceHandler(answerCall))
	go func() { _ = s.Serve(ln) }() // ends with Stop
	return ln.Addr().String(), s.Stop, nil
}

// reply is the message that answers have.
var reply = plainMessage(load.Message(load.Small.Size())[load.MessagePrefix:])

func answerCall(_ any, stream grpc.ServerStream) error {
	var request plainMessage
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	return stream.SendMsg(&reply)
}

// plainMessage is a message that is not decoded.
type plainMessage []byte

// plain is the codec of messages that are not decoded.
type plain struct{}

func (plain) Name() string { return "plain" }

func (plain) Marshal(v any) ([]byte, error) { return *v.(*plainMessage), nil }

func (plain) Unmarshal(data []byte, v any) error {
	*v.(*plainMessage) = data
	return nil
}
