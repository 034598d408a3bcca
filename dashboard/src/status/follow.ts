const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 8_000;

/** Attente avant un nouvel essai, après `failures` échecs de suite (1 au moins), en millisecondes. */
export function retryDelay(failures: number): number {
  return Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
}

export interface Following<T> {
  /** Ouvre le flux ; l'abandonner par son signal doit le finir. */
  open: (signal: AbortSignal) => AsyncIterable<T>;
  onMessage: (message: T) => void;
  /** Flux perdu ; un nouvel essai vient dans `delay` millisecondes. */
  onLost: (delay: number) => void;
  /** Silence au-delà duquel le flux est tenu pour mort, en millisecondes. */
  silence: number;
  /** Temps au-delà duquel un flux qui parlait, et qui finit, est rouvert sans être dit perdu, en millisecondes. */
  steady: number;
  wait: (delay: number, signal: AbortSignal) => Promise<void>;
  signal: AbortSignal;
}

/** Suit un flux jusqu'à l'abandon de `signal`, et le rouvre, de moins en moins vite, chaque fois qu'il tombe. */
export async function follow<T>({
  open,
  onMessage,
  onLost,
  silence,
  steady,
  wait,
  signal,
}: Following<T>): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const attempt = new AbortController();
    const giveUp = () => attempt.abort();
    let watchdog = setTimeout(giveUp, silence);
    let since: number | undefined;
    try {
      for await (const message of open(AbortSignal.any([signal, attempt.signal]))) {
        // Un message déjà lu peut arriver après l'abandon.
        if (signal.aborted) return;
        clearTimeout(watchdog);
        watchdog = setTimeout(giveUp, silence);
        failures = 0;
        since ??= Date.now();
        onMessage(message);
      }
    } catch {
      // Le serveur redémarre, ou le réseau manque : seul un nouvel essai le dira.
    } finally {
      clearTimeout(watchdog);
    }
    if (signal.aborted) return;
    // Ce qui est entre le serveur et la page borne parfois la durée d'un flux : ce n'est pas une perte, sauf si rouvrir
    // échoue. Un silence en est une : l'état date déjà.
    const ended = since !== undefined && !attempt.signal.aborted && Date.now() - since >= steady;
    if (ended) continue;
    failures += 1;
    const delay = retryDelay(failures);
    onLost(delay);
    await wait(delay, signal);
  }
}

/** Attend `delay` millisecondes, ou l'abandon de `signal`. */
export function pause(delay: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, delay);
    signal.addEventListener("abort", end);
  });
}

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
