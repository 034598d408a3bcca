// Le produit entier s'arrête puis revient sur le même port, avec une autre page : node e2e/page_restart.mjs <adresse> <chemin de Chromium>
// Le parcours écrit « ouverte », puis « perdue » ; l'essai arrête le produit après l'un, le relance après l'autre.
import { check, visit } from "./browser.mjs";

const [base, chromium] = process.argv.slice(2);

await visit(base, chromium, async (dashboard) => {
  const { page } = dashboard;
  const top = () => page.$eval("main", (main) => main.getBoundingClientRect().top);
  await dashboard.state("qwen", "Téléchargé");
  await page.evaluate(() => {
    window.opened = "une seule fois";
  });
  const before = await top();
  console.log("ouverte");

  await dashboard.see("link-lost");
  const message = await dashboard.text("link-lost");
  check(message.includes("redémarre ou se met à jour"), `un arrêt demandé passe pour une panne : ${message}`);
  check((await top()) === before, "dire la connexion perdue déplace la page");
  await page.waitForFunction(() => /État d'il y a ([2-9]|[1-9]\d) s/.test(document.body.textContent));
  await dashboard.state("qwen", "Téléchargé");
  await dashboard.fits("connexion perdue");
  await dashboard.accessible("connexion perdue");
  // À son retour, le serveur servira une page dont ce programme-ci n'est plus.
  const replaced = (request) =>
    request.resourceType() === "fetch" && request.url() === `${base}/`
      ? request.respond({ contentType: "text/html", body: '<script type="module" src="/assets/index-autre.js">' })
      : request.continue();
  await page.setRequestInterception(true);
  page.on("request", replaced);
  console.log("perdue");

  await dashboard.gone("link-lost");
  await dashboard.state("qwen", "Téléchargé");
  check((await page.evaluate(() => window.opened)) === "une seule fois", "la page s'est rechargée");
  const update = await dashboard.text("page-update");
  check(update.includes("rechargez-la"), `la page ne propose pas de se recharger : ${update}`);
  await dashboard.accessible("serveur mis à jour");
  page.off("request", replaced);
  await page.setRequestInterception(false);
  await dashboard.press("page-update-reload");
  await page.waitForFunction(() => !window.opened);
  await dashboard.state("qwen", "Téléchargé");
  console.log("tout est bon");
});
