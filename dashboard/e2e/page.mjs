// Parcours de la page dans un vrai navigateur : node e2e/page.mjs <adresse> <chromium>
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer from "puppeteer-core";

const [base, executablePath] = process.argv.slice(2);
const profile = await mkdtemp(join(tmpdir(), "passerelle-chromium-"));
const browser = await puppeteer.launch({
  executablePath,
  headless: true,
  userDataDir: profile,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const complaints = [];

function check(condition, message) {
  if (!condition) throw new Error(message);
}

try {
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(base);

  const at = (name) => `[data-testid="${name}"]`;
  const text = (name) => page.$eval(at(name), (element) => element.textContent);
  const state = (key, expected) =>
    page.waitForFunction(
      (selector, value) => document.querySelector(selector)?.textContent === value,
      {},
      at(`model-state-${key}`),
      expected,
    );
  const act = async (name) => {
    await page.waitForSelector(`${at(name)}:not([disabled])`);
    await page.click(at(name));
  };

  for (const key of ["qwen", "canary", "pyannote"]) await page.waitForSelector(at(`model-card-${key}`));
  check((await text("notice")).includes("modèle de démonstration, anglais seulement"), "l'avertissement manque");
  await state("qwen", "À télécharger");

  await act("action-download-qwen");
  await state("qwen", "Téléchargé");
  await act("action-load-qwen");
  await state("qwen", "Prêt");

  await page.type(at("chat-input"), "Tell me a story about a small boat.");
  await act("chat-send");
  const lengths = new Set();
  await page.waitForSelector(at("chat-stop"));
  while (await page.$(at("chat-stop"))) {
    lengths.add((await text("chat-answer")).length);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  check(lengths.size >= 3, `la réponse ne vient pas au fil de l'eau (${lengths.size} longueurs vues)`);

  await page.type(at("chat-input"), "Write a very long poem about the sea, with many verses.");
  await act("chat-send");
  await page.waitForFunction(
    (selector) => (document.querySelectorAll(selector)[1]?.textContent ?? "").length > 10,
    {},
    at("chat-answer"),
  );
  await act("chat-stop");
  await page.waitForSelector(at("chat-send"));
  const stopped = await page.$$eval(at("chat-answer"), (all) => all[1].textContent);
  check(stopped.includes("(réponse arrêtée)"), `l'arrêt ne se voit pas : ${stopped}`);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const later = await page.$$eval(at("chat-answer"), (all) => all[1].textContent);
  check(later === stopped, "la réponse continue après l'arrêt");

  await act("action-unload-qwen");
  await state("qwen", "Téléchargé");
  check(complaints.length === 0, `plaintes du navigateur :\n${complaints.join("\n")}`);
} catch (error) {
  const [page] = (await browser.pages()).slice(-1);
  console.error(await page.evaluate(() => document.body.innerText));
  console.error(complaints.join("\n"));
  throw error;
} finally {
  await browser.close();
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}
