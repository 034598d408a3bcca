import { Alert, Box, Container, Stack, Typography } from "@mui/material";
import { Chat } from "./Chat";
import { T } from "./fr";
import { Capability, ModelState } from "./gen/passerelle/v1/admin_pb";
import { KeyField } from "./KeyField";
import { ModelCard } from "./ModelCard";
import { useStatus } from "./useStatus";

/** La page entière. */
export function App() {
  const { status, connected } = useStatus();
  const chatModel = status?.models.find((model) => model.capability === Capability.CHAT);
  const demonstration = status?.models.some((model) => model.demonstration);
  const keyed = status?.apiKeyRequired || status?.adminKeyRequired;
  return (
    <Container component="main" maxWidth="lg" sx={{ py: 4 }}>
      <Stack spacing={3}>
        <Stack
          component="header"
          direction={{ xs: "column", sm: "row" }}
          spacing={2}
          sx={{ justifyContent: "space-between" }}
        >
          <Box>
            <Typography variant="h4" component="h1">
              {T.title}
            </Typography>
            <Typography color="text.secondary">
              {T.subtitle}
              {status && ` · ${status.profile} · ${status.version}`}
            </Typography>
          </Box>
          {keyed && <KeyField />}
        </Stack>
        {!status && <Alert severity="info">{T.connecting}</Alert>}
        {status && !connected && <Alert severity="warning">{T.disconnected}</Alert>}
        {demonstration && (
          <Alert severity="info" data-testid="notice">
            {T.demonstration}
          </Alert>
        )}
        <Box
          component="section"
          aria-label={T.models}
          sx={{ display: "grid", gap: 2, gridTemplateColumns: { xs: "1fr", md: "repeat(3, 1fr)" } }}
        >
          {status?.models.map((model) => (
            <ModelCard key={model.key} model={model} />
          ))}
        </Box>
        {chatModel && <Chat model={chatModel.key} ready={chatModel.state === ModelState.READY} />}
      </Stack>
    </Container>
  );
}
