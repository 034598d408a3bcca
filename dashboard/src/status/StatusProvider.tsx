import { createContext, type ReactNode, useContext, useMemo } from "react";
import { History } from "./history";
import { T } from "./texts";
import { type PageConfig, useConfig } from "./useConfig";
import { type Reasons, useReasons } from "./useReasons";
import { useStatus, type Watched } from "./useStatus";

export interface Server extends Watched {
  /** Ce que le serveur de la page sait sans le plan de contrôle. */
  config: PageConfig | undefined;
  /** Les dernières minutes des mesures ; elle grandit en place, à chaque nouvel état. */
  history: History;
  /** Pourquoi le lien est perdu, d'après le serveur. */
  reasons: Reasons;
  /** Rouvre le flux sans attendre. */
  retry: () => void;
}

const Context = createContext<Server>({
  status: undefined,
  link: "connecting",
  receivedAt: undefined,
  config: undefined,
  history: new History(),
  reasons: { said: [], silences: 0 },
  retry: () => undefined,
});

/** Ouvre l'unique flux d'état de la page et le partage. */
export function StatusProvider({ children }: { children: ReactNode }) {
  const config = useConfig();
  const { status, link, receivedAt, history, retry } = useStatus();
  const reasons = useReasons(link === "lost");
  const server = useMemo(
    () => ({ status, link, receivedAt, config, history, reasons, retry }),
    [status, link, receivedAt, config, history, reasons, retry],
  );
  return <Context value={server}>{children}</Context>;
}

/** L'état du serveur, tel que la page le suit. */
export function useServer(): Server {
  return useContext(Context);
}

/** Pourquoi rien ne peut partir, quand plus rien ne répond ; le plan de contrôle seul perdu, on converse encore. */
export function useAway(): string | undefined {
  const { link, reasons } = useContext(Context);
  // Un seul silence peut n'être qu'une coupure d'un instant.
  return link === "lost" && reasons.silences > 1 ? T.away : undefined;
}
