// What generates sightlinev1: apart from go.mod, so that whoever uses the module does not get it. `go tool -modfile=tools.mod`.
module sightline.dev/go

go 1.25.0

tool (
	google.golang.org/grpc/cmd/protoc-gen-go-grpc
	google.golang.org/protobuf/cmd/protoc-gen-go
)

require (
	google.golang.org/grpc/cmd/protoc-gen-go-grpc v1.6.2
	google.golang.org/protobuf v1.36.12
)
