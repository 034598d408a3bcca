import { Button } from "@mui/material";
import { T } from "./texts";

/** Où mène « Aller au contenu » ; l'adresse n'a qu'un dièse, et il dit déjà la page. */
export const MAIN_ID = "contenu";

/** Premier arrêt du clavier : saute l'en-tête et le menu. Ne se voit que quand il a le focus. */
export function SkipLink() {
  return (
    <Button
      variant="contained"
      data-testid="skip"
      onClick={() => document.getElementById(MAIN_ID)?.focus()}
      sx={{
        position: "absolute",
        top: 8,
        left: 8,
        zIndex: 1,
        "&:not(:focus-visible)": { opacity: 0, pointerEvents: "none" },
      }}
    >
      {T.skip}
    </Button>
  );
}
