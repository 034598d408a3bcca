// @vitest-environment node
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { type Json, jsLiteral, pythonLiteral, shellWord } from "./literals";

const HARD = `l'« été » $HOME \`id\` $(id) "x" \\n \\ \u0007 \u2028 ${"\n"}\t🎉 %s !!`;
const VALUE: Json = {
  texte: HARD,
  "avec-tiret": [1, -0.5, 1e21, true, false, null, [], {}],
  long: [{ role: "user", content: HARD.repeat(3) }, { absent: undefined }],
};

test("un shell rend le mot tel quel", () => {
  expect(execFileSync("sh", ["-c", `printf %s ${shellWord(HARD)}`], { encoding: "utf8" })).toBe(HARD);
});

test("Python lit la valeur qui a été écrite", () => {
  const program = `import json\nprint(json.dumps(${pythonLiteral(VALUE)}))`;
  expect(JSON.parse(execFileSync("python3", ["-c", program], { encoding: "utf8" }))).toEqual(
    JSON.parse(JSON.stringify(VALUE)),
  );
});

test("JavaScript lit la valeur qui a été écrite", () => {
  const program = `process.stdout.write(JSON.stringify(${jsLiteral(VALUE)}))`;
  expect(JSON.parse(execFileSync(process.execPath, ["-e", program], { encoding: "utf8" }))).toEqual(
    JSON.parse(JSON.stringify(VALUE)),
  );
});
