# A static binary and nothing else, as in a release, run as a user that is nobody. The certificate authority of the API server comes with the
# ServiceAccount, and no other is needed.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN make build VERSION=${VERSION}

FROM scratch
COPY --from=build /src/bin/certshim /certshim
WORKDIR /
USER 65532:65532
ENTRYPOINT ["/certshim"]
CMD ["controller"]
