import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { useEffect, useState } from "react";
import { requests } from "../api/client";
import type { Request, RequestSort } from "../gen/passerelle/v1/requests_pb";
import { follow, pause } from "../status/follow";
import { merged, SHOWN } from "./requests";

/** Le serveur parle au moins toutes les dix secondes. */
const SILENCE_MS = 30_000;
const STEADY_MS = 60_000;

export interface Filter {
  /** Clé du modèle ; vide : tous. */
  model: string;
  sort: RequestSort | undefined;
  /** Vrai : celles en cours. */
  running: boolean;
  /** Vrai : celles qui ont échoué. */
  failed: boolean;
  /** Position d'un GPU. */
  gpu?: number | undefined;
  /** Instants entre lesquels elles couraient, en millisecondes depuis 1970. */
  since?: number | undefined;
  until?: number | undefined;
}

/** Requêtes d'un filtre, suivies en direct, et celle qui est ouverte : elle se suit encore quand la liste ne l'a plus. */
export function useRequests({ model, sort, running, failed, gpu, since, until }: Filter) {
  const [found, setFound] = useState<Request[]>([]);
  const [opened, setOpened] = useState<Request>();
  const [missed, setMissed] = useState(0);
  const [link, setLink] = useState<"opening" | "live" | "lost">("opening");
  useEffect(() => {
    const stop = new AbortController();
    // Une requête en cours qui finit doit quitter la liste : le filtre du serveur ne dirait rien d'elle.
    const filter = {
      model,
      ...(sort === undefined ? {} : { sort }),
      failed,
      ...(gpu === undefined ? {} : { gpu }),
      ...(since === undefined ? {} : { since: timestampFromMs(since) }),
      ...(until === undefined ? {} : { until: timestampFromMs(until) }),
    };
    const wanted = (one: Request) => !running || one.running;
    let opened = false;
    setFound([]);
    setMissed(0);
    setLink("opening");
    void follow({
      open: (signal) => {
        opened = true;
        return requests.watchRequests({ filter, history: SHOWN }, { signal });
      },
      onMessage: (message) => {
        const fresh = opened;
        opened = false;
        setLink("live");
        setFound((before) => merged(fresh ? [] : before, message.requests, wanted));
        setOpened((before) => before && (message.requests.findLast(({ call }) => call === before.call) ?? before));
        setMissed((before) => before + message.missed);
      },
      onLost: () => setLink("lost"),
      silence: SILENCE_MS,
      steady: STEADY_MS,
      wait: pause,
      signal: stop.signal,
    });
    return () => stop.abort();
  }, [model, sort, running, failed, gpu, since, until]);
  return { found, opened, setOpened, missed, link };
}
