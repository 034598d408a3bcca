import { mdiAlertOutline } from "@mdi/js";
import { Alert, Box, Card, Chip, Stack, Typography } from "@mui/material";
import type { ComponentProps } from "react";
import { memory } from "../format";
import type { Gpu } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { Icon } from "../shell/Icon";
import { type GpuMeasure, gpuSeries } from "../status/samples";
import { Metric } from "./Metric";
import { StackBar } from "./StackBar";
import { gpuParts, isTakenElsewhere } from "./stacks";
import { T } from "./texts";
import { celsius, percentage, watts } from "./units";

/** Sans cette échelle, un GPU au repos tracerait sa puissance tout en haut. */
const POWER_SCALE_W = 300;

/** Un GPU : ce qui l'occupe, ce qui le tient, sa chaleur, ses courbes. */
export function GpuTile({ gpu, models }: { gpu: Gpu; models: Model[] }) {
  const title = `gpu-title-${gpu.index}`;
  return (
    <Card
      component="article"
      variant="outlined"
      aria-labelledby={title}
      data-testid={`gpu-${gpu.index}`}
      sx={{ p: 2, display: "flex", flexDirection: "column", gap: 1.5, minWidth: 0 }}
    >
      <Stack direction="row" spacing={1} sx={{ alignItems: "center" }}>
        <Typography id={title} variant="h3" noWrap>
          {T.gpu(gpu.index)}
        </Typography>
        <Typography variant="body2" color="textSecondary" noWrap title={gpu.name} sx={{ flexGrow: 1, minWidth: 0 }}>
          {gpu.name}
        </Typography>
        <Holder gpu={gpu} />
      </Stack>
      <Identity gpu={gpu} />
      {gpu.dirty && (
        // Muet : ses chiffres changent à chaque mesure.
        <Alert severity="warning" role="note" data-testid={`gpu-${gpu.index}-dirty`} sx={{ py: 0 }}>
          {gpu.dirtyReason}
        </Alert>
      )}
      <Box>
        <Stack direction="row" spacing={1} sx={{ justifyContent: "space-between", mb: 0.5 }}>
          <Typography variant="body2" color="textSecondary">
            {T.memory}
          </Typography>
          <Typography
            variant="body2"
            noWrap
            data-testid={`gpu-${gpu.index}-memory`}
            sx={{ fontWeight: 650, fontVariantNumeric: "tabular-nums" }}
          >
            {T.of(memory(gpu.usedBytes), memory(gpu.totalBytes))}
          </Typography>
        </Stack>
        <StackBar
          parts={gpuParts(gpu)}
          label={T.memory}
          format={memory}
          models={models}
          named
          testid={`gpu-${gpu.index}-stack`}
        />
      </Box>
      <Box sx={{ display: "grid", gap: 1.5, gridTemplateColumns: "repeat(2, minmax(0, 1fr))", mt: "auto" }}>
        {metricsOf(gpu).map((one) => (
          <Metric key={one.series} {...one} />
        ))}
      </Box>
    </Card>
  );
}

/** Ses quatre mesures ; NVML rend zéro pour ce qu'il ne sait pas lire. */
function metricsOf(gpu: Gpu): ComponentProps<typeof Metric>[] {
  const { index, utilizationPercent: use, usedBytes, totalBytes, temperatureCelsius: heat, powerWatts: power } = gpu;
  const metric = (name: GpuMeasure) => ({
    label: T[name],
    testid: `gpu-${index}-${name}`,
    series: gpuSeries(gpu, name),
  });
  const percent = percentage((100 * usedBytes) / (totalBytes || 1));
  const [warm, drawn] = [heat > 0 ? celsius(heat) : T.unknown, power > 0 ? watts(power) : T.unknown];
  return [
    { ...metric("use"), value: percentage(use), format: percentage, high: 100 },
    { ...metric("memory"), value: percent, format: memory, high: totalBytes, testid: `gpu-${index}-share` },
    { ...metric("temperature"), value: warm, format: celsius, low: 20, high: 100 },
    { ...metric("power"), value: drawn, format: watts, least: POWER_SCALE_W },
  ];
}

/** Le GPU tel que la machine le nomme : sa position, en titre, ne vaut que pour ce serveur. */
function Identity({ gpu }: { gpu: Gpu }) {
  return (
    <Typography
      variant="caption"
      color="textSecondary"
      data-testid={`gpu-${gpu.index}-identity`}
      sx={{ mt: -1.25, overflowWrap: "anywhere", fontVariantNumeric: "tabular-nums" }}
    >
      {[T.physical(gpu.physicalIndex), gpu.uuid].filter(Boolean).join(" · ")}
    </Typography>
  );
}

function Holder({ gpu }: { gpu: Gpu }) {
  if (gpu.dirty)
    return (
      <Chip size="small" color="warning" variant="outlined" icon={<Icon path={mdiAlertOutline} />} label={T.dirty} />
    );
  const held = gpu.leases.length;
  const label = held > 0 ? T.heldBy(held) : isTakenElsewhere(gpu) ? T.foreignGpu : T.freeGpu;
  return <Chip size="small" variant="outlined" label={label} data-testid={`gpu-${gpu.index}-holder`} />;
}
