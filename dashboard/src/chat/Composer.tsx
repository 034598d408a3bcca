import { Alert, Button, Stack, TextField, Typography } from "@mui/material";
import { type ClipboardEvent, type FormEvent, type KeyboardEvent, useEffect, useRef } from "react";
import { single } from "../shell/single";
import { Attach, Attached } from "./Attached";
import type { Draft } from "./talk";
import { T } from "./texts";

interface Props {
  draft: Draft;
  english: boolean;
  seesImages: boolean;
  streaming: boolean;
  /** Ce qui ne va pas, à dire. */
  trouble: string[];
  /** Vrai si la question ne peut pas partir. */
  blocked: boolean;
  onChange: (change: Partial<Draft>) => void;
  onAttach: (files: File[]) => void;
  onSend: () => void;
  onStop: () => void;
  onCancel: () => void;
}

/** Champ de question, images jointes, et le bouton qui envoie ou arrête. */
export function Composer(props: Props) {
  const { draft, english, seesImages, streaming, trouble, blocked, onChange, onAttach, onSend, onStop, onCancel } =
    props;
  const input = useRef<HTMLTextAreaElement>(null);
  const wasStreaming = useRef(false);
  useEffect(() => {
    // « Arrêter » est redevenu « Envoyer », sans rien à envoyer : son curseur retourne au champ.
    const lost = document.activeElement === document.body || document.activeElement?.matches(":disabled");
    if (wasStreaming.current && !streaming && lost) input.current?.focus();
    wasStreaming.current = streaming;
  }, [streaming]);
  useEffect(() => {
    if (draft.editing) input.current?.focus();
  }, [draft.editing]);
  useEffect(() => {
    if (!streaming) return;
    // Où que soit le curseur : une réponse qui s'emballe s'arrête d'une touche.
    const stop = (event: globalThis.KeyboardEvent) => {
      if (event.key === "Escape") onStop();
    };
    document.addEventListener("keydown", stop);
    return () => document.removeEventListener("keydown", stop);
  }, [streaming, onStop]);
  const empty = !draft.text.trim() && draft.images.length === 0;

  function submit(event: FormEvent | KeyboardEvent) {
    event.preventDefault();
    if (!empty && !streaming && !blocked) onSend();
  }

  function paste(event: ClipboardEvent) {
    const files = [...event.clipboardData.files];
    if (files.length === 0) return;
    event.preventDefault();
    onAttach(files);
  }

  return (
    <Stack component="form" spacing={1} onSubmit={submit}>
      {draft.editing && (
        <Stack direction="row" spacing={1} sx={{ alignItems: "center", justifyContent: "space-between" }}>
          <Typography variant="body2" color="textSecondary">
            {T.editing}
          </Typography>
          <Button size="small" onClick={onCancel} data-testid="chat-edit-cancel">
            {T.cancel}
          </Button>
        </Stack>
      )}
      {trouble.map((one) => (
        <Alert key={one} severity="warning" data-testid="chat-trouble">
          {one}
        </Alert>
      ))}
      <Attached images={draft.images} onChange={(images) => onChange({ images })} />
      <Stack direction="row" spacing={1} sx={{ alignItems: "flex-start" }}>
        {seesImages && <Attach onAttach={onAttach} />}
        <TextField
          fullWidth
          multiline
          maxRows={8}
          size="small"
          label={english ? T.questionEnglish : T.question}
          value={draft.text}
          inputRef={input}
          onChange={(event) => onChange({ text: event.target.value })}
          onPaste={paste}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) submit(event);
          }}
          slotProps={{
            htmlInput: { "data-testid": "chat-input", lang: english ? "en" : "fr", "aria-describedby": KEYS },
          }}
        />
        {streaming ? (
          <Button variant="outlined" color="warning" data-testid="chat-stop" onClick={single(onStop)} sx={BUTTON}>
            {T.stop}
          </Button>
        ) : (
          <Button
            variant="contained"
            type="submit"
            data-testid="chat-send"
            disabled={empty || blocked}
            onClick={single()}
            sx={BUTTON}
          >
            {T.send}
          </Button>
        )}
      </Stack>
      <Typography id={KEYS} variant="caption" color="textSecondary" sx={{ display: { xs: "none", sm: "block" } }}>
        {T.keyboard}
      </Typography>
    </Stack>
  );
}

const KEYS = "chat-keys";
const BUTTON = { minHeight: 40, px: { xs: 2, sm: 3 }, flexShrink: 0 } as const;
