package standin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Grpcurl does what the command grpcurl does with the arguments of the pages: it
// asks the server for the description of a service, calls a method with a message
// in JSON, and prints the answer.
func Grpcurl(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("grpcurl", flag.ContinueOnError)
	plaintext := f.Bool("plaintext", false, "without TLS")
	data := f.String("d", "{}", "message in JSON")
	authority := f.String("authority", "", "host name, if not the address")
	if err := f.Parse(args); err != nil {
		return err
	}
	service, method, ok := strings.Cut(f.Arg(1), "/")
	if !*plaintext || f.NArg() != 2 || !ok {
		return errors.New("usage: grpcurl -plaintext [-authority NAME] [-d JSON] ADDRESS SERVICE/METHOD")
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if *authority != "" {
		options = append(options, grpc.WithAuthority(*authority))
	}
	conn, err := grpc.NewClient("passthrough:///"+f.Arg(0), options...)
	if err != nil {
		return err
	}
	defer conn.Close()
	described, err := describe(ctx, conn, service)
	if err != nil {
		return fmt.Errorf("ask for the description of %s: %w", service, err)
	}
	m := described.Methods().ByName(protoreflect.Name(method))
	if m == nil || m.IsStreamingClient() || m.IsStreamingServer() {
		return fmt.Errorf("%s has no unary method %s", service, method)
	}
	request, response := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
	if err := protojson.Unmarshal([]byte(*data), request); err != nil {
		return err
	}
	if err := conn.Invoke(ctx, "/"+service+"/"+method, request, response); err != nil {
		return asPrinted(err)
	}
	return printMessage(out, response)
}

// describe asks the server's reflection service about a service.
func describe(ctx context.Context, conn *grpc.ClientConn, service string) (protoreflect.ServiceDescriptor, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return nil, err
	}
	err = stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service},
	})
	if err != nil && !errors.Is(err, io.EOF) { // of which Recv knows more
		return nil, err
	}
	answer, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if e := answer.GetErrorResponse(); e != nil {
		return nil, grpcstatus.Error(codes.Code(e.GetErrorCode()), e.GetErrorMessage())
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, b := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(b, file); err != nil {
			return nil, err
		}
		set.File = append(set.File, file)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, err
	}
	found, err := files.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return nil, err
	}
	described, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is no service", service)
	}
	return described, nil
}

// asPrinted is an error as grpcurl prints it.
func asPrinted(err error) error {
	s := grpcstatus.Convert(err)
	return fmt.Errorf("ERROR:\n  Code: %s\n  Message: %s", s.Code(), s.Message())
}

func printMessage(out io.Writer, m proto.Message) error {
	text, err := protojson.Marshal(m)
	if err != nil {
		return err
	}
	// What protojson makes has spaces at random.
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, indented.String())
	return err
}
