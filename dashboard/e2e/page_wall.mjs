// Le mur, sur la machine à huit GPU d'essai : node e2e/page_wall.mjs <adresse> <Chromium> <fichier des GPU> [image]
import { check, visit } from "./browser.mjs";
import { changeGpus } from "./machine.mjs";

const [base, chromium, machine, picture] = process.argv.slice(2);
/** Un portable, une télévision, une télévision 4K. */
const SCREENS = [
  [1440, 900],
  [1920, 1080],
  [3840, 2160],
];
const WIDTHS = [360, 768, 1024, 2560];
/** À trois mètres d'un écran de 55 pouces, un chiffre d'un trentième de sa hauteur fait plus d'un centimètre et demi. */
const LEGIBLE = 1 / 34;

/** Mène une vraie conversation, au fil de la génération ; rend l'identifiant de sa requête. */
async function ask() {
  const body = { model: "petit", stream: true, max_tokens: 8, messages: [{ role: "user", content: "Hi" }] };
  const answer = await fetch(`${base}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  check(answer.ok, `la conversation est refusée : ${answer.status}`);
  await answer.text();
  return answer.headers.get("x-request-id");
}

/** Ce qui sort de l'écran, et le plus petit chiffre, en part de sa hauteur. */
const measured = (page) =>
  page.evaluate(() => {
    const figures = [...document.querySelectorAll('[data-testid^="wall-use-"]')];
    const sizes = figures.map((one) => Number.parseFloat(getComputedStyle(one).fontSize));
    const cut = [...document.querySelectorAll('[data-testid^="wall-row-"] > *')].filter(
      (one) => one.scrollWidth > one.clientWidth + 1,
    );
    return {
      over: document.documentElement.scrollHeight - innerHeight,
      share: Math.min(...sizes) / innerHeight,
      cut: cut.map((one) => one.textContent),
    };
  });

await visit(base, chromium, async (dashboard, complaints) => {
  const { page } = dashboard;
  const use = (gpu) => `wall-use-${gpu}`;
  await changeGpus(machine, (_, index) => ({
    utilization_percent: 20 + index,
    temperature_celsius: 61,
    power_watts: 480,
  }));

  // Une télévision ouvre cette adresse, sans un geste.
  await page.setViewport({ width: 1920, height: 1080 });
  await dashboard.open("/mur?plein=oui");
  await dashboard.see("wall-row-7");
  check((await page.$$("nav, header, button, select")).length === 0, "des commandes restent");
  await dashboard.shows(use(0), "20 %");
  await dashboard.shows("wall-power-7", "480 W");

  // Une vraie requête fait la ligne de son GPU, et elle seule.
  const before = new Date().toISOString();
  const id = await ask();
  await dashboard.says("wall-first-0", /\d (ms|s)$/);
  await dashboard.shows("wall-first-3", "—");
  await dashboard.says("wall-row-0", "petit-0 3,0 Gio · sur 140,0 Gio");

  for (const [width, height] of SCREENS) {
    await page.setViewport({ width, height });
    await dashboard.still();
    const { over, share, cut } = await measured(page);
    check(over <= 0, `${width} × ${height} : ${over} px sous l'écran`);
    check(cut.length === 0, `${width} × ${height} : coupé, ${cut.join(" ; ")}`);
    check(share >= LEGIBLE, `${width} × ${height} : chiffres d'un ${(1 / share).toFixed(1)}e de l'écran`);
    await dashboard.fits(`le mur à ${width} px`);
  }
  await dashboard.accessible("le mur en plein écran");
  if (picture) await page.screenshot({ path: picture });
  await page.keyboard.press("Escape");
  await dashboard.see("wall-full");

  // Le plein écran du navigateur, d'un bouton ; en sortir rend la page.
  await page.setViewport({ width: 1440, height: 900 });
  await dashboard.press("wall-full");
  await page.waitForFunction(() => document.fullscreenElement && !document.querySelector("nav"));
  await page.evaluate(() => document.exitFullscreen());
  await dashboard.see("wall-full");
  const { over } = await measured(page);
  check(over <= 0, `dans la page, à 1440 × 900 : ${over} px sous l'écran`);

  // D'un point de la courbe à ses requêtes, au clavier.
  await page.waitForFunction(
    () => Number(document.querySelector('[data-testid="wall-spark-0"]')?.dataset.points ?? 0) >= 2,
  );
  await page.focus('[data-testid="wall-spark-0"]');
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Enter");
  await dashboard.see("requests-page");
  await dashboard.says("requests-moment", /^GPU 0, de \d\d:\d\d:\d\d à/);
  const filter = new URLSearchParams(page.url().split("?")[1]);
  check(Date.parse(filter.get("a")) - Date.parse(filter.get("de")) === 30_000, `mauvais moment : ${filter}`);
  // Ce moment, étendu jusqu'à la requête faite plus haut : elle y est, sur ce GPU et pas sur un autre.
  const around = (gpu) => `/requetes?gpu=${gpu}&de=${before}&a=${new Date().toISOString()}`;
  await dashboard.open(around(0));
  await page.waitForSelector(`[aria-label$="détail de la requête ${id}"]`);
  await dashboard.accessible("les requêtes d'un moment");
  await dashboard.open(around(5));
  await dashboard.see("requests-empty");
  await dashboard.press("requests-moment");
  await page.waitForSelector(`[aria-label$="détail de la requête ${id}"]`);

  for (const width of WIDTHS) {
    await page.setViewport({ width, height: 900 });
    for (const place of ["/mur", "/mur?plein=oui"]) {
      await dashboard.open(place);
      await dashboard.see("wall-row-7");
      await dashboard.fits(`${place} à ${width} px`);
    }
    await dashboard.accessible(`le mur à ${width} px`);
  }
  await dashboard.open("/mur");
  await dashboard.scheme("dark");
  await dashboard.accessible("le mur, en sombre");
  check(complaints.length === 0, `plaintes du navigateur : ${complaints.join(" ; ")}`);
  console.log("tout est bon");
});
