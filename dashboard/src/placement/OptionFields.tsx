import { Box, FormControlLabel, FormHelperText, Switch, TextField, Typography } from "@mui/material";
import { Fragment } from "react";
import { type EngineOption, written } from "./options";
import { P } from "./texts";

interface Props {
  options: EngineOption[];
  /** Saisies, par option ; absente : la valeur retenue. */
  texts: Record<string, string>;
  /** Refus, par champ (`options.<nom>`). */
  faults: Record<string, string>;
  onChange: (name: string, text: string) => void;
}

/** Une saisie par option, du genre de sa valeur. */
export function OptionFields({ options, texts, faults, onChange }: Props) {
  return (
    <Box
      sx={{ display: "grid", gap: 2, gridTemplateColumns: { xs: "minmax(0, 1fr)", sm: "repeat(2, minmax(0, 1fr))" } }}
    >
      {options.map((option) => (
        <OptionField
          key={option.name}
          option={option}
          text={texts[option.name] ?? written(option.value)}
          fault={faults[`options.${option.name}`]}
          onChange={(text) => onChange(option.name, text)}
        />
      ))}
    </Box>
  );
}

interface FieldProps {
  option: EngineOption;
  text: string;
  fault: string | undefined;
  onChange: (text: string) => void;
}

function OptionField({ option: { name, kind, fallback }, text, fault, onChange }: FieldProps) {
  const said = typeof fallback === "boolean" ? (fallback ? P.options.on : P.options.off) : written(fallback);
  const unknown = kind === "boolean" ? P.options.engine : P.options.json;
  const help = fault ?? (fallback !== undefined ? P.options.fallback(said) : text ? "" : unknown);
  if (kind === "boolean") {
    return (
      <Box>
        <FormControlLabel
          control={
            <Switch
              checked={text === "true"}
              // Ni vrai ni faux tant que personne n'y a touché : la valeur est celle du moteur.
              sx={{ opacity: text ? 1 : 0.5 }}
              onChange={(_, on) => onChange(String(on))}
            />
          }
          label={<Typography variant="body2">{breakable(name)}</Typography>}
          sx={{ mr: 0 }}
          data-testid={`placement-option-${name}`}
        />
        <FormHelperText error={!!fault} sx={{ m: 0 }}>
          {help}
        </FormHelperText>
      </Box>
    );
  }
  return (
    <TextField
      size="small"
      label={name}
      value={text}
      error={!!fault}
      helperText={help}
      onChange={(event) => onChange(event.target.value)}
      slotProps={{
        htmlInput: {
          "data-testid": `placement-option-${name}`,
          ...(kind === "number" && { inputMode: "decimal" }),
          spellCheck: false,
          autoComplete: "off",
        },
        formHelperText: { role: fault ? "alert" : undefined },
      }}
    />
  );
}

/** Nom qu'une ligne étroite coupe après un tiret bas. */
function breakable(name: string) {
  return name.split(/(?<=_)/).map((part) => (
    <Fragment key={part}>
      {part}
      <wbr />
    </Fragment>
  ));
}
