import { Alert, AlertTitle, Box, Typography } from "@mui/material";
import { Component, type ReactNode } from "react";
import { Act } from "./kit";
import { T } from "./texts";

/** Une erreur de la page se dit, et laisse de quoi recharger : jamais un écran vide. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: Error | undefined }> {
  override state = { error: undefined as Error | undefined };

  static getDerivedStateFromError(error: unknown) {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <Box sx={{ p: { xs: 2, md: 3 }, maxWidth: 720, mx: "auto", width: "100%" }}>
        <Alert
          severity="error"
          data-testid="crash"
          action={
            <Act label={T.crash.reload} color="inherit" onClick={() => location.reload()} testId="crash-reload" />
          }
          sx={{ flexWrap: "wrap" }}
        >
          <AlertTitle>{T.crash.title}</AlertTitle>
          {T.crash.advice}
          <Typography component="p" variant="caption" sx={{ mt: 1, overflowWrap: "anywhere" }}>
            {T.crash.detail} : {error.message || error.name}
          </Typography>
        </Alert>
      </Box>
    );
  }
}
