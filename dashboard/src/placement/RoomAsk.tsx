import { Alert, AlertTitle, Box, Checkbox, FormControlLabel } from "@mui/material";
import { memory } from "../format";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { P } from "./texts";

interface Props {
  /** Modèles que le serveur déchargerait ; aucun : cela ne suffirait pas. */
  evicted: Model[];
  agreed: boolean;
  onAgree: (agreed: boolean) => void;
}

/** Demande s'il faut décharger d'autres modèles, en les nommant ; rien ne part sans cet accord. */
export function RoomAsk({ evicted, agreed, onAgree }: Props) {
  if (evicted.length === 0)
    return (
      <Alert severity="info" role="note">
        {P.room.hopeless}
      </Alert>
    );
  return (
    <Alert severity="warning" variant="outlined" role="group" aria-label={P.room.title} data-testid="placement-room">
      <AlertTitle>{P.room.title}</AlertTitle>
      {evicted.map((model) => (
        <Box key={model.key}>{P.room.idle(model.displayName || model.key, held(model))}</Box>
      ))}
      <FormControlLabel
        control={<Checkbox color="warning" checked={agreed} onChange={(_, checked) => onAgree(checked)} />}
        label={P.room.would(evicted.map((model) => model.displayName || model.key))}
        sx={{ alignItems: "flex-start", mt: 0.5, "& .MuiCheckbox-root": { py: 0 } }}
        data-testid="placement-room-agree"
      />
    </Alert>
  );
}

function held({ replicas }: Model): string {
  const bytes = replicas.reduce((sum, replica) => sum + (replica.gpuBytes ?? 0), 0);
  return bytes > 0 ? memory(bytes) : "";
}
