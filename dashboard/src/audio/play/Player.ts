import { type RefObject, useEffect, useState, useSyncExternalStore } from "react";
import type { Span } from "../job/send";

/** Un élément audio que plusieurs vues suivent : instant, marche, panne. */
export class Player {
  private audio: HTMLAudioElement | undefined;
  private readonly listeners = new Set<() => void>();
  private frame = 0;
  /** Vrai si le navigateur ne sait pas lire ce fichier. */
  failed = false;

  get time(): number {
    return this.audio?.currentTime ?? 0;
  }

  get playing(): boolean {
    return this.audio !== undefined && !this.audio.paused;
  }

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  /** Prend un élément ; rend de quoi le laisser. */
  readonly attach = (audio: HTMLAudioElement | null) => {
    if (!audio) return;
    this.audio = audio;
    const stop = new AbortController();
    const { signal } = stop;
    for (const name of ["play", "pause", "seeked", "timeupdate", "ended"]) {
      audio.addEventListener(name, this.tell, { signal });
    }
    audio.addEventListener("loadstart", () => this.fail(false), { signal });
    audio.addEventListener("error", () => this.fail(true), { signal });
    return () => {
      stop.abort();
      audio.pause();
      cancelAnimationFrame(this.frame);
      this.audio = undefined;
    };
  };

  readonly toggle = () => {
    if (this.playing) this.audio?.pause();
    else this.play();
  };

  /** Va à cet instant, en secondes. */
  readonly seek = (time: number) => {
    if (!this.audio) return;
    this.audio.currentTime = Math.max(0, time);
    this.tell();
  };

  /** Joue depuis cet instant, en secondes. */
  readonly playFrom = (time: number) => {
    this.seek(time);
    this.play();
  };

  private play() {
    // Refusé par le navigateur, ou fichier illisible : `error` l'a dit, ou l'élément reste en pause et se voit tel.
    this.audio?.play().catch(() => this.tell());
  }

  private fail(failed: boolean) {
    this.failed = failed;
    this.tell();
  }

  private readonly tell = () => {
    for (const listener of this.listeners) listener();
    cancelAnimationFrame(this.frame);
    // `timeupdate` ne vient que quatre fois par seconde : le curseur suit les images de l'écran.
    if (this.playing) this.frame = requestAnimationFrame(this.tell);
  };
}

/** Une valeur du lecteur, relue à chaque image ; la vue ne se redessine que si elle change. */
export function usePlayer<T extends string | number | boolean>(player: Player, select: (player: Player) => T): T {
  return useSyncExternalStore(player.subscribe, () => select(player));
}

/** Rang du passage joué, le dernier commencé de ceux qui contiennent l'instant ; -1 s'il n'y en a pas. */
export function currentOf(spans: readonly Span[], time: number): number {
  return spans.findLastIndex(({ start, end }) => start <= time && time < end);
}

/** Largeur d'un élément, en pixels, suivie quand elle change ; 0 avant la première mesure. */
export function useWidth(element: RefObject<Element | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!element.current) return;
    const sizes = new ResizeObserver(([entry]) => setWidth(Math.round(entry?.contentRect.width ?? 0)));
    sizes.observe(element.current);
    return () => sizes.disconnect();
  }, [element]);
  return width;
}
