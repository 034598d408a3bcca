import { createTheme } from "@mui/material";
import { MONOSPACE } from "./kit";

/** Où l'apparence choisie est retenue ; `index.html` la lit avant tout affichage. */
export const MODE_KEY = "passerelle.mode";

/** Clair ou sombre, selon `data-scheme` de la racine ; la police est un fichier de la page, celle du système l'attend. */
export const theme = createTheme({
  cssVariables: { colorSchemeSelector: "data-scheme" },
  colorSchemes: {
    light: {
      palette: {
        primary: { main: "#3f51d9" },
        background: { default: "#f5f6fb", paper: "#ffffff" },
        success: { main: "#1b7f4b" },
        // Ceux de MUI manquent de contraste, écrits sur un fond clair.
        warning: { main: "#8a4600" },
        error: { main: "#b71c1c" },
        info: { main: "#0b5cad" },
      },
    },
    dark: {
      palette: {
        primary: { main: "#a3aeff" },
        background: { default: "#12141d", paper: "#1a1d29" },
        success: { main: "#6fd6a0" },
      },
    },
  },
  shape: { borderRadius: 12 },
  typography: {
    fontFamily:
      '"Inter Variable", system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif',
    button: { textTransform: "none", fontWeight: 600 },
    h1: { fontSize: "1.75rem", fontWeight: 700, letterSpacing: "-0.02em" },
    h2: { fontSize: "1.15rem", fontWeight: 650 },
    h3: { fontSize: "1.05rem", fontWeight: 650 },
  },
  components: {
    MuiCssBaseline: {
      styleOverrides: (theme) => ({
        // Ce que MUI n'habille pas garderait sinon la police de ce poste.
        "button, input, select, textarea, option": { font: "inherit" },
        "code, kbd, pre, samp": { fontFamily: MONOSPACE },
        "@media (prefers-reduced-motion: reduce)": {
          // Une durée infime suffirait à animer chaque élément, et une couleur héritée mettrait une image par niveau.
          "*, *::before, *::after": { transition: "none !important", scrollBehavior: "auto !important" },
        },
        // Ce que le clavier atteint ne se cache ni sous l'en-tête, ni sous le menu d'un téléphone.
        html: { scrollPaddingTop: 112, [theme.breakpoints.down("md")]: { scrollPaddingBottom: 72 } },
        body: {
          // Un chiffre qui change ne déplace pas ses voisins.
          fontVariantNumeric: "tabular-nums",
          backgroundAttachment: "fixed",
          backgroundImage: `radial-gradient(60rem 40rem at 85% -10%, rgba(99, 102, 241, 0.20), transparent 70%),
            radial-gradient(50rem 36rem at -10% 30%, rgba(14, 165, 164, 0.16), transparent 70%),
            radial-gradient(50rem 40rem at 60% 110%, rgba(236, 72, 153, 0.10), transparent 70%)`,
          backgroundColor: theme.vars?.palette.background.default,
        },
      }),
    },
    MuiDialogTitle: { styleOverrides: { root: { fontSize: "1.15rem", fontWeight: 650 } } },
    MuiButton: { defaultProps: { disableElevation: true } },
    MuiPaper: { styleOverrides: { root: { backgroundImage: "none" } } },
  },
});
