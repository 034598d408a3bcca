import { mdiClose } from "@mdi/js";
import { Box } from "@mui/material";
import { useSearchParams } from "wouter";
import { Act, Choice } from "../shell/kit";
import { useQuery } from "../shell/useQuery";
import { SORTS, T } from "./texts";
import type { Filter } from "./useRequests";

const CLOCK = new Intl.DateTimeFormat("fr-FR", { timeStyle: "medium" });

/** Filtres de la page, gardés dans l'adresse ; une valeur inconnue ne filtre rien. */
export function useFilter(): Filter {
  const [params] = useSearchParams();
  return {
    model: params.get("modele") ?? "",
    sort: SORTS.find(([name]) => name === params.get("sorte"))?.[1],
    running: params.get("issue") === "en-cours",
    failed: params.get("issue") === "echec",
    gpu: /^\d{1,3}$/.test(params.get("gpu") ?? "") ? Number(params.get("gpu")) : undefined,
    since: instant(params.get("de")),
    until: instant(params.get("a")),
  };
}

function instant(text: string | null): number | undefined {
  const found = Date.parse(text ?? "");
  return Number.isNaN(found) ? undefined : found;
}

/** Ce que le mur a choisi, et de quoi l'oublier. */
function Moment() {
  const [params, setParams] = useSearchParams();
  const { gpu, since, until } = useFilter();
  if (gpu === undefined && since === undefined && until === undefined) return null;
  const clock = (at: number | undefined) => (at === undefined ? T.always : CLOCK.format(at));
  const said = T.moment(gpu, clock(since), clock(until));
  const forget = () => {
    const after = new URLSearchParams(params);
    for (const name of ["gpu", "de", "a"]) after.delete(name);
    setParams(after, { replace: true });
  };
  return (
    <Act
      icon={mdiClose}
      label={said}
      aria-label={T.forget(said)}
      variant="outlined"
      onClick={forget}
      testId="requests-moment"
      sx={{ justifySelf: "start", gridColumn: "1 / -1" }}
    />
  );
}

/** Choisir le modèle, la sorte et l'issue. */
export function FilterBar({ models }: { models: string[] }) {
  const { get, set } = useQuery();
  const choice = (name: string, label: string, all: string, options: [string, string][]) => {
    const value = get(name);
    // Un modèle retiré du profil peut encore être demandé par l'adresse.
    const asked: [string, string][] = value && !options.some(([key]) => key === value) ? [[value, value]] : [];
    return (
      <Choice
        label={label}
        value={value}
        options={[["", all], ...options, ...asked]}
        onChoose={(chosen) => set(name, chosen)}
        testId={`requests-${name}`}
        sx={{ bgcolor: "background.paper", borderRadius: 1 }}
      />
    );
  };
  return (
    <Box
      role="search"
      aria-label={T.filters}
      sx={{ display: "grid", gap: 1.5, gridTemplateColumns: { xs: "1fr 1fr", sm: "repeat(3, 180px)" } }}
    >
      {choice(
        "modele",
        T.model,
        T.all,
        models.map((key) => [key, key]),
      )}
      {choice(
        "sorte",
        T.sort,
        T.everyone,
        SORTS.map(([name, , label]) => [name, label]),
      )}
      {choice("issue", T.state, T.everyone, T.states)}
      <Moment />
    </Box>
  );
}
