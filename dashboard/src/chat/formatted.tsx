import { Box } from "@mui/material";
import { laterOr } from "../shell/laterOr";

/** Une réponse mise en forme ; le Markdown pèse plus que la conversation et vient à part : sans lui, elle reste du texte. */
export const formatted = laterOr(async () => (await import("./Markdown")).Markdown, Plain);

function Plain({ text }: { text: string }) {
  return <Box sx={{ whiteSpace: "pre-wrap" }}>{text}</Box>;
}
