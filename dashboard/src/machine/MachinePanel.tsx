import { Box, Card, Link, Stack, Typography } from "@mui/material";
import { Link as Route } from "wouter";
import { memory } from "../format";
import type { Gpu } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { useServer } from "../status/StatusProvider";
import { HostTiles } from "./HostTiles";
import { Legend } from "./Legend";
import { NoGpu } from "./NoGpu";
import { StackBar } from "./StackBar";
import { gpuParts } from "./stacks";
import { T } from "./texts";
import { percentage } from "./units";

/** La machine en bref, à côté des modèles. */
export function MachinePanel() {
  const { status } = useServer();
  if (!status) return null;
  const { gpus, host, models } = status;
  return (
    <Box component="section" aria-labelledby="machine-title" data-testid="machine-panel" sx={{ minWidth: 0 }}>
      <Stack direction="row" sx={{ alignItems: "baseline", justifyContent: "space-between", mb: 1.5 }}>
        <Typography id="machine-title" variant="h2">
          {T.title}
        </Typography>
        <Link component={Route} href="/machine" variant="body2" data-testid="machine-more">
          {T.more}
        </Link>
      </Stack>
      <Stack spacing={2}>
        <Legend models={models} />
        {gpus.length === 0 ? (
          <NoGpu models={models} />
        ) : (
          <Card
            variant="outlined"
            component="ul"
            sx={{
              display: "grid",
              gap: 1.5,
              gridTemplateColumns: "repeat(auto-fill, minmax(min(100%, 220px), 1fr))",
              m: 0,
              p: 2,
              listStyle: "none",
            }}
          >
            {gpus.map((gpu) => (
              <Line key={gpu.uuid || gpu.index} gpu={gpu} models={models} />
            ))}
          </Card>
        )}
        {host && <HostTiles host={host} models={models} named={false} />}
      </Stack>
    </Box>
  );
}

function Line({ gpu, models }: { gpu: Gpu; models: Model[] }) {
  return (
    <Box
      component="li"
      data-testid={`panel-gpu-${gpu.index}`}
      title={[T.physical(gpu.physicalIndex), gpu.uuid].filter(Boolean).join(" · ")}
    >
      <Stack direction="row" spacing={1} sx={{ justifyContent: "space-between", mb: 0.25 }}>
        <Typography variant="body2" noWrap sx={{ color: gpu.dirty ? "warning.main" : undefined }}>
          {gpu.dirty ? `${T.gpu(gpu.index)} · ${T.dirty}` : T.gpu(gpu.index)}
          {gpu.physicalIndex !== gpu.index && ` · ${T.physical(gpu.physicalIndex)}`}
        </Typography>
        <Typography variant="body2" color="textSecondary" noWrap sx={{ fontVariantNumeric: "tabular-nums" }}>
          {percentage(gpu.utilizationPercent)} · {memory(gpu.freeBytes)} {T.parts.free}
        </Typography>
      </Stack>
      <StackBar parts={gpuParts(gpu)} label={T.gpu(gpu.index)} format={memory} models={models} />
    </Box>
  );
}
