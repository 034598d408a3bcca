import { mdiExpansionCardVariant } from "@mdi/js";
import { Box, Card, Stack, Typography } from "@mui/material";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { Icon } from "../shell/Icon";
import { T } from "./texts";

/** Pas de GPU : voulu par le profil de démonstration, ou à comprendre. */
export function NoGpu({ models }: { models: Model[] }) {
  const demonstration = models.length > 0 && models.every((model) => model.demonstration);
  return (
    <Card variant="outlined" data-testid="no-gpu" sx={{ p: 2 }}>
      <Stack direction="row" spacing={1.5} sx={{ alignItems: "center" }}>
        <Icon path={mdiExpansionCardVariant} sx={{ color: "text.secondary" }} />
        <Box sx={{ minWidth: 0 }}>
          <Typography variant="body2" sx={{ fontWeight: 650 }}>
            {demonstration ? T.demonstration : T.noGpu}
          </Typography>
          <Typography variant="body2" color="textSecondary">
            {demonstration ? T.demonstrationHelp : T.noGpuHelp}
          </Typography>
        </Box>
      </Stack>
    </Card>
  );
}
