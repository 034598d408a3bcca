import { Container, Stack } from "@mui/material";
import { AudioPanel } from "./audio/AudioPanel";
import { Chat } from "./chat/Chat";
import { Capability } from "./gen/passerelle/v1/admin_pb";
import { Header } from "./Header";
import { ModelGrid } from "./models/ModelGrid";
import { OutcomeBar } from "./models/OutcomeBar";
import { Notice } from "./Notice";
import { LinkAlert } from "./status/LinkAlert";
import { useConfig } from "./status/useConfig";
import { useStatus } from "./status/useStatus";

/** La page entière. */
export function App() {
  const config = useConfig();
  const { status, link } = useStatus();
  const models = status?.models ?? [];
  const chatModel = models.find((model) => model.capability === Capability.CHAT);
  const has = (capability: Capability) => models.some((model) => model.capability === capability);
  const transcribes = has(Capability.TRANSCRIBE);
  const diarizes = has(Capability.DIARIZE);
  return (
    <Container component="main" maxWidth="lg" sx={{ py: { xs: 2, sm: 4 } }}>
      <Stack spacing={3}>
        <Header
          profile={status?.profile ?? config?.profile}
          version={status?.version ?? config?.version}
          keyRequired={status ? status.apiKeyRequired || status.adminKeyRequired : (config?.api_key_required ?? false)}
        />
        <LinkAlert link={link} />
        <Notice model={chatModel?.notice} profile={status?.profileNotice ?? config?.notice} />
        <ModelGrid models={models} />
        {chatModel && <Chat model={chatModel} />}
        {(transcribes || diarizes) && <AudioPanel transcribes={transcribes} diarizes={diarizes} />}
      </Stack>
      <OutcomeBar models={models} />
    </Container>
  );
}
