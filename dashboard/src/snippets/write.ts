import { curl } from "./curl";
import { grpc, grpcWeb } from "./grpc";
import { node } from "./node";
import { python } from "./python";
import type { SnippetTexts } from "./Snippets";
import type { ServerAccess, Sketch } from "./sketch";

/** La requête dans chaque langage qui sait l'écrire. Aucun extrait ne porte de clé : `PASSERELLE_KEY` la donne. */
export function written({ http, socket, rpc }: Sketch, target: ServerAccess): SnippetTexts {
  return {
    ...(http && { curl: curl(http, target) }),
    ...python({ http, socket }, target),
    ...node({ http, socket }, target),
    ...(rpc && { grpc: grpc(rpc, target) }),
  };
}

export { grpcWeb };
