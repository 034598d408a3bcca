import { Button, Stack, TextField } from "@mui/material";
import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from "react";
import { T } from "../fr";

interface Props {
  english: boolean;
  streaming: boolean;
  onSend: (text: string) => void;
  onStop: () => void;
}

/** Champ de question ; Entrée envoie, et le bouton arrête la réponse en cours. */
export function Composer({ english, streaming, onSend, onStop }: Props) {
  const [text, setText] = useState("");
  const input = useRef<HTMLTextAreaElement>(null);
  const wasStreaming = useRef(false);
  useEffect(() => {
    // Le bouton qui avait le curseur vient de disparaître : il retourne au champ.
    if (wasStreaming.current && !streaming && document.activeElement === document.body) input.current?.focus();
    wasStreaming.current = streaming;
  }, [streaming]);

  function submit(event: FormEvent | KeyboardEvent) {
    event.preventDefault();
    const asked = text.trim();
    if (!asked || streaming) return;
    setText("");
    onSend(asked);
  }

  return (
    <Stack
      component="form"
      direction={{ xs: "column", sm: "row" }}
      spacing={1}
      onSubmit={submit}
      sx={{ alignItems: { sm: "flex-start" } }}
    >
      <TextField
        fullWidth
        multiline
        maxRows={6}
        size="small"
        label={english ? T.questionEnglish : T.question}
        helperText={T.keyboard}
        value={text}
        inputRef={input}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) submit(event);
        }}
        slotProps={{ htmlInput: { "data-testid": "chat-input", lang: english ? "en" : "fr" } }}
      />
      {streaming ? (
        <Button
          variant="outlined"
          color="warning"
          data-testid="chat-stop"
          onClick={onStop}
          sx={{ minHeight: 40, px: 3 }}
        >
          {T.stop}
        </Button>
      ) : (
        <Button
          variant="contained"
          type="submit"
          data-testid="chat-send"
          disabled={!text.trim()}
          sx={{ minHeight: 40, px: 3 }}
        >
          {T.send}
        </Button>
      )}
    </Stack>
  );
}
