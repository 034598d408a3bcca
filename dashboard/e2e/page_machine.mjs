// La machine à huit GPU d'essai : node e2e/page_machine.mjs <adresse> <Chromium> <fichier des GPU>
import { check, visit } from "./browser.mjs";
import { changeGpu } from "./machine.mjs";

const [base, chromium, machine] = process.argv.slice(2);
const WIDTHS = [360, 1024, 1920];

/** Un moteur qui sait dormir : la carte le propose, le montre endormi, et le réveille. */
async function sleepAndWake(dashboard) {
  await dashboard.open("/");
  await dashboard.press("action-sleep-petit");
  await dashboard.state("petit", "Endormi");
  await dashboard.says("replica-petit-0", "endormi");
  await dashboard.press("action-wake-petit");
  await dashboard.state("petit", "Prêt");
  await dashboard.see("action-sleep-petit");
}

/** Ce que la page montre : son titre, où elle en est, et si le focus est à son contenu. */
const place = ({ page }) =>
  page.evaluate(() => [document.title.split(" · ")[0], scrollY, document.activeElement.id === "contenu"]);

/** Touche un lien du menu d'un téléphone, et attend la page qu'il ouvre. */
async function goes(dashboard, href, title) {
  await dashboard.page.locator(`nav > a[href="#${href}"]`).click();
  await dashboard.page.waitForFunction((start) => document.title.startsWith(start), {}, title);
}

/** Sur un téléphone, une page s'ouvre à son début et prend le focus ; revenir retrouve la place d'avant. */
async function arrives(dashboard) {
  const { page } = dashboard;
  await page.setViewport({ width: 360, height: 900 });
  await dashboard.open("/machine");
  await dashboard.see("machine-page");
  await page.evaluate(() => scrollTo({ top: 1500, behavior: "instant" }));
  await goes(dashboard, "/acces", "Points d'accès");
  check((await place(dashboard)).join() === "Points d'accès,0,true", `arrivée : ${await place(dashboard)}`);
  await page.goBack();
  await dashboard.see("machine-page");
  await page
    .waitForFunction(() => scrollY === 1500)
    .catch(async () => check(false, `la place est perdue : ${await place(dashboard)}`));
  await page.locator('nav > button[aria-haspopup="menu"]').click();
  await page.locator('[role="menuitem"][href="#/essayer/micro"]').click();
  await page.waitForSelector('[role="menu"]', { hidden: true });
  check((await place(dashboard)).join() === "Micro,0,true", `arrivée par le menu : ${await place(dashboard)}`);
}

await visit(base, chromium, async (dashboard, complaints) => {
  const { page } = dashboard;
  const points = () => page.$eval('[data-testid^="curve-gpu/"][data-testid$="-5/use"]', (one) => one.dataset.points);

  // Le résumé, à côté des modèles.
  await dashboard.see("panel-gpu-7");
  await dashboard.press("machine-more");
  await dashboard.see("machine-page");
  check((await page.$$('[data-testid^="gpu-"] h3')).length === 8, "huit GPU attendus");
  const held = await page.$eval('[data-testid="gpu-0-stack"]', (one) => one.getAttribute("aria-label"));
  check(/petit-0 3,0 Gio, petit-0, réservé 17,0 Gio/.test(held), `la part de l'exemplaire manque : ${held}`);
  const foreign = await page.$eval('[data-testid="gpu-2-stack"]', (one) => one.getAttribute("aria-label"));
  check(/autres programmes 30,0 Gio/.test(foreign), `la part des autres manque : ${foreign}`);
  const holders = await Promise.all([0, 1, 2].map((gpu) => dashboard.text(`gpu-${gpu}-holder`)));
  check(holders.join() === "1 exemplaire,Libre,Autres programmes", `un GPU est mal dit libre : ${holders}`);

  // Le cache et le disque : les modèles, leurs fichiers, et ce que le disque porte d'autre.
  await dashboard.shows("machine-ready", "1 modèle prêt sur 4");
  await dashboard.shows("machine-cached", "4 modèles en cache");
  for (const key of ["petit", "qwen", "canary", "pyannote"]) await dashboard.says(`cache-${key}`, "en cache");

  // Ce qui change sur la machine se voit sur sa tuile, et allonge sa courbe.
  for (const use of [87, 13]) {
    const values = { utilization_percent: use, temperature_celsius: 60 + (use % 10), power_watts: 500 + use };
    await changeGpu(machine, 5, values);
    await dashboard.shows("gpu-5-use", `${use} %`);
    await dashboard.shows("gpu-5-temperature", `${60 + (use % 10)} °C`);
    await dashboard.shows("gpu-5-power", `${500 + use} W`);
  }
  await page.waitForFunction(
    () => Number(document.querySelector('[data-testid^="curve-gpu/"][data-testid$="-5/use"]').dataset.points) >= 3,
  );
  const grown = Number(await points());
  await dashboard.open("/");
  await dashboard.see("machine-panel");
  await dashboard.open("/machine");
  await dashboard.see("machine-page");
  check(Number(await points()) >= grown, "la courbe n'a pas survécu à la navigation");

  await sleepAndWake(dashboard);

  for (const width of WIDTHS) {
    await page.setViewport({ width, height: 900 });
    for (const [path, landmark] of [
      ["/machine", "machine-page"],
      ["/", "machine-panel"],
    ]) {
      await dashboard.open(path);
      await dashboard.see(landmark);
      await dashboard.fits(`${path} à ${width} px`);
      await dashboard.accessible(`${path} à ${width} px`);
    }
  }
  await arrives(dashboard);
  await page.setViewport({ width: 1024, height: 900 });
  await dashboard.open("/machine");
  await dashboard.see("machine-page");
  await dashboard.scheme("dark");
  await dashboard.accessible("/machine à 1024 px, en sombre");
  check(complaints.length === 0, `plaintes du navigateur : ${complaints.join(" ; ")}`);
  console.log("tout est bon");
});
