import { Alert, Box, Button, Chip, Paper, Stack, TextField, Typography } from "@mui/material";
import { type FormEvent, useState } from "react";
import { T } from "./fr";
import { useChat } from "./useChat";

/** Conversation avec le modèle `model`. */
export function Chat({ model, ready }: { model: string; ready: boolean }) {
  const { turns, failure, streaming, send, stop } = useChat(model);
  const [text, setText] = useState("");

  function submit(event: FormEvent) {
    event.preventDefault();
    const asked = text.trim();
    if (!asked || streaming) return;
    setText("");
    void send(asked);
  }

  return (
    <Paper variant="outlined" component="section" aria-label={T.chat} sx={{ p: 2 }}>
      <Stack spacing={2}>
        <Typography variant="h6" component="h2">
          {T.chat}
        </Typography>
        {turns.length === 0 && (
          <>
            <Typography color="text.secondary">{ready ? T.chatEmpty : T.chatNotReady}</Typography>
            <Stack direction="row" spacing={1} useFlexGap sx={{ flexWrap: "wrap" }}>
              {T.prompts.map((prompt) => (
                <Chip key={prompt} label={prompt} variant="outlined" onClick={() => void send(prompt)} />
              ))}
            </Stack>
          </>
        )}
        <Stack spacing={1} aria-live="polite">
          {turns.map((turn) => (
            <Box
              key={turn.id}
              data-testid={turn.role === "assistant" ? "chat-answer" : "chat-question"}
              sx={{
                alignSelf: turn.role === "user" ? "flex-end" : "flex-start",
                maxWidth: "85%",
                px: 2,
                py: 1,
                borderRadius: 2,
                whiteSpace: "pre-wrap",
                overflowWrap: "anywhere",
                bgcolor: turn.role === "user" ? "action.selected" : "action.hover",
              }}
            >
              {turn.text || (streaming ? "…" : "")}
              {turn.stopped && <Typography variant="caption"> {T.stopped}</Typography>}
            </Box>
          ))}
        </Stack>
        {failure && <Alert severity="error">{failure}</Alert>}
        <Stack component="form" direction="row" spacing={1} onSubmit={submit}>
          <TextField
            fullWidth
            size="small"
            label={T.placeholder}
            value={text}
            onChange={(event) => setText(event.target.value)}
            slotProps={{ htmlInput: { "data-testid": "chat-input", lang: "en" } }}
          />
          {streaming ? (
            <Button variant="outlined" color="warning" data-testid="chat-stop" onClick={stop}>
              {T.stop}
            </Button>
          ) : (
            <Button variant="contained" type="submit" data-testid="chat-send" disabled={!text.trim()}>
              {T.send}
            </Button>
          )}
        </Stack>
      </Stack>
    </Paper>
  );
}
