// Browser tests of the pages against the real program:
//   BEELINE_BIN=target/debug/beeline [BEELINE_SHOTS=folder] [ONLY=word] node tests/browser/run.mjs
// The last line is "N passed, N failed"; the exit code says the same.
import { startBeeline, startBrowser } from './harness.mjs';
import { tests } from './stories.mjs';

const ALL_MS = 8 * 60_000;
const ONE_MS = 120_000;

const binary = process.env.BEELINE_BIN;
if (!binary) {
  console.error('BEELINE_BIN must name the program to test');
  process.exit(2);
}

function within(ms, work) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`not done within ${ms / 1_000} s`)), ms); });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

const server = await startBeeline(binary).catch((error) => {
  console.error(error.message);
  console.log('0 passed, 1 failed');
  process.exit(1);
});
// Whatever hangs, neither this process nor its child outlives the deadline.
const watchdog = setTimeout(() => {
  console.error(`not done within ${ALL_MS / 1_000} s`);
  server.kill();
  process.exit(1);
}, ALL_MS);
process.once('SIGINT', () => { server.kill(); process.exit(130); });
process.once('SIGTERM', () => { server.kill(); process.exit(143); });

let passed = 0;
let failed = 0;
let browser;
try {
  browser = await startBrowser();
  for (const { name, run } of tests) {
    if (process.env.ONLY && !name.includes(process.env.ONLY)) continue;
    const began = Date.now();
    try {
      await within(ONE_MS, run({ browser, base: server.base }));
      passed += 1;
      console.log(`ok ${name} (${Date.now() - began} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${name}\n${error.stack ?? error}`);
    }
  }
} catch (error) {
  failed += 1;
  console.log(`FAILED to run the browser\n${error.stack ?? error}`);
}
await within(20_000, browser?.close() ?? Promise.resolve()).catch(() => {});
await server.stop();
clearTimeout(watchdog);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
