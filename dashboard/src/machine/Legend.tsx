import { Box, Stack, Typography } from "@mui/material";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { paint, tintOf } from "./colors";
import { T } from "./texts";

/** À quel modèle est chaque couleur. */
export function Legend({ models }: { models: Model[] }) {
  return (
    <Stack
      direction="row"
      component="ul"
      aria-label={T.legend}
      sx={{ flexWrap: "wrap", columnGap: 2, m: 0, p: 0, listStyle: "none" }}
    >
      {models.map(({ key }) => (
        <Stack key={key} component="li" direction="row" sx={{ alignItems: "center", gap: 0.75 }}>
          <Box
            aria-hidden
            sx={[{ width: 12, height: 12, borderRadius: 0.5, bgcolor: "currentColor" }, paint(tintOf(models, key))]}
          />
          <Typography variant="body2">{key}</Typography>
        </Stack>
      ))}
    </Stack>
  );
}
