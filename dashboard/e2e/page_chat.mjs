// Une conversation réglée, ses extraits, ses images et ses refus : node e2e/page_chat.mjs <adresse> <Chromium> <dossier>
// Le dossier porte `rouge.png`, et reçoit `texte.json` et `image.json` : ce que la page a envoyé (gRPC-Web, en base64), ce
// qu'elle a montré, et les extraits qu'elle en donne.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { check, visit } from "./browser.mjs";
import { cancelledChats, chatCancelled } from "./server.mjs";

const [base, chromium, folder] = process.argv.slice(2);
const LANGUAGES = ["curl", "python", "node", "grpc"];
const SCREENS = [
  [360, "light"],
  [1024, "dark"],
  [1024, "light"],
  [1920, "light"],
];
const SYSTEM = "You are brief.";
// Ce qu'un shell, Python ou JavaScript pourrait prendre pour du code.
// biome-ignore lint/suspicious/noTemplateCurlyInString: c'est le piège
const HARD = 'What\'s the "capital" of France? $HOME `id` $(id) \\n ${x} é 🎉 !!';

/** Attend la fin de la réponse de rang `rank` ; rend la ligne qui la suit. */
async function ended(dashboard, rank) {
  await dashboard.grown("chat-end", rank, 1);
  return (await dashboard.texts("chat-end"))[rank];
}

/** Garde dans la page le corps de son dernier appel à StreamChat, tel qu'il part. */
function record(page) {
  return page.evaluateOnNewDocument(() => {
    const { fetch } = window;
    window.fetch = (address, options) => {
      if (`${address}`.endsWith("/StreamChat")) window.sent = btoa(String.fromCharCode(...options.body));
      return fetch(address, options);
    };
  });
}

/** Écrit ce que l'essai comparera. */
async function keep(dashboard, name, answer) {
  const sent = await dashboard.page.evaluate(() => window.sent);
  const found = { sent, answer, snippets: await snippets(dashboard) };
  await writeFile(join(folder, name), JSON.stringify(found));
}

/** Ouvre « La requête » du dernier échange ; rend son extrait dans chaque langage. */
async function snippets(dashboard) {
  const { page } = dashboard;
  await (await page.$$('[data-testid="chat-request"]')).at(-1).click();
  const found = {};
  for (const language of LANGUAGES) {
    await dashboard.press(`snippets-${language}`);
    await page.waitForSelector(`[data-testid="snippets-${language}"][aria-selected="true"]`);
    found[language] = await page.$eval('[data-testid="snippet-code"]', (code) => code.textContent);
  }
  return found;
}

/** Exporte la conversation en JSON ; rend le fichier reçu. */
async function download(dashboard) {
  const { page } = dashboard;
  const session = await page.createCDPSession();
  await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: folder, eventsEnabled: true });
  const done = new Promise((resolve) => {
    session.on("Browser.downloadProgress", ({ state }) => state === "completed" && resolve());
  });
  await dashboard.press("chat-export");
  await dashboard.press("chat-export-json");
  await done;
  // Un menu qui se ferme couvre encore la page.
  await dashboard.gone("chat-export-json");
  return JSON.parse(await readFile(join(folder, "conversation.json"), "utf8"));
}

/** Les lettres et les chiffres : ce que la mise en forme d'une réponse ne change pas. */
const letters = (text) => text.replace(/[^\p{L}\p{N}]/gu, "");

async function talk(dashboard) {
  const { page } = dashboard;
  await dashboard.open("/essayer/conversation");
  await dashboard.see("chat-prompt");
  check((await dashboard.texts("chat-attach")).length === 0, "des images sont proposées à un modèle qui n'en lit pas");
  await dashboard.press("chat-adjust");
  for (const [name, value] of Object.entries({ system: SYSTEM, temperature: "0", maxTokens: "32", seed: "7" })) {
    await dashboard.fill(`chat-setting-${name}`, value);
  }
  await dashboard.fits("réglages");
  await dashboard.accessible("réglages");
  await dashboard.press("chat-adjust");
  await dashboard.type("chat-input", "What is the capital of France?");
  await page.keyboard.press("Enter");
  check(/se charge/.test(await dashboard.text("chat-waiting")), "le chargement ne se voit pas");
  const end = await ended(dashboard, 0);
  check(
    /premier mot en .* jetons\/s · \d+ lus, \d+ jetons écrits · .* s en tout · fin : /.test(end),
    `mesures : ${end}`,
  );
  await dashboard.type("chat-input", HARD);
  await dashboard.press("chat-send");
  await ended(dashboard, 1);

  await dashboard.open("/");
  await dashboard.gone("chat-answer");
  await dashboard.open("/essayer/conversation");
  await dashboard.grown("chat-answer", 1, 1);
  const { exchanges, messages } = await download(dashboard);
  const shown = await dashboard.texts("chat-answer");
  exchanges.forEach(({ answer }, rank) => {
    check(answer && letters(answer) === letters(shown[rank]), `la page montre autre chose : ${shown[rank]}`);
  });
  check(messages.length === 5 && messages[3].content === HARD, `export : ${JSON.stringify(messages)}`);
  await keep(dashboard, "texte.json", exchanges[1].answer);
}

