import { admin } from "../api/admin";
import { type Operation, OperationKind } from "../gen/passerelle/v1/operation_pb";

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
      // Personne n'a confirmé d'interrompre ceux qui s'en servent maintenant.
      return () => admin.unloadModel({ model, onlyIfIdle: true });
    case OperationKind.SLEEP:
      return () => admin.sleepModel({ model });
    case OperationKind.WAKE:
      return () => admin.wakeModel({ model });
    default:
      return undefined;
  }
}
