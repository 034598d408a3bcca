import { Box } from "@mui/material";
import { MachinePanel } from "../machine/MachinePanel";
import { useServer } from "../status/StatusProvider";
import { ModelGrid } from "./ModelGrid";

/** L'accueil : les modèles, et la machine à côté quand l'écran est assez large. */
export function ModelsPage() {
  const { status } = useServer();
  return (
    <Box sx={{ display: "grid", gap: 3, gridTemplateColumns: { xs: "minmax(0, 1fr)", xl: "minmax(0, 1fr) 300px" } }}>
      <ModelGrid status={status} />
      <MachinePanel />
    </Box>
  );
}
