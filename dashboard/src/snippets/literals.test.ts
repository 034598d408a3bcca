// @vitest-environment node
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { Call, Code, heredocJson, jsLiteral, jsonText, pythonLiteral, shellWord, type Value } from "./literals";

const HARD = `l'« été » $HOME \`id\` $(id) "x" \\n \\ \u0007 \u2028 ${"\n"}\t🎉 %s !!`;
const VALUE: Value = {
  texte: HARD,
  "avec-tiret": [1, -0.5, 1e21, true, false, null, [], {}],
  long: [{ role: "user", content: HARD.repeat(3) }, { absent: undefined }],
};
const PLAIN = JSON.parse(JSON.stringify(VALUE));

function output(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8" });
}

test("un shell rend le mot tel quel", () => {
  expect(output("sh", "-c", `printf %s ${shellWord(HARD)}`)).toBe(HARD);
});

test("un document en ligne, cité ou non, rend le JSON tel quel", () => {
  expect(JSON.parse(output("sh", "-c", `cat <<'FIN'\n${jsonText(VALUE)}\nFIN`))).toEqual(PLAIN);
  expect(JSON.parse(output("sh", "-c", `cat <<FIN\n${heredocJson(VALUE)}\nFIN`))).toEqual(PLAIN);
  const counted = heredocJson({ somme: new Code("$((1 + 1))"), texte: "$((1 + 1))" });
  expect(JSON.parse(output("sh", "-c", `cat <<FIN\n${counted}\nFIN`))).toEqual({ somme: 2, texte: "$((1 + 1))" });
});

test("Python lit la valeur qui a été écrite", () => {
  const program = `import json\nprint(json.dumps(${pythonLiteral(VALUE)}))`;
  expect(JSON.parse(output("python3", "-c", program))).toEqual(PLAIN);
  expect(pythonLiteral(new Call("f", { a: [1], b: undefined, c: new Call("g", { d: "x" }) }))).toBe(
    'f(a=[1], c=g(d="x"))',
  );
});

test("JavaScript lit la valeur qui a été écrite", () => {
  const program = `process.stdout.write(JSON.stringify(${jsLiteral(VALUE)}))`;
  expect(JSON.parse(output(process.execPath, "-e", program))).toEqual(PLAIN);
});
