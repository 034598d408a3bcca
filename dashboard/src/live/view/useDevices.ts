import { useEffect, useState } from "react";
import type { Phase } from "../session/session";

export interface Device {
  id: string;
  /** Nom ; vide tant que la personne n'a rien autorisé. */
  label: string;
}

/** Les microphones branchés ; relus quand il en vient, et quand l'autorisation a pu changer (`phase`). */
export function useDevices(phase: Phase): Device[] {
  const [devices, setDevices] = useState<Device[]>([]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: les noms n'apparaissent qu'une fois le microphone ouvert.
  useEffect(() => {
    const { mediaDevices } = navigator;
    if (!mediaDevices) return;
    const stop = new AbortController();
    const list = async () => {
      const found = await mediaDevices.enumerateDevices().catch(() => []);
      if (stop.signal.aborted) return;
      // Sans autorisation, l'identifiant est vide : il n'y a rien à choisir. « default » répète l'un des autres.
      const named = found.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId && deviceId !== "default");
      setDevices(named.map(({ deviceId, label }) => ({ id: deviceId, label })));
    };
    void list();
    mediaDevices.addEventListener("devicechange", () => void list(), { signal: stop.signal });
    return () => stop.abort();
  }, [phase]);
  return devices;
}
