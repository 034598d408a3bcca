import { LinearProgress, Stack, Typography } from "@mui/material";
import { bytes, percent, seconds } from "./format";
import { OPERATIONS, PHASES } from "./fr";
import type { Operation } from "./gen/passerelle/v1/admin_pb";

/** Avancement d'une opération : étape, octets, débit et temps restant quand ils sont connus. */
export function OperationProgressBar({ operation }: { operation: Operation }) {
  const progress = operation.progress;
  const phase = progress?.phase ?? "";
  const done = percent(progress?.completedBytes, progress?.totalBytes);
  const parts = [
    `${OPERATIONS[operation.kind]}${phase ? ` : ${PHASES[phase] ?? phase}` : ""}`,
    progress?.completedBytes !== undefined && `${bytes(progress.completedBytes)} / ${bytes(progress.totalBytes ?? 0)}`,
    progress?.bytesPerSecond !== undefined && `${bytes(progress.bytesPerSecond)}/s`,
    progress?.remaining && `reste ${seconds(Number(progress.remaining.seconds))}`,
  ];
  return (
    <Stack spacing={0.5} sx={{ mt: 1 }}>
      <LinearProgress
        aria-label={OPERATIONS[operation.kind]}
        variant={done === undefined ? "indeterminate" : "determinate"}
        value={done ?? 0}
      />
      <Typography variant="caption">{parts.filter(Boolean).join(" · ")}</Typography>
    </Stack>
  );
}
