import { mdiChevronDown, mdiCodeBraces, mdiKeyOutline } from "@mdi/js";
import {
  Accordion,
  AccordionDetails,
  AccordionSummary,
  Box,
  Collapse,
  Divider,
  Stack,
  Typography,
} from "@mui/material";
import { useId, useState } from "react";
import type { ModelCapabilities } from "../gen/passerelle/v1/limits_pb";
import { EndpointGroup, KeyScope } from "../gen/passerelle/v1/route_pb";
import { Act, Breakable, Icon, MONOSPACE, Note, Tag } from "../shell/kit";
import { CopyButton } from "../snippets/CopyButton";
import { Snippets } from "../snippets/Snippets";
import { type Family, needsKey, type Route } from "./routes";
import { samplesOf } from "./samples";
import { GROUPS, KEYS, T } from "./texts";

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
          <Note component="span" sx={{ display: "block" }}>
            {help}
          </Note>
        </Box>
        <Note component="span" sx={{ flexShrink: 0, px: 1.5, pt: 0.25 }}>
          {T.routes(routes.length)}
        </Note>
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

interface RouteRowProps {
  route: Route;
  models: ModelCapabilities[];
  keys: { apiKeyRequired: boolean; adminKeyRequired: boolean };
}

/** Une route : ses adresses, la clé qu'elle demande, et un exemple à copier. */
export function RouteRow({ route, models, keys }: RouteRowProps) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const keyed = needsKey(route.key, keys);
  const [first] = route.addresses;
  const typed = route.method.startsWith("gRPC");
  return (
    <Box
      sx={{ px: { xs: 2, sm: 3 }, py: { xs: 1, sm: 0.5 } }}
      data-testid="endpoint"
      data-route={`${route.method} ${route.path}`}
    >
      <Stack direction="row" spacing={1} sx={{ alignItems: { xs: "flex-start", sm: "center" } }}>
        <Box
          sx={{
            display: "flex",
            flexWrap: "wrap",
            flexGrow: 1,
            minWidth: 0,
            columnGap: 1,
            rowGap: 0.5,
            alignItems: "center",
          }}
        >
          {/* Sur un téléphone, le nom a sa ligne : des noms de toute longueur s'alignent de même. */}
          <Typography
            sx={{ fontWeight: 600, width: { xs: "100%", sm: "auto" }, py: { xs: 0.5, sm: 0 }, lineHeight: 1.4 }}
          >
            {route.name}
          </Typography>
          <Tag label={route.method} sx={{ fontFamily: MONOSPACE }} />
          {keyed && <Tag color="warning" icon={<Icon path={mdiKeyOutline} />} label={KEYS[route.key]} />}
          {!keyed && route.key === KeyScope.LOCAL_OR_ADMIN && <Tag label={T.localOnly} />}
        </Box>
        <Act
          label={T.sample}
          icon={mdiCodeBraces}
          aria-expanded={open}
          aria-controls={id}
          aria-label={T.sampleOf(route.name)}
          onClick={() => setOpen((before) => !before)}
          testId="endpoint-sample"
          sx={{ flexShrink: 0 }}
        />
      </Stack>
      {typed && (
        <Note sx={{ fontFamily: MONOSPACE, overflowWrap: "anywhere", mt: { xs: 0.5, sm: 0 } }}>
          {route.path.slice(1)}
        </Note>
      )}
      {route.addresses.map(({ text }) => (
        <Stack key={text} direction="row" spacing={0.5} sx={{ alignItems: "center", mt: { xs: 0.5, sm: 0 } }}>
          <Typography
            component="code"
            variant="body2"
            data-testid="endpoint-url"
            sx={{ fontFamily: MONOSPACE, overflowWrap: "anywhere", minWidth: 0, flexGrow: { xs: 1, sm: 0 } }}
          >
            <Breakable text={text} after={/(?<=[^/]\/)(?!\/)/} />
          </Typography>
          <CopyButton compact text={text} label={T.copyUrl(`${route.name}, ${text}`)} testId="endpoint-copy" />
        </Stack>
      ))}
      <Collapse in={open} id={id} unmountOnExit>
        <Box sx={{ pt: 1 }}>{first && <Snippets snippets={samplesOf(route, first, keyed, models)} />}</Box>
      </Collapse>
    </Box>
  );
}
