import { Box, Stack, Typography } from "@mui/material";
import { Picture } from "./Picture";
import { T } from "./texts";
import type { Turn } from "./turns";

/** Ce que la personne a demandé. */
export function Question({ turn: { question, images }, lang }: { turn: Turn; lang: string | undefined }) {
  return (
    <Stack spacing={0.5} sx={{ alignSelf: "flex-end", alignItems: "flex-end", maxWidth: "min(85%, 70ch)" }}>
      <Typography variant="caption" color="textSecondary" sx={{ px: 1.5 }}>
        {T.you}
      </Typography>
      {images.length > 0 && (
        <Stack direction="row" spacing={1} useFlexGap sx={{ flexWrap: "wrap", justifyContent: "flex-end" }}>
          {images.map((image) => (
            <Picture key={image.name} image={image} side={96} />
          ))}
        </Stack>
      )}
      {question && (
        <Box
          sx={{
            px: 2,
            py: 1,
            borderRadius: "16px 4px 16px 16px",
            bgcolor: "primary.main",
            color: "primary.contrastText",
            whiteSpace: "pre-wrap",
            overflowWrap: "anywhere",
          }}
          lang={lang}
          data-testid="chat-question"
        >
          {question}
        </Box>
      )}
    </Stack>
  );
}
