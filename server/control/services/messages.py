"""Des valeurs du plan de contrôle aux messages du contrat."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from google.protobuf.struct_pb2 import Struct
from passerelle.control.v1 import control_pb2
from passerelle.v1 import limits_pb2, machine_pb2, model_pb2, model_verbs_pb2, operation_pb2

from server import domain
from server.control.gpu.board import GpuBoard
from server.control.gpu.needs import gpus_per_replica, need_on
from server.control.life.model import ManagedModel
from server.control.life.replicas import Replica
from server.control.life.state import ModelState
from server.control.machine import MachineSample, resident_bytes
from server.control.record.operations import Failure, Operation
from server.control.services.instants import duration, timestamp
from server.control.weights.removal import Revision
from server.speech import signatures

RECOGNITION = limits_pb2.FileRecognition(
    containers=[pattern.decode() for pattern, _ in signatures.CONTAINERS],
    foreign=[
        limits_pb2.ForeignFile(pattern=f"[\\0 \\t\\r\\n]*(?:{pattern.decode()})", label=label)
        for pattern, label in signatures.FOREIGN
    ],
    frames=signatures.FRAMES.decode(),
    searched_bytes=signatures.SEARCHED,
    raw_extensions=signatures.RAW_EXTENSIONS,
    raw_types=signatures.RAW_TYPES,
)
"""À quoi un fichier se reconnaît, tel que le serveur l'annonce."""


def to_failure(failure: Failure | None) -> operation_pb2.ErrorDetail | None:
    """Raison d'un échec."""
    if failure is None:
        return None
    return operation_pb2.ErrorDetail(reason=failure.reason, message=failure.message, occurred_at=timestamp(failure.at))


def to_removal(found: Sequence[Revision]) -> model_verbs_pb2.RemoveWeightsResponse:
    """Révisions retirées, ou qui le seraient."""
    return model_verbs_pb2.RemoveWeightsResponse(
        revisions=[
            model_verbs_pb2.RemovedRevision(revision=one.name, freed_bytes=one.bytes, current=one.current)
            for one in found
        ],
        freed_bytes=sum(one.bytes for one in found),
    )


def to_operation(operation: Operation) -> operation_pb2.Operation:
    """Opération."""
    progress = operation.progress
    remaining = progress.remaining
    return operation_pb2.Operation(
        id=operation.id,
        kind=f"OPERATION_KIND_{operation.kind}",
        model=operation.model,
        state=f"OPERATION_STATE_{operation.state}",
        progress=operation_pb2.OperationProgress(
            phase=progress.phase,
            completed_bytes=progress.completed,
            total_bytes=progress.total,
            bytes_per_second=progress.rate,
            remaining=None if remaining is None else duration(remaining),
            files=[
                operation_pb2.FileProgress(name=file.name, completed_bytes=file.completed, total_bytes=file.total)
                for file in progress.files
            ],
            commit=progress.commit,
        ),
        error=to_failure(operation.failure),
        started_at=timestamp(operation.started_at),
        finished_at=None if operation.finished_at is None else timestamp(operation.finished_at),
        freed_bytes=operation.freed_bytes,
        elapsed=None if operation.elapsed is None else duration(operation.elapsed),
        phases=[
            operation_pb2.PhaseDuration(phase=phase, duration=duration(seconds))
            for phase, seconds in operation.times.seconds.items()
        ],
    )


def to_capability(capability: domain.Capability) -> "model_pb2.Capability":
    """Capacité."""
    return cast("model_pb2.Capability", model_pb2.Capability.Value(f"CAPABILITY_{capability.name}"))


def to_state(state: ModelState) -> "model_pb2.ModelState":
    """État d'un modèle."""
    return cast("model_pb2.ModelState", model_pb2.ModelState.Value(f"MODEL_STATE_{state}"))


