import { type FocusEvent, useEffect, useRef, useState } from "react";
import { type Refusal, refusalOf } from "../api/errors";
import { useServer } from "../status/StatusProvider";

export type Call = (verb: () => Promise<unknown>) => Promise<void>;

/** Un appel à la fois, aucun tant que le lien est perdu ; `failure` porte le dernier refus, en français. */
export function useVerb() {
  const [failure, setFailure] = useState<Refusal>();
  const [busy, setBusy] = useState(false);
  const { link } = useServer();

  async function call(verb: () => Promise<unknown>) {
    setFailure(undefined);
    setBusy(true);
    try {
      await verb();
    } catch (error) {
      setFailure(refusalOf(error));
    } finally {
      setBusy(false);
    }
  }

  return { call, busy: busy || link === "lost", failure, forget: () => setFailure(undefined) };
}

/**
 * Rend le foyer à un refuge quand l'élément d'une zone qui l'avait disparaît ou se désactive : sans cela il retombe sur
 * la page entière, et le clavier repart du début.
 */
export function useRefuge<E extends HTMLElement>() {
  const refuge = useRef<E>(null);
  const inside = useRef(false);
  useEffect(() => {
    const { activeElement: active } = document;
    const lost = active === null || active === document.body || active.matches(":disabled");
    // Une boîte de dialogue ouverte tient le foyer elle-même.
    if (!inside.current || !lost || document.querySelector('[role="dialog"]')) return;
    refuge.current?.focus({ preventScroll: true });
  });
  const zone = {
    onFocus: () => {
      inside.current = true;
    },
    onBlur: ({ target, relatedTarget }: FocusEvent) => {
      const taken = !target.isConnected || target.matches(":disabled");
      if (relatedTarget || !taken) inside.current = false;
    },
  };
  return { refuge, zone };
}
