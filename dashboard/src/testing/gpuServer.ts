// Un faux serveur à GPU, qui suit AdminService : il note ce qu'on lui demande et répond ce que l'essai décide.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { AdminService } from "../gen/passerelle/v1/admin_pb";
import { GpuSchema } from "../gen/passerelle/v1/machine_pb";
import { ModelSchema, ModelState } from "../gen/passerelle/v1/model_pb";
import type { CheckLoadRequest, CheckLoadResponseSchema, LoadModelRequest } from "../gen/passerelle/v1/model_verbs_pb";

export const GIB = 1024 ** 3;

type Answer = MessageInitShape<typeof CheckLoadResponseSchema>;

/** GPU libre de 140 Gio. */
export function gpuOf(index: number, changes: MessageInitShape<typeof GpuSchema> = {}) {
  const size = 140 * GIB;
  const free = { totalBytes: size, freeBytes: size, availableBytes: size };
  return create(GpuSchema, { index, name: "NVIDIA H200", ...free, ...changes });
}

/** Modèle en cache, d'un GPU par exemplaire. */
export function modelOf(changes: MessageInitShape<typeof ModelSchema> = {}) {
  return create(ModelSchema, {
    key: "qwen",
    displayName: "Qwen3",
    state: ModelState.CACHED,
    artifactsCached: true,
    gpusPerReplica: 1,
    selectedReplicas: 1,
    ...changes,
  });
}

/** Verdict d'un exemplaire sur un GPU : 58 Gio de poids, 66 de travail, 2 de réserve. */
export function verdictOf(index: number, changes: NonNullable<Answer["gpus"]>[number] = {}) {
  return {
    index,
    replica: `qwen-${index}`,
    fits: true,
    totalBytes: 140 * GIB,
    availableBytes: 140 * GIB,
    neededBytes: 126 * GIB,
    weightsBytes: 58 * GIB,
    workingBytes: 66 * GIB,
    reserveBytes: 2 * GIB,
    ...changes,
  };
}

export class GpuServer {
  checks: CheckLoadRequest[] = [];
  loads: LoadModelRequest[] = [];
  /** Vérifications abandonnées par la page. */
  aborted = 0;
  models = [modelOf()];
  gpus = Array.from({ length: 8 }, (_, index) => gpuOf(index));
  answer: (request: CheckLoadRequest) => Answer | Promise<Answer> = ({ gpus }) => {
    const placed = gpus.length > 0 ? gpus : [0];
    return { fits: true, replicas: placed.length, gpusPerReplica: 1, gpus: placed.map((index) => verdictOf(index)) };
  };
  accept: (request: LoadModelRequest) => void = () => {};

  private announce = () => {};

  /** Change l'état, et l'annonce. */
  say(changes: Partial<GpuServer>) {
    Object.assign(this, changes);
    this.announce();
  }

  routes = (router: ConnectRouter) => {
    router.service(AdminService, {
      watchStatus: (_, { signal }) => this.watch(signal),
      checkLoad: async (request, { signal }) => {
        this.checks.push(request);
        signal.addEventListener("abort", () => {
          this.aborted += 1;
        });
        return this.answer(request);
      },
      getCapabilities: () => ({ limits: { stopGrace: { seconds: 30n } } }),
      loadModel: (request) => {
        this.loads.push(request);
        this.accept(request);
        return {};
      },
    });
  };

  private async *watch(signal: AbortSignal) {
    while (!signal.aborted) {
      yield { status: { models: this.models, gpus: this.gpus } };
      await new Promise<void>((resolve) => {
        this.announce = resolve;
        signal.addEventListener("abort", () => resolve());
      });
    }
  }
}
