import { Box, LinearProgress, Stack, Typography } from "@mui/material";
import { bytes } from "../../format";
import type { Job } from "../job/job";
import { STAGES, T } from "../texts";

/** L'envoi, puis les étapes que le serveur mène ; une étape finie ne tient plus de place. */
export function Progress({ job: { sent, total, stages } }: { job: Job }) {
  const uploaded = sent >= total;
  const under = stages.filter(({ ratio }) => ratio !== 1);
  return (
    <Stack spacing={1} data-testid="audio-progress">
      {!uploaded && (
        <Bar label={T.sending} detail={T.sentOf(bytes(sent), bytes(total))} ratio={total ? sent / total : 0} />
      )}
      {uploaded && stages.length === 0 && (
        <Typography variant="body2" color="textSecondary">
          {T.waiting}
        </Typography>
      )}
      {stages.length > 0 && under.length === 0 && <Bar label={T.finishing} ratio={undefined} />}
      {under.map(({ name, ratio }) => (
        <Bar key={name} label={STAGES[name] ?? name} ratio={ratio} />
      ))}
    </Stack>
  );
}

function Bar({ label, detail, ratio }: { label: string; detail?: string; ratio: number | undefined }) {
  const percent = ratio === undefined ? undefined : Math.min(100, Math.round(100 * ratio));
  const said = detail ?? (percent === undefined ? "" : `${percent} %`);
  return (
    <Box>
      <Stack direction="row" sx={{ justifyContent: "space-between" }}>
        <Typography variant="body2">{label}</Typography>
        <Typography variant="body2" color="textSecondary" sx={{ fontVariantNumeric: "tabular-nums" }}>
          {said}
        </Typography>
      </Stack>
      <LinearProgress
        aria-label={label}
        variant={percent === undefined ? "indeterminate" : "determinate"}
        value={percent ?? 0}
        sx={{ borderRadius: 1, height: 6 }}
      />
    </Box>
  );
}
