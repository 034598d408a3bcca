import { Alert } from "@mui/material";
import { useServer } from "../status/StatusProvider";
import { useAccess } from "./AccessProvider";
import { T } from "./texts";

/** Ce que le serveur dit de la clé qu'il a reçue ; son refus est écrit sous le champ. */
export function KeyVerdict({ required }: { required: boolean }) {
  const { verdict } = useAccess();
  const { link } = useServer();
  switch (verdict.state) {
    case "accepted": {
      const { inference, admin } = verdict.access;
      const all = inference && admin;
      const one = inference ? T.key.opensInference : admin ? T.key.opensAdmin : T.key.opensNothing;
      const text = !required ? T.key.uselessHere : all ? T.key.opensAll : one;
      return (
        <Alert severity={!required || !all ? "info" : "success"} data-testid="key-accepted">
          {text}
        </Alert>
      );
    }
    case "failed":
      return <Alert severity="warning">{verdict.message}</Alert>;
    case "waiting":
      return <Alert severity="info">{link === "lost" ? T.key.unreachable : T.key.checking}</Alert>;
    default:
      return null;
  }
}
