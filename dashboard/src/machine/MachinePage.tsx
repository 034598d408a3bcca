import { timestampMs } from "@bufbuild/protobuf/wkt";
import { mdiAlertOutline } from "@mdi/js";
import {
  Alert,
  Box,
  Card,
  Chip,
  Link,
  Stack,
  Table,
  TableBody,
  TableCell,
  TableHead,
  TableRow,
  Typography,
} from "@mui/material";
import type { ComponentProps } from "react";
import { Link as Route } from "wouter";
import { celsius, memory, percentage, seconds, watts } from "../format";
import type { Status } from "../gen/passerelle/v1/admin_pb";
import type { Gpu, ServerProcess } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { sizeOf } from "../models/ModelCard";
import { Hint, Icon, Note, Part, Tag } from "../shell/kit";
import { type GpuMeasure, gpuSeries } from "../status/history";
import { useServer } from "../status/StatusProvider";
import { StatusSkeleton } from "../status/StatusSkeleton";
import { HostTiles, Legend, Metric, NoGpu, Pair } from "./MachinePanel";
import { StackBar } from "./StackBar";
import { gpuParts, isTakenElsewhere } from "./stacks";
import { T } from "./texts";

/** La machine entière : GPU, hôte, cache, processus. */
export function MachinePage() {
  const { status } = useServer();
  if (!status) return <StatusSkeleton cards={6} />;
  const { gpus, models, host, processes } = status;
  return (
    <Stack spacing={3} data-testid="machine-page">
      <Facts status={status} />
      <Part
        title={T.gpus}
        aside={
          <>
            {gpus.length > 0 && <Legend models={models} />}
            <Link component={Route} href="/mur" variant="body2" data-testid="machine-wall">
              {T.wall}
            </Link>
          </>
        }
      >
        {gpus.length === 0 ? (
          <NoGpu models={models} />
        ) : (
          <Box sx={{ display: "grid", gap: 2, gridTemplateColumns: columns(gpus.length) }}>
            {gpus.map((gpu) => (
              <GpuTile key={gpu.uuid || gpu.index} gpu={gpu} models={models} />
            ))}
          </Box>
        )}
      </Part>
      {host && (
        <Part title={T.host} aside={gpus.length === 0 && <Legend models={models} />}>
          <HostTiles host={host} models={models} />
        </Part>
      )}
      <Box
        sx={{ display: "grid", gap: 3, gridTemplateColumns: { xs: "minmax(0, 1fr)", lg: "repeat(2, minmax(0, 1fr))" } }}
      >
        <Part title={T.cache}>
          <Card variant="outlined">
            <RowTable
              label={T.cache}
              testid="cache"
              head={[T.model, T.files, T.size]}
              rows={cacheRows(models)}
              figures={1}
            />
          </Card>
        </Part>
        <Part title={T.processes}>
          <Card variant="outlined">
            <RowTable
              label={T.processes}
              testid="process"
              head={[T.process, T.processState, T.pid, T.restarts]}
              rows={processRows(processes)}
              figures={2}
            />
          </Card>
        </Part>
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
        <Note noWrap title={gpu.name} sx={{ flexGrow: 1, minWidth: 0 }}>
          {gpu.name}
        </Note>
        <Holder gpu={gpu} />
      </Stack>
      <Hint
        // Le GPU tel que la machine le nomme : sa position, en titre, ne vaut que pour ce serveur.
        data-testid={`gpu-${gpu.index}-identity`}
        sx={{ mt: -1.25, overflowWrap: "anywhere" }}
      >
        {[T.physical(gpu.physicalIndex), gpu.uuid].filter(Boolean).join(" · ")}
      </Hint>
      {gpu.dirty && (
        // Muet : ses chiffres changent à chaque mesure.
        <Alert severity="warning" role="note" data-testid={`gpu-${gpu.index}-dirty`} sx={{ py: 0 }}>
          {gpu.dirtyReason}
        </Alert>
      )}
      <Box>
        <Pair
          name={T.memory}
          value={T.of(memory(gpu.usedBytes), memory(gpu.totalBytes))}
          testId={`gpu-${gpu.index}-memory`}
        />
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

function Holder({ gpu }: { gpu: Gpu }) {
  if (gpu.dirty) return <Tag color="warning" icon={<Icon path={mdiAlertOutline} />} label={T.dirty} />;
  const held = gpu.leases.length;
  const label = held > 0 ? T.heldBy(held) : isTakenElsewhere(gpu) ? T.foreignGpu : T.freeGpu;
  return <Tag label={label} data-testid={`gpu-${gpu.index}-holder`} />;
}

interface Props {
  label: string;
  testid: string;
  head: readonly string[];
  /** Lignes, par nom ; leurs cellules suivent l'en-tête. */
  rows: readonly { name: string; cells: readonly (string | number)[]; wrong?: boolean }[];
  /** Nombre de colonnes de chiffres, les dernières. */
  figures: number;
}

/** Un tableau dont la première colonne nomme chaque ligne. */
export function RowTable({ label, testid, head, rows, figures }: Props) {
  const cell = (content: string | number, rank: number) => (
    <TableCell key={head[rank]} align={rank >= head.length - figures ? "right" : "left"} sx={{ color: "inherit" }}>
      {content}
    </TableCell>
  );
  return (
    <Table
      size="small"
      aria-label={label}
      data-testid={`${testid}-table`}
      sx={{ "& td, & th": { px: { xs: 1, sm: 2 } } }}
    >
      <TableHead>
        <TableRow>{head.map(cell)}</TableRow>
      </TableHead>
      <TableBody>
        {rows.map(({ name, cells, wrong }) => (
          <TableRow
            key={name}
            data-testid={`${testid}-${name}`}
            sx={{ color: wrong ? "error.main" : undefined, "&:last-child td": { border: 0 } }}
          >
            {[name, ...cells].map(cell)}
          </TableRow>
        ))}
      </TableBody>
    </Table>
  );
}

/** Ce que le cache contient de chaque modèle. */
export function cacheRows(models: Model[]) {
  return models.map((model) => ({ name: model.key, cells: [presence(model), sizeOf(model)] }));
}

function presence({ artifactsCached, cachedBytes, totalBytes }: Model): string {
  if (artifactsCached) return T.cached;
  if (cachedBytes === 0) return T.missing;
  return totalBytes > 0 ? T.partial(memory(cachedBytes), memory(totalBytes)) : memory(cachedBytes);
}

/** Les processus du produit, tels que leur superviseur les voit. */
export function processRows(processes: ServerProcess[]) {
  return processes.map(({ name, broken, pid, restarts }) => {
    const state = broken ? T.broken : pid ? T.running : T.stopped;
    return { name, cells: [state, pid || "–", restarts], wrong: broken };
  });
}
