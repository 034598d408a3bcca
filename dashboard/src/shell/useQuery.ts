import { useSearchParams } from "wouter";

/** Un filtre de l'adresse, vide s'il n'y est pas, de quoi en changer un sans trace dans l'historique, ou tous les ôter. */
export function useQuery() {
  const [params, setParams] = useSearchParams();
  return {
    get: (name: string) => params.get(name) ?? "",
    set: (name: string, value: string) =>
      setParams(
        (before) => {
          const others = [...before].filter(([one]) => one !== name);
          return value ? [...others, [name, value]] : others;
        },
        { replace: true },
      ),
    clear: () => setParams({}, { replace: true }),
  };
}
