import { useEffect, useState } from "react";
import { admin } from "../api/client";
import type { Status } from "../gen/passerelle/v1/admin_pb";
import { follow, pause } from "./follow";

/** Le serveur parle au moins toutes les 2 s. */
const SILENCE_MS = 10_000;

export type Link = "connecting" | "connected" | "lost";

/** État du serveur, suivi en direct ; la connexion est reprise quand elle tombe. */
export function useStatus(): { status: Status | undefined; link: Link } {
  const [status, setStatus] = useState<Status>();
  const [link, setLink] = useState<Link>("connecting");
  useEffect(() => {
    const stop = new AbortController();
    void follow({
      open: (signal) => admin.watchStatus({}, { signal }),
      onMessage: (message) => {
        setLink("connected");
        setStatus(message.status);
      },
      onLost: () => setLink("lost"),
      silence: SILENCE_MS,
      wait: pause,
      signal: stop.signal,
    });
    return () => stop.abort();
  }, []);
  return { status, link };
}
