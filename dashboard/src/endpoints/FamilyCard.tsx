import { Box, Divider, Paper, Stack, Typography } from "@mui/material";
import { useId } from "react";
import type { ModelCapabilities } from "../gen/passerelle/v1/limits_pb";
import { RouteRow } from "./RouteRow";
import type { Family } from "./routes";
import { GROUPS } from "./texts";

interface Props {
  family: Family;
  models: ModelCapabilities[];
  keys: { apiKeyRequired: boolean; adminKeyRequired: boolean };
}

/** Les routes d'une famille. */
export function FamilyCard({ family, models, keys }: Props) {
  const id = useId();
  const { title, help } = GROUPS[family.group];
  return (
    <Paper
      component="section"
      variant="outlined"
      aria-labelledby={id}
      sx={{ overflow: "hidden", breakInside: "avoid", mb: 2 }}
    >
      <Box sx={{ px: { xs: 2, sm: 3 }, pt: 2, pb: 1.5 }}>
        <Typography variant="h3" id={id}>
          {title}
        </Typography>
        <Typography variant="body2" color="textSecondary">
          {help}
        </Typography>
      </Box>
      <Stack divider={<Divider />}>
        {family.routes.map((route) => (
          <RouteRow key={`${route.method} ${route.path}`} route={route} models={models} keys={keys} />
        ))}
      </Stack>
    </Paper>
  );
}
