import { useState } from "react";
import { admin } from "../api/client";
import type { Gpu, Model } from "../gen/passerelle/v1/admin_pb";
import { type Draft, orderOf, UNCHANGED } from "./order";
import { hasPlace, type Refusal, refusalOf } from "./refusal";
import { summaryOf } from "./summary";
import { machineOf, useVerdict } from "./useVerdict";

export type Placement = ReturnType<typeof usePlacement>;

/** Choix en cours, son verdict, et son envoi ; `onStarted` suit un ordre accepté. */
export function usePlacement(model: Model, gpus: Gpu[], onStarted: () => void) {
  const [draft, setDraft] = useState<Draft>(UNCHANGED);
  const [makeRoom, setMakeRoom] = useState(false);
  const [sending, setSending] = useState(false);
  const [refused, setRefused] = useState<Refusal>();
  const order = orderOf(model, draft);
  const verdict = useVerdict(order.check, machineOf(gpus));
  const { response, refusal, fresh } = verdict;

  const faults = { ...order.faults };
  for (const one of [refusal, refused]) {
    if (one && hasPlace(one.field)) faults[one.field] ??= one.message;
  }
  const evictions = response && !response.fits ? response.evictions : [];
  const roomy = response?.fits || (makeRoom && evictions.length > 0);
  const ready = fresh && !!roomy && Object.keys(order.faults).length === 0 && !model.operation && !sending;

  function change(changes: Partial<Draft>) {
    setDraft((before) => ({ ...before, ...changes }));
    setRefused(undefined);
    // Un accord vaut pour les modèles qu'il nommait.
    setMakeRoom(false);
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

  const summary = summaryOf(model, verdict);
  return { draft, change, verdict, summary, faults, evictions, makeRoom, setMakeRoom, ready, start, refused };
}
