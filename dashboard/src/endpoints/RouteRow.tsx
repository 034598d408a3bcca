import { mdiCodeBraces, mdiKeyOutline } from "@mdi/js";
import { Box, Button, Chip, Collapse, Stack, Typography } from "@mui/material";
import { Fragment, useId, useState } from "react";
import type { ModelCapabilities } from "../gen/passerelle/v1/limits_pb";
import { KeyScope } from "../gen/passerelle/v1/route_pb";
import { Icon } from "../shell/Icon";
import { MONOSPACE } from "../shell/monospace";
import { CopyButton } from "../snippets/CopyButton";
import { Snippets } from "../snippets/Snippets";
import { needsKey, type Route } from "./routes";
import { samplesOf } from "./samples";
import { KEYS, T } from "./texts";

interface Props {
  route: Route;
  models: ModelCapabilities[];
  keys: { apiKeyRequired: boolean; adminKeyRequired: boolean };
}

/** Une route : ses adresses, la clé qu'elle demande, et un exemple à copier. */
export function RouteRow({ route, models, keys }: Props) {
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
          <Chip size="small" variant="outlined" label={route.method} sx={{ fontFamily: MONOSPACE }} />
          {keyed && (
            <Chip
              size="small"
              color="warning"
              variant="outlined"
              icon={<Icon path={mdiKeyOutline} />}
              label={KEYS[route.key]}
            />
          )}
          {!keyed && route.key === KeyScope.LOCAL_OR_ADMIN && (
            <Chip size="small" variant="outlined" label={T.localOnly} />
          )}
        </Box>
        <Button
          size="small"
          startIcon={<Icon path={mdiCodeBraces} />}
          aria-expanded={open}
          aria-controls={id}
          aria-label={T.sampleOf(route.name)}
          onClick={() => setOpen((before) => !before)}
          data-testid="endpoint-sample"
          sx={{ flexShrink: 0 }}
        >
          {T.sample}
        </Button>
      </Stack>
      {typed && (
        <Typography
          variant="body2"
          color="textSecondary"
          sx={{ fontFamily: MONOSPACE, overflowWrap: "anywhere", mt: { xs: 0.5, sm: 0 } }}
        >
          {route.path.slice(1)}
        </Typography>
      )}
      {route.addresses.map(({ text }) => (
        <Stack key={text} direction="row" spacing={0.5} sx={{ alignItems: "center", mt: { xs: 0.5, sm: 0 } }}>
          <Typography
            component="code"
            variant="body2"
            data-testid="endpoint-url"
            sx={{ fontFamily: MONOSPACE, overflowWrap: "anywhere", minWidth: 0, flexGrow: { xs: 1, sm: 0 } }}
          >
            {breakable(text)}
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

/** Adresse qu'une ligne étroite coupe après une barre, non au milieu d'un mot. */
function breakable(text: string) {
  let at = 0;
  return text.split(/(?<=[^/]\/)(?!\/)/).map((part) => {
    at += part.length;
    return (
      <Fragment key={at}>
        {part}
        <wbr />
      </Fragment>
    );
  });
}
