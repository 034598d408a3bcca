import { useServer } from "./StatusProvider";

/** Vrai si le serveur exige une clé pour employer un modèle ; avant son premier état, d'après le serveur de la page. */
export function useKeyed(): boolean {
  const { status, config } = useServer();
  return status?.apiKeyRequired ?? config?.api_key_required ?? false;
}
