// Un Chromium à soi, ce qu'on y regarde, et ce dont il se plaint.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const PATIENCE_MS = 60_000;
/** Appuis tentés sur un bouton qui se déplace. */
const ATTEMPTS = 5;
const AXE = await readFile(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

/** Échoue avec `message` si la condition est fausse. */
export function check(condition, message) {
  if (!condition) throw new Error(message);
}

/** Ce que la personne a réglé dans son système ; sans mouvement, une couleur mesurée est celle qu'on lira. */
const preferences = (scheme) => [
  { name: "prefers-reduced-motion", value: "reduce" },
  { name: "prefers-color-scheme", value: scheme },
];

/**
 * Joue `walk` sur la page de `base` ; tout est fermé et retiré en sortie, et un échec montre la page.
 *
 * `width` est la largeur de l'écran, en pixels ; `flags` s'ajoute aux options de Chromium ; `prepare(page)` passe avant
 * l'ouverture de l'adresse.
 */
export async function visit(base, executablePath, walk, { width = 1280, flags = [], prepare } = {}) {
  check(base && executablePath, "usage : node <script> <adresse> <chemin de Chromium>");
  const userDataDir = await mkdtemp(join(tmpdir(), "passerelle-chromium-"));
  const complaints = [];
  let browser;
  let page;
  try {
    browser = await puppeteer.launch({ executablePath, headless: true, userDataDir, args: [...FLAGS, ...flags] });
    page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("console", (message) => {
      if (["error", "warn"].includes(message.type())) complaints.push(`console : ${message.text()}`);
    });
    page.on("pageerror", (error) => complaints.push(`exception : ${error}`));
    await page.evaluateOnNewDocument(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`CSP : ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures(preferences("light"));
    await prepare?.(page);
    await page.goto(base);
    await walk(new Dashboard(page), complaints);
  } catch (error) {
    const text = await page?.evaluate(() => document.body.textContent).catch(() => "(page perdue)");
    console.error(`Page au moment de l'échec :\n${text?.slice(0, 3000)}\n\nPlaintes :\n${complaints.join("\n")}\n`);
    console.error(`Échec : ${error.message}`);
    process.exitCode = 1;
  } finally {
    await browser?.close();
    await rm(userDataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Les gestes d'une personne devant la page. */
class Dashboard {
  constructor(page) {
    this.page = page;
  }

  /** Les mêmes gestes dans un autre onglet. */
  in(page) {
    return new Dashboard(page);
  }

  /** Va à une page du menu, par son adresse, et attend son programme. */
  async open(path) {
    await this.page.evaluate(
      (place) =>
        new Promise((resolve) => {
          const before = location.hash;
          addEventListener("hashchange", () => setTimeout(resolve), { once: true });
          location.hash = place;
          if (location.hash === before) resolve();
        }),
      path,
    );
    await this.gone("page-loading");
  }

  /** Passe le système en clair (« light ») ou en sombre (« dark »), et attend que la page ait suivi. */
  async scheme(value) {
    await this.page.emulateMediaFeatures(preferences(value));
    await this.page
      .waitForFunction((wanted) => document.documentElement.dataset.scheme === wanted, {}, value)
      .catch((error) => fail(`la page ne passe pas à « ${value} »`, error));
  }

  /** Attend la fin des transitions : à mi-chemin, une couleur n'a pas son contraste. */
  async still() {
    await this.page.evaluate(async () => {
      const moving = () =>
        document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime !== Infinity);
      do {
        await Promise.allSettled(moving().map((one) => one.finished));
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      } while (moving().some(({ playState }) => playState === "running"));
    });
  }

  /** Échoue si axe trouve un défaut sérieux ou critique. */
  async accessible(what) {
    await this.still();
    await this.page.evaluate(AXE);
    const found = await this.page.evaluate(async () => {
      const { violations } = await window.axe.run();
      return violations
        .filter(({ impact }) => ["serious", "critical"].includes(impact))
        .map(({ id, nodes }) => `${id} : ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
    });
    check(found.length === 0, `${what}, accessibilité : ${found.join(" ; ")}`);
  }

  /** Échoue si la page déborde de l'écran en largeur. */
  async fits(what) {
    const [wide, shown] = await this.page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.clientWidth,
    ]);
    check(wide <= shown, `${what} : la page fait ${wide} px pour un écran de ${shown} px`);
  }

  /** Attend un élément ; rend son texte. */
  async text(name) {
    await this.see(name);
    return this.page.$eval(at(name), (element) => element.textContent);
  }

  async see(name) {
    await this.page.waitForSelector(at(name)).catch((error) => fail(`« ${name} » n'apparaît pas`, error));
  }

  async gone(name) {
    await this.page
      .waitForSelector(at(name), { hidden: true })
      .catch((error) => fail(`« ${name} » ne disparaît pas`, error));
  }

  /** Appuie sur un bouton dès qu'il est permis. */
  async press(name) {
    await this.see(name);
    await this.click(at(name)).catch((error) => fail(`« ${name} » reste interdit`, error));
  }

  /** Clique au milieu d'un élément, de nouveau si la page a bougé sous le doigt. */
  async click(selector) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      await this.page.waitForSelector(selector);
      await this.page.$eval(
        selector,
        (element, place) => {
          // Au bord de l'écran, la barre du bas ou l'en-tête prendrait le clic.
          element.scrollIntoView({ block: "center", behavior: "instant" });
          window.clicked = false;
          const note = ({ target }) => {
            window.clicked = target.closest(place) !== null;
          };
          document.addEventListener("click", note, { capture: true, once: true });
        },
        selector,
      );
      await this.page.locator(`${selector}:not([disabled])`).click();
      // Une page que ce clic fait recharger n'a plus la note, ou plus de quoi la lire.
      const missed = await this.page.evaluate(() => window.clicked === false).catch(() => false);
      if (!missed) return;
    }
    throw new Error(`${selector} échappe au clic`);
  }

  async type(name, text) {
    await this.see(name);
    await this.page.type(at(name), text);
  }

  /** Attend qu'un modèle soit dans un état. */
  async state(key, expected) {
    await this.page
      .waitForFunction(
        (selector, value) => document.querySelector(selector)?.textContent === value,
        {},
        at(`model-state-${key}`),
        expected,
      )
      .catch((error) => fail(`${key} n'arrive pas à l'état « ${expected} »`, error));
  }

  /** Textes de tous les éléments d'un même nom. */
  texts(name) {
    return this.page.$$eval(at(name), (all) => all.map((element) => element.textContent));
  }

  /** Attend que l'élément de rang `rank` ait au moins `length` caractères. */
  async grown(name, rank, length) {
    await this.page
      .waitForFunction(
        (selector, index, least) => (document.querySelectorAll(selector)[index]?.textContent.length ?? 0) >= least,
        {},
        at(name),
        rank,
        length,
      )
      .catch((error) => fail(`« ${name} » ${rank} n'atteint pas ${length} caractères`, error));
  }
}

function at(name) {
  return `[data-testid="${name}"]`;
}

function fail(message, cause) {
  throw new Error(`${message} (${cause.message})`, { cause });
}
