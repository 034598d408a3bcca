// Le choix des GPU, sur une machine d'essai de 8 GPU où `petit` se charge vraiment :
// node e2e/page_gpu.mjs <adresse> <Chromium> choisir <pid du plan de contrôle> <fichier des GPU>, puis, le produit
// tué puis relancé, node e2e/page_gpu.mjs <adresse> <Chromium> retrouver
import { check, visit } from "./browser.mjs";
import { changeGpu } from "./machine.mjs";

const [base, chromium, mode, pid, machine] = process.argv.slice(2);
const GIB = 1024 ** 3;

function value({ page }, name) {
  return page.$eval(`[data-testid="${name}"]`, (input) => input.value);
}

/** Vrai si les cases des GPU cachent un point du verdict, ou de ce qui le redit au bas de la boîte. */
const covered = ({ page }) =>
  page.evaluate(() => {
    const menu = document.querySelector('[data-testid="placement-gpu-menu"]');
    const shown = ["placement-verdict", "placement-why"].map((name) =>
      document.querySelector(`[data-testid="${name}"]`),
    );
    const onTop = (one) => {
      const { left, top, width, height } = one.getBoundingClientRect();
      return one.contains(document.elementFromPoint(left + width / 2, top + height / 2));
    };
    return !menu || !shown.some(onTop);
  });

/** Le dialogue et ses cases, à une largeur d'écran : lisibles, sans déborder ni cacher le verdict. */
async function look(dashboard, width) {
  const { page } = dashboard;
  await page.setViewport({ width, height: 900 });
  await dashboard.press("action-load-qwen");
  await dashboard.says("placement-verdict", "Tient : 1 exemplaire de 1 GPU, sur le GPU 0.");
  await dashboard.fits(`dialogue à ${width} px`);
  await dashboard.accessible(`dialogue à ${width} px`);
  await dashboard.press("placement-gpus");
  await dashboard.see("placement-gpu-7");
  await dashboard.fits(`menu à ${width} px`);
  check(!(await covered(dashboard)), `à ${width} px, les cases cachent le verdict`);
  await dashboard.accessible(`menu à ${width} px`);
  await dashboard.press("placement-cancel");
  await dashboard.gone("placement-dialog");
}

/** Trois GPU cochés, une option changée : `petit` se charge là, et nulle part ailleurs. */
async function choose(dashboard) {
  await dashboard.press("action-load-petit");
  await dashboard.says("placement-verdict", "Tient : 1 exemplaire de 1 GPU");
  await dashboard.press("placement-gpus");
  for (const gpu of [5, 6, 7]) await dashboard.press(`placement-gpu-${gpu}`);
  await dashboard.says("placement-verdict", "Tient : 4 exemplaires de 1 GPU, sur les GPU 0, 5, 6 et 7.");
  await dashboard.press("placement-gpu-0");
  await dashboard.says("placement-verdict", "Tient : 3 exemplaires de 1 GPU, sur les GPU 5, 6 et 7.");
  const row = await dashboard.text("placement-gpu-5");
  check(row.includes("140,0 Gio disponibles") && row.includes("Personne"), `la ligne ne dit pas sa place : ${row}`);
  await dashboard.fill("placement-option-parallel", "2");
  await dashboard.fill("placement-idle", "45");
  await dashboard.press("placement-start");
  await dashboard.gone("placement-dialog");
  await dashboard.state("petit", "Prêt");
}

/** Un GPU de moins : son exemplaire s'en va. */
async function shrink(dashboard) {
  await dashboard.press("action-resize-petit");
  await dashboard.says("placement-gpus", "GPU 5, 6 et 7");
  await dashboard.press("placement-gpus");
  await dashboard.press("placement-gpu-7");
  await dashboard.says("placement-verdict", "Reste 2 exemplaires de 1 GPU");
  await dashboard.press("placement-start");
  await dashboard.gone("placement-dialog");
  await dashboard.see("action-resize-petit");
  await dashboard.page.waitForSelector('[data-testid="action-resize-petit"]:not([disabled])');
}

/** Le refus dit ses chiffres, suit la machine, et nomme qui devrait partir. */
async function refuse(dashboard) {
  await dashboard.press("action-load-qwen");
  await dashboard.says("placement-verdict", "Tient");
  // Un autre programme en prend une part : un GPU vide est proposé à la place, et nommer le plein est un refus.
  await changeGpu(machine, 0, { foreign: { 4000001: 30 * GIB } });
  await dashboard.says("placement-verdict", "Tient : 1 exemplaire de 1 GPU, sur le GPU 1.");
  await dashboard.press("placement-gpus");
  await dashboard.press("placement-gpu-0");
  await dashboard.press("placement-gpu-1");
  await dashboard.says("placement-verdict", "Ne tient pas sur le GPU 0.");
  const [reason] = await dashboard.texts("placement-reason");
  check(reason.includes("demande 128,0 Gio (poids 58,0 Gio"), `le refus n'a pas ses chiffres : ${reason}`);
  check(reason.includes("30,0 Gio sont pris par d'autres programmes"), `le refus ne dit pas qui : ${reason}`);
  check(await dashboard.page.$('[data-testid="placement-start"][disabled]'), "un chargement qui ne tient pas se lance");

  await dashboard.press("placement-gpu-0");
  await dashboard.press("placement-gpu-5");
  await dashboard.says("placement-gpu-5", "baux de petit-0");
  const room = await dashboard.text("placement-room");
  check(room.includes("SmolLM2") && room.includes("Gio"), `qui devrait partir n'est pas nommé : ${room}`);
  await dashboard.press("placement-room-agree");
  await dashboard.says("placement-start", "Décharger, puis charger");
  await dashboard.scheme("dark");
  await dashboard.accessible("refus, en sombre");
  await dashboard.fill("placement-option-gpu_memory_utilization", "3");
  await dashboard.says(
    "placement-dialog",
    "options.gpu_memory_utilization : un nombre, plus de 0, 1 au plus, est attendu",
  );
  await dashboard.press("placement-cancel");
  await dashboard.gone("placement-dialog");
}

/** Le choix que le serveur a retenu : GPU, exemplaires, temps. */
async function remembered(dashboard, when) {
  await dashboard.press("action-resize-petit");
  await dashboard.says("placement-gpus", "GPU 5 et 6");
  const [replicas, idle] = [await value(dashboard, "placement-replicas"), await value(dashboard, "placement-idle")];
  check(replicas === "2" && idle === "45", `${when}, le choix n'est plus là : ${replicas} exemplaires, ${idle} min`);
  await dashboard.press("placement-cancel");
  await dashboard.gone("placement-dialog");
}

await visit(base, chromium, async (dashboard, complaints) => {
  const { page } = dashboard;
  if (mode === "choisir") {
    for (const width of [360, 1024, 1920]) await look(dashboard, width);
    await choose(dashboard);
    await shrink(dashboard);
    await refuse(dashboard);
    await page.reload();
    await remembered(dashboard, "page rechargée");
    check(complaints.length === 0, `plaintes du navigateur : ${complaints.join(" ; ")}`);
    process.kill(Number(pid), "SIGKILL");
    await dashboard.see("link-lost");
    await dashboard.gone("link-lost");
    await remembered(dashboard, "plan de contrôle tué");
  } else {
    await dashboard.state("petit", "Prêt");
    await remembered(dashboard, "produit tué, puis relancé");
    check(complaints.length === 0, `plaintes du navigateur : ${complaints.join(" ; ")}`);
  }
  console.log("tout est bon");
});
