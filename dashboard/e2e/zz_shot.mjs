import { visit } from "./browser.mjs";
const [base, chromium] = process.argv.slice(2);
await visit(base, chromium, async (d, complaints) => {
  const { page } = d;
  for (const scheme of ["light", "dark"]) for (const width of [360, 1024, 1920]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.setViewport({ width, height: 900 });
    const shot = (n) => page.screenshot({ path: `/tmp/gpu/${n}-${width}-${scheme}.png` });
    await page.reload();
    await d.see("action-load-qwen");
    await shot("page");
    await d.press("action-load-qwen");
    await d.see("placement-seat-0");
    await shot("dialog");
    await d.press("placement-gpus");
    await d.press("placement-gpu-1");
    await d.press("placement-gpu-5");
    await page.waitForFunction(() => /Ne tient/.test(document.querySelector('[data-testid="placement-menu-summary"]')?.textContent ?? ""));
    await shot("menu");
    await d.press("placement-menu-done");
    await d.gone("placement-gpu-menu");
    await shot("refused");
    await d.press("placement-gpus"); await d.press("placement-gpu-1"); await d.press("placement-menu-done"); await d.gone("placement-gpu-menu");
    await d.see("placement-room");
    await page.evaluate(() => document.querySelector('[data-testid="placement-room"]').scrollIntoView({block:"end"}));
    await shot("room");
  }
  console.log(complaints.join("\n"), "tout est bon");
});
