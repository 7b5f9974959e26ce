package hello

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// describe is hello.proto:
//
//	package hello;
//	message HelloRequest { optional string greeting = 1; }
//	message HelloResponse { required string reply = 1; }
//	service HelloService {
//	  rpc SayHello(HelloRequest) returns (HelloResponse);
//	  rpc LotsOfReplies(HelloRequest) returns (stream HelloResponse);
//	  rpc LotsOfGreetings(stream HelloRequest) returns (HelloResponse);
//	  rpc BidiHello(stream HelloRequest) returns (stream HelloResponse);
//	}
func describe() (protoreflect.FileDescriptor, error) {
	f, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("hello.proto"), Package: proto.String("hello"), Syntax: proto.String("proto2"),
		MessageType: []*descriptorpb.DescriptorProto{
			record("HelloRequest", "greeting", descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL),
			record("HelloResponse", "reply", descriptorpb.FieldDescriptorProto_LABEL_REQUIRED),
		},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name: proto.String("HelloService"),
			Method: []*descriptorpb.MethodDescriptorProto{
				method("SayHello", false, false), method("LotsOfReplies", false, true),
				method("LotsOfGreetings", true, false), method("BidiHello", true, true),
			},
		}},
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("describe hello.proto: %w", err)
	}
	return f, nil
}

// record is a message with one string.
func record(name, field string, label descriptorpb.FieldDescriptorProto_Label) *descriptorpb.DescriptorProto {
	return &descriptorpb.DescriptorProto{
		Name: proto.String(name),
		Field: []*descriptorpb.FieldDescriptorProto{{
			Name: proto.String(field), JsonName: proto.String(field), Number: proto.Int32(1),
			Label: label.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(),
		}},
	}
}

func method(name string, clientStreams, serverStreams bool) *descriptorpb.MethodDescriptorProto {
	return &descriptorpb.MethodDescriptorProto{
		Name: proto.String(name), InputType: proto.String(".hello.HelloRequest"), OutputType: proto.String(".hello.HelloResponse"),
		ClientStreaming: proto.Bool(clientStreams), ServerStreaming: proto.Bool(serverStreams),
	}
}
