import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Box, Card, Chip, Stack, Typography } from "@mui/material";
import type { ReactNode } from "react";
import { seconds } from "../format";
import type { Status } from "../gen/passerelle/v1/admin_pb";
import { useServer } from "../status/StatusProvider";
import { StatusSkeleton } from "../status/StatusSkeleton";
import { GpuTile } from "./GpuTile";
import { HostTiles } from "./HostTiles";
import { Legend } from "./Legend";
import { NoGpu } from "./NoGpu";
import { RowTable } from "./RowTable";
import { cacheRows, processRows } from "./rows";
import { T } from "./texts";

/** La machine entière : GPU, hôte, cache, processus. */
export function MachinePage() {
  const { status } = useServer();
  if (!status) return <StatusSkeleton cards={6} />;
  const { gpus, models, host, processes } = status;
  return (
    <Stack spacing={3} data-testid="machine-page">
      <Facts status={status} />
      <Section id="machine-gpus" title={T.gpus} aside={gpus.length > 0 && <Legend models={models} />}>
        {gpus.length === 0 ? (
          <NoGpu models={models} />
        ) : (
          <Box sx={{ display: "grid", gap: 2, gridTemplateColumns: columns(gpus.length) }}>
            {gpus.map((gpu) => (
              <GpuTile key={gpu.uuid || gpu.index} gpu={gpu} models={models} />
            ))}
          </Box>
        )}
      </Section>
      {host && (
        <Section id="machine-host" title={T.host} aside={gpus.length === 0 && <Legend models={models} />}>
          <HostTiles host={host} models={models} />
        </Section>
      )}
      <Box
        sx={{ display: "grid", gap: 3, gridTemplateColumns: { xs: "minmax(0, 1fr)", lg: "repeat(2, minmax(0, 1fr))" } }}
      >
        <Section id="machine-cache" title={T.cache}>
          <Card variant="outlined">
            <RowTable
              labelledBy="machine-cache"
              testid="cache"
              head={[T.model, T.files, T.size]}
              rows={cacheRows(models)}
              figures={1}
            />
          </Card>
        </Section>
        <Section id="machine-processes" title={T.processes}>
          <Card variant="outlined">
            <RowTable
              labelledBy="machine-processes"
              testid="process"
              head={[T.process, T.processState, T.pid, T.restarts]}
              rows={processRows(processes)}
              figures={2}
            />
          </Card>
        </Section>
      </Box>
    </Stack>
  );
}

/** Autant de tuiles que la place en admet ; sur un écran large, des rangées pleines pour 4, 8 ou 16 GPU. */
function columns(count: number) {
  const fill = "repeat(auto-fill, minmax(min(100%, 340px), 1fr))";
  return { xs: fill, xl: count % 4 === 0 ? "repeat(4, minmax(0, 1fr))" : fill };
}

function Facts({ status: { startedAt, observedAt, host, models } }: { status: Status }) {
  return (
    <Stack direction="row" sx={{ flexWrap: "wrap", gap: 1, alignItems: "center" }}>
      {startedAt && observedAt && (
        <Chip
          variant="outlined"
          data-testid="machine-uptime"
          label={T.uptime(seconds((timestampMs(observedAt) - timestampMs(startedAt)) / 1_000))}
        />
      )}
      {host && <Chip variant="outlined" data-testid="machine-ready" label={T.ready(host.readyModels, models.length)} />}
      {host && <Chip variant="outlined" data-testid="machine-cached" label={T.cachedModels(host.cachedModels)} />}
    </Stack>
  );
}

function Section(props: { id: string; title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <Box component="section" aria-labelledby={props.id} sx={{ minWidth: 0 }}>
      <Stack direction="row" sx={{ flexWrap: "wrap", alignItems: "baseline", columnGap: 2, mb: 1.5 }}>
        <Typography id={props.id} variant="h2">
          {props.title}
        </Typography>
        {props.aside}
      </Stack>
      {props.children}
    </Box>
  );
}
