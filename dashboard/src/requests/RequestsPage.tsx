import { Alert, Chip, Stack, Typography } from "@mui/material";
import { useServer } from "../status/StatusProvider";
import { FilterBar, useFilter } from "./FilterBar";
import { RequestDialog } from "./RequestDialog";
import { RequestTable } from "./RequestTable";
import { T } from "./texts";
import { useRequests } from "./useRequests";

/** Les dernières requêtes et celles en cours, en direct. */
export function RequestsPage() {
  const models = useServer().status?.models ?? [];
  const { found, opened, setOpened, missed, link } = useRequests(useFilter());
  return (
    <Stack spacing={2} data-testid="requests-page">
      <Stack direction="row" useFlexGap spacing={2} sx={{ alignItems: "center", flexWrap: "wrap" }}>
        <Typography variant="h2">{T.title}</Typography>
        <Chip
          size="small"
          role="status"
          variant="outlined"
          data-testid={`requests-${link}`}
          color={link === "live" ? "success" : link === "lost" ? "warning" : "default"}
          label={T[link]}
        />
      </Stack>
      <Typography color="textSecondary">{T.help}</Typography>
      <FilterBar models={models.map(({ key }) => key)} />
      {missed > 0 && (
        <Alert severity="info" data-testid="requests-missed">
          {T.missed(missed)}
        </Alert>
      )}
      {found.length === 0 && link === "live" && <Typography data-testid="requests-empty">{T.empty}</Typography>}
      {found.length > 0 && <RequestTable requests={found} open={setOpened} />}
      {opened && <RequestDialog request={opened} onClose={() => setOpened(undefined)} />}
    </Stack>
  );
}
