import { useSearchParams } from "wouter";
import type { OperationState } from "../gen/passerelle/v1/operation_pb";
import { KINDS, STATES } from "./texts";
import type { Filter } from "./useOperations";

/** Noms des filtres dans l'adresse. */
export type FilterName = "modele" | "genre" | "etat";

export interface Filters extends Filter {
  /** Absent : tous. */
  state: OperationState | undefined;
  /** Valeurs telles que l'adresse les porte. */
  raw: Record<FilterName, string>;
  set: (name: FilterName, value: string) => void;
  clear: () => void;
}

/** Filtres de la page, gardés dans l'adresse ; une valeur inconnue ne filtre rien. */
export function useFilters(): Filters {
  const [params, setParams] = useSearchParams();
  const kind = KINDS.find(([name]) => name === params.get("genre"));
  const state = STATES.find(([name]) => name === params.get("etat"));
  return {
    model: params.get("modele") ?? "",
    kind: kind?.[1],
    state: state?.[1],
    raw: { modele: params.get("modele") ?? "", genre: kind?.[0] ?? "", etat: state?.[0] ?? "" },
    set: (name, value) =>
      setParams(
        (before) => {
          const after = new URLSearchParams(before);
          if (value) after.set(name, value);
          else after.delete(name);
          return after;
        },
        { replace: true },
      ),
    clear: () => setParams({}, { replace: true }),
  };
}
