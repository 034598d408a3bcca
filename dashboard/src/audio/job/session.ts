import { messageOf } from "../../api/errors";
import { Store } from "../../shell/kept";
import type { Wave } from "../wave/wave";
import { type AudioRequest, DEFAULTS, type Options, type Task } from "./request";
import type { AudioResult, Segment, Send, Step } from "./send";

/** Fichier choisi. */
export interface Source {
  file: File;
  /** Adresse `blob:` de ce fichier, dans cette page seulement. */
  url: string;
  /** Secondes ; absente tant que le navigateur ne l'a pas lue, ou s'il ne sait pas. */
  duration?: number;
  /** Premiers octets, un caractère chacun ; absents tant qu'ils ne sont pas lus. */
  head?: string;
  wave: Wave;
}

export interface State {
  source?: Source;
  task: Task;
  options: Options;
  job?: Job;
  /** Noms donnés aux locuteurs, à l'écran seulement. */
  names: Record<string, string>;
}

/** De quoi la session a besoin du navigateur. */
export interface Tools {
  send: Send;
  /** Durée d'un fichier, en secondes ; `undefined` si le navigateur ne sait pas le lire. */
  durationOf: (url: string) => Promise<number | undefined>;
  readWave: (file: File, duration: number | undefined, on: (wave: Wave) => void, signal: AbortSignal) => Promise<void>;
  now: () => number;
}

const HEAD_BYTES = 64 * 1024;

/** Premiers octets d'un fichier, un caractère chacun ; vide s'il ne se lit plus. */
async function headOf(file: File): Promise<string> {
  const bytes = await file
    .slice(0, HEAD_BYTES)
    .arrayBuffer()
    .catch(() => new ArrayBuffer(0));
  return Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join("");
}

/** Un fichier, ses réglages, son travail. */
export class AudioSession extends Store<State> {
  private running: AbortController | undefined;
  private reading: AbortController | undefined;

  constructor(private readonly tools: Tools) {
    super({ task: "transcribe", options: DEFAULTS, names: {} });
  }

  readonly setTask = (task: Task) => this.update({ task });

  /** Prend une tâche et ce qu'elle emploie. */
  readonly tryOut = (task: Task, options: Partial<Options>) => {
    this.setTask(task);
    this.setOptions(options);
  };

  readonly setOptions = (options: Partial<Options>) => this.update({ options: { ...this.state.options, ...options } });

  readonly rename = (speaker: string, name: string) => this.update({ names: { ...this.state.names, [speaker]: name } });

  /** Prend un fichier, lit sa durée puis son onde ; oublie le résultat du précédent. */
  readonly choose = async (file: File) => {
    this.forget();
    const reading = new AbortController();
    this.reading = reading;
    const url = URL.createObjectURL(file);
    this.update({ source: { file, url, wave: { state: "reading", ratio: 0 } } });
    const [head, duration] = await Promise.all([headOf(file), this.tools.durationOf(url)]);
    if (reading.signal.aborted) return;
    this.patch({ head, ...(duration !== undefined && { duration }) });
    await this.tools.readWave(file, duration, (wave) => this.patch({ wave }), reading.signal);
  };

  /** Oublie le fichier et son résultat ; arrête le travail en cours. */
  readonly forget = () => {
    this.reading?.abort();
    this.running?.abort();
    this.running = undefined;
    if (this.state.source) URL.revokeObjectURL(this.state.source.url);
    const { source: _source, job: _job, ...kept } = this.state;
    this.replace({ ...kept, names: {} });
  };

  /** Lance un travail sur le fichier choisi. */
  readonly start = async (request: AudioRequest) => {
    const { source } = this.state;
    if (!source || this.running) return;
    const stop = new AbortController();
    this.running = stop;
    const began = this.tools.now();
    const { size } = source.file;
    const empty = { sent: 0, total: size, stages: [], segments: [], settled: 0 };
    this.update({ job: { request, state: "running", ...empty }, names: {} });
    let end: Partial<Job> = { state: "done" };
    try {
      await this.tools.send(request, source.file, stop.signal, (step) => {
        if (!stop.signal.aborted) this.change((job) => after(job, step));
      });
    } catch (error) {
      end = stop.signal.aborted ? { state: "cancelled" } : { state: "failed", failure: messageOf(error) };
    }
    // Le fichier a pu changer entre-temps : ce travail n'est alors plus celui qu'on montre.
    if (this.running !== stop) return;
    this.running = undefined;
    this.change(() => ({ ...end, elapsed: (this.tools.now() - began) / 1000 }));
  };

  /** Arrête le travail : fermer la connexion l'arrête aussi sur le serveur. */
  readonly cancel = () => this.running?.abort();

  private change(how: (job: Job) => Partial<Job>) {
    const { job } = this.state;
    if (job) this.update({ job: { ...job, ...how(job) } });
  }

  private patch(source: Partial<Source>) {
    if (this.state.source) this.update({ source: { ...this.state.source, ...source } });
  }
}

/** Étape d'un travail, et la part faite si elle se mesure. */
export interface Stage {
  name: string;
  ratio: number | undefined;
}

/** Un travail sur un fichier. */
export interface Job {
  request: AudioRequest;
  state: "running" | "done" | "failed" | "cancelled";
  sent: number;
  total: number;
  stages: Stage[];
  /** Segments terminés, puis ceux dont le locuteur n'est pas encore connu. */
  segments: Segment[];
  /** Nombre de segments terminés. */
  settled: number;
  result?: AudioResult;
  /** Réponse, telle que le serveur l'a écrite. */
  json?: string;
  failure?: string;
  /** Secondes entre l'envoi et la fin. */
  elapsed?: number;
}

/** Ce qu'une étape change à un travail. */
export function after(job: Job, step: Step): Partial<Job> {
  switch (step.type) {
    case "sent":
      return { sent: step.bytes, total: step.total };
    case "progress":
      return { stages: withStage(job.stages, step.stage, step.completed_ratio) };
    case "segment":
      return settle(job, step.segment);
    case "draft":
      return { segments: [...job.segments, step.segment] };
    case "result":
      return { result: step.result, json: step.json, segments: step.result.segments ?? [] };
    default:
      return {};
  }
}

/** Un segment terminé prend la place de ce qui l'annonçait. */
function settle({ segments, settled }: Job, segment: Segment): Partial<Job> {
  const drafts = segments.slice(settled).filter(({ end }) => end > segment.end);
  return { segments: [...segments.slice(0, settled), segment, ...drafts], settled: settled + 1 };
}

/** Deux moteurs peuvent décoder en même temps : la part montrée est la plus grande des deux, et ne recule pas. */
function withStage(stages: Stage[], name: string, ratio: number | undefined): Stage[] {
  const known = stages.find((stage) => stage.name === name);
  if (!known) return [...stages, { name, ratio }];
  const most = ratio === undefined ? known.ratio : Math.max(ratio, known.ratio ?? 0);
  return stages.map((stage) => (stage === known ? { name, ratio: most } : stage));
}
