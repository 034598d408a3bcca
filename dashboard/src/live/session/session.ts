import type { ModelCapabilities } from "../../gen/passerelle/v1/limits_pb";
import type { StreamTranscribeConfig, StreamTranscribeResponse } from "../../gen/passerelle/v1/transcribe_pb";
import { Store } from "../../shell/kept";
import { retryDelay } from "../../status/follow";
import type { Chunk } from "../capture/chunker";
import { type Listener, type Microphone, problemOf, type Rates } from "../capture/microphone";
import { T } from "../texts";
import { configFor, type LiveSocket, type Options, type SocketListener } from "./socket";
import { after, EMPTY, secondsOf, type Transcript } from "./transcript";

/** `asking` attend la personne, `connecting` le serveur, `closing` les dernières phrases. */
export type Phase = "idle" | "asking" | "connecting" | "listening" | "closing" | "done";

export interface State {
  phase: Phase;
  options: Options;
  /** Configuration du flux montré ; absente tant qu'aucun ne s'est ouvert. */
  sent: StreamTranscribeConfig | undefined;
  transcript: Transcript;
  failure: string | undefined;
  /** Instant du premier son, en millisecondes de `now`. */
  since: number | undefined;
  /** Instant où le microphone s'est fermé. */
  until: number | undefined;
  /** Secondes entre la fin de la dernière phrase et son texte. */
  latency: number | undefined;
  /** Secondes de son que le texte ne suit pas encore ; 0 tant que ce n'est pas un retard. */
  late: number;
  /** Vrai d'une coupure à la réouverture du flux : le microphone écoute, rien n'est perdu. */
  resuming: boolean;
}

/** Le navigateur, ou ce qui en tient lieu dans un essai. */
export interface Tools {
  microphone: (device: string, rates: Rates, listener: Listener) => Promise<Microphone>;
  socket: (config: StreamTranscribeConfig, listener: SocketListener) => LiveSocket;
  /** Horloge, en millisecondes. */
  now: () => number;
  /** Fait une chose plus tard, en millisecondes. */
  later: (delay: number, action: () => void) => void;
}

const CHUNK_MS = 100;
/** Flux coupés de suite, sans une phrase finie, avant de renoncer. */
const TRIES = 7;
/** Secondes de silence gardées, plus que le serveur n'en a de retard : un flux repris n'a pas à les réentendre. */
const KEPT_SILENCE = 90;
/** Secondes de son que le serveur n'a pas suivies, à partir desquelles il est en retard : un texte met une seconde ou deux. */
const LATE_S = 5;
const IDLE = {
  phase: "idle",
  sent: undefined,
  transcript: EMPTY,
  failure: undefined,
  since: undefined,
  until: undefined,
  latency: undefined,
  late: 0,
  resuming: false,
} as const;

/** Le microphone ouvert, et les flux qui se suivent s'ils sont coupés. */
interface Run {
  microphone?: Microphone;
  socket?: LiveSocket;
  rate: number;
  tape: Tape;
  tries: number;
  /** Secondes, et phrases, qui précèdent le flux en cours. */
  before: number;
  phrases: number;
  /** Secondes que le texte suit. */
  followed: number;
  /** Ce qui a coupé le flux précédent, tant que le suivant n'est pas ouvert. */
  cause: string | undefined;
}

/** Un flux à la fois : le microphone, le WebSocket, et ce que la page en montre. */
export class LiveSession extends Store<State> {
  /** Amplitude du dernier morceau, entre 0 et 1 ; elle change trop souvent pour être un état. */
  level = 0;
  private run: Run | undefined;

  constructor(private readonly tools: Tools) {
    super({ ...IDLE, options: { device: "", model: "", language: "", speakers: false, phrases: "" } });
  }

  readonly now = (): number => this.tools.now();

  readonly choose = (options: Partial<Options>): void => {
    this.update({ options: { ...this.state.options, ...options } });
  };

