// Runs one emulated Pico W:
// node main.mjs --elf FILE --bootrom FILE --flash FILE --folder DIR [--ssid net]
//     [--password password] [--uptime-ms N]
//
// DIR gets the sockets console, control and air, and console.log. The power is off at first. Ends
// when its standard input does, so that it does not outlive whoever started it.
import fs from 'node:fs';
import net from 'node:net';
import { parseArgs } from 'node:util';
import { Air } from './air.mjs';
import { Board } from './board.mjs';
import { readBootrom } from './bootrom.mjs';
import { Control } from './control.mjs';
import { readElf } from './elf.mjs';
import { Flash } from './flash.mjs';
import { Pace } from './pace.mjs';

const SLICE = 100_000; // instructions between two looks at the sockets
const SHORTEST_SLEEP_NANOS = 300_000;
const LONGEST_SLEEP_MS = 40; // the host's clock is looked at again

const { values: options } = parseArgs({ options: {
  elf: { type: 'string' },
  bootrom: { type: 'string' },
  flash: { type: 'string' },
  folder: { type: 'string' },
  ssid: { type: 'string', default: 'net' },
  password: { type: 'string', default: 'password' },
  'uptime-ms': { type: 'string', default: '0' },
} });
const inFolder = (name) => `${options.folder}/${name}`;

const log = fs.openSync(inFolder('console.log'), 'a');
const terminals = new Set(); // connections to the console
let timer = null;
let scheduled = false;
let control = null;

const elf = readElf(options.elf);
const pace = new Pace();
const air = new Air({ ...options, socket: inFolder('air') });
const board = new Board({
  elf,
  bootrom: readBootrom(options.bootrom),
  flash: new Flash(options.flash, elf.segments),
  air,
  uptimeMs: Number(options['uptime-ms']),
  tell(kind, details) {
    const event = { kind, ms: Math.round(board.nanos / 1e6), ...details };
    if (kind !== 'usb') fs.writeSync(log, `\n~~~~ ${JSON.stringify(event)}\n`);
    control.tell(event);
  },
  onText(bytes) {
    fs.writeSync(log, bytes);
    for (const terminal of terminals) terminal.write(bytes);
  },
});
air.onArrival = wake;
control = new Control(board, pace, wake);
control.listen(inFolder('control'));
fs.rmSync(inFolder('console'), { force: true });
net.createServer((terminal) => {
  terminals.add(terminal);
  terminal.on('error', () => {});
  terminal.on('close', () => terminals.delete(terminal));
  terminal.on('data', (bytes) => {
    board.chip?.usb.type(bytes);
    wake();
  });
}).listen(inFolder('console'));
process.stdin.on('end', () => process.exit(0)).resume();

/** Go on now, whatever the board was waiting for. */
function wake() {
  clearTimeout(timer);
  if (scheduled) return;
  scheduled = true;
  setImmediate(run);
}

function run() {
  scheduled = false;
  if (board.frozen) return;
  const rest = board.run(SLICE, pace.limit(board.nanos));
  if (rest === Infinity) return;
  if (rest > SHORTEST_SLEEP_NANOS) timer = setTimeout(wake, Math.min(rest / 1e6, LONGEST_SLEEP_MS));
  else wake();
}
