import { Alert, Button, Paper, Stack, Typography } from "@mui/material";
import { T } from "../fr";
import { type Model, ModelState } from "../gen/passerelle/v1/admin_pb";
import { Composer } from "./Composer";
import { Log } from "./Log";
import { Suggestions } from "./Suggestions";
import { useChat } from "./useChat";

/** Conversation avec le modèle `model`. */
export function Chat({ model }: { model: Model }) {
  const { turns, failure, streaming, send, restart, stop } = useChat(model.key);
  const english = model.languages.length === 1 && model.languages[0] === "en";
  const ready = model.state === ModelState.READY;
  return (
    <Paper variant="outlined" component="section" aria-labelledby="chat-title" sx={{ p: { xs: 2, sm: 3 } }}>
      <Stack spacing={2}>
        <Stack direction="row" sx={{ justifyContent: "space-between", alignItems: "center", minHeight: 32 }}>
          <Typography id="chat-title" variant="h2">
            {T.chat}
          </Typography>
          {turns.length > 0 && (
            <Button size="small" onClick={restart} disabled={streaming} data-testid="chat-new">
              {T.chatNew}
            </Button>
          )}
        </Stack>
        {turns.length === 0 && <Suggestions ready={ready} english={english} onChoose={(text) => void send(text)} />}
        {turns.length > 0 && <Log turns={turns} name={model.displayName || model.key} english={english} />}
        {failure && (
          <Alert severity="error" data-testid="chat-failure">
            {failure}
          </Alert>
        )}
        <Composer english={english} streaming={streaming} onSend={(text) => void send(text)} onStop={stop} />
      </Stack>
    </Paper>
  );
}
