import { mdiDownload } from "@mdi/js";
import { Button, Stack } from "@mui/material";
import { TRANSCRIPT_FILES } from "../../audio/formats/files";
import { T as AUDIO } from "../../audio/texts";
import { Icon } from "../../shell/Icon";
import { save } from "../../shell/save";
import { CopyButton } from "../../snippets/CopyButton";
import { resultOf, type Transcript } from "../session/transcript";

/** Les mêmes fichiers que pour une transcription de fichier, et le texte à copier. */
export function Downloads({ transcript }: { transcript: Transcript }) {
  const result = resultOf(transcript);
  return (
    <Stack direction="row" spacing={1} useFlexGap sx={{ flexWrap: "wrap" }} data-testid="live-downloads">
      {TRANSCRIPT_FILES.map(({ extension, label, type, write }) => (
        <Button
          key={extension}
          size="small"
          variant="outlined"
          startIcon={<Icon path={mdiDownload} />}
          aria-label={AUDIO.download(label)}
          onClick={() => save(`direct.${extension}`, type, write(result, `${JSON.stringify(result, null, 2)}\n`))}
          data-testid={`live-download-${extension}`}
        >
          {label}
        </Button>
      ))}
      <CopyButton text={result.text ?? ""} label={AUDIO.copyText} testId="live-copy" />
    </Stack>
  );
}
