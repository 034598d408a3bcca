import { Alert, Box, Stack, TextField, Typography } from "@mui/material";
import { useSearchParams } from "wouter";
import { useServer } from "../status/StatusProvider";
import { useCapabilities } from "../status/useCapabilities";
import { useKeyed } from "../status/useKeyed";
import { FamilyCard } from "./FamilyCard";
import { LimitsTable } from "./LimitsTable";
import { LIMITS } from "./limits";
import { ModelFeatures } from "./ModelFeatures";
import { familiesOf, hostsOf } from "./routes";
import { finder } from "./search";
import { GROUPS, T } from "./texts";

/** Où joindre chaque capacité, avec quelle clé, et dans quelles limites. */
export function EndpointsPage() {
  const { known, failure } = useCapabilities();
  const { status } = useServer();
  const keyed = useKeyed();
  const [params, setParams] = useSearchParams();
  if (!known) {
    return failure ? <Alert severity="error">{failure}</Alert> : <Typography role="status">{T.loading}</Typography>;
  }
  const hosts = hostsOf(known.endpoints);
  const host = hosts.find((one) => one === params.get("hote")) ?? "";
  const query = params.get("cherche") ?? "";
  const found = finder(query);
  const families = familiesOf(known.endpoints, host)
    .map(({ group, routes }) => ({
      group,
      routes: routes.filter(({ name, method, path }) => found(GROUPS[group].title, name, method, path)),
    }))
    .filter(({ routes }) => routes.length > 0);
  const limits =
    known.limits && LIMITS.some(([family, rows]) => rows.some(([label]) => found(T.limits, family, label)));
  const change = (name: "hote" | "cherche", value: string) =>
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        if (value) after.set(name, value);
        else after.delete(name);
        return after;
      },
      { replace: true },
    );
  const keys = { apiKeyRequired: keyed, adminKeyRequired: status?.adminKeyRequired ?? false };
  return (
    <Stack spacing={3}>
      <Stack spacing={2}>
        <Typography variant="h2">{T.title}</Typography>
        <Typography color="textSecondary">
          {keys.apiKeyRequired || keys.adminKeyRequired ? T.keyHelp.some : T.keyHelp.none}
        </Typography>
        {!hosts.includes(location.hostname) && (
          <Alert
            severity="info"
            variant="outlined"
            sx={{ bgcolor: "background.paper" }}
            data-testid="endpoint-elsewhere"
          >
            {T.elsewhere(location.host)}
          </Alert>
        )}
        <Stack direction={{ xs: "column", sm: "row" }} spacing={2}>
          <TextField
            type="search"
            size="small"
            label={T.search}
            value={query}
            onChange={(event) => change("cherche", event.target.value)}
            sx={{ flexGrow: 1, maxWidth: 480, bgcolor: "background.paper", borderRadius: 1 }}
            slotProps={{ htmlInput: { "data-testid": "endpoint-search" } }}
          />
          {hosts.length > 1 && (
            <TextField
              select
              size="small"
              label={T.host}
              value={host}
              onChange={(event) => change("hote", event.target.value)}
              sx={{ maxWidth: 320, bgcolor: "background.paper", borderRadius: 1 }}
              slotProps={{
                select: { native: true },
                inputLabel: { shrink: true },
                htmlInput: { "data-testid": "endpoint-host" },
              }}
            >
              <option value="">{T.allHosts}</option>
              {hosts.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </TextField>
          )}
        </Stack>
      </Stack>
      <Box sx={{ columns: { xs: 1, xl: 2 }, columnGap: 2 }}>
        {families.map((family) => (
          <FamilyCard key={family.group} family={family} models={known.models} keys={keys} searched={query !== ""} />
        ))}
      </Box>
      {families.length === 0 && !limits && (
        <Typography role="status" data-testid="endpoint-none">
          {T.noMatch(query)}
        </Typography>
      )}
      {!query && <ModelFeatures models={known.models} />}
      {known.limits && <LimitsTable limits={known.limits} found={found} />}
    </Stack>
  );
}
