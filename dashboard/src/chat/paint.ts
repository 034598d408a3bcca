// Couleurs du code, lisibles (4,5 pour 1) sur le fond d'une réponse, en clair comme en sombre.

const LIGHT = {
  word: "#7a1fa2",
  text: "#1b6e3c",
  number: "#9a3d00",
  name: "#0b4f9c",
  quiet: "#5b6170",
  gone: "#a31515",
};
const DARK = {
  word: "#d7a8ff",
  text: "#9fdcae",
  number: "#ffb98a",
  name: "#9ccbff",
  quiet: "#aab0c0",
  gone: "#ff9c9c",
};

const names = (list: string) =>
  list
    .split(" ")
    .map((name) => `& .hljs-${name}`)
    .join(", ");

const painted = (colors: typeof LIGHT) => ({
  [names("keyword selector-tag literal section doctag built_in type")]: { color: colors.word },
  [names("string regexp addition symbol char template-tag")]: { color: colors.text },
  [names("number attr attribute variable template-variable bullet link")]: { color: colors.number },
  [names("title name selector-id selector-class property params meta")]: { color: colors.name },
  [names("comment quote")]: { color: colors.quiet, fontStyle: "italic" },
  [names("deletion")]: { color: colors.gone },
});

export const PAINT = {
  ...painted(LIGHT),
  '[data-scheme="dark"] &': painted(DARK),
  "& .hljs-emphasis": { fontStyle: "italic" },
  "& .hljs-strong": { fontWeight: 700 },
};
