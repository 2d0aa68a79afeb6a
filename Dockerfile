# A static binary on nothing but CA certificates, run as a user that is nobody.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X github.com/certshim/certshim/cmd/certshim/app.Version=${VERSION}" -o /certshim ./cmd/certshim

FROM gcr.io/distroless/static:nonroot
COPY --from=build /certshim /certshim
USER 65532:65532
ENTRYPOINT ["/certshim"]
CMD ["controller"]
