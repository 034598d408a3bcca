// La machine à huit GPU d'essai : node e2e/page_machine.mjs <adresse> <Chromium> <fichier des GPU>
import { readFile, rename, writeFile } from "node:fs/promises";
import { check, visit } from "./browser.mjs";

const [base, chromium, machine] = process.argv.slice(2);
const WIDTHS = [360, 1024, 1920];

/** Change ce que la sonde d'essai lira. */
async function change(index, values) {
  const found = JSON.parse(await readFile(machine, "utf8"));
  Object.assign(found.gpus[index], values);
  await writeFile(`${machine}.neuf`, JSON.stringify(found));
  await rename(`${machine}.neuf`, machine);
}

/** Ce que la page montre : son titre, où elle en est, et si le focus est à son contenu. */
const place = ({ page }) =>
  page.evaluate(() => [document.title.split(" · ")[0], scrollY, document.activeElement.id === "contenu"]);

/** Touche un lien du menu d'un téléphone, et attend la page qu'il ouvre. */
async function goes({ page }, href, title) {
  await page.click(`nav > a[href="#${href}"]`);
  await page.waitForFunction((start) => document.title.startsWith(start), {}, title);
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
  await page.click('nav > button[aria-haspopup="menu"]');
  await page.click('[role="menuitem"][href="#/essayer/micro"]');
  await page.waitForSelector('[role="menu"]', { hidden: true });
  check((await place(dashboard)).join() === "Micro,0,true", `arrivée par le menu : ${await place(dashboard)}`);
}

await visit(base, chromium, async (dashboard, complaints) => {
  const { page } = dashboard;
  const shows = (name, expected) =>
    page.waitForFunction(
      (selector, text) => document.querySelector(selector)?.textContent === text,
      {},
      `[data-testid="${name}"]`,
      expected,
    );
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

  // Ce qui change sur la machine se voit sur sa tuile, et allonge sa courbe.
  for (const use of [87, 13]) {
    await change(5, { utilization_percent: use, temperature_celsius: 60 + (use % 10), power_watts: 500 + use });
    await shows("gpu-5-use", `${use} %`);
    await shows("gpu-5-temperature", `${60 + (use % 10)} °C`);
    await shows("gpu-5-power", `${500 + use} W`);
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
  check(complaints.length === 0, `plaintes du navigateur : ${complaints.join(" ; ")}`);
  console.log("tout est bon");
});
