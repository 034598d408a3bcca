// Tourne sur le fil audio du navigateur : rend le son par morceaux de 100 ms, et le reste quand on l'arrête.
import { Chunker } from "./chunker";

declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare const sampleRate: number;
declare function registerProcessor(name: string, kind: new () => AudioWorkletProcessor): void;

const CHUNKS_PER_SECOND = 10;

class Pcm extends AudioWorkletProcessor {
  private readonly chunker = new Chunker(Math.round(sampleRate / CHUNKS_PER_SECOND));
  private running = true;

  constructor() {
    super();
    this.port.onmessage = () => {
      this.running = false;
      for (const chunk of this.chunker.flush()) this.port.postMessage(chunk, [chunk.pcm]);
      this.port.postMessage(null);
    };
  }

  process([input]: Float32Array[][]): boolean {
    if (this.running && input) {
      for (const chunk of this.chunker.push(input)) this.port.postMessage(chunk, [chunk.pcm]);
    }
    return this.running;
  }
}

registerProcessor("pcm", Pcm);
