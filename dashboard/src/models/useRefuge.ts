import { type FocusEvent, useEffect, useRef } from "react";

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
