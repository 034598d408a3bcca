import { Alert, AlertTitle, Button } from "@mui/material";
import { Link } from "wouter";
import { T } from "./texts";

/** Une adresse qui ne mène à rien le dit, et ramène à l'accueil. */
export function UnknownPage({ path }: { path: string }) {
  return (
    <Alert
      severity="warning"
      data-testid="page-unknown"
      action={
        <Button color="inherit" size="small" component={Link} href="/" data-testid="page-home">
          {T.unknown.home}
        </Button>
      }
      sx={{ flexWrap: "wrap" }}
    >
      <AlertTitle>{T.unknown.title}</AlertTitle>
      {T.unknown.advice(path)}
    </Alert>
  );
}
