import { durationMs } from "@bufbuild/protobuf/wkt";
import { Alert, Box } from "@mui/material";
import { seconds } from "../format";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { requestsOf } from "../models/requests";
import { useCapabilities } from "../status/useCapabilities";
import { P } from "./texts";

/** Exemplaires qui s'arrêteraient, ce qu'ils servent en ce moment, et le temps que le serveur leur laisserait. */
export function LeavingNote({ model, leaving }: { model: Model; leaving: string[] }) {
  const grace = useCapabilities().known?.limits?.stopGrace;
  const { running, waiting } = requestsOf({ replicas: model.replicas.filter(({ id }) => leaving.includes(id)) });
  const busy = running + waiting > 0;
  return (
    <Alert
      severity={busy ? "warning" : "info"}
      variant="outlined"
      role="group"
      aria-label={P.leaving.title(leaving)}
      data-testid="placement-leaving"
    >
      <Box sx={{ fontWeight: 600 }}>{P.leaving.title(leaving)}</Box>
      {busy ? P.leaving.busy(running, waiting) : P.leaving.free}{" "}
      {P.leaving.grace(grace && seconds(durationMs(grace) / 1000))}
    </Alert>
  );
}
