import { expect, test } from "vitest";
import { type AudioEvent, EventReader } from "./send";

const STREAM =
  ": commentaire\n\n" +
  'data: {"type":"progress","stage":"recognition","completed_ratio":0.5}\n\n' +
  'data: {"type":"segment","segment":{"index":0,"start":0,"end":1,"text":"été"}}\n\n' +
  'data: {"type":"result","result":{"id":"r1","duration":1.0,"text":"été"}}\n\n' +
  'data: {"error":{"message":"refusé"}}\n\n';

test("un flux se lit pareil où qu'on le coupe", () => {
  for (let cut = 1; cut < STREAM.length; cut += 1) {
    const reader = new EventReader();
    const events: AudioEvent[] = [...reader.push(STREAM.slice(0, cut)), ...reader.push(STREAM.slice(cut))];
    expect(events.map((event) => event.type)).toEqual(["progress", "segment", "result", "error"]);
    expect(events[1]).toMatchObject({ segment: { text: "été" } });
    expect(events[2]).toMatchObject({ result: { duration: 1 }, json: '{"id":"r1","duration":1.0,"text":"été"}' });
    expect(events[3]).toMatchObject({ message: "refusé" });
  }
});
