// La page « Requêtes » : node e2e/page_requests.mjs <adresse> <Chromium> <fichier audio> <fichier JSON>
// Ce que chaque requête ouverte donne à refaire est déposé dans le fichier JSON.
import { readFile, writeFile } from "node:fs/promises";
import { check, visit } from "./browser.mjs";

const [base, chromium, audio, out] = process.argv.slice(2);
const SECRET = "Marianne";
const messages = [{ role: "user", content: `Say hello to ${SECRET}.` }];
const CHAT = { model: "qwen", messages, max_tokens: 8 };

const SCHEMA = { type: "json_schema", json_schema: { name: SECRET, schema: { type: "object", title: SECRET } } };

/** Envoie une requête sous cet identifiant ; rend la réponse. */
function send(id, path, body, more = {}) {
  const headers = { "x-request-id": id, ...(body instanceof FormData ? {} : { "content-type": "application/json" }) };
  return fetch(base + path, {
    method: "POST",
    headers,
    body: body instanceof FormData ? body : JSON.stringify(body),
    ...more,
  });
}

async function form(fields) {
  const found = new FormData();
  for (const [name, value] of Object.entries(fields)) found.append(name, value);
  found.append("file", new Blob([await readFile(audio)]), `${SECRET}.wav`);
  return found;
}

/** Une requête de chaque sorte, avec ses options : son identifiant, sa sorte dans l'adresse, de quoi l'envoyer. */
const SENT = [
  ["conv", "conversation", "/v1/chat/completions", () => ({ ...CHAT, temperature: 0.25, seed: 7 })],
  ["flux", "conversation", "/v1/chat/completions", () => ({ ...CHAT, top_p: 0.5, stream: true })],
  ["objet", "conversation", "/v1/chat/completions", () => ({ ...CHAT, response_format: { type: "json_object" } })],
  ["schema", "conversation", "/v1/chat/completions", () => ({ ...CHAT, response_format: SCHEMA })],
  ["jet", "completion", "/v1/completions", () => ({ model: "qwen", prompt: SECRET, max_tokens: 8, stream: true })],
  ["suite", "completion", "/v1/completions", () => ({ model: "qwen", prompt: SECRET, max_tokens: 8 })],
  [
    "texte",
    "transcription",
    "/v1/audio/transcriptions",
    () => form({ model: "canary", language: "en", response_format: "srt" }),
  ],
  ["voix", "transcription", "/api/audio/transcribe", () => form({ model: "canary", language: "en", diarize: "true" })],
  ["tours", "diarisation", "/api/diarization/process", () => form({ model: "pyannote", num_speakers: "1" })],
].map(([name, ...rest]) => [`refaire-${name}`, ...rest]);

const row = (id) => `[aria-label$="détail de la requête ${id}"]`;

/** Ouvre une requête de la liste, rend ce que chaque onglet donne à refaire, et la referme. */
async function replayed(dashboard, id) {
  const { page } = dashboard;
  await dashboard.click(row(id));
  await dashboard.see("request-timeline");
  const texts = {};
  for (const tab of await page.$$eval('[data-testid^="request-replay-"][role="tab"]', (tabs) =>
    tabs.map((one) => one.dataset.testid),
  )) {
    await dashboard.press(tab);
    await page.waitForSelector(`[data-testid="${tab}"][aria-selected="true"]`);
    texts[tab.replace("request-replay-", "")] = await page.$eval(
      '[data-testid="snippet-code"]',
      (one) => one.textContent,
    );
  }
  const shown = await page.$eval('[data-testid="request-dialog"]', (one) => one.textContent);
  check(!shown.includes(SECRET), `un contenu se lit dans ${id}`);
  await dashboard.press("request-close");
  await dashboard.gone("request-dialog");
  return texts;
}

await visit(base, chromium, async (dashboard, complaints) => {
  const { page } = dashboard;
  await dashboard.open("/requetes");
  await dashboard.see("requests-live");

  // La liste est suivie : chaque requête y vient d'elle-même.
  for (const [id, , path, body] of SENT) {
    const answer = await send(id, path, await body());
    const text = await answer.text();
    check(answer.ok, `${id} : ${answer.status} ${text}`);
    await page.waitForSelector(row(id));
  }
  await dashboard.accessible("la page des requêtes");

  // Une requête en cours s'ouvre, dit où elle en est, et s'interrompt.
  const running = send("refaire-longue", "/v1/chat/completions", {
    ...CHAT,
    max_tokens: 1900,
    ignore_eos: true,
    stream: true,
  });
  await dashboard.open("/requetes?issue=en-cours");
  await page.waitForSelector(row("refaire-longue"));
  check((await page.$(row("refaire-conv"))) === null, "une requête finie est dite en cours");
  await dashboard.click(row("refaire-longue"));
  await dashboard.see("request-timeline");
  await dashboard.says("snippet-code", '"max_tokens": 1900');
  await dashboard.accessible("une requête ouverte");
  await dashboard.press("request-cancel");
  // Interrompue, elle quitte celles en cours, et sa fiche se ferme avec elle.
  await page.waitForSelector(row("refaire-longue"), { hidden: true });
  check((await (await running).text()).includes("request_cancelled"), "le client ne sait pas qu'elle est interrompue");
  await dashboard.open("/requetes?issue=echec");
  await page.waitForSelector(row("refaire-longue"));
  check((await page.$(row("refaire-conv"))) === null, "une requête réussie est dite en échec");

  // Chaque filtre ne laisse que les siennes.
  for (const sort of new Set(SENT.map(([, found]) => found))) {
    await dashboard.open(`/requetes?sorte=${sort}`);
    for (const [id, found] of SENT) {
      if (found === sort) await page.waitForSelector(row(id));
    }
    const others = SENT.filter(([, found]) => found !== sort).map(([id]) => id);
    const seen = await page.$$eval("[aria-label*='détail de la requête']", (all) => all.map((one) => one.ariaLabel));
    const wrong = others.filter((id) => seen.some((label) => label.endsWith(` ${id}`)));
    check(wrong.length === 0, `sorte ${sort} : ${wrong}`);
  }

  await dashboard.open("/requetes");
  const found = {};
  for (const [id] of SENT) {
    await page.waitForSelector(row(id));
    found[id] = await replayed(dashboard, id);
  }
  await writeFile(out, JSON.stringify(found));
  await page.setViewport({ width: 360, height: 900 });
  await dashboard.click(row("refaire-voix"));
  await dashboard.contains("request-dialog", "une requête ouverte à 360 px");
  check(complaints.length === 0, `plaintes du navigateur : ${complaints.join(" ; ")}`);
  console.log("tout est bon");
});
