// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { T } from "../texts";
import { MicrophoneProblem, openMicrophone } from "./microphone";

const RATES = { min: 8000, max: 192000 };
const LISTENER = { heard() {}, lost() {} };

/** Un navigateur dont le microphone s'ouvre ; `addModule` est ce que l'essai en fait. */
function browser(addModule: () => Promise<void>) {
  const track = { stop: vi.fn() };
  const close = vi.fn(async () => {});
  const mediaDevices = { getUserMedia: async () => ({ getTracks: () => [track] }) };
  Object.defineProperty(navigator, "mediaDevices", { value: mediaDevices, configurable: true });
  vi.stubGlobal(
    "AudioContext",
    class {
      sampleRate = 48000;
      audioWorklet = { addModule };
      close = close;
    },
  );
  return { track, close };
}

afterEach(() => {
  vi.unstubAllGlobals();
  Reflect.deleteProperty(navigator, "mediaDevices");
});

test("un programme remplacé par une mise à jour n'est pas un microphone occupé : il faut recharger", async () => {
  const { track, close } = browser(() => Promise.reject(new DOMException("Unable to load a worklet", "AbortError")));
  const opening = openMicrophone("", RATES, LISTENER);
  await expect(opening).rejects.toBeInstanceOf(MicrophoneProblem);
  await expect(opening).rejects.toThrow(T.problems.program);
  expect(track.stop).toHaveBeenCalledOnce();
  expect(close).toHaveBeenCalledOnce();
});

test("un microphone que le système interrompt reste un microphone occupé", async () => {
  browser(async () => {});
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "AbortError"));
  await expect(openMicrophone("", RATES, LISTENER)).rejects.toThrow(T.problems.busy);
});
