import { useEffect, useState } from "react";
import { admin } from "./api";
import type { Status } from "./gen/passerelle/v1/admin_pb";

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 8000;

/** État du serveur, suivi en direct ; la connexion est reprise quand elle tombe. */
export function useStatus(): { status: Status | undefined; connected: boolean } {
  const [status, setStatus] = useState<Status>();
  const [connected, setConnected] = useState(false);
  useEffect(() => {
    const stop = new AbortController();
    let retry = FIRST_RETRY_MS;
    async function follow() {
      while (!stop.signal.aborted) {
        try {
          for await (const message of admin.watchStatus({}, { signal: stop.signal })) {
            retry = FIRST_RETRY_MS;
            setConnected(true);
            setStatus(message.status);
          }
        } catch {
          // Le serveur redémarre, ou le réseau manque : seul un nouvel essai le dira.
        }
        if (stop.signal.aborted) return;
        setConnected(false);
        await new Promise((resolve) => setTimeout(resolve, retry));
        retry = Math.min(MAX_RETRY_MS, retry * 2);
      }
    }
    void follow();
    return () => stop.abort();
  }, []);
  return { status, connected };
}
