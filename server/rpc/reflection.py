"""La réflexion gRPC, sous ses deux noms : v1, que demandent les clients récents, et v1alpha.

grpcio-reflection n'a que v1alpha. Les messages des deux ont les mêmes champs aux mêmes numéros : un seul service répond
pour l'un et l'autre, octet pour octet. Le contrat publié de v1 sert à se décrire soi-même.
"""

from collections.abc import Iterable
from pathlib import Path

import grpc
import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

_CONTRACT = Path(__file__).resolve().parents[2] / "gen" / "reflection.binpb"


def _published() -> ServiceDescriptor:
    pool = descriptor_pool.Default()
    for file in descriptor_pb2.FileDescriptorSet.FromString(_CONTRACT.read_bytes()).file:
        pool.Add(file)
    found: ServiceDescriptor = pool.FindServiceByName("grpc.reflection.v1.ServerReflection")
    return found


V1 = _published()
V1ALPHA: ServiceDescriptor = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]


def add_reflection(services: Iterable[str], server: grpc.aio.Server) -> None:
    """Sert la réflexion, qui annonce ces services et elle-même."""
    servicer = reflection.aio.ReflectionServicer((*services, V1.full_name, V1ALPHA.full_name))
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(V1.full_name, {V1.methods[0].name: method}),))
