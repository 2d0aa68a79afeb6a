#!/usr/bin/python3
"""A resolver plugin for an in-house CA, as an example.

What the CA knows of its issuers is in a ConfigMap, which is mounted into the plugin's
container as a file. It needs no credentials. The same plugin in Go is beside it.

It needs grpcio and protobuf (Debian: python3-grpcio, python3-protobuf), and the Python code
that protoc makes of the protocol: generate.sh.

    ./generate.sh DIR && PYTHONPATH=DIR ./plugin.py --socket /run/corp-ca/plugin.sock --issuers ../issuers.json
"""

import argparse
import concurrent.futures
import json
import os
import secrets
import signal
import socket as sockets
import sys
import threading

import grpc

from certshim.resolver.v1alpha1 import resolver_pb2 as api
from certshim.resolver.v1alpha1 import resolver_pb2_grpc

GROUP = "pki.corp.example"
SERVICE = "certshim.resolver.v1alpha1.ResolverService"
KINDS = {"CorpIssuer": api.SCOPE_NAMESPACED, "CorpClusterIssuer": api.SCOPE_CLUSTER}
USAGES = {"server auth": api.USAGE_SERVER_AUTH, "client auth": api.USAGE_CLIENT_AUTH}
MAX_MESSAGE = 1 << 20
DAY = 24 * 60 * 60
HEARTBEAT = 10  # seconds; the protocol allows 15
PERIOD = 1  # seconds between two looks at the file


class CA:
    """Answers from memory: it reads the file beside the questions."""

    def __init__(self, file):
        self.file, self.content, self.issuers = file, None, {}
        # revision counts what was read, so that each watcher knows what it has told.
        self.revision, self.changed = 0, threading.Condition()
        self.read()

    def read(self):
        with open(self.file, "rb") as f:
            content = f.read()
        if content == self.content:
            return
        issuers = {(i["kind"], i.get("namespace", ""), i["name"]): i for i in json.loads(content)["issuers"]}
        with self.changed:
            self.content, self.issuers = content, issuers
            self.revision += 1
            self.changed.notify_all()

    def wake(self):
        with self.changed:
            self.changed.notify_all()

    def watch(self, stopping):
        while not stopping.wait(PERIOD):
            try:
                self.read()
            except (OSError, ValueError, KeyError) as e:
                # What was read before stays.
                print("the file can't be read:", e, file=sys.stderr)


class Resolver(resolver_pb2_grpc.ResolverServiceServicer):
    def __init__(self, ca, stopping):
        self.ca, self.stopping, self.instance = ca, stopping, secrets.token_hex(8)

    def Handshake(self, request, context):
        mine = [k for k in request.granted if k.group == GROUP and KINDS.get(k.kind) == k.scope]
        return api.HandshakeResponse(name="corp-ca", version="v1.0.0", instance=self.instance, kinds=mine, watches=True)

    def Resolve(self, request, context):
        return api.ResolveResponse(answers=[self.answer(q) for q in request.queries])

    def answer(self, query):
        issuer = query.issuer
        if issuer.kind.group != GROUP or issuer.kind.kind not in KINDS:
            return api.Answer(id=query.id, failure=api.Failure(message="the kind isn't mine"))
        known = self.ca.issuers.get((issuer.kind.kind, issuer.namespace, issuer.name))
        if known is None:
            return api.Answer(id=query.id, missing=api.Missing())
        return api.Answer(id=query.id, found=found(known))

    def Watch(self, request, context):
        told = self.ca.revision
        # A watch that is cancelled gives its thread back at once.
        context.add_callback(self.ca.wake)
        yield api.WatchResponse(heartbeat=api.Heartbeat())
        while context.is_active() and not self.stopping.is_set():
            with self.ca.changed:
                self.ca.changed.wait_for(lambda: self.ca.revision != told or not context.is_active(), timeout=HEARTBEAT)
                revision = self.ca.revision
            if revision == told:
                yield api.WatchResponse(heartbeat=api.Heartbeat())
                continue
            told = revision
            kinds = [api.Kind(group=GROUP, kind=k, scope=s) for k, s in KINDS.items()]
            yield api.WatchResponse(changed=api.Changed(kinds=kinds))


def found(known):
    """What is known of an issuer, as a message."""
    f = api.Found(ready=api.READINESS_TRUE, copy_annotations=[GROUP + "/profile"])
    f.constraints.sans.allowed.append(api.SAN_KIND_DNS)
    f.constraints.sans.none_within_wildcards = True
    f.constraints.sans.verdict = api.VERDICT_WARN
    if known.get("sealed"):
        f.ready, f.reason = api.READINESS_FALSE, "Sealed"
        f.message = "the CA is sealed: ask its operators to unseal it"
    if known.get("maxDays"):
        f.constraints.durations.max_seconds = known["maxDays"] * DAY
        f.constraints.durations.verdict = api.VERDICT_WARN
    if known.get("usages"):
        f.defaults.usages.extend(USAGES[u] for u in known["usages"])
    if "namespaces" in known:
        # Present and empty means none, so that the message is set even if the list is empty.
        f.namespaces.SetInParent()
        f.namespaces.names.extend(known["namespaces"])
    return f


class Health(grpc.GenericRpcHandler):
    """grpc.health.v1.Health, whose messages are so small that they need no generated code."""

    SERVING = b"\x08\x01"

    def service(self, details):
        if details.method != "/grpc.health.v1.Health/Check":
            return None
        return grpc.unary_unary_rpc_method_handler(self.check)

    def check(self, request, context):
        # The request's only field is the service's name: a tag, a length, the bytes.
        if request[2:].decode() not in ("", SERVICE):
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return self.SERVING


def remove_stale(path):
    """Removes a socket on which nobody listens: a killed process leaves it behind."""
    if not os.path.exists(path):
        return
    with sockets.socket(sockets.AF_UNIX) as s:
        try:
            s.connect(path)
        except ConnectionRefusedError:
            os.remove(path)
            return
    sys.exit("another process listens on " + path)


def main():
    flags = argparse.ArgumentParser()
    flags.add_argument("--socket", default="/run/corp-ca/plugin.sock")
    flags.add_argument("--issuers", default="/etc/corp-ca/issuers.json")
    args = flags.parse_args()

    stopping = threading.Event()
    for s in (signal.SIGTERM, signal.SIGINT):
        signal.signal(s, lambda *_: stopping.set())
    ca = CA(args.issuers)
    remove_stale(args.socket)
    # Each watch holds a thread.
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(max_workers=32),
        options=[("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)],
    )
    resolver_pb2_grpc.add_ResolverServiceServicer_to_server(Resolver(ca, stopping), server)
    server.add_generic_rpc_handlers((Health(),))
    # The socket is made with the mode that certshim's group needs, and no other.
    mask = os.umask(0o117)
    if not server.add_insecure_port("unix:" + args.socket):
        sys.exit("can't listen on " + args.socket)
    server.start()
    os.umask(mask)

    ca.watch(stopping)
    server.stop(grace=2).wait()
    if os.path.exists(args.socket):
        os.remove(args.socket)


if __name__ == "__main__":
    main()
