import { useEffect, useState } from "react";
import { useLive } from "../session/useLive";

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
