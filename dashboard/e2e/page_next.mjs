// Le serveur revient sous une version suivante : node e2e/page_next.mjs <adresse> <chemin de Chromium>
// Le parcours écrit « ouverte », puis « perdue » ; l'essai arrête le produit après l'un, lance le suivant après l'autre.
import { check, visit } from "./browser.mjs";

const [base, chromium] = process.argv.slice(2);

await visit(base, chromium, async (dashboard) => {
  const { page } = dashboard;
  const entry = () => page.$eval("script[type=module][src]", (script) => script.src);
  await dashboard.see("model-card-qwen");
  const before = await entry();
  console.log("ouverte");

  const message = await dashboard.text("link-lost");
  check(message.includes("redémarre ou se met à jour"), `un arrêt demandé passe pour une panne : ${message}`);
  console.log("perdue");

  const update = await dashboard.text("page-update");
  check(update.includes("en version 9.8.7"), `la page ne dit pas la version : ${update}`);
  check(update.includes("rechargez-la"), `la page ne propose pas de se recharger : ${update}`);
  await dashboard.press("page-update-reload");
  await page.waitForFunction((old) => document.querySelector("script[type=module][src]")?.src !== old, {}, before);
  await dashboard.see("model-card-qwen");
  await dashboard.gone("page-update");
  console.log("tout est bon");
});
