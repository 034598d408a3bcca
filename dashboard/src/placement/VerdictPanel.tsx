import { mdiCheckCircleOutline, mdiCloseCircleOutline } from "@mdi/js";
import { Alert, Box, LinearProgress, Stack, Typography } from "@mui/material";
import { memory } from "../format";
import type { GpuVerdict } from "../gen/passerelle/v1/model_verbs_pb";
import { StackBar } from "../machine/StackBar";
import { needParts } from "../machine/stacks";
import { Icon } from "../shell/Icon";
import { french } from "../typography";
import { hasPlace } from "./fields";
import { P } from "./texts";
import type { Verdict } from "./useVerdict";

/** Verdict du serveur, avant de rien lancer : ce qui tient, ce qui ne tient pas, et pourquoi. */
export function VerdictPanel({ title, verdict, summary }: { title: string; verdict: Verdict; summary: string }) {
  const { response, refusal, fresh } = verdict;
  const known = response !== undefined || refusal !== undefined;
  // Chaque place dit son refus ; ne l'écrire ici que si aucune ne le dit.
  const unsaid = response?.gpus.every((one) => one.fits) ? response.error?.message : undefined;
  const message = unsaid !== undefined ? french(unsaid) : refusal && !hasPlace(refusal.field) ? refusal.message : "";
  return (
    <Box component="section" aria-labelledby="placement-verdict-title">
      <Typography id="placement-verdict-title" variant="h3" sx={{ mb: 1 }}>
        {title}
      </Typography>
      <Box sx={{ height: 2, mb: 1 }}>{!fresh && <LinearProgress aria-hidden sx={{ height: 2 }} />}</Box>
      <Alert
        severity={!known ? "info" : response?.fits ? "success" : "error"}
        variant="outlined"
        role="status"
        data-testid="placement-verdict"
      >
        {summary}
        {message && <Box data-testid="placement-message">{message}</Box>}
      </Alert>
      <Stack component="ul" spacing={1.5} sx={{ listStyle: "none", p: 0, mt: 2, mb: 0 }}>
        {response?.gpus.map((one) => (
          <Seat key={`${one.replica} ${one.index}`} verdict={one} />
        ))}
      </Stack>
    </Box>
  );
}

function Seat({ verdict }: { verdict: GpuVerdict }) {
  const { index, replica, fits, reason, neededBytes, availableBytes, totalBytes } = verdict;
  return (
    <Box component="li" data-testid={`placement-seat-${index}`}>
      <Stack direction="row" spacing={1} sx={{ alignItems: "center", color: fits ? "success.main" : "error.main" }}>
        <Icon path={fits ? mdiCheckCircleOutline : mdiCloseCircleOutline} fontSize="small" />
        <Typography variant="body2" sx={{ fontWeight: 600, color: "text.primary" }}>
          {P.verdict.seat(index, replica)}
        </Typography>
        <Typography variant="body2">{fits ? P.verdict.here : P.verdict.refused}</Typography>
      </Stack>
      <Typography variant="body2" color="textSecondary" sx={{ mb: 0.5, fontVariantNumeric: "tabular-nums" }}>
        {P.verdict.needs(memory(neededBytes), memory(availableBytes))}
      </Typography>
      <StackBar
        parts={needParts(verdict)}
        label={P.verdict.seat(index, replica)}
        format={memory}
        models={[]}
        names={P.verdict.parts}
        named="taken"
        capacity={totalBytes}
      />
      {reason && (
        <Typography variant="body2" sx={{ mt: 0.5 }} data-testid="placement-reason">
          {reason}
        </Typography>
      )}
    </Box>
  );
}
