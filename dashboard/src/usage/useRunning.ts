import { useEffect, useState } from "react";
import { requests } from "../api/client";
import type { Request } from "../gen/passerelle/v1/requests_pb";
import { pause, whileVisible } from "../status/follow";

const AGAIN_MS = 2_000;

/** Requêtes en cours, toutes, relues tant que la page se voit ; `undefined` tant que rien n'est lu. */
export function useRunning(access: string): Request[] | undefined {
  const [found, setFound] = useState<{ access: string; running: Request[] }>();
  useEffect(() => {
    const take = async (signal: AbortSignal) => {
      while (!signal.aborted) {
        // Toutes celles en cours sont sur la première page, si petite qu'elle soit.
        const read = await requests
          .listRequests({ filter: { running: true }, pageSize: 1 }, { signal })
          .catch(() => undefined);
        if (!signal.aborted) setFound(read && { access, running: read.requests });
        await pause(AGAIN_MS, signal);
      }
    };
    const { stop } = whileVisible({ run: (signal) => void take(signal), onHidden: () => undefined });
    return stop;
  }, [access]);
  return found?.access === access ? found.running : undefined;
}

export interface Holding {
  key: string;
  model: string;
  count: number;
}

/** Qui emploie chaque GPU, par clé et modèle ; sous -1, ce qui n'en emploie aucun. */
export function holdersOf(running: Request[]): Map<number, Holding[]> {
  const found = new Map<number, Holding[]>();
  for (const { key, model, gpus } of running) {
    for (const gpu of gpus.length > 0 ? gpus : [-1]) {
      const held = found.get(gpu) ?? [];
      found.set(gpu, held);
      const same = held.find((one) => one.key === key && one.model === model);
      if (same) same.count += 1;
      else held.push({ key, model, count: 1 });
    }
  }
  for (const held of found.values()) held.sort((one, other) => other.count - one.count);
  return found;
}
