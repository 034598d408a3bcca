export interface WhileVisible {
  /** Mené tant que la page se voit ; son signal est abandonné dès qu'elle se cache. */
  run: (signal: AbortSignal) => void;
  onHidden: () => void;
}

export interface Running {
  /** Recommence, si la page se voit. */
  restart: () => void;
  stop: () => void;
}

/** Mène `run` quand la page se voit, l'abandonne quand elle se cache, le recommence quand le réseau revient. */
export function whileVisible({ run, onHidden }: WhileVisible): Running {
  let current: AbortController | undefined;
  const leave = () => {
    current?.abort();
    current = undefined;
  };
  const restart = () => {
    leave();
    if (document.visibilityState === "hidden") return;
    current = new AbortController();
    run(current.signal);
  };
  const turn = () => {
    if (document.visibilityState !== "hidden") {
      if (!current) restart();
      return;
    }
    leave();
    onHidden();
  };
  document.addEventListener("visibilitychange", turn);
  window.addEventListener("online", restart);
  restart();
  return {
    restart,
    stop() {
      document.removeEventListener("visibilitychange", turn);
      window.removeEventListener("online", restart);
      leave();
    },
  };
}
