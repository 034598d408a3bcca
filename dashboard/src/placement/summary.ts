import type { Model } from "../gen/passerelle/v1/model_pb";
import { hasPlace } from "./fields";
import { P } from "./texts";
import type { Verdict } from "./useVerdict";

/** Verdict en une phrase ; le pourquoi d'un refus vient à part. */
export function summaryOf(model: Model, { response, refusal }: Verdict): string {
  if (refusal) return hasPlace(refusal.field) ? P.verdict.wrong : P.verdict.none;
  if (!response) return P.verdict.checking;
  const { fits, gpus, replicas, gpusPerReplica } = response;
  if (!fits) {
    const full = gpus.filter((one) => !one.fits).map((one) => one.index);
    return full.length > 0 ? P.verdict.refusedOn(full) : P.verdict.refused;
  }
  const layout = P.replicas.layout(replicas, gpusPerReplica);
  const serving = model.replicas.length;
  if (serving > replicas) return P.verdict.fewer(layout, serving - replicas);
  if (serving === replicas && gpus.length === 0) return P.verdict.same(layout);
  return P.verdict.fits(
    layout,
    gpus.map((one) => one.index),
  );
}
