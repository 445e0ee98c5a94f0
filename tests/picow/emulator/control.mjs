// The control socket: a line is a word and its argument, the reply is a line of JSON.
//
// `events` turns a connection into one that hears all that happens, a line of JSON each.
import fs from 'node:fs';
import net from 'node:net';
import { backtrace, lwipHeap } from './inspect.mjs';

/** Word -> what it does to a Board; README.md beside this folder says what for. */
function words(board, pace) {
  const running = () => {
    if (!board.chip) throw new Error('the power is off');
    return board.chip;
  };
  return {
    ms: () => board.nanos / 1e6,
    stat: () => ({
      ms: board.nanos / 1e6,
      power: !!board.chip,
      crashed: board.crashed,
      dormant: !!board.chip?.sleep.dormant,
      instructions: board.instructions,
      resets: board.resets,
      flash: (({ operations, erased, programmed }) => ({ operations, erased, programmed }))(
        board.flash),
      wifi: board.chip && (({ joined, received, sent, dropped }) => (
        { joined, received, sent, dropped, lost: board.air.lost }))(board.chip.wifi),
    }),
    power: (how) => {
      if (how === 'off' || how === 'cycle') board.powerOff();
      if (how === 'on' || how === 'cycle') board.powerOn();
    },
    cut: (n) => board.flash.cut(Number(n)),
    drop: () => running().wifi.dropLink(),
    air: (what) => {
      board.air.there = what === 'net';
      if (!board.air.there) running().wifi.dropLink();
    },
    refusal: (how) => { board.air.refusal = how; },
    silence: (on) => { board.air.silent = on === 'on'; },
    hide: (address) => { board.air.hidden.add(address); },
    show: (address) => { board.air.hidden.delete(address); },
    console: (how) => running().usb.setReading(how === 'read'),
    dtr: (on) => running().usb.setOpen(on === '1'),
    feeds: (what) => {
      const { feeds } = running().watchdog;
      if (what === 'forget') running().watchdog.forget();
      return feeds;
    },
    lwip: () => lwipHeap(running().mcu, board.elf.symbols),
    bt: () => backtrace(running().mcu, board.elf.symbols),
    peek: (address) => running().mcu.readUint32(parseInt(address, 16)),
    speed: (speed) => pace.setSpeed(Number(speed), board.nanos),
    freeze: () => { board.frozen = true; },
    thaw: () => { board.frozen = false; },
  };
}

export class Control {
  /** onWord(): called after each word, which may have given the board something to do. */
  constructor(board, pace, onWord) {
    this.words = words(board, pace);
    this.onWord = onWord;
    this.listeners = new Set();
  }

  /** Take connections at a Unix socket. */
  listen(path) {
    fs.rmSync(path, { force: true });
    net.createServer((client) => {
      let pending = '';
      client.on('error', () => {});
      client.on('close', () => this.listeners.delete(client));
      client.on('data', (bytes) => {
        const lines = (pending + bytes).split('\n');
        pending = lines.pop();
        for (const line of lines) this.#obey(client, line.trim().split(/\s+/));
      });
    }).listen(path);
  }

  /** Tell all who listen to events. */
  tell(event) {
    for (const listener of this.listeners) listener.write(`${JSON.stringify(event)}\n`);
  }

  #obey(client, [word, argument]) {
    if (word === 'events') {
      this.listeners.add(client);
      return;
    }
    let reply;
    try {
      if (!Object.hasOwn(this.words, word)) throw new Error(`there is no word ${word}`);
      reply = this.words[word](argument) ?? 'ok';
    } catch (error) {
      reply = { error: error.message };
    }
    client.write(`${JSON.stringify(reply)}\n`);
    this.onWord();
  }
}
