import { Alert, AlertTitle, Dialog } from "@mui/material";
import {
  Component,
  type ComponentType,
  createElement,
  lazy,
  type ReactNode,
  Suspense,
  useEffect,
  useSyncExternalStore,
} from "react";
import { StatusSkeleton } from "../status/StatusSkeleton";
import { Act } from "./kit";
import { T } from "./texts";

/** Un programme n'a pas pu être lu : serveur injoignable, ou remplacé depuis l'ouverture. */
export class MissingChunk extends Error {}

export interface Later<Props> {
  view: ComponentType<Props>;
  /** Lit le programme d'avance ; un échec se dira à l'ouverture. */
  preload: () => void;
}

/** Page ou boîte dont le programme n'est lu qu'à l'ouverture, ou d'avance quand le navigateur n'a rien à faire. */
export function later<Props = unknown>(load: () => Promise<ComponentType<Props>>): Later<Props> {
  const view = lazy(async () => {
    try {
      return { default: await load() };
    } catch (error) {
      throw new MissingChunk("programme de la page introuvable", { cause: error });
    }
  });
  return { view, preload: () => void load().catch(() => undefined) };
}

/** Lit d'avance ce qui le permet quand `ready` est vrai et que le navigateur n'a rien de mieux à faire. */
export function usePreload(parts: readonly { preload?: () => void }[], ready: boolean): void {
  useEffect(() => {
    if (!ready) return;
    const read = () => {
      for (const { preload } of parts) preload?.();
    };
    // Safari n'a pas requestIdleCallback.
    if (!("requestIdleCallback" in window)) {
      const timer = setTimeout(read, 1_500);
      return () => clearTimeout(timer);
    }
    const ticket = requestIdleCallback(read, { timeout: 5_000 });
    return () => cancelIdleCallback(ticket);
  }, [parts, ready]);
}

/**
 * Vue dont on peut se passer : `Plain` en tient lieu tant que son programme n'est pas là, ou s'il ne vient pas.
 *
 * Un échec n'est pas gardé : l'affichage suivant redemande le programme, et toutes les vues le prennent quand il arrive.
 */
export function laterOr<Props extends object>(
  load: () => Promise<ComponentType<Props>>,
  Plain: ComponentType<Props>,
): Later<Props> {
  let found: ComponentType<Props> | undefined;
  const views = new Set<() => void>();
  const subscribe = (view: () => void) => {
    views.add(view);
    return () => void views.delete(view);
  };
  const preload = () => {
    if (found) return;
    load().then(
      (view) => {
        found = view;
        for (const tell of views) tell();
      },
      // Le serveur a changé ou ne répond pas : la page le dit ailleurs.
      () => undefined,
    );
  };
  function View(props: Props) {
    useEffect(preload, []);
    return createElement(useSyncExternalStore(subscribe, () => found) ?? Plain, props);
  }
  return { view: View, preload };
}

interface Props {
  children: ReactNode;
  /** Ce qui entoure le message ; rien, s'il prend la place du contenu. */
  frame?: (message: ReactNode) => ReactNode;
}

/** Si le programme du contenu n'est plus là, le dit et propose de recharger. */
export class MissingChunkBoundary extends Component<Props, { error: unknown }> {
  override state: { error: unknown } = { error: undefined };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    const { children, frame = (message) => message } = this.props;
    if (error === undefined) return children;
    // Une autre panne n'est pas la sienne.
    if (!(error instanceof MissingChunk)) throw error;
    return frame(
      <Alert
        severity="warning"
        data-testid="page-missing"
        action={
          // Recharger de soi-même perdrait une conversation en cours dans une autre page.
          <Act label={T.crash.reload} color="inherit" onClick={() => location.reload()} testId="page-reload" />
        }
      >
        <AlertTitle>{T.missing.title}</AlertTitle>
        {T.missing.advice}
      </Alert>,
    );
  }
}

/** Attend le programme d'une boîte de dialogue sans toucher à la page ; s'il n'est plus là, le dit à sa place. */
export function DialogFrame({ children, onClose }: { children: ReactNode; onClose: () => void }) {
  return (
    <MissingChunkBoundary
      frame={(message) => (
        <Dialog open onClose={onClose} slotProps={{ paper: { "aria-label": T.missing.title } }}>
          {message}
        </Dialog>
      )}
    >
      <Suspense fallback={null}>{children}</Suspense>
    </MissingChunkBoundary>
  );
}

/** Attend le programme d'une page ; s'il n'est plus là, le dit à sa place. */
export function PageFrame({ children }: { children: ReactNode }) {
  return (
    <MissingChunkBoundary>
      <Suspense
        fallback={
          <div data-testid="page-loading">
            <StatusSkeleton />
          </div>
        }
      >
        {children}
      </Suspense>
    </MissingChunkBoundary>
  );
}
