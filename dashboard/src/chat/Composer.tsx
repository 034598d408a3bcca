import { mdiClose, mdiImagePlusOutline } from "@mdi/js";
import { Alert, Box, IconButton, Stack, Tooltip } from "@mui/material";
import { type ClipboardEvent, type FormEvent, type KeyboardEvent, useEffect, useRef } from "react";
import { Act, Field, Hint, Icon, IconAct, Note } from "../shell/kit";
import { single } from "../shell/single";
import type { Image } from "./ask";
import { IMAGE_TYPES } from "./ask";
import type { Question } from "./question";
import { clearDraft, stop, useTalk } from "./talk";
import { T } from "./texts";

interface Props {
  question: Question;
  english: boolean;
  seesImages: boolean;
}

/** Champ de question, images jointes, et le bouton qui envoie ou arrête. */
export function Composer({ question: { write, attach, send, trouble, blocked }, english, seesImages }: Props) {
  const { draft, streaming } = useTalk();
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
    const onKey = (event: globalThis.KeyboardEvent) => event.key === "Escape" && stop();
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [streaming]);
  const empty = !draft.text.trim() && draft.images.length === 0;

  function submit(event: FormEvent | KeyboardEvent) {
    event.preventDefault();
    if (!empty && !streaming && !blocked) send();
  }

  function paste(event: ClipboardEvent) {
    const files = [...event.clipboardData.files];
    if (files.length === 0) return;
    event.preventDefault();
    void attach(files);
  }

  return (
    <Stack component="form" spacing={1} onSubmit={submit}>
      {draft.editing && (
        <Stack direction="row" spacing={1} sx={{ alignItems: "center", justifyContent: "space-between" }}>
          <Note>{T.editing}</Note>
          <Act label={T.cancel} onClick={clearDraft} testId="chat-edit-cancel" />
        </Stack>
      )}
      {trouble.map((one) => (
        <Alert key={one} severity="warning" data-testid="chat-trouble">
          {one}
        </Alert>
      ))}
      <Attached images={draft.images} onChange={(images) => write({ images })} />
      <Stack direction="row" spacing={1} sx={{ alignItems: "flex-start" }}>
        {seesImages && <Attach onAttach={(files) => void attach(files)} />}
        <Field
          fullWidth
          multiline
          maxRows={8}
          label={english ? T.questionEnglish : T.question}
          value={draft.text}
          inputRef={input}
          onText={(text) => write({ text })}
          onPaste={paste}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) submit(event);
          }}
          html={{ lang: english ? "en" : "fr", "aria-describedby": KEYS }}
          testId="chat-input"
        />
        <Act
          label={streaming ? T.stop : T.send}
          size="medium"
          variant={streaming ? "outlined" : "contained"}
          color={streaming ? "warning" : "primary"}
          type={streaming ? "button" : "submit"}
          testId={streaming ? "chat-stop" : "chat-send"}
          disabled={!streaming && (empty || blocked)}
          onClick={single(streaming ? stop : undefined)}
          sx={{ minHeight: 40, px: { xs: 2, sm: 3 }, flexShrink: 0 }}
        />
      </Stack>
      <Hint id={KEYS} sx={{ display: { xs: "none", sm: "block" } }}>
        {T.keyboard}
      </Hint>
    </Stack>
  );
}

const KEYS = "chat-keys";

/** Bouton qui choisit des images. */
export function Attach({ onAttach }: { onAttach: (files: File[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Tooltip title={T.images.add}>
        <IconButton aria-label={T.images.add} data-testid="chat-attach" onClick={() => input.current?.click()}>
          <Icon path={mdiImagePlusOutline} />
        </IconButton>
      </Tooltip>
      <input
        ref={input}
        type="file"
        accept={IMAGE_TYPES.join(",")}
        multiple
        hidden
        data-testid="chat-files"
        onChange={({ target }) => {
          onAttach([...(target.files ?? [])]);
          // Le même fichier doit pouvoir être choisi encore.
          target.value = "";
        }}
      />
    </>
  );
}

/** Images de la question en cours, chacune avec de quoi la retirer. */
export function Attached({ images, onChange }: { images: Image[]; onChange: (images: Image[]) => void }) {
  if (images.length === 0) return null;
  return (
    <Stack direction="row" spacing={1.5} useFlexGap sx={{ flexWrap: "wrap", pt: 0.5 }}>
      {images.map((image) => (
        <Box key={image.name} sx={{ position: "relative" }}>
          <Picture image={image} side={72} />
          <IconAct
            label={T.images.remove(image.name)}
            icon={mdiClose}
            size="small"
            testId="chat-image-remove"
            onClick={() => onChange(images.filter((one) => one !== image))}
            sx={REMOVE}
          />
        </Box>
      ))}
    </Stack>
  );
}

const REMOVE = {
  position: "absolute",
  top: -8,
  right: -8,
  p: 0.25,
  border: 1,
  borderColor: "divider",
  bgcolor: "background.paper",
  "&:hover": { bgcolor: "background.paper", color: "error.main" },
} as const;

const SIDE_PX = 144;

/** Une image, dessinée de ses octets : aucune adresse à ouvrir dans la politique de sécurité. */
export function Picture({ image, side }: { image: Image; side: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let shown = true;
    void draw(image, () => (shown ? canvas.current : null));
    return () => {
      shown = false;
    };
  }, [image]);
  return (
    <Box
      component="canvas"
      ref={canvas}
      role="img"
      aria-label={T.image(image.name)}
      title={image.name}
      width={SIDE_PX}
      height={SIDE_PX}
      data-testid="chat-image"
      sx={{
        width: side,
        height: side,
        borderRadius: "10px",
        border: 1,
        borderColor: "divider",
        bgcolor: "action.hover",
      }}
    />
  );
}

/** Dessine l'image, entière et centrée. */
async function draw({ data, mimeType }: Image, target: () => HTMLCanvasElement | null): Promise<void> {
  try {
    const bitmap = await createImageBitmap(new Blob([data], { type: mimeType }));
    const context = target()?.getContext("2d");
    const scale = Math.min(SIDE_PX / bitmap.width, SIDE_PX / bitmap.height);
    const [width, height] = [bitmap.width * scale, bitmap.height * scale];
    context?.clearRect(0, 0, SIDE_PX, SIDE_PX);
    context?.drawImage(bitmap, (SIDE_PX - width) / 2, (SIDE_PX - height) / 2, width, height);
    bitmap.close();
  } catch {
    // Illisible ici, elle l'est peut-être pour le modèle, qui en jugera : il reste un cadre, et son nom.
  }
}
