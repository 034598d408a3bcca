// Ce qu'une ligne du mur dit : d'un GPU, ou de la machine quand il n'y en a pas.
import { durationMs } from "@bufbuild/protobuf/wkt";
import { celsius, percentage, watts } from "../format";
import type { Status } from "../gen/passerelle/v1/admin_pb";
import type { Activity, Gpu, Host } from "../gen/passerelle/v1/machine_pb";
import { gpuParts, type Part, ramParts } from "../machine/stacks";
import { T as MACHINE } from "../machine/texts";
import { short } from "../requests/requests";
import { gpuSeries, hostSeries } from "../status/history";
import { french } from "../typography";
import { type Curved, T } from "./texts";

const NUMBER = new Intl.NumberFormat("fr-FR", { maximumFractionDigits: 0 });
const RATE = new Intl.NumberFormat("fr-FR", { maximumFractionDigits: 1 });

export interface Figure {
  name: string;
  label: string;
  value: string;
}

export interface Row {
  /** Nom dans la page (`0`, `machine`). */
  id: string;
  title: string;
  /** Position du GPU ; absente de la machine. */
  gpu?: number;
  /** Vrai si le GPU est sali. */
  dirty: boolean;
  figures: Figure[];
  memory: Part[];
  series: (measure: Curved) => string;
}

/** Lignes du mur. */
export function rowsOf({ gpus, host, models }: Status): Row[] {
  if (gpus.length > 0) return gpus.map(gpuRow);
  return host ? [{ ...hostRow(host), memory: ramParts(host, models) }] : [];
}

function gpuRow(gpu: Gpu): Row {
  const { index, temperatureCelsius: heat, powerWatts: power } = gpu;
  return {
    id: `${index}`,
    title: MACHINE.gpu(index),
    gpu: index,
    dirty: gpu.dirty,
    memory: gpuParts(gpu),
    figures: [
      { name: "use", label: T.use, value: percentage(gpu.utilizationPercent) },
      // NVML rend zéro pour ce qu'il ne sait pas lire.
      { name: "temperature", label: T.temperature, value: heat > 0 ? celsius(heat) : T.none },
      { name: "power", label: T.power, value: power > 0 ? watts(power) : T.none },
      ...activityFigures(gpu.activity),
    ],
    series: (measure) => gpuSeries(gpu, measure),
  };
}

function hostRow({ cpuPercent, activity }: Host): Omit<Row, "memory"> {
  return {
    id: "machine",
    title: T.machine,
    dirty: false,
    figures: [{ name: "use", label: T.cpu, value: percentage(cpuPercent) }, ...activityFigures(activity)],
    series: (measure) => hostSeries(measure === "use" ? "cpu" : measure),
  };
}

function activityFigures(activity: Activity | undefined): Figure[] {
  const { waiting = 0, tokensPerSecond = 0, audioPerSecond = 0 } = activity ?? {};
  const heard = audioPerSecond > 0 && tokensPerSecond === 0;
  return [
    { name: "queue", label: T.queue, value: NUMBER.format(waiting) },
    heard
      ? { name: "rate", label: T.audio, value: RATE.format(audioPerSecond) }
      : { name: "rate", label: T.rate, value: NUMBER.format(tokensPerSecond) },
    { name: "first", label: T.first, value: firstOf(activity) },
  ];
}

function firstOf(activity: Activity | undefined): string {
  return activity?.firstP95 ? french(short(durationMs(activity.firstP95) / 1000)) : T.none;
}

/** La machine entière, en une ligne. */
export function totalOf({ host, gpus }: Status): string {
  const activity = host?.activity;
  const power = gpus.reduce((sum, gpu) => sum + gpu.powerWatts, 0);
  return T.total(
    NUMBER.format(activity?.waiting ?? 0),
    NUMBER.format(activity?.tokensPerSecond ?? 0),
    activity?.firstP95 ? firstOf(activity) : "",
    power > 0 ? french(watts(power)) : "",
  );
}

/** Une valeur de courbe, écrite. */
export const FORMATS: Record<Curved, (value: number) => string> = {
  use: percentage,
  queue: (value) => NUMBER.format(value),
  rate: (value) => NUMBER.format(value),
  first: short,
};

/** De quoi comparer deux lignes à l'œil : la plus petite échelle d'une courbe. */
export const SCALES: Record<Curved, number> = { use: 100, queue: 4, rate: 50, first: 1 };

/** De part et d'autre d'un instant, ce que montre la page des requêtes. */
const AROUND_MS = 15_000;

/** Adresse des requêtes d'une ligne autour d'un instant du serveur. */
export function requestsAt(gpu: number | undefined, at: number): string {
  const params = new URLSearchParams(gpu === undefined ? {} : { gpu: `${gpu}` });
  params.set("de", new Date(at - AROUND_MS).toISOString());
  params.set("a", new Date(at + AROUND_MS).toISOString());
  return `/requetes?${params}`;
}
