// Le microphone : node e2e/page_live.mjs <adresse> <chemin de Chromium> <parole.wav> <clé> <fichier où écrire les extraits>
import { writeFile } from "node:fs/promises";
import { check, refuseStorage, visit } from "./browser.mjs";

const [base, chromium, speech, key, written] = process.argv.slice(2);
// L'enregistrement se répète sans fin : un moteur lent aura toujours une phrase en cours à montrer.
const MICROPHONE = ["--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${speech}`];
const GRANTED = [...MICROPHONE, "--use-fake-ui-for-media-stream"];

/** Donne une clé à la page, avant qu'elle ne s'ouvre. */
const holding = (value) => (page) =>
  page.evaluateOnNewDocument((found) => sessionStorage.setItem("passerelle.key", found), value);

/** Texte du fichier qu'un bouton fait enregistrer. */
async function download(page, name) {
  await page.evaluate(() => {
    window.saved = undefined;
    const create = URL.createObjectURL;
    URL.createObjectURL = (blob) => {
      window.saved = blob.text();
      URL.createObjectURL = create;
      return create.call(URL, blob);
    };
  });
  await page.click(`[data-testid="live-download-${name}"]`);
  // Le serveur écrit le fichier : il vient après le clic.
  await page.waitForFunction(() => window.saved);
  return page.evaluate(() => window.saved);
}

await visit(
  base,
  chromium,
  async (dashboard, complaints) => {
    const { page } = dashboard;
    await dashboard.open("/essayer/micro");
    await dashboard.see("live-start");
    await dashboard.accessible("micro fermé");
    await page.waitForSelector('[data-testid="live-language"]');
    await page.select('[data-testid="live-language"]', "en");
    await dashboard.press("live-start");
    await page.waitForFunction(
      () => Number(document.querySelector('[data-testid="live-level"]')?.getAttribute("aria-valuenow")) > 20,
    );
    await dashboard.grown("live-partial", 0, 5);
    await page.waitForFunction(() =>
      /Dashwood/.test(document.querySelector('[data-testid="live-finals"]')?.textContent ?? ""),
    );
    await dashboard.open("/machine");
    await dashboard.see("live-badge");
    await dashboard.click('[data-testid="live-badge"] a');
    check(/^\d+,\d s$/.test(await dashboard.text("live-latency")), "la latence ne se lit pas");
    await dashboard.accessible("micro ouvert");
    await dashboard.press("live-stop");
    await dashboard.see("live-downloads");
    const text = await dashboard.text("live-finals");
    check((await download(page, "txt")).includes("Dashwood"), "le texte téléchargé n'a pas les mots");
    check(/^1\n00:00:0\d,\d{3} --> /.test(await download(page, "srt")), "le SRT est mal formé");
    check(/^WEBVTT\n\n00:00:0\d\.\d{3} --> /.test(await download(page, "vtt")), "le VTT est mal formé");
    const json = JSON.parse(await download(page, "json"));
    check(json.language === "en" && json.segments.length > 0, `JSON : ${JSON.stringify(json)}`);
    check(text.includes(json.segments[0].text), "le JSON n'a pas le texte affiché");
    for (const width of [360, 1024, 1920]) {
      await page.setViewport({ width, height: 900 });
      await dashboard.fits(`micro à ${width} px`);
      await dashboard.accessible(`micro à ${width} px`);
    }
    await dashboard.scheme("dark");
    await dashboard.accessible("micro en sombre");
    await dashboard.scheme("light");
    // Un microphone que l'on débranche finit sa piste ; rien d'autre ne le simule ici.
    await page.evaluate(() => {
      const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (wanted) => {
        window.stream = await open(wanted);
        return window.stream;
      };
    });
    await dashboard.press("live-start");
    await page.waitForFunction(() =>
      document.querySelector('[data-testid="live-phase"]')?.textContent.startsWith("À l'écoute"),
    );
    await page.evaluate(() => window.stream.getAudioTracks()[0].dispatchEvent(new Event("ended")));
    check(/a été débranché/.test(await dashboard.text("live-failure")), "le débranchement ne se voit pas");
    await dashboard.see("live-start");

    const snippets = {};
    for (const language of ["curl", "python", "node", "grpc"]) {
      await dashboard.press(`live-snippets-${language}`);
      snippets[language] = await dashboard.text("snippet-code");
    }
    check(!JSON.stringify(snippets).includes(key), "un extrait porte la clé");
    await writeFile(written, JSON.stringify(snippets));

    // Un fichier part aussi sous la clé : elle n'est dans aucune adresse, ni le journal que l'essai lira.
    await dashboard.open("/essayer/audio");
    await (await page.waitForSelector('[data-testid="audio-file"]')).uploadFile(speech);
    await page.select('[data-testid="audio-language"]', "en");
    await dashboard.press("audio-run");
    await dashboard.says("audio-passages", /Dashwood/);
    check(complaints.length === 0, `plaintes : ${complaints.join("\n")}`);
  },
  { flags: GRANTED, secrets: [key], prepare: holding(key) },
);

await visit(
  base,
  chromium,
  async (dashboard) => {
    await dashboard.open("/essayer/micro");
    await dashboard.press("live-start");
    check(/clé n'est pas reconnue/.test(await dashboard.text("live-failure")), "le refus de la clé ne se voit pas");
  },
  { flags: GRANTED, prepare: holding("fausse") },
);

await visit(
  base,
  chromium,
  async (dashboard) => {
    const { page } = dashboard;
    await page.browserContext().overridePermissions(base, []);
    await dashboard.open("/essayer/micro");
    await dashboard.press("live-start");
    check(/est refusé à cette page/.test(await dashboard.text("live-failure")), "le refus du micro ne se voit pas");
  },
  { flags: MICROPHONE, prepare: holding(key) },
);

// En HTTP simple, hors de localhost, la mémoire refusée : la page marche, le microphone non, et elle dit pourquoi.
const { port } = new URL(base);
await visit(
  `http://passerelle.test:${port}`,
  chromium,
  async (dashboard, complaints) => {
    const { page } = dashboard;
    await dashboard.open("/essayer/micro");
    const advice = await dashboard.text("live-insecure");
    check(/docs\/tls\.md/.test(advice) && advice.includes(`http://localhost:${port}/`), `remède : ${advice}`);
    check(await page.$eval('[data-testid="live-start"]', (button) => button.disabled), "le bouton reste permis");
    await dashboard.accessible("micro en HTTP simple");
    // La page est bien de ce serveur : son WebSocket s'ouvre, et répond.
    const said = await page.evaluate(
      () =>
        new Promise((resolve) => {
          const socket = new WebSocket(`ws://${location.host}/ws/transcribe`);
          socket.onopen = () => socket.send('{"type":"config"}');
          socket.onmessage = ({ data }) => resolve(data);
          socket.onclose = ({ code }) => resolve(`fermé : ${code}`);
        }),
    );
    check(JSON.parse(said).reason === "MISSING_API_KEY", `le WebSocket répond : ${said}`);
    // Chromium remarque qu'un de nos en-têtes ne vaut qu'en HTTPS.
    await dashboard.open("/essayer/audio");
    await dashboard.see("audio-desk");
    check((await dashboard.texts("crash")).length === 0, "l'audio échoue sans mémoire");
    const ours = complaints.filter((complaint) => !complaint.includes("Cross-Origin-Opener-Policy"));
    check(ours.length === 0, `plaintes : ${ours.join("\n")}`);
  },
  { flags: ["--host-resolver-rules=MAP passerelle.test 127.0.0.1"], prepare: refuseStorage },
);

console.log("tout est bon");
