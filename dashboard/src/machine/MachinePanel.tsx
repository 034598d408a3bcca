import { mdiExpansionCardVariant } from "@mdi/js";
import { Box, Card, Link, Stack, Typography } from "@mui/material";
import type { ComponentProps, ReactNode } from "react";
import { Link as Route } from "wouter";
import { memory, percentage } from "../format";
import type { Gpu, Host } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { Hint, Icon, Note } from "../shell/kit";
import type { HostMeasure } from "../status/history";
import { hostSeries } from "../status/history";
import { useServer } from "../status/StatusProvider";
import { Curve, type CurveProps } from "./Curve";
import { paint, StackBar, tintOf } from "./StackBar";
import type { Part } from "./stacks";
import { diskParts, gpuParts, ramParts } from "./stacks";
import { T } from "./texts";

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
        <Note noWrap>
          {percentage(gpu.utilizationPercent)} · {memory(gpu.freeBytes)} {T.parts.free}
        </Note>
      </Stack>
      <StackBar parts={gpuParts(gpu)} label={T.gpu(gpu.index)} format={memory} models={models} />
    </Box>
  );
}

/** Processeur, mémoire vive et disque du cache, chacun avec sa courbe. */
export function HostTiles({ host, models, named = true }: { host: Host; models: Model[]; named?: boolean }) {
  const { cpuPercent, memoryUsedBytes, memoryTotalBytes, cacheDiskTotalBytes } = host;
  const disk = cacheDiskTotalBytes - host.cacheDiskFreeBytes;
  const look = { display: "flex", flexDirection: "column", gap: 1, p: 2, minWidth: 0 } as const;
  const tile = (name: HostMeasure, metric: Omit<ComponentProps<typeof Metric>, "series">, below: ReactNode) => (
    <Card variant="outlined" data-testid={`host-${name}`} sx={look}>
      <Metric series={hostSeries(name)} {...metric} />
      {below}
    </Card>
  );
  const sizes = (name: "memory" | "disk", label: string, used: number, total: number, parts: Part[]) =>
    tile(
      name,
      { label, value: T.of(memory(used), memory(total)), format: memory, high: total },
      <StackBar
        parts={parts}
        label={label}
        format={memory}
        models={models}
        names={name === "disk" ? T.disk : T.ram}
        named={named}
        testid={`host-${name}-stack`}
      />,
    );
  const cpu = { label: T.cpu, value: percentage(cpuPercent), testid: "host-cpu-use", format: percentage, high: 100 };
  return (
    <Box sx={{ display: "grid", gap: 2, gridTemplateColumns: "repeat(auto-fit, minmax(min(100%, 220px), 1fr))" }}>
      {tile("cpu", cpu, <Hint>{T.cores(host.cpuCount)}</Hint>)}
      {sizes("memory", T.memoryName, memoryUsedBytes, memoryTotalBytes, ramParts(host, models))}
      {sizes("disk", T.diskName, disk, cacheDiskTotalBytes, diskParts(host))}
    </Box>
  );
}

/** Une mesure : son nom, sa valeur, et sa courbe. */
export function Metric({ value, testid, ...curve }: CurveProps & { value: string; testid?: string }) {
  return (
    <Box sx={{ minWidth: 0 }}>
      <Pair name={curve.label} value={value} testId={testid} />
      <Curve {...curve} />
    </Box>
  );
}

/** À quel modèle est chaque couleur. */
export function Legend({ models }: { models: Model[] }) {
  return (
    <Stack
      direction="row"
      component="ul"
      aria-label={T.legend}
      sx={{ flexWrap: "wrap", columnGap: 2, m: 0, p: 0, listStyle: "none" }}
    >
      {models.map(({ key }) => (
        <Stack key={key} component="li" direction="row" sx={{ alignItems: "center", gap: 0.75 }}>
          <Box
            aria-hidden
            sx={[{ width: 12, height: 12, borderRadius: 0.5, bgcolor: "currentColor" }, paint(tintOf(models, key))]}
          />
          <Typography variant="body2">{key}</Typography>
        </Stack>
      ))}
    </Stack>
  );
}

/** Pas de GPU : voulu par le profil de démonstration, ou à comprendre. */
export function NoGpu({ models }: { models: Model[] }) {
  const demonstration = models.length > 0 && models.every((model) => model.demonstration);
  return (
    <Card variant="outlined" data-testid="no-gpu" sx={{ p: 2 }}>
      <Stack direction="row" spacing={1.5} sx={{ alignItems: "center" }}>
        <Icon path={mdiExpansionCardVariant} sx={{ color: "text.secondary" }} />
        <Box sx={{ minWidth: 0 }}>
          <Typography variant="body2" sx={{ fontWeight: 650 }}>
            {demonstration ? T.demonstration : T.noGpu}
          </Typography>
          <Note>{demonstration ? T.demonstrationHelp : T.noGpuHelp}</Note>
        </Box>
      </Stack>
    </Card>
  );
}

/** Un nom, et sa valeur en face. */
export function Pair({ name, value, testId }: { name: string; value: string; testId?: string | undefined }) {
  return (
    <Stack
      direction="row"
      useFlexGap
      sx={{ columnGap: 1, flexWrap: "wrap", alignItems: "baseline", justifyContent: "space-between", mb: 0.5 }}
    >
      <Hint noWrap>{name}</Hint>
      <Typography variant="body2" noWrap data-testid={testId} sx={{ fontWeight: 650 }}>
        {value}
      </Typography>
    </Stack>
  );
}
