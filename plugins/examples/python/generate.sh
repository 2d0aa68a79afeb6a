#!/bin/sh
# Makes the Python code of the protocol: generate.sh DIR.
# It needs protoc and its gRPC plugin (Debian: protobuf-compiler, protobuf-compiler-grpc).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
exec protoc -I "$here/../../proto" --python_out="$1" --grpc_python_out="$1" \
  --plugin=protoc-gen-grpc_python="$(command -v grpc_python_plugin)" certshim/resolver/v1alpha1/resolver.proto
