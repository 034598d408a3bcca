import { useEffect, useState } from "react";
import { accessKey } from "../api/accessKey";
import { phrasesOf, phrasesRefusal } from "../audio/job/request";
import { choice } from "../audio/job/useDesk";
import { Capability } from "../gen/passerelle/v1/model_pb";
import { useKept } from "../shell/kept";
import { useCapabilities, useServer } from "../status/StatusProvider";
import { openMicrophone } from "./capture/microphone";
import { LiveSession } from "./session/session";
import { openSocket } from "./session/socket";

/** Tout ce que la page montre : le flux, le modèle qui servira, et ce que le serveur en dit. */
export function useStudio() {
  const { session, state } = useLive();
  const models = useServer().status?.models;
  const { known, failure } = useCapabilities();
  const limits = known?.limits?.audio;
  const transcriber = choice(models, known, Capability.TRANSCRIBE, state.options.model);
  const features = transcriber.capabilities?.features ?? [];
  return {
    session,
    state,
    ready: models !== undefined,
    failure,
    ...transcriber,
    /** Vrai si un modèle sait dire qui parle, et celui-ci dater ses mots. */
    diarizes:
      features.includes("word_timestamps") &&
      models?.some(({ capability }) => capability === Capability.DIARIZE) === true,
    /** Pourquoi les phrases données seraient refusées. */
    phrasesFault:
      limits && features.includes("phrases") ? phrasesRefusal(phrasesOf(state.options.phrases), limits) : undefined,
    rates: limits && { min: limits.minSampleRateHertz, max: limits.maxSampleRateHertz },
    /** Vrai du premier appui à la dernière phrase. */
    busy: state.phase !== "idle" && state.phase !== "done",
  };
}

export type Studio = ReturnType<typeof useStudio>;

/** La session de direct, faite la première fois que sa page s'ouvre, et son état. */
export function useLive() {
  const kept = useKept();
  kept.live ??= new LiveSession({
    microphone: openMicrophone,
    socket: (config, listener) => openSocket(config, accessKey(), listener),
    now: () => performance.now(),
    later: (delay, action) => void setTimeout(action, delay),
  });
  return { session: kept.live, state: kept.live.useState() };
}

/** Secondes depuis le premier son, arrêtées avec le microphone ; `undefined` avant lui. */
export function useElapsed(): number | undefined {
  const { session, state } = useLive();
  const { since, until } = state;
  const [now, setNow] = useState(session.now);
  const running = since !== undefined && until === undefined;
  useEffect(() => {
    if (!running) return;
    setNow(session.now());
    const timer = setInterval(() => setNow(session.now()), 1000);
    return () => clearInterval(timer);
  }, [session, running]);
  return since === undefined ? undefined : Math.max(0, (until ?? now) - since) / 1000;
}

/** Durée qui court, en minutes et secondes. */
export function stopwatch(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
