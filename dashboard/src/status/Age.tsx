import { Box } from "@mui/material";
import { useEffect, useState } from "react";
import { seconds } from "../format";
import { T } from "./texts";

/** L'âge de l'état affiché, à la seconde ; aucun lecteur d'écran n'est dérangé quand il avance. */
export function Age({ since }: { since: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <Box component="span" aria-live="off" data-testid="link-age" sx={{ whiteSpace: "nowrap" }}>
      {T.age(seconds((now - since) / 1_000))}
    </Box>
  );
}