def to_model(model: ManagedModel, board: GpuBoard) -> model_pb2.Model:
    """Modèle et son état."""
    spec, artifacts, choices = model.spec, model.artifacts, model.choices
    source = spec.source
    return model_pb2.Model(
        key=spec.key,
        aliases=spec.aliases,
        display_name=spec.display_name,
        capability=to_capability(spec.capability),
        engine=spec.engine,
        source=model_pb2.ModelSource(
            kind=source.kind,
            repository=source.repository,
            revision=source.revision,
            license=source.license,
            commit=artifacts.commit,
        ),
        state=to_state(model.state),
        artifacts_cached=artifacts.complete,
        cached_bytes=artifacts.cached_bytes,
        total_bytes=artifacts.total_bytes,
        replicas=[_replica(replica, board) for replica in model.replicas],
        selected_gpus=choices.gpus,
        operation=to_operation(model.operation) if model.operation is not None else None,
        last_error=to_failure(model.last_failure),
        past_error=to_failure(model.past_failure),
        notice=spec.notice,
        languages=spec.languages,
        demonstration=spec.demonstration,
        pinned=choices.pinned,
        idle_unload=duration(choices.idle_unload) if choices.idle_unload else None,
        last_used_at=None if model.usage.last_used_at is None else timestamp(model.usage.last_used_at),
        state_since=timestamp(model.state_since),
        selected_replicas=choices.replicas,
        gpus_per_replica=gpus_per_replica(choices.spec(spec)),
        options=_struct(choices.options) if choices.options else None,
        load_options=spec.load_options,
        load_switches=spec.load_switches,
        memory=_memory(model, board),
        load_option_defaults=_struct({name: spec.options[name] for name in spec.load_options if name in spec.options}),
    )


def _memory(model: ManagedModel, board: GpuBoard) -> model_pb2.MemoryEstimate | None:
    spec = model.choices.spec(model.spec)
    seen = [board.readings[gpu] for gpu in (*model.choices.gpus, *board.readings) if gpu in board.readings]
    if not spec.requires_gpu or not seen:
        return None
    need = need_on(spec, model.artifacts.total_bytes, seen[0].total_bytes)
    return model_pb2.MemoryEstimate(weights_bytes=need.weights, working_bytes=need.working, reserve_bytes=need.reserve)


def _struct(values: Mapping[str, Any]) -> Struct:
    found = Struct()
    found.update(dict(values))
    return found


def _replica(replica: Replica, board: GpuBoard) -> model_pb2.Replica:
    load = replica.link.load
    return model_pb2.Replica(
        id=replica.id,
        gpus=replica.gpus,
        running_requests=load.running,
        waiting_requests=load.waiting,
        max_running=load.max_running,
        max_waiting=load.max_waiting,
        resident_bytes=resident_bytes(replica.pid),
        ready_at=timestamp(replica.ready_at),
        pid=replica.pid,
        asleep=replica.asleep,
        gpu_bytes=board.replica_bytes(replica.id),
    )


def to_route(model: ManagedModel) -> control_pb2.ModelRoute:
    """Route vers un modèle ; sans exemplaire éveillé, rien n'y est envoyé."""
    awake = model.replicas if model.state is ModelState.READY else []
    return control_pb2.ModelRoute(
        key=model.spec.key,
        aliases=model.spec.aliases,
        capability=to_capability(model.spec.capability),
        state=to_state(model.state),
        workers=[control_pb2.WorkerRoute(id=replica.id, socket=str(replica.socket)) for replica in awake],
        created_seconds=round(model.created_at),
        owned_by=model.spec.owned_by,
        features=model.features,
        context_tokens=model.context_tokens,
        load_wait=duration(model.load_wait),
        engine=model.spec.engine,
    )


def to_host(sample: MachineSample, models: Sequence[ManagedModel]) -> machine_pb2.Host:
    """Machine hôte."""
    return machine_pb2.Host(
        cpu_percent=sample.cpu_percent,
        cpu_count=sample.cpu_count,
        memory_total_bytes=sample.memory_total_bytes,
        memory_used_bytes=sample.memory_used_bytes,
        cache_disk_total_bytes=sample.disk_total_bytes,
        cache_disk_free_bytes=sample.disk_free_bytes,
        cache_used_bytes=sum(model.artifacts.cached_bytes for model in models),
        ready_models=sum(model.state is ModelState.READY for model in models),
        cached_models=sum(model.artifacts.complete for model in models),
    )


