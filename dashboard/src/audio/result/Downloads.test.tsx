import { Code, ConnectError } from "@connectrpc/connect";
import { fireEvent, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { DiarizeService } from "../../gen/passerelle/v1/diarize_pb";
import { TranscribeService } from "../../gen/passerelle/v1/transcribe_pb";
import { save } from "../../shell/save";
import { show } from "../../testing/render";
import type { AudioResult } from "../job/send";
import { Downloads } from "./Downloads";

vi.mock("../../shell/save", () => ({ save: vi.fn() }));

const SAID: AudioResult = {
  id: "r",
  duration: 2,
  text: "Bonjour.",
  segments: [{ index: 0, start: 0, end: 2, text: "Bonjour." }],
};
const TURNED: AudioResult = { id: "r", duration: 2, turns: [{ speaker: "SPEAKER_00", start: 0, end: 2 }] };

/** Les fichiers d'un résultat, devant un serveur qui les écrit, ou refuse. */
function downloads(result: AudioResult, refusal?: ConnectError) {
  show(<Downloads audio="réunion.wav" result={result} json="{}" page="audio" />, ({ service }) => {
    service(TranscribeService, {
      writeTranscript: ({ transcript, formats }) => {
        if (refusal) throw refusal;
        return { forms: [{ text: `${formats} ${transcript?.segments.map(({ text }) => text)}` }] };
      },
    });
    service(DiarizeService, {
      writeDiarization: ({ diarization, formats }) => {
        return { forms: [{ text: `${formats} ${diarization?.turns.map(({ speakerLabel }) => speakerLabel)}` }] };
      },
    });
  });
}

beforeEach(() => vi.mocked(save).mockClear());

test("les sous-titres et les tours sont ceux que le serveur écrit", async () => {
  downloads(SAID);
  for (const form of ["srt", "vtt"]) {
    fireEvent.click(screen.getByTestId(`audio-download-${form}`));
    await waitFor(() =>
      expect(save).toHaveBeenLastCalledWith(`réunion.${form}`, expect.any(String), `${form} Bonjour.`),
    );
  }
});

test("les tours, de même", async () => {
  downloads(TURNED);
  fireEvent.click(screen.getByTestId("audio-download-rttm"));
  await waitFor(() => expect(save).toHaveBeenCalledWith("réunion.rttm", "text/plain", "rttm SPEAKER_00"));
});

test("un serveur qui ne répond plus se lit ; le texte et le JSON n'ont pas besoin de lui", async () => {
  downloads(SAID, new ConnectError("Le serveur s'arrête.", Code.Unavailable));
  fireEvent.click(screen.getByTestId("audio-download-srt"));
  await screen.findByTestId("audio-download-failure");
  expect(save).not.toHaveBeenCalled();
  fireEvent.click(screen.getByTestId("audio-download-txt"));
  await waitFor(() => expect(save).toHaveBeenLastCalledWith("réunion.txt", "text/plain", "Bonjour.\n"));
  expect(screen.queryByTestId("audio-download-failure")).toBeNull();
});
