import { Alert, Box, Stack, TextField, Typography } from "@mui/material";
import { useSearchParams } from "wouter";
import { useServer } from "../status/StatusProvider";
import { useCapabilities } from "../status/useCapabilities";
import { useKeyed } from "../status/useKeyed";
import { FamilyCard } from "./FamilyCard";
import { LimitsTable } from "./LimitsTable";
import { ModelFeatures } from "./ModelFeatures";
import { familiesOf, hostsOf } from "./routes";
import { T } from "./texts";

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
        {hosts.length > 1 && (
          <TextField
            select
            size="small"
            label={T.host}
            value={host}
            onChange={(event) => setParams(event.target.value ? { hote: event.target.value } : {}, { replace: true })}
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
      <Box sx={{ columns: { xs: 1, xl: 2 }, columnGap: 2 }}>
        {familiesOf(known.endpoints, host).map((family) => (
          <FamilyCard key={family.group} family={family} models={known.models} keys={keys} />
        ))}
      </Box>
      <ModelFeatures models={known.models} />
      {known.limits && <LimitsTable limits={known.limits} />}
    </Stack>
  );
}
