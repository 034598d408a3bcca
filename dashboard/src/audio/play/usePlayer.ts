import { useSyncExternalStore } from "react";
import type { Span } from "../job/events";
import type { Player } from "./Player";

/** Une valeur du lecteur, relue à chaque image ; la vue ne se redessine que si elle change. */
export function usePlayer<T extends string | number | boolean>(player: Player, select: (player: Player) => T): T {
  return useSyncExternalStore(player.subscribe, () => select(player));
}

/** Rang du passage joué, le dernier commencé de ceux qui contiennent l'instant ; -1 s'il n'y en a pas. */
export function currentOf(spans: readonly Span[], time: number): number {
  return spans.findLastIndex(({ start, end }) => start <= time && time < end);
}
