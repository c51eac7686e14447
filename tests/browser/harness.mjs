// Starts the program under test, a browser, and a proxy whose wire can be cut. Knows nothing of what is tested.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const START_MS = 60_000;
const STOP_MS = 15_000;
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--enable-unsafe-swiftshader', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

/** `beeline demo` on a free port with its own data folder: `{base, stop()}`. */
export async function startBeeline(binary) {
  const data = await mkdtemp(join(tmpdir(), 'beeline-browser-'));
  const child = spawn(binary, ['demo'], {
    env: { ...process.env, BEELINE_LISTEN: '127.0.0.1:0', BEELINE_DATA: data }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  const complaints = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    complaints.push(line);
    if (complaints.length > 40) complaints.shift();
  });
  const lines = createInterface({ input: child.stdout });
  const base = await new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`${why}\n${complaints.join('\n')}`));
    const timer = setTimeout(() => fail('the server did not say where it listens'), START_MS);
    lines.once('line', (line) => {
      clearTimeout(timer);
      const match = /^listening on (http:\/\/\S+)$/.exec(line);
      if (match) resolve(match[1]);
      else fail(`unexpected first line: ${line}`);
    });
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`the server ended with ${code}`));
  }).catch((error) => {
    child.kill('SIGKILL');
    throw error;
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await gone;
      clearTimeout(timer);
    }
    await rm(data, { recursive: true, force: true });
  };
  return { base, stop, kill: () => child.kill('SIGKILL') };
}

export function startBrowser() {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS, timeout: START_MS });
}

/** A TCP proxy before `base`: `cut(ms)` drops every connection and takes none for that long. */
export async function startProxy(base) {
  const { hostname, port } = new URL(base);
  const open = new Set();
  let refusing = false;
  const server = net.createServer((client) => {
    if (refusing) return client.resetAndDestroy();
    const upstream = net.connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        open.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    return upstream.pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const drop = () => { for (const socket of open) socket.destroy(); };
  return {
    base: `http://127.0.0.1:${server.address().port}`,
    cut(ms) {
      refusing = true;
      drop();
      setTimeout(() => { refusing = false; }, ms);
    },
    stop() {
      drop();
      server.close();
    },
  };
}

/** Calls `probe` until it gives something truthy; fails after `ms`, naming `what`. */
export async function until(what, probe, ms = 30_000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`no ${what} within ${ms / 1_000} s`);
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
}
