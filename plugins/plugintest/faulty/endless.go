package faulty

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
)

// endless serves Resolve as a stream of endless answers, which gRPC's own server wouldn't allow.
type endless struct {
	api.UnimplementedResolverServiceServer
}

// Handshake introduces the plugin without a watch.
func (endless) Handshake(_ context.Context, request *api.HandshakeRequest) (*api.HandshakeResponse, error) {
	hello := &api.HandshakeResponse{Name: "corp-ca", Version: "v1.0.0", Instance: "endless"}
	for _, kind := range request.GetGranted() {
		if kind.GetGroup() == Group {
			hello.Kinds = append(hello.Kinds, kind)
		}
	}
	return hello, nil
}

func serveEndless(ctx context.Context, listener net.Listener) {
	server := grpc.NewServer()
	description := api.ResolverService_ServiceDesc
	description.Methods = nil
	for _, method := range api.ResolverService_ServiceDesc.Methods {
		if method.MethodName == "Handshake" {
			description.Methods = append(description.Methods, method)
		}
	}
	description.Streams = append([]grpc.StreamDesc{{StreamName: "Resolve", Handler: answerForever, ServerStreams: true}},
		api.ResolverService_ServiceDesc.Streams...)
	server.RegisterService(&description, endless{})
	healthy := health.NewServer()
	healthy.SetServingStatus(description.ServiceName, grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(server, healthy)
	defer context.AfterFunc(ctx, server.Stop)()
	// Serve ends when the server is stopped.
	_ = server.Serve(listener)
}

func answerForever(_ any, stream grpc.ServerStream) error {
	if err := stream.RecvMsg(&api.ResolveRequest{}); err != nil {
		return err
	}
	for {
		if err := stream.SendMsg(&api.ResolveResponse{}); err != nil {
			return err
		}
	}
}
