// The board: one chip after the other, with the flash, the air and the time that outlast a reset.
import { RP2040 } from 'rp2040js';
import './memory.mjs';
import { joinFlash } from './bootrom.mjs';
import { Breakpoints } from './breakpoints.mjs';
import { FLASH_ADDRESS, PowerCut } from './flash.mjs';
import { backtrace } from './inspect.mjs';
import { Sleep } from './sleep.mjs';
import { UsbHost } from './usb.mjs';
import { POWER_ON, Watchdog } from './watchdog.mjs';
import { WifiChip } from './wifi.mjs';

const PAD_RESET = 0x56; // [RP2040 data sheet, section 2.19.6.3]: input enabled, without which the
// Wi-Fi chip's interrupt never comes; rp2040js starts with 0
const STACK_TOP = 0x20041f00; // any RAM: boot2 sets the firmware's own
const WAITING_COSTS = 50; // instructions that a step of waiting counts for

/** Lets rp2040js's complaints through once each; most are about what is not modelled. */
class Logger {
  constructor(tell) {
    this.tell = tell;
    this.told = new Set();
  }

  debug() {}

  info() {}

  warn() {}

  error(part, message) {
    const text = `${part}: ${message}`;
    if (!this.told.has(text)) this.tell('emulator', { error: text });
    this.told.add(text);
  }
}

export class Board {
  /**
   * elf: what readElf() returns. bootrom: words. uptimeMs: where the first chip's ticks begin.
   * tell(kind, details): told of power, resets, USB, Wi-Fi. onText(bytes): what the board prints.
   */
  constructor({ elf, bootrom, flash, air, uptimeMs, tell, onText }) {
    Object.assign(this, { elf, bootrom, flash, air, tell, onText });
    this.uptimeNanos = uptimeMs * 1e6;
    this.pastNanos = 0; // what chips before this one have lived
    this.instructions = 0;
    this.resets = [];
    this.chip = null; // none: the power is off
    this.pending = null; // why this chip has to be reset
    this.crashed = false;
  }

  /** Nanoseconds that the board has lived, over all its chips. */
  get nanos() {
    return this.pastNanos + (this.chip ? this.chip.clock.nanos - this.chip.startNanos : 0);
  }

  powerOn() {
    if (this.chip) return;
    this.#start(POWER_ON);
    this.tell('power', { on: true });
  }

  powerOff() {
    if (!this.chip) return;
    this.#end();
    this.tell('power', { on: false });
  }

  /**
   * Run at most `most` instructions, not beyond `limit` nanoseconds of the board's life.
   *
   * Returns the nanoseconds until it has to go on; 0: at once; Infinity: not by itself.
   */
  run(most, limit) {
    if (!this.chip || this.crashed) return Infinity;
    try {
      return this.#run(most, limit);
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.powerOff();
      return Infinity;
    }
  }

  #run(most, limit) {
    const { chip } = this;
    const { clock, core } = chip;
    const end = limit - this.pastNanos + chip.startNanos; // on this chip's clock
    for (let done = 0; done < most; done++) {
      if (core.waiting) {
        if (this.crashed || chip.sleep.dormant) return Infinity;
        const pause = clock.nanosToNextAlarm;
        if (clock.nanos + pause > end) {
          const rest = clock.nanos + pause - end;
          if (end > clock.nanos) clock.tick(end - clock.nanos);
          return rest;
        }
        clock.tick(pause || 1000);
        done += WAITING_COSTS;
      } else {
        clock.tick((core.executeInstruction() * 1e9) / chip.mcu.clkSys);
        this.instructions++;
      }
      if (this.pending) {
        this.#reset(this.pending);
        return 0;
      }
    }
    return 0;
  }

  #start(registers) {
    const mcu = new RP2040();
    const { clock } = mcu;
    clock.nanosCounter = this.uptimeNanos;
    mcu.logger = new Logger(this.tell);
    mcu.loadBootrom(this.bootrom);
    this.flash.load(mcu.flash);
    for (const pin of mcu.gpio) pin.padValue = PAD_RESET;
    const breakpoints = new Breakpoints(mcu, (address) => {
      this.crashed = true;
      this.tell('crash', { at: address.toString(16), in: backtrace(mcu, this.elf.symbols) });
    });
    joinFlash(mcu, breakpoints, this.flash);
    const wifi = new WifiChip(mcu, breakpoints, this.elf.symbols, this.air, this.tell);
    const watchdog = new Watchdog(mcu, registers, (cause) => { this.pending ??= cause; });
    const usb = new UsbHost(mcu, this.onText, () => this.tell('usb', { up: true }));
    const sleep = new Sleep(mcu, () => wifi.waking, this.tell);
    wifi.onWake = () => sleep.wake();
    // The boot ROM would look for a second stage in flash and jump there; it is always there.
    mcu.core.PC = FLASH_ADDRESS;
    mcu.core.SP = STACK_TOP;
    const startNanos = this.uptimeNanos;
    this.uptimeNanos = 0;
    this.pending = null;
    this.crashed = false;
    this.chip = { mcu, core: mcu.core, clock, startNanos, wifi, watchdog, usb, sleep };
  }

  #end() {
    this.pastNanos = this.nanos;
    this.chip = null;
    this.air.onFrame = () => {};
    this.tell('usb', { up: false });
  }

  #reset(cause) {
    const { watchdog, mcu } = this.chip;
    const details = { cause, at_ms: Math.round(this.nanos / 1e6) };
    if (cause === 'watchdog') details.in = backtrace(mcu, this.elf.symbols);
    const registers = watchdog.registers();
    this.#end();
    this.resets.push(details);
    this.tell('reset', details);
    this.#start(registers);
  }
}
