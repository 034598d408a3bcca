import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Box, Typography } from "@mui/material";
import type { Status } from "../gen/passerelle/v1/admin_pb";
import { ModelCard } from "./ModelCard";
import { ModelSkeleton } from "./ModelSkeleton";
import { T } from "./texts";
import { useSleepers } from "./useSleepers";

const AWAITED = ["a", "b", "c"];

/** Une carte par modèle du profil, dans son ordre ; des cartes vides tant que l'état n'est pas là. */
export function ModelGrid({ status }: { status: Status | undefined }) {
  const models = status?.models ?? [];
  const sleepers = useSleepers(models);
  // L'heure du serveur : celle du navigateur peut être fausse.
  const now = status?.observedAt ? timestampMs(status.observedAt) / 1000 : 0;
  return (
    <Box component="section" aria-labelledby="models-title" aria-busy={!status}>
      <Typography id="models-title" variant="h2" sx={{ mb: 1.5 }}>
        {T.title}
      </Typography>
      {status && models.length === 0 && <Typography color="textSecondary">{T.none}</Typography>}
      <Box
        data-testid="model-grid"
        sx={{
          display: "grid",
          gap: 2,
          gridTemplateColumns: {
            xs: "minmax(0, 1fr)",
            md: "repeat(2, minmax(0, 1fr))",
            xl: "repeat(3, minmax(0, 1fr))",
          },
        }}
      >
        {!status && AWAITED.map((rank) => <ModelSkeleton key={rank} />)}
        {models.map((model) => (
          <ModelCard key={model.key} model={model} now={now} sleeps={sleepers.has(model.key)} />
        ))}
      </Box>
    </Box>
  );
}
