import { Box, Button, TextField } from "@mui/material";
import { OPERATIONS } from "../fr";
import { KINDS, STATES, T } from "./texts";
import type { FilterName, Filters } from "./useFilters";

/** Choisir le modèle, le genre et l'état. */
export function FilterBar({ filters, models }: { filters: Filters; models: string[] }) {
  const { raw, set, clear } = filters;
  // Un modèle retiré du profil peut encore être demandé par l'adresse.
  const keys = raw.modele && !models.includes(raw.modele) ? [...models, raw.modele] : models;
  const filtered = Object.values(raw).some(Boolean);
  return (
    <Box
      role="search"
      aria-label={T.filters}
      sx={{ display: "grid", gap: 1.5, gridTemplateColumns: { xs: "1fr 1fr", sm: "repeat(3, 180px) auto" } }}
    >
      <Choice name="modele" label={T.model} value={raw.modele} set={set} options={keys.map((key) => [key, key])} />
      <Choice
        name="genre"
        label={T.kind}
        value={raw.genre}
        set={set}
        options={KINDS.map(([name, kind]) => [name, OPERATIONS[kind]])}
      />
      <Choice
        name="etat"
        label={T.state}
        value={raw.etat}
        set={set}
        options={STATES.map(([name, , label]) => [name, label])}
      />
      {filtered && (
        <Button onClick={clear} data-testid="filter-clear" sx={{ justifySelf: "start" }}>
          {T.clear}
        </Button>
      )}
    </Box>
  );
}

interface ChoiceProps {
  name: FilterName;
  label: string;
  value: string;
  set: (name: FilterName, value: string) => void;
  /** Valeur dans l'adresse, et texte montré. */
  options: [string, string][];
}

function Choice({ name, label, value, set, options }: ChoiceProps) {
  return (
    <TextField
      select
      size="small"
      label={label}
      value={value}
      onChange={(event) => set(name, event.target.value)}
      sx={{ bgcolor: "background.paper", borderRadius: 1 }}
      slotProps={{
        select: { native: true },
        inputLabel: { shrink: true },
        htmlInput: { "data-testid": `filter-${name}` },
      }}
    >
      <option value="">{T.all}</option>
      {options.map(([key, text]) => (
        <option key={key} value={key}>
          {text}
        </option>
      ))}
    </TextField>
  );
}
