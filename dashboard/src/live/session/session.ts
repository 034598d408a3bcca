import type { ModelCapabilities } from "../../gen/passerelle/v1/limits_pb";
import type { StreamTranscribeConfig, StreamTranscribeResponse } from "../../gen/passerelle/v1/transcribe_pb";
import type { Chunk } from "../capture/chunker";
import type { Listener, Microphone, Rates } from "../capture/microphone";
import { problemOf } from "../capture/problems";
import { T } from "../texts";
import { configFor, type Options } from "./request";
import type { LiveSocket, SocketListener } from "./socket";
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
}

/** Le navigateur, ou ce qui en tient lieu dans un essai. */
export interface Tools {
  microphone: (device: string, rates: Rates, listener: Listener) => Promise<Microphone>;
  socket: (config: StreamTranscribeConfig, listener: SocketListener) => LiveSocket;
  /** Horloge, en millisecondes. */
  now: () => number;
}

const CHUNK_MS = 100;
const IDLE = {
  phase: "idle",
  sent: undefined,
  transcript: EMPTY,
  failure: undefined,
  since: undefined,
  until: undefined,
} as const;

/** Un flux à la fois : le microphone, le WebSocket, et ce que la page en montre. */
export class LiveSession {
  /** Amplitude du dernier morceau, entre 0 et 1 ; elle change trop souvent pour être un état. */
  level = 0;
  private state: State = { ...IDLE, options: { device: "", model: "", language: "" }, latency: undefined };
  private readonly listeners = new Set<() => void>();
  private run: { microphone?: Microphone; socket?: LiveSocket } | undefined;

  constructor(private readonly tools: Tools) {}

  readonly snapshot = (): State => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly now = (): number => this.tools.now();

  readonly choose = (options: Partial<Options>): void => {
    this.update({ options: { ...this.state.options, ...options } });
  };

  readonly clear = (): void => {
    if (!this.run) this.update({ ...IDLE, latency: undefined });
  };

  /** Ouvre le microphone, puis le flux. */
  readonly start = async (capabilities: ModelCapabilities, rates: Rates): Promise<void> => {
    if (this.run) return;
    const run: { microphone?: Microphone; socket?: LiveSocket } = {};
    this.run = run;
    const { device, language } = this.state.options;
    this.update({ ...IDLE, phase: "asking", latency: undefined });
    const early: Chunk[] = [];
    const mine = () => this.run === run;
    try {
      const microphone = await this.tools.microphone(device, rates, {
        heard: (chunk) => {
          if (!mine()) return;
          this.hear(chunk);
          if (!run.socket) early.push(chunk);
          else if (!run.socket.send(chunk.pcm)) this.abandon(T.problems.slow);
        },
        lost: () => mine() && this.state.phase !== "closing" && void this.stop(T.problems.unplugged),
      });
      if (!mine()) return void microphone.stop();
      run.microphone = microphone;
      const sent = configFor(capabilities, language, microphone.rate);
      run.socket = this.tools.socket(sent, {
        event: (event) => mine() && this.tell(event),
        closed: (failure) => mine() && this.finish(failure),
      });
      this.update({ phase: "connecting", sent });
      for (const chunk of early) run.socket.send(chunk.pcm);
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

  private hear({ peak }: Chunk): void {
    this.level = peak;
    if (this.state.since === undefined) this.update({ since: this.tools.now() - CHUNK_MS });
  }

  private tell(event: StreamTranscribeResponse): void {
    const transcript = after(this.state.transcript, event);
    const { phase, since } = this.state;
    const { case: kind, value } = event.event;
    const change: Partial<State> = { transcript };
    if (kind === "ready" && phase === "connecting") change.phase = "listening";
    if (kind === "final" && since !== undefined) {
      change.latency = Math.max(0, (this.tools.now() - since) / 1000 - secondsOf(value.endOffset));
    }
    this.update(change);
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
      until: this.state.until ?? this.tools.now(),
      failure: this.state.failure ?? failure,
      transcript: { ...transcript, partial: "", speaking: false },
    });
  }

  private update(change: Partial<State>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }
}
