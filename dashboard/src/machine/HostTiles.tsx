import { Box, Card, Typography } from "@mui/material";
import { memory } from "../format";
import type { Host } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { hostSeries } from "../status/samples";
import { Metric } from "./Metric";
import { StackBar } from "./StackBar";
import { diskParts, ramParts } from "./stacks";
import { T } from "./texts";
import { percentage } from "./units";

/** Processeur, mémoire vive et disque du cache, chacun avec sa courbe. */
export function HostTiles({ host, models, named = true }: { host: Host; models: Model[]; named?: boolean }) {
  const disk = host.cacheDiskTotalBytes - host.cacheDiskFreeBytes;
  const look = { display: "flex", flexDirection: "column", gap: 1, p: 2, minWidth: 0 } as const;
  return (
    <Box sx={{ display: "grid", gap: 2, gridTemplateColumns: "repeat(auto-fit, minmax(min(100%, 220px), 1fr))" }}>
      <Card variant="outlined" data-testid="host-cpu" sx={look}>
        <Metric
          label={T.cpu}
          value={percentage(host.cpuPercent)}
          testid="host-cpu-use"
          series={hostSeries("cpu")}
          format={percentage}
          high={100}
        />
        <Typography variant="caption" color="textSecondary">
          {T.cores(host.cpuCount)}
        </Typography>
      </Card>
      <Card variant="outlined" data-testid="host-memory" sx={look}>
        <Metric
          label={T.memoryName}
          value={T.of(memory(host.memoryUsedBytes), memory(host.memoryTotalBytes))}
          series={hostSeries("memory")}
          format={memory}
          high={host.memoryTotalBytes}
        />
        <StackBar
          parts={ramParts(host, models)}
          label={T.memoryName}
          format={memory}
          models={models}
          names={T.ram}
          named={named}
          testid="host-memory-stack"
        />
      </Card>
      <Card variant="outlined" data-testid="host-disk" sx={look}>
        <Metric
          label={T.diskName}
          value={T.of(memory(disk), memory(host.cacheDiskTotalBytes))}
          series={hostSeries("disk")}
          format={memory}
          high={host.cacheDiskTotalBytes}
        />
        <StackBar
          parts={diskParts(host)}
          label={T.diskName}
          format={memory}
          models={models}
          names={T.disk}
          named={named}
          testid="host-disk-stack"
        />
      </Card>
    </Box>
  );
}
