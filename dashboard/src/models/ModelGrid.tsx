import { Box, Typography } from "@mui/material";
import { T } from "../fr";
import type { Model } from "../gen/passerelle/v1/admin_pb";
import { ModelCard } from "./ModelCard";

/** Une carte par modèle du profil, dans son ordre. */
export function ModelGrid({ models }: { models: Model[] }) {
  return (
    <Box component="section" aria-labelledby="models-title">
      <Typography id="models-title" variant="h2" sx={{ mb: 1.5 }}>
        {T.models}
      </Typography>
      <Box
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
        {models.map((model) => (
          <ModelCard key={model.key} model={model} />
        ))}
      </Box>
    </Box>
  );
}
