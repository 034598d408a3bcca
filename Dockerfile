# Construite par build_docker.sh ; docs/conteneur.md dit pourquoi, et ce qui n'a pas encore tourné.
# Les couches vont de ce qui change le moins (système, moteurs) à ce qui change le plus (code).
ARG PASSERELLE_CUDA=cuda13

# « devel » : FlashInfer et DeepGEMM compilent leurs noyaux à l'exécution, avec nvcc.
FROM nvidia/cuda:13.0.2-devel-ubuntu24.04 AS cuda13

FROM nvidia/cuda:12.8.1-devel-ubuntu24.04 AS cuda12
# Les roues CUDA 12.8 tournent dès le pilote de CUDA 12.4 (compatibilité mineure) ; l'image de NVIDIA le refuserait.
ENV NVIDIA_REQUIRE_CUDA="cuda>=12.4"

FROM node:20-bookworm-slim AS dashboard
WORKDIR /opt/passerelle
COPY deploy/image/dashboard.sh deploy/image/
COPY dashboard/package.json dashboard/package-lock.json dashboard/.npmrc dashboard/
RUN deploy/image/dashboard.sh packages
COPY gen/ts gen/ts
COPY dashboard dashboard
RUN deploy/image/dashboard.sh page

# hadolint ignore=DL3006
FROM ${PASSERELLE_CUDA} AS system
COPY deploy/image/system.sh /opt/passerelle/deploy/image/
RUN /opt/passerelle/deploy/image/system.sh
WORKDIR /opt/passerelle
COPY deploy/image/environment.sh deploy/image/

# Un environnement par étape : ils se construisent de front, et un verrou changé ne refait que le sien.
FROM system AS vllm
ARG PASSERELLE_CUDA
COPY locks/dgx-vllm-${PASSERELLE_CUDA}.txt locks/
RUN deploy/image/environment.sh .envs/vllm "locks/dgx-vllm-${PASSERELLE_CUDA}.txt"

FROM system AS nemo
ARG PASSERELLE_CUDA
COPY locks/dgx-nemo-${PASSERELLE_CUDA}.txt locks/
RUN deploy/image/environment.sh .envs/nemo "locks/dgx-nemo-${PASSERELLE_CUDA}.txt"

FROM system AS pyannote
ARG PASSERELLE_CUDA
COPY locks/dgx-pyannote-${PASSERELLE_CUDA}.txt locks/
RUN deploy/image/environment.sh .envs/pyannote "locks/dgx-pyannote-${PASSERELLE_CUDA}.txt"

FROM system AS serveur
COPY locks/serveur.txt locks/
RUN deploy/image/environment.sh .venv locks/serveur.txt

FROM system AS runtime
COPY --from=vllm /opt/passerelle/.envs/vllm .envs/vllm
COPY --from=nemo /opt/passerelle/.envs/nemo .envs/nemo
COPY --from=pyannote /opt/passerelle/.envs/pyannote .envs/pyannote
COPY --from=serveur /opt/passerelle/.venv .venv
# HOME et les caches de noyaux compilés vont avec les poids : ils survivent au conteneur. USER : torch veut un nom,
# même quand run_docker.sh choisit un utilisateur que l'image ne connaît pas.
ARG PASSERELLE_BUILD=
ENV PASSERELLE_PROFILE=dgx \
    PASSERELLE_BUILD=$PASSERELLE_BUILD \
    PASSERELLE_BIND=0.0.0.0 \
    PASSERELLE_PORT=8000 \
    PASSERELLE_RUN_BASE=/run/passerelle \
    PASSERELLE_LOG_FORWARD=true \
    MODEL_CACHE_DIR=/models \
    HOME=/models/.home \
    USER=passerelle \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/passerelle:$PATH
VOLUME /models
EXPOSE 8000
COPY gen gen
COPY envoy envoy
COPY --from=dashboard /opt/passerelle/dashboard/dist dashboard/dist
COPY LICENSE passerelle ./
COPY deploy deploy
COPY server server
RUN deploy/image/check.sh /opt/passerelle vllm nemo pyannote
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=900s --retries=3 \
    CMD ["/usr/bin/python3", "/opt/passerelle/deploy/healthcheck.py"]
# tini transmet les signaux et recueille les orphelins ; le superviseur fait le reste.
ENTRYPOINT ["/usr/bin/tini", "--", "/opt/passerelle/passerelle"]
CMD ["serve"]
