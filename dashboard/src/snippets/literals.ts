// Écrire une valeur dans le langage d'un extrait ; ce qui vient d'une personne n'y devient jamais du code.

/** Valeur que JSON sait écrire. */
export type Json = string | number | boolean | null | Json[] | { [name: string]: Json | undefined };

/** Mot d'un shell POSIX : entre apostrophes, rien n'y est interprété. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * Littéral Python d'une valeur JSON, dont les lignes après la première sont décalées de `indent` espaces.
 *
 * Les échappements d'une chaîne JSON ont le même sens en Python.
 */
export function pythonLiteral(value: Json, indent = 0): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const pad = " ".repeat(indent + 4);
  const rows = Array.isArray(value)
    ? value.map((one) => pythonLiteral(one, indent + 4))
    : given(value).map(([name, one]) => `${JSON.stringify(name)}: ${pythonLiteral(one, indent + 4)}`);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (rows.length === 0) return open + close;
  const line = `${open}${rows.join(", ")}${close}`;
  if (!line.includes("\n") && line.length + indent <= WIDTH) return line;
  return `${open}\n${rows.map((row) => `${pad}${row},\n`).join("")}${" ".repeat(indent)}${close}`;
}

/** Littéral JavaScript d'une valeur JSON, dont les lignes après la première sont décalées de `indent` espaces. */
export function jsLiteral(value: Json, indent = 0): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const pad = " ".repeat(indent + 2);
  const rows = Array.isArray(value)
    ? value.map((one) => jsLiteral(one, indent + 2))
    : given(value).map(([name, one]) => `${jsName(name)}: ${jsLiteral(one, indent + 2)}`);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{ ", " }"];
  if (rows.length === 0) return (open + close).replaceAll(" ", "");
  const line = `${open}${rows.join(", ")}${close}`;
  if (!line.includes("\n") && line.length + indent <= WIDTH) return line;
  return `${open.trim()}\n${rows.map((row) => `${pad}${row},\n`).join("")}${" ".repeat(indent)}${close.trim()}`;
}

const WIDTH = 80;

function jsName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

function given(value: { [name: string]: Json | undefined }): [string, Json][] {
  return Object.entries(value).filter((entry): entry is [string, Json] => entry[1] !== undefined);
}
