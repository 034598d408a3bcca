import { mdiChevronDown } from "@mdi/js";
import { Accordion, AccordionDetails, AccordionSummary, Box, Divider, Stack, Typography } from "@mui/material";
import { useState } from "react";
import type { ModelCapabilities } from "../gen/passerelle/v1/limits_pb";
import { EndpointGroup } from "../gen/passerelle/v1/route_pb";
import { Icon } from "../shell/Icon";
import { RouteRow } from "./RouteRow";
import type { Family } from "./routes";
import { GROUPS, T } from "./texts";

interface Props {
  family: Family;
  models: ModelCapabilities[];
  keys: { apiKeyRequired: boolean; adminKeyRequired: boolean };
  /** Vrai pendant une recherche : ce qu'elle garde se voit. */
  searched: boolean;
}

/** Les routes d'une famille, repliées ; celle qu'on cherche le plus est ouverte. */
export function FamilyCard({ family: { group, routes }, models, keys, searched }: Props) {
  const [open, setOpen] = useState(group === EndpointGroup.OPENAI);
  const { title, help } = GROUPS[group];
  return (
    <Accordion
      variant="outlined"
      disableGutters
      square
      expanded={open || searched}
      onChange={(_event, wanted) => setOpen(wanted)}
      slotProps={{ heading: { component: "h3" } }}
      sx={{ borderRadius: 1, overflow: "hidden", breakInside: "avoid", mb: 1, "&::before": { display: "none" } }}
      data-testid="endpoint-family"
    >
      <AccordionSummary expandIcon={<Icon path={mdiChevronDown} />} sx={{ px: { xs: 2, sm: 3 } }}>
        <Box sx={{ flexGrow: 1, minWidth: 0 }}>
          <Typography component="span" variant="h3" sx={{ display: "block" }}>
            {title}
          </Typography>
          <Typography component="span" variant="body2" color="textSecondary" sx={{ display: "block" }}>
            {help}
          </Typography>
        </Box>
        <Typography component="span" variant="body2" color="textSecondary" sx={{ flexShrink: 0, px: 1.5, pt: 0.25 }}>
          {T.routes(routes.length)}
        </Typography>
      </AccordionSummary>
      <AccordionDetails sx={{ p: 0, borderTop: 1, borderColor: "divider" }}>
        <Stack divider={<Divider />}>
          {routes.map((route) => (
            <RouteRow key={`${route.method} ${route.path}`} route={route} models={models} keys={keys} />
          ))}
        </Stack>
      </AccordionDetails>
    </Accordion>
  );
}