/** Sur un téléphone, au milieu de la page : aucun jour sous la question, et « La requête » s'ouvre là où on la voit. */
async function requestInSight({ page }) {
  await page.evaluate(() => scrollTo({ top: 200, behavior: "instant" }));
  const [foot, menu] = await page.evaluate(() => {
    const form = document.querySelector("form:has([data-testid='chat-input'])").parentElement;
    const bars = [...document.querySelectorAll("nav")].map((one) => one.getBoundingClientRect());
    return [form.getBoundingClientRect().bottom, bars.find(({ height }) => height > 0).top];
  });
  check(foot >= menu, `le texte passe entre la question (${foot} px) et le menu (${menu} px)`);
  const [button] = await page.$$('[data-testid="chat-request"]');
  await button.evaluate((one) => {
    // Juste au-dessus de la question en cours.
    const edge = document
      .querySelector("form:has([data-testid='chat-input'])")
      .parentElement.getBoundingClientRect().top;
    scrollBy({ top: one.getBoundingClientRect().bottom - edge + 4, behavior: "instant" });
  });
  await button.click();
  await page.waitForFunction(() => {
    const code = document.querySelector('[data-testid="snippet-code"]')?.getBoundingClientRect();
    const edge = document
      .querySelector("form:has([data-testid='chat-input'])")
      .parentElement.getBoundingClientRect().top;
    return code && code.top > 0 && code.top + 40 < edge;
  });
  await button.click();
}

async function look(dashboard) {
  const { page } = dashboard;
  await requestInSight(dashboard);
  for (const [width, scheme] of SCREENS) {
    await page.setViewport({ width, height: 900 });
    await dashboard.scheme(scheme);
    await dashboard.fits(`${width} px`);
    await dashboard.accessible(`${width} px, ${scheme}`);
  }
}

async function stopAndRefuse(dashboard) {
  const { page } = dashboard;
  await dashboard.fill("chat-setting-maxTokens", "900");
  const cancelled = await cancelledChats(base);
  await dashboard.type("chat-input", "Write a very long story about a sailor, with many chapters.");
  await page.keyboard.press("Enter");
  await dashboard.grown("chat-answer", 2, 10);
  await page.keyboard.press("Escape");
  check((await ended(dashboard, 2)).includes("Réponse arrêtée"), "l'arrêt ne se voit pas");
  await chatCancelled(base, cancelled);

  await dashboard.press("chat-new");
  await page.focus('[data-testid="chat-input"]');
  await page.keyboard.sendCharacter("word ".repeat(5_000));
  await dashboard.press("chat-send");
  const failure = await dashboard.text("chat-failure");
  check(/plus que le contexte du modèle \(4096 jetons\)/.test(failure), `le refus ne se voit pas : ${failure}`);
}

async function showImage(dashboard) {
  const { page } = dashboard;
  await dashboard.press("chat-new");
  // Une liste de MUI s'ouvre à l'appui, et le relâchement tombe sur son voile : ce n'est pas un clic.
  await page.locator('[data-testid="chat-setting-model"]').click();
  await dashboard.click('[role="option"]:nth-of-type(2)');
  await dashboard.see("chat-attach");
  await (await page.$('[data-testid="chat-files"]')).uploadFile(join(folder, "rouge.png"));
  await dashboard.see("chat-image");
  await page.waitForFunction(() => {
    // Lire une copie : relire souvent la même toile fait se plaindre le navigateur.
    const pixel = new OffscreenCanvas(1, 1).getContext("2d");
    pixel.drawImage(document.querySelector('[data-testid="chat-image"]'), 72, 72, 1, 1, 0, 0, 1, 1);
    return `${pixel.getImageData(0, 0, 1, 1).data}` === "255,0,0,255";
  });
  await dashboard.accessible("image jointe");
  await dashboard.type("chat-input", "What is this?");
  await dashboard.press("chat-send");
  const failure = await dashboard.text("chat-failure");
  check(/ne lit que du texte/.test(failure), `le refus ne se voit pas : ${failure}`);
  // Chargé, le moteur dit lui-même ce qu'il lit : plus d'images, et un refus dès l'entrée.
  await dashboard.gone("chat-attach");
  await dashboard.press("chat-again");
  await dashboard.says("chat-failure", "n'offre pas cette option (images)");
  await keep(dashboard, "image.json", await dashboard.text("chat-failure"));

  await page.reload();
  await dashboard.see("chat-prompt");
  check((await dashboard.texts("chat-answer")).length === 0, "la conversation survit à un rechargement");
}

