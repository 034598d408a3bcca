import { useEffect, useState } from "react";
import { admin } from "../api/admin";
import { type Model, ModelState } from "../gen/passerelle/v1/model_pb";

/** Clés des modèles prêts dont le moteur sait dormir ; lue quand un modèle devient prêt, car seul un moteur ouvert le dit. */
export function useSleepers(models: Model[]): ReadonlySet<string> {
  const [sleepers, setSleepers] = useState<ReadonlySet<string>>(new Set());
  const ready = models
    .filter((model) => model.state === ModelState.READY)
    .map((model) => model.key)
    .join(" ");
  useEffect(() => {
    if (!ready) return;
    const stop = new AbortController();
    admin
      .getCapabilities({}, { signal: stop.signal })
      .then(({ models: found }) => {
        setSleepers(new Set(found.filter((one) => one.features.includes("sleep")).map((one) => one.key)));
      })
      // Ne pas le savoir cache seulement un bouton ; le prochain modèle prêt le redemandera.
      .catch(() => undefined);
    return () => stop.abort();
  }, [ready]);
  return sleepers;
}
