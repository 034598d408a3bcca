import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { admin } from "../api/admin";
import { messageOf } from "../api/errors";
import type { GetCapabilitiesResponse } from "../gen/passerelle/v1/limits_pb";
import { History } from "./history";
import { T } from "./texts";
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

export interface PageConfig {
  profile: string;
  notice: string;
  version: string;
  api_key_required: boolean;
}

/** Ce que le serveur de la page sait sans le plan de contrôle ; `undefined` tant qu'il n'a pas répondu. */
export function useConfig(): PageConfig | undefined {
  const [config, setConfig] = useState<PageConfig>();
  useEffect(() => {
    const stop = new AbortController();
    fetch("/config.json", { signal: stop.signal })
      .then(async (response) => {
        if (response.ok) setConfig((await response.json()) as PageConfig);
      })
      // L'état suivi en direct porte les mêmes faits : ne pas les avoir tout de suite n'est pas une panne.
      .catch(() => undefined);
    return () => stop.abort();
  }, []);
  return config;
}

const PERIOD_MS = 2_000;

/** Pourquoi l'état ne vient plus, et combien de fois de suite rien n'a répondu. */
export interface Reasons {
  said: string[];
  silences: number;
}

const UNKNOWN: Reasons = { said: [], silences: 0 };

/** Ce que `/readyz` donne pour raisons, redemandé tant que la page a perdu l'état. */
export function useReasons(lost: boolean): Reasons {
  const [reasons, setReasons] = useState(UNKNOWN);
  useEffect(() => {
    if (!lost) return;
    const stop = new AbortController();
    const ask = () =>
      fetch("/readyz", { signal: stop.signal })
        .then(async (response) => ((await response.json()) as { reasons?: string[] }).reasons ?? [])
        // Rien ne répond, ou pas nous : il n'y a pas de raison à montrer.
        .catch(() => undefined)
        .then((found) => {
          if (stop.signal.aborted) return;
          setReasons(({ silences }) => ({ said: found ?? [], silences: found ? 0 : silences + 1 }));
        });
    void ask();
    const timer = setInterval(ask, PERIOD_MS);
    return () => {
      stop.abort();
      clearInterval(timer);
      setReasons(UNKNOWN);
    };
  }, [lost]);
  return reasons;
}

/** Vrai si le serveur exige une clé pour employer un modèle ; avant son premier état, d'après le serveur de la page. */
export function useKeyed(): boolean {
  const { status, config } = useServer();
  return status?.apiKeyRequired ?? config?.api_key_required ?? false;
}

export interface Capabilities {
  /** Limites et options annoncées ; `undefined` avant la réponse. */
  known: GetCapabilitiesResponse | undefined;
  failure: string | undefined;
}

/** Ce que le serveur sait faire, redemandé quand la connexion revient ou qu'un modèle change d'état. */
export function useCapabilities(): Capabilities {
  const { status, link } = useServer();
  const [found, setFound] = useState<Capabilities>({ known: undefined, failure: undefined });
  const states = status?.models.map(({ key, state }) => `${key} ${state}`).join() ?? "";
  // biome-ignore lint/correctness/useExhaustiveDependencies: un modèle chargé peut annoncer d'autres options que son profil.
  useEffect(() => {
    if (link !== "connected") return;
    const stop = new AbortController();
    admin
      .getCapabilities({}, { signal: stop.signal })
      .then((known) => {
        if (!stop.signal.aborted) setFound({ known, failure: undefined });
      })
      .catch((error) => {
        if (!stop.signal.aborted) setFound(({ known }) => ({ known, failure: messageOf(error) }));
      });
    return () => stop.abort();
  }, [link, states]);
  return found;
}
