import { useState } from "react";
import { admin } from "../api/admin";
import { type Refusal, refusalOf } from "../api/refusal";
import type { Gpu } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { useServer } from "../status/StatusProvider";
import { hasPlace } from "./fields";
import { type Draft, orderOf, UNCHANGED } from "./order";
import { summaryOf } from "./summary";
import { sceneOf, useVerdict, type Verdict } from "./useVerdict";

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