  readonly clear = (): void => {
    if (!this.run) this.update(IDLE);
  };

  /** Ouvre le microphone, puis le flux. */
  readonly start = async (capabilities: ModelCapabilities, rates: Rates): Promise<void> => {
    if (this.run) return;
    const run: Run = { rate: 0, tape: new Tape(), tries: TRIES, before: 0, phrases: 0, followed: 0, cause: undefined };
    this.run = run;
    const { device, language, speakers, phrases } = this.state.options;
    this.update({ ...IDLE, phase: "asking" });
    const mine = () => this.run === run;
    try {
      const microphone = await this.tools.microphone(device, rates, {
        heard: (chunk) => {
          if (!mine()) return;
          this.hear(chunk);
          run.tape.push(chunk.pcm);
          this.measure(run);
          if (!this.state.transcript.speaking) run.tape.forget(run.tape.end - KEPT_SILENCE * run.rate);
          if (run.socket && !run.socket.send(chunk.pcm)) this.abandon(T.problems.slow);
        },
        lost: () => mine() && this.state.phase !== "closing" && void this.stop(T.problems.unplugged),
      });
      if (!mine()) return void microphone.stop();
      run.microphone = microphone;
      run.rate = microphone.rate;
      const sent = configFor(capabilities, language, microphone.rate, speakers, phrases);
      this.connect(run, sent);
      this.update({ phase: "connecting", sent });
    } catch (error) {
      if (!mine()) return;
      this.run = undefined;
      void run.microphone?.stop();
      this.level = 0;
      this.update({ phase: "idle", failure: problemOf(error).message });
    }
  };

  /** Ferme le microphone ; le serveur rend encore ce qu'il a entendu. Une seconde fois, n'attend plus rien de lui. */
  readonly stop = async (failure?: string): Promise<void> => {
    const run = this.run;
    if (!run) return;
    if (this.state.phase === "closing") {
      this.abandon(T.problems.abandoned);
      return;
    }
    if (!run.socket) {
      // Entre deux flux : ce que le texte ne suit pas encore ne viendra plus.
      if (run.microphone) return this.finish(run.cause ?? failure);
      this.run = undefined;
      this.update({ phase: "idle" });
      return;
    }
    this.update({ phase: "closing", failure, until: this.tools.now() });
    const { microphone, socket } = run;
    // Un microphone ne se ferme qu'une fois : la fin du flux trouverait celui-ci déjà fermé.
    run.microphone = undefined;
    await microphone?.stop();
    socket.end();
    this.level = 0;
  };

  /** Ouvre un flux, qui entend d'abord ce qui est gardé. */
  private connect(run: Run, config: StreamTranscribeConfig): void {
    run.socket = this.tools.socket(
      { ...config, progress: true },
      {
        event: (event) => this.run === run && this.tell(event, run),
        closed: (...how) => this.run === run && this.end(run, ...how),
      },
    );
    for (const pcm of run.tape.chunks) run.socket.send(pcm);
  }

  /** Un flux est fini : un autre le reprend si le serveur l'a coupé, ou s'est tu, et que le microphone écoute encore. */
  private end(run: Run, failure: string | undefined, resume?: number, broken = false): void {
    const { phase, sent, transcript } = this.state;
    const listening = phase === "connecting" || phase === "listening";
    // Rompu sans un mot, ou pas encore rouvert, il se reprend de ce qui est gardé ; jamais ouvert, il n'y a rien à reprendre.
    const from = resume ?? (broken && transcript.id ? run.tape.first : undefined);
    if (from === undefined || !sent || !listening || run.tries === 0) {
      this.finish(broken ? (run.cause ?? failure) : failure);
      return;
    }
    // Le premier essai n'attend pas : un autre exemplaire, un autre front sont peut-être là.
    const delay = run.cause === undefined ? 0 : retryDelay(TRIES - run.tries);
    run.tries -= 1;
    run.cause ??= failure;
    run.tape.forget(from);
    run.before = run.tape.first / run.rate;
    // Les phrases coupées commencent au point de reprise, ou après : le flux suivant les rend entières.
    const finals = transcript.finals.filter(({ start }) => start < from / run.rate);
    run.phrases = (finals.at(-1)?.index ?? -1) + 1;
    this.update({ transcript: { ...transcript, finals, partial: "", speaking: false }, resuming: true });
    run.socket = undefined;
    const again = () => {
      if (this.run === run) this.connect(run, { ...sent, resumeSample: BigInt(run.tape.first) });
    };
    if (delay === 0) again();
    else this.tools.later(delay, again);
  }

