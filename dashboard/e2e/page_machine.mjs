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
  check(complaints.length === 0, `plaintes du navigateur : ${complaints.join(" ; ")}`);
  console.log("tout est bon");
});
