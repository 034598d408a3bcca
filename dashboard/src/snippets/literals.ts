// Écrire une valeur dans le langage d'un extrait ; ce qui vient d'une personne n'y devient jamais du code.

/** Valeur que JSON sait écrire, où peuvent se glisser un peu de code et des appels. */
export type Value = string | number | boolean | null | Code | Call | LocalFile | Value[] | Fields;
export type Fields = { [name: string]: Value | undefined };

/** Code de l'extrait lui-même, écrit tel quel. */
export class Code {
  constructor(readonly text: string) {}
}

/** Appel à arguments nommés, en Python. */
export class Call {
  constructor(
    readonly name: string,
    readonly args: Fields,
  ) {}
}

/** Fichier que l'extrait lit à côté de lui : une image dans une adresse `data:` si son type est dit, un envoi sinon. */
export class LocalFile {
  constructor(
    readonly name: string,
    readonly mimeType?: string,
  ) {}
}

/** Fichiers que lit une valeur. */
export function filesIn(value: Value | undefined): LocalFile[] {
  if (value instanceof LocalFile) return [value];
  if (typeof value !== "object" || value === null || value instanceof Code) return [];
  return Object.values(value instanceof Call ? value.args : value).flatMap(filesIn);
}

interface Style {
  step: number;
  words: Record<"true" | "false" | "null", string>;
  text: (value: string) => string;
  key: (name: string) => string;
  file: (file: LocalFile) => string;
  /** Entre une accolade et ce qu'elle contient, sur une ligne. */
  inside: string;
  /** Après le dernier élément d'une suite de lignes. */
  last: string;
}

const JAVASCRIPT: Style = {
  step: 2,
  words: { true: "true", false: "false", null: "null" },
  text: (value) => JSON.stringify(value),
  key: (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)),
  file: ({ name, mimeType }) =>
    mimeType
      ? `image(${JSON.stringify(name)}, ${JSON.stringify(mimeType)})`
      : `createReadStream(${JSON.stringify(name)})`,
  inside: " ",
  last: ",",
};
const JSON_TEXT: Style = { ...JAVASCRIPT, key: (name) => JSON.stringify(name), last: "" };
// Dans un document en ligne non cité, le shell ne lit que ces trois caractères.
const HEREDOC: Style = {
  ...JSON_TEXT,
  text: (value) => JSON.stringify(value).replace(/[\\$`]/g, "\\$&"),
  // `-w 0` n'existe pas partout : tr retire les fins de ligne.
  file: ({ name, mimeType }) => `"data:${mimeType};base64,$(base64 < ${shellWord(`./${name}`)} | tr -d '\\n')"`,
};
// Les échappements d'une chaîne JSON ont le même sens en Python.
const PYTHON: Style = {
  ...JSON_TEXT,
  step: 4,
  words: { true: "True", false: "False", null: "None" },
  file: ({ name, mimeType }) =>
    mimeType ? `image(${JSON.stringify(name)}, ${JSON.stringify(mimeType)})` : `Path(${JSON.stringify(name)})`,
  inside: "",
  last: ",",
};

const WIDTH = 80;

/** Mot d'un shell POSIX : entre apostrophes, rien n'y est interprété. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Littéral Python, dont les lignes après la première sont décalées d'au moins `indent` espaces. */
export function pythonLiteral(value: Value, indent = 0): string {
  return write(PYTHON, value, indent);
}

/** Morceaux de code Python entre deux parenthèses, sur une ligne ou plusieurs. */
export function pythonRows(open: string, rows: string[], close: string): string {
  return block(PYTHON, 0, open, rows, close);
}

/** Littéral JavaScript, dont les lignes après la première sont décalées d'au moins `indent` espaces. */
export function jsLiteral(value: Value, indent = 0): string {
  return write(JAVASCRIPT, value, indent);
}

/** JSON lisible. */
export function jsonText(value: Value): string {
  return write(JSON_TEXT, value, 0);
}

/** JSON pour un document en ligne non cité (`<<FIN`), où le code d'un extrait reste interprété par le shell. */
export function heredocJson(value: Value): string {
  return write(HEREDOC, value, 0);
}

function write(style: Style, value: Value, indent: number): string {
  if (value instanceof Code) return value.text;
  if (value instanceof LocalFile) return style.file(value);
  if (typeof value === "string") return style.text(value);
  if (typeof value === "number") return JSON.stringify(value);
  if (value === null || typeof value === "boolean") return style.words[`${value}`];
  const inner = indent + style.step;
  const child = (one: Value) => write(style, one, inner);
  if (Array.isArray(value)) return block(style, indent, "[", value.map(child), "]");
  if (value instanceof Call) {
    const rows = given(value.args).map(([name, one]) => `${name}=${child(one)}`);
    return block(style, indent, `${value.name}(`, rows, ")");
  }
  const rows = given(value).map(([name, one]) => `${style.key(name)}: ${child(one)}`);
  return block(style, indent, "{", rows, "}", style.inside);
}

/** Sur une ligne si elle tient, sinon un élément par ligne. */
function block(style: Style, indent: number, open: string, rows: string[], close: string, inside = ""): string {
  if (rows.length === 0) return open + close;
  const line = `${open}${inside}${rows.join(", ")}${inside}${close}`;
  if (!line.includes("\n") && line.length + indent <= WIDTH) return line;
  const pad = " ".repeat(indent + style.step);
  return `${open}\n${rows.map((row) => pad + row).join(",\n")}${style.last}\n${" ".repeat(indent)}${close}`;
}

function given(fields: Fields): [string, Value][] {
  return Object.entries(fields).filter((entry): entry is [string, Value] => entry[1] !== undefined);
}