  /** Compare ce qui a été entendu à ce que le texte suit ; avant `ready`, c'est le flux qui s'ouvre. */
  private measure({ tape, rate, followed }: Run): void {
    const { phase } = this.state;
    if (phase !== "listening" && phase !== "closing") return;
    const behind = Math.floor(tape.end / rate - followed);
    const late = behind < LATE_S ? 0 : behind;
    if (late !== this.state.late) this.update({ late });
  }

  private hear({ peak }: Chunk): void {
    this.level = peak;
    if (this.state.since === undefined) this.update({ since: this.tools.now() - CHUNK_MS });
  }

  private tell(event: StreamTranscribeResponse, run: Run): void {
    // Les rangs sont ceux d'un seul flux.
    const transcript = after(this.state.transcript, event, run.phrases);
    const { phase, since } = this.state;
    const { case: kind, value } = event.event;
    const change: Partial<State> = { transcript };
    if (kind === "summary") transcript.duration = run.before + (transcript.duration ?? 0);
    if (kind === "ready") run.cause = undefined;
    if (kind === "ready") change.resuming = false;
    if (kind === "ready" && phase === "connecting") change.phase = "listening";
    if (kind === "final" && !value.cut) {
      run.tries = TRIES;
      run.tape.forget(Math.floor(secondsOf(value.endOffset) * run.rate));
    }
    if (kind === "final" && since !== undefined) {
      change.latency = Math.max(0, (this.tools.now() - since) / 1000 - secondsOf(value.endOffset));
    }
    if (kind === "progress") run.followed = secondsOf(value.offset);
    if (kind === "final") run.followed = Math.max(run.followed, secondsOf(value.endOffset));
    this.update(change);
    this.measure(run);
  }

  private abandon(failure: string): void {
    this.run?.socket?.close();
    this.finish(failure);
  }

  private finish(failure: string | undefined): void {
    void this.run?.microphone?.stop();
    this.run = undefined;
    this.level = 0;
    const { transcript } = this.state;
    this.update({
      phase: "done",
      late: 0,
      resuming: false,
      until: this.state.until ?? this.tools.now(),
      failure: this.state.failure ?? failure,
      transcript: { ...transcript, partial: "", speaking: false },
    });
  }
}

// Le son qu'aucune phrase finie n'a encore pris : un flux coupé se reprend de là.

/** Morceaux d'échantillons de 16 bits, un canal, comptés depuis le début. */
export class Tape {
  /** Rang du premier échantillon gardé. */
  first = 0;
  private kept: ArrayBuffer[] = [];
  private count = 0;

  get chunks(): readonly ArrayBuffer[] {
    return this.kept;
  }

  /** Rang du prochain échantillon. */
  get end(): number {
    return this.first + this.count;
  }

  push(pcm: ArrayBuffer): void {
    this.kept.push(pcm);
    this.count += pcm.byteLength / 2;
  }

  /** Oublie ce qui précède cet échantillon. */
  forget(sample: number): void {
    for (let head = this.kept[0]; head && this.first < sample; head = this.kept[0]) {
      const size = head.byteLength / 2;
      const gone = Math.min(size, sample - this.first);
      if (gone === size) this.kept.shift();
      else this.kept[0] = head.slice(2 * gone);
      this.first += gone;
      this.count -= gone;
    }
  }
}
