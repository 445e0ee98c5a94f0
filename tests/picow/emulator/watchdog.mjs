// The watchdog: measures how regularly it is fed, keeps what survives its reset, tells of resets.

const WATCHDOG = 0x40058; // the key of rp2040js's map of peripherals
const LOAD = 4; // the register that feeds it [RP2040 data sheet, section 4.7.6]
const BY_TIMER = 1; // in the register REASON
const LONG_MS = 1300; // gaps that are worth a line: Outpost feeds once a second

/** What a chip starts with after power on; a watchdog's reset hands over registers() instead. */
export const POWER_ON = { scratch: new Uint32Array(8), reason: 0 };

export class Watchdog {
  /** onReset(cause): 'watchdog' if it was not fed in time, 'forced' if the firmware asked for it. */
  constructor(mcu, { scratch, reason }, onReset) {
    const watchdog = mcu.peripherals[WATCHDOG];
    this.watchdog = watchdog;
    this.clock = mcu.clock;
    watchdog.scratchData.set(scratch);
    watchdog.reason = reason;
    this.forget();
    const write = watchdog.writeUint32.bind(watchdog);
    watchdog.writeUint32 = (offset, value) => {
      if (offset === LOAD) this.#fed();
      write(offset, value);
    };
    watchdog.onWatchdogTrigger = () => {
      // It fires once; rp2040js would start it again.
      watchdog.timer.enable = false;
      watchdog.alarm.enable = false;
      onReset(watchdog.reason === BY_TIMER ? 'watchdog' : 'forced');
    };
  }

  /** The scratch registers and the reason for the reset. */
  registers() {
    return { scratch: this.watchdog.scratchData.slice(), reason: this.watchdog.reason };
  }

  /** Begin to measure anew. */
  forget() {
    this.feeds = { count: 0, last_ms: null, longest_ms: 0, long: [] };
  }

  #fed() {
    const { feeds } = this;
    const now = this.clock.nanos / 1e6;
    feeds.count++;
    if (feeds.last_ms !== null) {
      const gap = now - feeds.last_ms;
      feeds.longest_ms = Math.max(feeds.longest_ms, gap);
      if (gap > LONG_MS) feeds.long.push([Math.round(feeds.last_ms), Math.round(gap)]);
    }
    feeds.last_ms = now;
  }
}
