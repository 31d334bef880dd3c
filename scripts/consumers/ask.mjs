// node ask.mjs PACKAGE CASES ANSWERS: the answers of onnxruntime-node, or of onnxruntime-web in Node.
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { answer } from "./answer.mjs";

const [, , name, cases, answers] = process.argv;
const ort = await import(name);
const own = join(import.meta.dirname, "node_modules", name, "package.json");
const { version } = JSON.parse(readFileSync(own));
writeFileSync(answers, JSON.stringify({ version: `${version}, Node ${process.versions.node}` }) + "\n");
if (ort.env.wasm) ort.env.wasm.numThreads = 1;
const read = (file) => new Uint8Array(readFileSync(join(cases, file)));
const write = (line) => appendFileSync(answers, JSON.stringify(line) + "\n");
await answer(ort, {}, read, write);
process.exit(0); // wasm keeps workers