def to_limits(limits: domain.Limits, stop_grace: float) -> limits_pb2.Limits:
    """Limites en vigueur ; `stop_grace` : secondes laissées aux requêtes d'un exemplaire qui s'arrête."""
    return limits_pb2.Limits(
        chat=limits_pb2.ChatLimits(
            max_messages=limits.max_messages,
            max_tokens=limits.max_tokens,
            max_n=limits.max_n,
            max_stop=limits.max_stop,
            max_top_logprobs=limits.max_top_logprobs,
            max_completion_logprobs=limits.max_completion_logprobs,
            max_images=limits.max_images,
            max_grammar_bytes=limits.max_grammar_bytes,
            max_tools_bytes=limits.max_tools_bytes,
            max_grammar_depth=limits.max_grammar_depth,
            max_grammar_repetitions=limits.max_grammar_repetitions,
            max_grammar_choices=limits.max_grammar_choices,
            max_grammar_nodes=limits.max_grammar_nodes,
            max_logit_bias=limits.max_logit_bias,
            max_listed_tokens=limits.max_listed_tokens,
            max_grammar_compilation=duration(limits.max_grammar_seconds),
            max_grammar_memory_bytes=limits.max_grammar_memory_bytes,
            max_image_bytes=limits.max_image_bytes,
            max_image_pixels=limits.max_image_pixels,
            max_image_frames=limits.max_image_frames,
        ),
        audio=limits_pb2.AudioLimits(
            max_upload_bytes=limits.max_upload_bytes,
            max_message_bytes=limits.max_message_bytes,
            max_duration=duration(limits.max_audio_seconds),
            min_sample_rate_hertz=limits.min_sample_rate_hertz,
            max_sample_rate_hertz=limits.max_sample_rate_hertz,
            max_channels=limits.max_channels,
            max_separate_channels=limits.max_separate_channels,
            max_stream_silence=duration(limits.max_stream_silence_seconds),
            max_decoded_bytes=limits.max_decoded_bytes,
            max_speakers=limits.max_speakers,
            max_voice_backlog=limits.max_voice_backlog,
            max_known_speakers=limits.max_known_speakers,
            min_known_speaker_clip=duration(limits.min_known_speaker_seconds),
            max_known_speaker_clip=duration(limits.max_known_speaker_seconds),
            max_known_speaker_clip_bytes=limits.max_known_speaker_clip_bytes,
            max_known_speaker_name_characters=limits.max_known_speaker_name_characters,
            max_prompt_characters=limits.max_prompt_characters,
            max_phrases=limits.max_phrases,
            low_confidence=limits.low_confidence,
            max_live_streams=limits.max_live_streams,
            spare_live_streams=limits.spare_live_streams,
            endpoint_silence=duration(limits.endpoint_silence_seconds),
            min_endpoint_silence=duration(limits.min_endpoint_silence_seconds),
            max_endpoint_silence=duration(limits.max_endpoint_silence_seconds),
            utterance=duration(limits.utterance_seconds),
            min_utterance=duration(limits.min_utterance_seconds),
            max_utterance=duration(limits.max_utterance_seconds),
            max_web_sockets=limits.max_web_sockets,
            max_web_socket_message_bytes=limits.max_web_socket_message_bytes,
            max_web_sockets_per_address=limits.max_web_sockets_per_address,
        ),
        max_json_body_bytes=limits.max_json_body_bytes,
        max_json_depth=limits.max_json_depth,
        load_wait=duration(limits.load_wait_seconds),
        max_load_wait=duration(limits.max_load_wait_seconds),
        max_stream_duration=duration(limits.max_stream_duration_seconds),
        max_replicas=limits.max_replicas,
        max_idle_unload=duration(limits.max_idle_unload_seconds),
        stop_grace=duration(stop_grace),
        max_admin_body_bytes=limits.max_admin_body_bytes,
        max_body_silence=duration(limits.max_body_silence_seconds),
        max_concurrent_streams=limits.max_concurrent_streams,
        max_open_calls_per_address=limits.max_open_calls_per_address,
        max_calls_per_address=limits.max_calls_per_address,
        max_named_keys=limits.max_named_keys,
        max_key_characters=limits.max_key_characters,
        max_key_lifetime=duration(limits.max_key_lifetime_seconds),
        quota_unstated_tokens=limits.quota_unstated_tokens,
        quota_lease_percent=limits.quota_lease_percent,
        quota_lease=duration(limits.quota_lease_seconds),
        requests_kept=limits.requests_kept,
        usage_kept=duration(86_400.0 * limits.usage_days),
    )
