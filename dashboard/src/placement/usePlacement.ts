import { useEffect, useState } from "react";
import { admin } from "../api/admin";
import { type Refusal, refusalOf } from "../api/errors";
import type { Gpu } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import type { CheckLoadResponse } from "../gen/passerelle/v1/model_verbs_pb";
import { useServer } from "../status/StatusProvider";
import { type Draft, hasPlace, type Order, orderOf, summaryOf, UNCHANGED } from "./order";

export type Placement = ReturnType<typeof usePlacement>;

/** Choix en cours, son verdict, et son envoi ; `onStarted` suit un ordre accepté. */
export function usePlacement(model: Model, gpus: Gpu[], onStarted: () => void) {
  const { link } = useServer();
  const [draft, setDraft] = useState<Draft>(UNCHANGED);
  const [agreed, setAgreed] = useState("");
  const [sending, setSending] = useState(false);
  const [refused, setRefused] = useState<Refusal>();
  const order = orderOf(model, draft);
  const [fault] = Object.keys(order.faults);
  const answer = useVerdict(fault === undefined ? order.check : undefined, sceneOf(model, gpus, link));
  const verdict: Verdict =
    fault === undefined ? answer : { refusal: { message: "", reason: "", field: fault }, fresh: true };
  const { response, refusal, fresh } = verdict;

  const faults = { ...order.faults };
  for (const one of [refusal, refused]) {
    if (one && hasPlace(one.field)) faults[one.field] ??= one.message;
  }
  const evictions = response && !response.fits ? response.evictions : [];
  // Un accord vaut pour les modèles qu'il nommait, et pour eux seuls.
  const makeRoom = evictions.length > 0 && agreed === evictions.join();
  const ready = fresh && (response?.fits || makeRoom) && !model.operation && !sending && link !== "lost";

  function change(changes: Partial<Draft>) {
    setDraft((before) => ({ ...before, ...changes }));
    setRefused(undefined);
    setAgreed("");
  }

  async function start() {
    setSending(true);
    setRefused(undefined);
    try {
      await admin.loadModel({ ...order.load, makeRoom });
      onStarted();
    } catch (error) {
      setRefused(refusalOf(error));
    } finally {
      setSending(false);
    }
  }

  return {
    draft,
    change,
    verdict,
    /** Dernière réponse du serveur, même si la saisie est à corriger. */
    foreseen: answer.response,
    summary: summaryOf(model, verdict),
    faults,
    evictions,
    makeRoom,
    agree: (yes: boolean) => setAgreed(yes ? evictions.join() : ""),
    ready,
    start,
    refused,
  };
}

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
