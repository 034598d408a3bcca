import { Alert, LinearProgress } from "@mui/material";
import { T } from "../fr";
import type { Link } from "./useStatus";

/** Dit que le serveur n'est pas, ou plus, joignable ; rien quand tout va bien. */
export function LinkAlert({ link }: { link: Link }) {
  if (link === "connected") return null;
  const lost = link === "lost";
  return (
    <Alert severity={lost ? "warning" : "info"} data-testid={`link-${link}`}>
      {lost ? T.disconnected : T.connecting}
      <LinearProgress color="inherit" aria-label={T.connecting} sx={{ mt: 1, borderRadius: 1 }} />
    </Alert>
  );
}
