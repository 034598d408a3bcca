// La page devant un produit à clés : node e2e/page_keys.mjs <adresse> <chemin de Chromium> <clé d'administration>
import { check, visit } from "./browser.mjs";

const [base, chromium, key] = process.argv.slice(2);
// Un refus est ce qu'on cherche ; le navigateur le note, mais rien d'autre.
const EXPECTED = /status of 40[13]/;

const walk = async (dashboard, complaints) => {
  await dashboard.state("qwen", "Prêt");
  await dashboard.press("action-unload-qwen");
  const missing = await dashboard.text("model-failure-qwen");
  check(missing.includes("clé est nécessaire"), `le refus n'est pas dit : ${missing}`);
  check(/Que faire : .*clé d'administration/.test(missing), `le remède n'est pas dit : ${missing}`);
  await dashboard.press("action-logs-qwen");
  const closed = await dashboard.text("log-refusal");
  check(closed.includes("clé est nécessaire"), `le refus du journal n'est pas dit : ${closed}`);
  await dashboard.press("log-close");
  await dashboard.gone("log-dialog");

  await dashboard.open("/essayer/conversation");
  await dashboard.fill("chat-setting-temperature", "0");
  await dashboard.type("chat-input", "Hello");
  await dashboard.press("chat-send");
  const refused = await dashboard.text("chat-failure");
  check(refused.includes("clé est nécessaire"), `le refus n'est pas dit : ${refused}`);

  await dashboard.press("key-open");
  await dashboard.type("access-key", "clé");
  check((await dashboard.texts("chat-failure")).length === 1, "le refus précédent s'efface trop tôt");
  check(
    (await dashboard.page.evaluate(() => sessionStorage.length)) === 0,
    "une clé qui ne peut pas voyager est gardée quand même",
  );
  for (const _ of "clé") await dashboard.page.keyboard.press("Backspace");
  await dashboard.type("access-key", key);
  await dashboard.page.keyboard.press("Enter");
  await dashboard.see("key-accepted");
  await dashboard.press("key-close");
  await dashboard.gone("key-dialog");
  await dashboard.type("chat-input", "Say hello.");
  await dashboard.press("chat-send");
  await dashboard.grown("chat-answer", 1, 1);
  await dashboard.see("chat-send");
  await dashboard.open("/");
  await dashboard.press("action-logs-qwen");
  await dashboard.see("log-line");
  await dashboard.press("log-close");
  await dashboard.gone("log-dialog");
  await dashboard.page.waitForSelector('[data-testid="requests-qwen"][data-busy="0"]');
  await dashboard.press("action-unload-qwen");
  await dashboard.state("qwen", "Téléchargé");

  const [kept, cookie] = await dashboard.page.evaluate(() => [JSON.stringify(localStorage), document.cookie]);
  check(!kept.includes(key), `la clé est restée sur le poste sans qu'on l'ait demandé : ${kept}`);
  check(cookie === "", `un cookie est resté : ${cookie}`);
  const others = complaints.filter((complaint) => !EXPECTED.test(complaint));
  check(others.length === 0, `plaintes du navigateur : ${others.join(" ; ")}`);
  console.log("tout est bon");
};

await visit(base, chromium, walk, { secrets: [key] });
