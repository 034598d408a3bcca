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
 * Pendant toute la visite, rien ne doit être demandé à un autre site, et aucune adresse ne doit porter un des `secrets`.
 *
 * `width` est la largeur de l'écran, en pixels ; `flags` s'ajoute aux options de Chromium ; `prepare(page)` passe avant
 * l'ouverture de l'adresse.
 */
export async function visit(base, executablePath, walk, { width = 1280, flags = [], secrets = [], prepare } = {}) {
  check(base && executablePath, "usage : node <script> <adresse> <chemin de Chromium>");
  const userDataDir = await mkdtemp(join(tmpdir(), "passerelle-chromium-"));
  const complaints = [];
  const urls = [];
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
    await page.evaluateOnNewDocument(readAsTyped);
    await listen(page, urls);
    browser.on("targetcreated", async (target) => {
      const tab = await target.page().catch(() => null);
      if (tab) await listen(tab, urls).catch(() => {}); // déjà refermé
    });
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures(preferences("light"));
    await prepare?.(page);
    await page.goto(base);
    await walk(new Dashboard(page), complaints);
    confined(urls, base, secrets);
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

/** Fait lire la page comme on la tape : apostrophe droite, espaces simples ; src/typography.ts compose ses textes. */
function readAsTyped() {
  const typed = (shown) => shown?.replaceAll("’", "'").replaceAll(/[\u00a0\u202f]/g, " ") ?? null;
  const { getAttribute } = Element.prototype;
  Element.prototype.getAttribute = function (name) {
    const found = getAttribute.call(this, name);
    return name.startsWith("aria-") ? typed(found) : found;
  };
  for (const [owner, name] of [
    [Node.prototype, "textContent"],
    [Document.prototype, "title"],
  ]) {
    const whole = Object.getOwnPropertyDescriptor(owner, name);
    Object.defineProperty(owner, name, {
      ...whole,
      get() {
        return typed(whole.get.call(this));
      },
    });
  }
}

/** Comme un navigateur strict : toucher à la mémoire lève une exception. */
export async function refuseStorage(page) {
  await page.evaluateOnNewDocument(() => {
    for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(window, name, {
        get() {
          throw new DOMException("The operation is insecure.", "SecurityError");
        },
      });
    }
  });
}

/** Note chaque adresse qu'une page demande, WebSocket compris. */
async function listen(page, urls) {
  page.on("request", (request) => urls.push(request.url()));
  const session = await page.createCDPSession();
  session.on("Network.webSocketCreated", ({ url }) => urls.push(url));
  await session.send("Network.enable");
}

/**
 * Échoue si une adresse est d'un autre site, ou porte un secret.
 *
 * Un fichier que la page fait elle-même (`blob:`) est de son site ; une adresse `data:` ne demande rien, et n'est pas vue.
 */
function confined(urls, base, secrets) {
  const { origin } = new URL(base);
  const ours = [origin, origin.replace(/^http/, "ws")];
  check(urls.length > 1, `presque aucune adresse n'a été vue : ${urls}`);
  const foreign = urls.filter((url) => !ours.includes(new URL(url).origin));
  check(foreign.length === 0, `demandé à un autre site que ${origin} : ${foreign.join(" ")}`);
  const hidden = secrets.flatMap((secret) => [secret, encodeURIComponent(secret), btoa(secret)]);
  const telling = urls.filter((url) => hidden.some((secret) => url.includes(secret)));
  check(telling.length === 0, `une clé est dans une adresse : ${telling.join(" ")}`);
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

  /** Attend que plus rien ne bouge : à mi-chemin, une couleur n'a pas son contraste, ni un texte différé sa fin. */
  async still() {
    await this.page.evaluate(async () => {
      const moving = () =>
        document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime !== Infinity);
      do {
        await Promise.allSettled(moving().map((one) => one.finished));
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        // Un rendu que React a différé passe avant le repos du navigateur ; micro ouvert, ce repos peut ne jamais venir.
        await new Promise((resolve) => requestIdleCallback(resolve, { timeout: 1_000 }));
      } while (moving().some(({ playState }) => playState === "running"));
    });
  }

  /** Échoue si axe trouve un défaut sérieux ou critique. */
  async accessible(what) {
    await this.still();
    await this.page.evaluate(AXE);
    const found = await this.page.evaluate(async () => {
      // Sans le détail de ce qui est passé : la même page en demande moins.
      const { violations } = await window.axe.run({ resultTypes: ["violations"] });
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

  /** Échoue si une partie de l'élément sort de l'écran en largeur : une boîte de dialogue ne fait pas déborder la page. */
  async contains(name, what) {
    await this.see(name);
    const outside = await this.page.$eval(at(name), (element) => {
      const shown = document.documentElement.clientWidth;
      return [element, ...element.querySelectorAll("*")]
        .map((one) => [one, one.getBoundingClientRect()])
        .filter(([, { width, left, right }]) => width > 0 && (left < 0 || right > shown))
        .map(([one, { left, right }]) => `${one.tagName} de ${Math.round(left)} à ${Math.round(right)} px`);
    });
    check(outside.length === 0, `${what} : hors de l'écran, ${outside.join(" ; ")}`);
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

  /** Remplace le texte d'un champ, au clavier. */
  async fill(name, text) {
    await this.see(name);
    await this.page.$eval(at(name), (field) => {
      field.focus();
      field.select();
    });
    await this.page.keyboard.type(text);
  }

  /** Attend que le texte d'un élément porte `part`, un texte ou une expression ; rend ce texte. */
  async says(name, part) {
    const pattern = part instanceof RegExp ? part.source : undefined;
    const found = await this.page
      .waitForFunction(
        (selector, text, source) => {
          const shown = document.querySelector(selector)?.textContent ?? "";
          return (source === null ? shown.includes(text) : new RegExp(source).test(shown)) && { shown };
        },
        {},
        at(name),
        `${part}`,
        pattern ?? null,
      )
      .catch(async (error) => {
        const [shown = "(absent)"] = await this.texts(name).catch(() => []);
        fail(`« ${name} » ne dit pas « ${part} » mais « ${shown} »`, error);
      });
    return (await found.jsonValue()).shown;
  }

  /** Attend que le texte d'un élément soit `expected`, et rien d'autre. */
  async shows(name, expected) {
    await this.page
      .waitForFunction(
        (selector, value) => document.querySelector(selector)?.textContent === value,
        {},
        at(name),
        expected,
      )
      .catch(async (error) => {
        const [shown = "(absent)"] = await this.texts(name).catch(() => []);
        fail(`« ${name} » n'est pas « ${expected} » mais « ${shown} »`, error);
      });
  }

  /** Attend qu'un modèle soit dans un état. */
  state(key, expected) {
    return this.shows(`model-state-${key}`, expected);
  }

  /** Fait noter par la page, désormais, chaque texte nouveau des éléments d'un nom ; `noted` les rend dans l'ordre. */
  async note(name) {
    await this.page.evaluate(
      (key, selector) => {
        window.notes ??= {};
        window.notes[key] = [];
        new MutationObserver(() => {
          for (const { textContent } of document.querySelectorAll(selector)) {
            if (!window.notes[key].includes(textContent)) window.notes[key].push(textContent);
          }
        }).observe(document.body, { childList: true, characterData: true, subtree: true });
      },
      name,
      at(name),
    );
  }

  noted(name) {
    return this.page.evaluate((key) => window.notes[key], name);
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
