# A static binary on nothing but CA certificates, run as a user that is nobody.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN make build VERSION=${VERSION}

FROM gcr.io/distroless/static:nonroot
COPY --from=build /src/bin/certshim /certshim
USER 65532:65532
ENTRYPOINT ["/certshim"]
CMD ["controller"]
