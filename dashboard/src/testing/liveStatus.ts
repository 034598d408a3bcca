// Un état suivi en direct que l'essai change quand il veut.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { StatusSchema } from "../gen/passerelle/v1/admin_pb";
import type { ModelSchema } from "../gen/passerelle/v1/model_pb";

const BEAT_MS = 2_000;

/** Modèles que montre le flux d'état. */
export class LiveStatus {
  private sequence = 0;
  private wake: () => void = () => {};

  constructor(
    private models: MessageInitShape<typeof ModelSchema>[],
    private readonly server: Omit<MessageInitShape<typeof StatusSchema>, "$typeName" | "models"> = {},
  ) {}

  /** Montre d'autres modèles. */
  show(models: MessageInitShape<typeof ModelSchema>[]): void {
    this.models = models;
    this.wake();
  }

  /** Sert `AdminService.WatchStatus`. */
  async *watch(signal: AbortSignal) {
    while (!signal.aborted) {
      this.sequence += 1;
      const changed = new Promise<void>((resolve) => {
        this.wake = resolve;
        signal.addEventListener("abort", () => resolve());
        // Comme le vrai, il ne se tait jamais longtemps : la page croirait le lien perdu, et suspendrait ses gestes.
        setTimeout(resolve, BEAT_MS);
      });
      yield { status: create(StatusSchema, { ...this.server, models: this.models }), sequence: this.sequence };
      await changed;
    }
  }
}
