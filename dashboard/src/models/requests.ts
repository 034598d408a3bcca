import type { Model } from "../gen/passerelle/v1/model_pb";

export interface Requests {
  running: number;
  waiting: number;
  maxRunning: number;
  maxWaiting: number;
}

/** Requêtes de tous les exemplaires d'un modèle, et ce qu'ils admettent en tout. */
export function requestsOf({ replicas }: Pick<Model, "replicas">): Requests {
  const total: Requests = { running: 0, waiting: 0, maxRunning: 0, maxWaiting: 0 };
  for (const replica of replicas) {
    total.running += replica.runningRequests;
    total.waiting += replica.waitingRequests;
    total.maxRunning += replica.maxRunning;
    total.maxWaiting += replica.maxWaiting;
  }
  return total;
}
