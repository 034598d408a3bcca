import { createContext, type ReactNode, useContext, useMemo } from "react";
import type { Status } from "../gen/passerelle/v1/admin_pb";
import { type PageConfig, useConfig } from "./useConfig";
import { type Link, useStatus } from "./useStatus";

export interface Server {
  /** Dernier état reçu ; `undefined` avant le premier. */
  status: Status | undefined;
  link: Link;
  /** Ce que le serveur de la page sait sans le plan de contrôle. */
  config: PageConfig | undefined;
}

const Context = createContext<Server>({ status: undefined, link: "connecting", config: undefined });

/** Ouvre l'unique flux d'état de la page et le partage. */
export function StatusProvider({ children }: { children: ReactNode }) {
  const config = useConfig();
  const { status, link } = useStatus();
  const server = useMemo(() => ({ status, link, config }), [status, link, config]);
  return <Context value={server}>{children}</Context>;
}

/** L'état du serveur, tel que la page le suit. */
export function useServer(): Server {
  return useContext(Context);
}
