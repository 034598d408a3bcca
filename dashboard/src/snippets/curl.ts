import { filesIn, heredocJson, jsonText, shellWord } from "./literals";
import { type Http, isStream, type ServerAccess } from "./sketch";

/** La requête, par curl. */
export function curl(http: Http, target: ServerAccess): string {
  const { path, json, form, file = "", note = [] } = http;
  const lines = [`curl${isStream(http) ? " -N" : ""} ${shellWord(target.base + path)}`];
  if (target.keyed) lines.push(`-H "Authorization: Bearer $PASSERELLE_KEY"`);
  if (form) lines.push(...Object.entries(form).map(([name, value]) => field(name, value)), upload(file));
  const inline = json && filesIn(json).length === 0 && !jsonText(json).includes("\n");
  if (json)
    lines.push(`-H "Content-Type: application/json"`, inline ? `-d ${shellWord(jsonText(json))}` : "--data-binary @-");
  const call = lines.join(" \\\n  ");
  const head = note.map((line) => `# ${line}\n`).join("");
  if (!json || inline) return `${head}${call}\n`;
  // Une image y est lue par le shell : le document ne peut alors pas être cité.
  const [word, text] = filesIn(json).length > 0 ? ["JSON", heredocJson(json)] : ["'JSON'", jsonText(json)];
  return `${head}${call} <<${word}\n${text}\nJSON\n`;
}

/** `-F` lit un fichier après `@` ou `<`, et s'arrête à `;`. */
function field(name: string, value: string): string {
  return `${/^[\w.-]*$/.test(value) ? "-F" : "--form-string"} ${shellWord(`${name}=${value}`)}`;
}

function upload(file: string): string {
  return `-F ${shellWord(`file=@"${file.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`)}`;
}
