package hello

import (
	"context"
	"errors"
	"io"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// replies is how many LotsOfReplies are.
const replies = 10

// NewServer makes a server; Serve it.
func NewServer() (*grpc.Server, error) {
	file, err := describe()
	if err != nil {
		return nil, err
	}
	files := new(protoregistry.Files)
	if err := files.RegisterFile(file); err != nil {
		return nil, err
	}
	g := &greeter{request: file.Messages().ByName("HelloRequest"), response: file.Messages().ByName("HelloResponse")}
	s := grpc.NewServer()
	s.RegisterService(g.description(), nil)
	grpc_reflection_v1.RegisterServerReflectionServer(s, reflection.NewServerV1(reflection.ServerOptions{
		Services: s, DescriptorResolver: files,
	}))
	return s, nil
}

// greeter is hello.HelloService.
type greeter struct {
	request, response protoreflect.MessageDescriptor
}

func (g *greeter) description() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: "hello.HelloService",
		Methods:     []grpc.MethodDesc{{MethodName: "SayHello", Handler: g.sayHello}},
		Streams: []grpc.StreamDesc{
			{StreamName: "LotsOfReplies", Handler: g.lotsOfReplies, ServerStreams: true},
			{StreamName: "LotsOfGreetings", Handler: g.lotsOfGreetings, ClientStreams: true},
			{StreamName: "BidiHello", Handler: g.bidiHello, ClientStreams: true, ServerStreams: true},
		},
		Metadata: "hello.proto",
	}
}

// reply greets whoever a request names.
func (g *greeter) reply(greetings ...string) *dynamicpb.Message {
	m := dynamicpb.NewMessage(g.response)
	m.Set(g.response.Fields().ByName("reply"), protoreflect.ValueOfString("hello "+strings.Join(greetings, ", ")))
	return m
}

// read decodes a request with a function of grpc's, and returns its greeting.
func (g *greeter) read(decode func(any) error) (greeting string, err error) {
	m := dynamicpb.NewMessage(g.request)
	if err := decode(m); err != nil {
		return "", err
	}
	return m.Get(g.request.Fields().ByName("greeting")).String(), nil
}

func (g *greeter) sayHello(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	greeting, err := g.read(decode)
	if err != nil {
		return nil, err
	}
	return g.reply(greeting), nil
}

func (g *greeter) lotsOfReplies(_ any, stream grpc.ServerStream) error {
	greeting, err := g.read(stream.RecvMsg)
	for range replies {
		if err != nil {
			return err
		}
		err = stream.SendMsg(g.reply(greeting))
	}
	return err
}

func (g *greeter) lotsOfGreetings(_ any, stream grpc.ServerStream) error {
	var all []string
	for {
		greeting, err := g.read(stream.RecvMsg)
		if errors.Is(err, io.EOF) {
			return stream.SendMsg(g.reply(all...))
		}
		if err != nil {
			return err
		}
		all = append(all, greeting)
	}
}

func (g *greeter) bidiHello(_ any, stream grpc.ServerStream) error {
	for {
		greeting, err := g.read(stream.RecvMsg)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = stream.SendMsg(g.reply(greeting))
		}
		if err != nil {
			return err
		}
	}
}
