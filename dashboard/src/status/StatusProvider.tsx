import { createContext, type ReactNode, useContext, useMemo } from "react";
import { History } from "./history";
import { type PageConfig, useConfig } from "./useConfig";
import { useStatus, type Watched } from "./useStatus";

export interface Server extends Watched {
  /** Ce que le serveur de la page sait sans le plan de contrôle. */
  config: PageConfig | undefined;
  /** Les dernières minutes des mesures ; elle grandit en place, à chaque nouvel état. */
  history: History;
  /** Rouvre le flux sans attendre. */
  retry: () => void;
}

const Context = createContext<Server>({
  status: undefined,
  link: "connecting",
  receivedAt: undefined,
  config: undefined,
  history: new History(),
  retry: () => undefined,
});

/** Ouvre l'unique flux d'état de la page et le partage. */
export function StatusProvider({ children }: { children: ReactNode }) {
  const config = useConfig();
  const { status, link, receivedAt, history, retry } = useStatus();
  const server = useMemo(
    () => ({ status, link, receivedAt, config, history, retry }),
    [status, link, receivedAt, config, history, retry],
  );
  return <Context value={server}>{children}</Context>;
}

/** L'état du serveur, tel que la page le suit. */
export function useServer(): Server {
  return useContext(Context);
}
