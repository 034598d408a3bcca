import { durationMs } from "@bufbuild/protobuf/wkt";
import { LinearProgress, Stack, Typography } from "@mui/material";
import { bytes, percent, seconds } from "../format";
import { OPERATIONS, PHASES, T } from "../fr";
import type { Operation } from "../gen/passerelle/v1/admin_pb";

/** Avancement d'une opération : étape, octets, débit et temps restant quand ils sont connus. */
export function OperationProgressBar({ operation }: { operation: Operation }) {
  const { phase = "", completedBytes, totalBytes, bytesPerSecond, remaining } = operation.progress ?? {};
  const done = percent(completedBytes, totalBytes);
  const kind = OPERATIONS[operation.kind];
  const parts = [
    phase ? `${kind} : ${PHASES[phase] ?? phase}` : kind,
    completedBytes !== undefined && totalBytes ? T.progress.bytes(bytes(completedBytes), bytes(totalBytes)) : "",
    bytesPerSecond ? T.progress.rate(bytes(bytesPerSecond)) : "",
    remaining ? T.progress.remaining(seconds(durationMs(remaining) / 1000)) : "",
  ];
  return (
    <Stack spacing={0.5} sx={{ flexGrow: 1, minWidth: 0 }}>
      <LinearProgress
        aria-label={kind}
        variant={done === undefined ? "indeterminate" : "determinate"}
        value={done ?? 0}
        sx={{ borderRadius: 1, height: 6 }}
      />
      <Typography variant="caption" color="textSecondary">
        {parts.filter(Boolean).join(" · ")}
      </Typography>
    </Stack>
  );
}
