import { Box, FormControlLabel, FormHelperText, InputAdornment, Stack, Switch, Typography } from "@mui/material";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { isLoaded } from "../models/model";
import { Breakable, Field, Note, Part } from "../shell/kit";
import { type EngineOption, idleMinutes, optionsOf, written } from "./order";
import { P } from "./texts";
import type { Placement } from "./usePlacement";

/** Les options du moteur, et quand le modèle peut partir. */
export function HowSection({ model, placement }: { model: Model; placement: Placement }) {
  const { draft, change, faults } = placement;
  const options = optionsOf(model);
  const retained = written(idleMinutes(model));
  const column = "minmax(0, 1fr)";
  return (
    <Stack spacing={3}>
      {options.length > 0 && (
        <Part title={P.options.title} variant="h3">
          {isLoaded(model) ? (
            <Note>{P.options.frozen}</Note>
          ) : (
            <Box sx={{ display: "grid", gap: 2, gridTemplateColumns: { xs: column, sm: `repeat(2, ${column})` } }}>
              {options.map((option) => (
                <OptionField
                  key={option.name}
                  option={option}
                  text={draft.options[option.name] ?? written(option.value)}
                  fault={faults[`options.${option.name}`]}
                  onChange={(text) => change({ options: { ...draft.options, [option.name]: text } })}
                />
              ))}
            </Box>
          )}
        </Part>
      )}
      <Stack useFlexGap spacing={1.5} component="fieldset" sx={{ border: 0, p: 0, m: 0 }}>
        <Typography component="legend" variant="h3" sx={{ mb: 1, p: 0 }}>
          {P.keep.title}
        </Typography>
        <FormControlLabel
          control={<Switch checked={draft.pinned ?? model.pinned} onChange={(_, pinned) => change({ pinned })} />}
          label={P.keep.pinned}
          data-testid="placement-pinned"
        />
        <Field
          label={P.keep.idle}
          value={draft.idleMinutes ?? retained}
          fault={faults.idle_unload}
          help={P.keep.retained(retained)}
          onText={(idleMinutes) => change({ idleMinutes })}
          html={{ inputMode: "decimal", autoComplete: "off" }}
          slotProps={{ input: { endAdornment: <InputAdornment position="end">{P.keep.unit}</InputAdornment> } }}
          sx={{ maxWidth: 320 }}
          testId="placement-idle"
        />
      </Stack>
    </Stack>
  );
}

interface OptionProps {
  option: EngineOption;
  text: string;
  fault: string | undefined;
  onChange: (text: string) => void;
}

/** Une option, du genre de sa valeur. */
function OptionField({ option: { name, kind, fallback }, text, fault, onChange }: OptionProps) {
  const said = typeof fallback === "boolean" ? (fallback ? P.options.on : P.options.off) : written(fallback);
  const unknown = kind === "boolean" ? P.options.engine : P.options.json;
  const help = fault ?? (fallback !== undefined ? P.options.fallback(said) : text ? "" : unknown);
  const testId = `placement-option-${name}`;
  if (kind !== "boolean") {
    const html = { spellCheck: false, autoComplete: "off", ...(kind === "number" && { inputMode: "decimal" }) };
    return <Field label={name} value={text} fault={fault} help={help} onText={onChange} html={html} testId={testId} />;
  }
  // Ni vrai ni faux tant que personne n'y a touché : la valeur est celle du moteur.
  const look = { opacity: text ? 1 : 0.5 };
  return (
    <Box>
      <FormControlLabel
        control={<Switch checked={text === "true"} sx={look} onChange={(_, on) => onChange(String(on))} />}
        label={
          <Typography variant="body2">
            <Breakable text={name} after={/(?<=_)/} />
          </Typography>
        }
        sx={{ mr: 0 }}
        data-testid={testId}
      />
      <FormHelperText error={!!fault} sx={{ m: 0 }}>
        {help}
      </FormHelperText>
    </Box>
  );
}
