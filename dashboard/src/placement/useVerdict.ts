import { useEffect, useState } from "react";
import { admin } from "../api/admin";
import { type Refusal, refusalOf } from "../api/refusal";
import type { Gpu } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import type { CheckLoadResponse } from "../gen/passerelle/v1/model_verbs_pb";
import type { Order } from "./order";

const DEBOUNCE_MS = 250;
const STEP_BYTES = 256 * 1024 ** 2;

/** Ce que le serveur dit d'un chargement, avant de rien lancer. */
export interface Verdict {
  /** Dernière réponse ; elle reste pendant qu'on en demande une autre. */
  response?: CheckLoadResponse;
  /** Demande que le serveur refuse de juger. */
  refusal?: Refusal;
  /** Faux tant que la dernière réponse est celle d'une demande précédente. */
  fresh: boolean;
}

/**
 * Verdict de cette demande, redemandé quand elle change, ou quand change ce dont il dépend (`scene`) ; sans demande, le
 * dernier reste.
 */
export function useVerdict(check: Order["check"] | undefined, scene: string): Verdict {
  const asked = check && JSON.stringify(check);
  const turn = asked && JSON.stringify([asked, scene]);
  const [answer, setAnswer] = useState<{ asked: string } & Omit<Verdict, "fresh">>();
  useEffect(() => {
    if (!turn) return;
    const stop = new AbortController();
    const [request] = JSON.parse(turn) as [string];
    const timer = setTimeout(async () => {
      let found: Omit<Verdict, "fresh">;
      try {
        found = { response: await admin.checkLoad(JSON.parse(request), { signal: stop.signal }) };
      } catch (error) {
        found = { refusal: refusalOf(error) };
      }
      if (!stop.signal.aborted) setAnswer({ asked: request, ...found });
    }, DEBOUNCE_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [turn]);
  const { asked: answered, ...found } = answer ?? { asked: undefined };
  return { ...found, fresh: answered === asked };
}

/** Ce dont un verdict dépend, hors de la demande ; la même chaîne tant que rien n'y bouge vraiment. */
export function sceneOf(model: Model, gpus: Gpu[], link: string): string {
  const room = gpus.map((gpu) => [gpu.index, Math.round(gpu.availableBytes / STEP_BYTES), gpu.dirty, gpu.replicas]);
  return JSON.stringify([room, model.replicas.map((one) => one.id), model.operation?.id, link]);
}
