import { Box, Stack, TextField, Typography } from "@mui/material";
import { type Draft, LIMITS, typed } from "./quota";
import { QUOTA } from "./texts";

interface Props {
  /** Ce que vaut une case vide. */
  help: string;
  draft: Draft;
  onChange: (draft: Draft) => void;
  /** Limite refusée par le serveur, et ses mots. */
  fault?: { field: string; message: string };
}

/** Les limites d'une clé ; une case vide n'en pose pas. */
export function QuotaFields({ help, draft, onChange, fault }: Props) {
  return (
    <Stack component="fieldset" spacing={1} sx={{ border: 0, p: 0, m: 0 }}>
      <Typography component="legend" variant="body2" color="textSecondary" sx={{ p: 0, pb: 1 }}>
        {help}
      </Typography>
      <Box sx={{ display: "grid", gap: 1, gridTemplateColumns: "repeat(auto-fill, minmax(14rem, 1fr))" }}>
        {LIMITS.map((limit) => (
          <TextField
            key={limit}
            size="small"
            label={QUOTA.limits[limit]}
            value={draft[limit]}
            onChange={(event) => onChange({ ...draft, [limit]: typed(limit, event.target.value) })}
            slotProps={{
              htmlInput: { "data-testid": `quota-${limit}`, inputMode: "numeric", autoComplete: "off" },
            }}
            {...(fault?.field === limit && { error: true, helperText: fault.message })}
          />
        ))}
      </Box>
    </Stack>
  );
}
