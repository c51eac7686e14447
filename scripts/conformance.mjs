// Counts what the Autobahn suite found: node conformance.mjs INDEX.json OUT.json. Prints a row for each group and fails
// when a case failed or was closed in another way than the suite expects.
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';

const [index, out] = process.argv.slice(2);
const results = Object.values(JSON.parse(await readFile(index, 'utf8')))[0];
const numbers = (id) => id.split('.').map(Number);
const order = (a, b) => numbers(a).reduce((so_far, n, i) => so_far || n - numbers(b)[i], 0);

const groups = {};
const cases = {};
const wrong = [];
for (const id of Object.keys(results).sort(order)) {
  const { behavior, behaviorClose, remoteCloseCode } = results[id];
  const group = (groups[id.split('.')[0]] ??= { cases: 0, behaviour: {}, close: {} });
  group.cases += 1;
  group.behaviour[behavior] = (group.behaviour[behavior] ?? 0) + 1;
  group.close[behaviorClose] = (group.close[behaviorClose] ?? 0) + 1;
  cases[id] = { behaviour: behavior, close: behaviorClose, code: remoteCloseCode };
  const fine = ['OK', 'NON-STRICT', 'INFORMATIONAL'].includes(behavior) && ['OK', 'INFORMATIONAL'].includes(behaviorClose);
  if (!fine) wrong.push(`${id}: ${behavior}, close ${behaviorClose}`);
}

const said = (counts) => Object.entries(counts).map(([what, count]) => `${what} ${count}`).join(', ');
for (const [group, { cases: count, behaviour, close }] of Object.entries(groups)) {
  console.log(`| ${group} | ${count} | ${said(behaviour)} | ${said(close)} |`);
}
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
const report = { suite: 'autobahntestsuite 0.8.2, fuzzingclient', commit, groups, cases };
// One line a case.
const text = JSON.stringify(report, null, 1).replace(/\{\n\s+"behaviour": ("[^"]*"),\n\s+"close": ("[^"]*"),\n\s+"code": (\w+)\n\s+\}/g,
  '{ "behaviour": $1, "close": $2, "code": $3 }');
await writeFile(out, `${text}\n`);
console.log(wrong.length === 0 ? `${Object.keys(cases).length} cases, none wrong` : wrong.join('\n'));
process.exitCode = wrong.length === 0 ? 0 : 1;