/** Deux modèles à la même question ; gardée parce qu'on le demande, la conversation survit à un rechargement. */
async function compareAndKeep(dashboard) {
  const { page } = dashboard;
  await page.locator('[data-testid="chat-setting-versus"]').click();
  await dashboard.click('[role="option"]:nth-of-type(2)');
  await dashboard.press("chat-kept-list");
  await dashboard.press("chat-keep");
  await dashboard.contains("chat-kept", "conversations gardées");
  await dashboard.press("chat-kept-close");
  await dashboard.gone("chat-kept");
  await dashboard.fill("chat-setting-maxTokens", "16");
  await dashboard.type("chat-input", "What is the capital of France?");
  await dashboard.press("chat-send");
  await dashboard.grown("chat-end", 1, 1);
  await dashboard.see("chat-again");
  check((await dashboard.texts("chat-question")).length === 1, "la question est dite deux fois");
  const said = await dashboard.texts("chat-answer");
  await dashboard.fits("deux modèles");
  await dashboard.accessible("deux modèles");

  await page.reload();
  await dashboard.see("chat-prompt");
  await dashboard.press("chat-kept-list");
  await dashboard.press("chat-kept-open");
  await dashboard.grown("chat-end", 1, 1);
  await dashboard.gone("chat-kept");
  check(`${await dashboard.texts("chat-answer")}` === `${said}`, "la conversation gardée a changé");
  await dashboard.press("chat-kept-list");
  await dashboard.press("chat-forget-all");
  await dashboard.gone("chat-kept-open");
}

/** En HTTP simple, à un nom qui n'est pas cette machine : le navigateur n'y a pas de presse-papiers. */
async function copyOverPlainHttp(dashboard) {
  const { page } = dashboard;
  await dashboard.open("/essayer/conversation");
  check(!(await page.evaluate(() => isSecureContext)), "le contexte est sûr : l'essai ne prouve rien");
  await dashboard.press("chat-prompt");
  await dashboard.see("chat-end");
  await dashboard.press("chat-request");
  const written = await dashboard.text("snippet-code");
  await dashboard.press("snippet-copy");
  await page.waitForFunction(() => document.querySelector('[data-testid="snippet-copy"]')?.textContent === "Copié");
  await page.focus('[data-testid="chat-input"]');
  await page.keyboard.down("Control");
  await page.keyboard.press("v");
  await page.keyboard.up("Control");
  const pasted = await page.$eval('[data-testid="chat-input"]', (field) => field.value);
  check(pasted === written && pasted.includes("curl"), `copié : ${pasted}`);
}

// Hors d'un contexte sûr, Chromium note de lui-même qu'il n'isole pas la page.
const EXPECTED = /Cross-Origin-Opener-Policy header has been ignored/;

function quiet(complaints) {
  const others = complaints.filter((complaint) => !EXPECTED.test(complaint));
  check(others.length === 0, `plaintes du navigateur : ${others.join(" ; ")}`);
}

await visit(
  base,
  chromium,
  async (dashboard, complaints) => {
    await talk(dashboard);
    await look(dashboard);
    await stopAndRefuse(dashboard);
    await showImage(dashboard);
    await compareAndKeep(dashboard);
    quiet(complaints);
  },
  { width: 360, prepare: record },
);
if (!process.exitCode) {
  const plain = new URL(base);
  plain.hostname = "passerelle.test";
  await visit(
    plain.origin,
    chromium,
    async (dashboard, complaints) => {
      await copyOverPlainHttp(dashboard);
      quiet(complaints);
      console.log("tout est bon");
    },
    { flags: ["--host-resolver-rules=MAP passerelle.test 127.0.0.1"] },
  );
}
