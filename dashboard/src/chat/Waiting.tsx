import { Box, Stack, Typography } from "@mui/material";
import { ModelState } from "../gen/passerelle/v1/model_pb";
import { OperationProgressBar } from "../models/OperationProgressBar";
import { useServer } from "../status/StatusProvider";
import { T } from "./texts";

/** Avant le premier mot : ce que fait le serveur, tel qu'il le dit. */
export function Waiting({ model: key }: { model: string }) {
  const model = useServer().status?.models.find((one) => one.key === key || one.aliases.includes(key));
  const loading = model !== undefined && model.state !== ModelState.READY;
  return (
    <Stack spacing={1} data-testid="chat-waiting" sx={{ minWidth: { xs: 0, sm: 320 } }}>
      <Stack direction="row" spacing={1.5} sx={{ alignItems: "center" }}>
        <Dots />
        <Typography color="textSecondary">{loading ? T.loading : T.waiting}</Typography>
      </Stack>
      {loading && model.operation && <OperationProgressBar operation={model.operation} />}
    </Stack>
  );
}

function Dots() {
  return (
    <Box aria-hidden sx={{ display: "flex", gap: 0.5 }}>
      {[0, 0.2, 0.4].map((delay) => (
        <Box
          key={delay}
          sx={{
            width: 6,
            height: 6,
            borderRadius: "50%",
            bgcolor: "text.secondary",
            "@keyframes pulse": { "0%, 100%": { opacity: 0.25 }, "40%": { opacity: 1 } },
            animation: `pulse 1.2s ${delay}s infinite`,
            "@media (prefers-reduced-motion: reduce)": { animation: "none" },
          }}
        />
      ))}
    </Box>
  );
}
