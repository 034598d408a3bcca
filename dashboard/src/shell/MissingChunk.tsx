import { Alert, AlertTitle, Button } from "@mui/material";
import { Component, type ReactNode } from "react";
import { MissingChunk } from "./later";
import { T } from "./texts";

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
          <Button color="inherit" size="small" onClick={() => location.reload()} data-testid="page-reload">
            {T.crash.reload}
          </Button>
        }
      >
        <AlertTitle>{T.missing.title}</AlertTitle>
        {T.missing.advice}
      </Alert>,
    );
  }
}
