import { admin } from "../api/admin";
import { type Operation, OperationKind } from "../gen/passerelle/v1/admin_pb";

/** Redemande ce qu'une opération voulait ; `undefined` pour un genre qu'on ne sait pas redemander. */
export function retryOf({ kind, model }: Operation): (() => Promise<unknown>) | undefined {
  switch (kind) {
    case OperationKind.DOWNLOAD:
      return () => admin.downloadModel({ model });
    // Une relance ratée a laissé le modèle déchargé.
    case OperationKind.LOAD:
    case OperationKind.RESTART:
      return () => admin.loadModel({ model });
    case OperationKind.UNLOAD:
      return () => admin.unloadModel({ model });
    case OperationKind.SLEEP:
      return () => admin.sleepModel({ model });
    case OperationKind.WAKE:
      return () => admin.wakeModel({ model });
    default:
      return undefined;
  }
}

/** Vrai si le serveur accepte d'annuler ce genre d'opération. */
export function isCancellable({ kind }: Operation): boolean {
  return kind !== OperationKind.UNLOAD && kind !== OperationKind.WAKE;
}
