import { FormControlLabel, InputAdornment, Stack, Switch, TextField, Typography } from "@mui/material";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { written } from "./options";
import { type Draft, idleMinutes } from "./order";
import { P } from "./texts";

interface Props {
  model: Model;
  draft: Draft;
  fault: string | undefined;
  onChange: (changes: Partial<Draft>) => void;
}

/** Quand le modèle peut partir de lui-même. */
export function KeepFields({ model, draft, fault, onChange }: Props) {
  const retained = written(idleMinutes(model));
  return (
    <Stack useFlexGap spacing={1.5} component="fieldset" sx={{ border: 0, p: 0, m: 0 }}>
      <Typography component="legend" variant="h3" sx={{ mb: 1, p: 0 }}>
        {P.keep.title}
      </Typography>
      <FormControlLabel
        control={<Switch checked={draft.pinned ?? model.pinned} onChange={(_, pinned) => onChange({ pinned })} />}
        label={P.keep.pinned}
        data-testid="placement-pinned"
      />
      <TextField
        size="small"
        label={P.keep.idle}
        value={draft.idleMinutes ?? retained}
        error={!!fault}
        helperText={fault ?? P.keep.retained(retained)}
        onChange={(event) => onChange({ idleMinutes: event.target.value })}
        slotProps={{
          htmlInput: { inputMode: "decimal", "data-testid": "placement-idle", autoComplete: "off" },
          input: { endAdornment: <InputAdornment position="end">{P.keep.unit}</InputAdornment> },
          formHelperText: { role: fault ? "alert" : undefined },
        }}
        sx={{ maxWidth: 320 }}
      />
    </Stack>
  );
}
