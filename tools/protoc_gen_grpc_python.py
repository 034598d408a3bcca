"""Greffon protoc qui prête à buf le générateur `grpc_python` caché dans grpcio-tools.

La roue grpcio-tools ne livre aucun exécutable `protoc-gen-grpc_python` : le générateur est compilé dans son `protoc`.
Ce greffon reçoit la demande de buf, la lui repasse par un descripteur temporaire et rend les fichiers qu'il écrit.
"""

import sys
import tempfile
from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc


def generate(request: CodeGeneratorRequest) -> CodeGeneratorResponse:
    """Rend les `*_pb2_grpc.py` des fichiers demandés qui déclarent un service."""
    response = CodeGeneratorResponse(supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL)
    with_services = {f.name for f in request.proto_file if f.service}
    wanted = [name for name in request.file_to_generate if name in with_services]
    if not wanted:
        return response
    with tempfile.TemporaryDirectory() as folder:
        descriptors, out = Path(folder, "in.binpb"), Path(folder, "out")
        out.mkdir()
        descriptors.write_bytes(FileDescriptorSet(file=request.proto_file).SerializeToString())
        code = protoc.main(["protoc", f"--descriptor_set_in={descriptors}", f"--grpc_python_out={out}", *wanted])
        if code:
            response.error = f"grpc_tools.protoc a rendu le code {code}"
        for path in sorted(out.rglob("*.py")):
            response.file.add(name=path.relative_to(out).as_posix(), content=path.read_text(encoding="utf-8"))
    return response


if __name__ == "__main__":
    sys.stdout.buffer.write(generate(CodeGeneratorRequest.FromString(sys.stdin.buffer.read())).SerializeToString())
