import { errorInfo } from "./errorInfo";
import { messageOf } from "./errors";

/** Ce qu'une page dit d'un appel refusé. */
export interface Refusal {
  message: string;
  /** Motif du contrat ; vide si le serveur n'en a pas donné. */
  reason: string;
  /** Champ fautif, tel que le contrat le nomme (`gpus`, `options.max_model_len`) ; vide s'il n'y en a pas. */
  field: string;
}

export function refusalOf(error: unknown): Refusal {
  const info = errorInfo(error);
  return { message: messageOf(error), reason: info?.reason ?? "", field: info?.metadata.field ?? "" };
}
