import { TextField } from "@mui/material";
import { languageName, T } from "../texts";

interface Props {
  label: string;
  /** Valeur choisie ; à défaut d'être proposée, la première l'est. */
  value: string;
  /** Chaque valeur, et ce qu'on en lit. */
  options: readonly (readonly [value: string, label: string])[];
  disabled?: boolean;
  onChoose: (value: string) => void;
  testId?: string | undefined;
}

/** Un choix dans une liste, au menu du système. */
export function Choice({ label, value, options, disabled = false, onChoose, testId }: Props) {
  return (
    <TextField
      select
      fullWidth
      size="small"
      label={label}
      value={options.some(([one]) => one === value) ? value : options[0]?.[0]}
      disabled={disabled}
      onChange={(event) => onChoose(event.target.value)}
      slotProps={{
        select: { native: true },
        inputLabel: { shrink: true },
        htmlInput: { "data-testid": testId },
      }}
    >
      {options.map(([one, text]) => (
        <option key={one} value={one}>
          {text}
        </option>
      ))}
    </TextField>
  );
}

interface LanguageProps extends Omit<Props, "label" | "options"> {
  /** Ce que le modèle annonce. */
  capabilities: { languages: readonly string[]; features: readonly string[] } | undefined;
}

/** La langue parlée ; rien si le modèle n'en annonce aucune. */
export function LanguageChoice({ capabilities, ...rest }: LanguageProps) {
  if (!capabilities?.languages.length) return null;
  const { languages, features } = capabilities;
  const known = languages
    .map((code) => [code, languageName(code)] as const)
    .toSorted(([, a], [, b]) => a.localeCompare(b, "fr"));
  const unsaid = features.includes("language_detection") ? T.detect : T.modelLanguage;
  return <Choice label={T.language} options={[["", unsaid], ...known]} {...rest} />;
}
