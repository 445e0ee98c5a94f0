// Dormant mode: the crystal oscillator stops, and with it the core, the timers, the watchdog.
//
// rp2040js notes that the firmware asked for it and goes on. MicroPython's machine.lightsleep()
// and deepsleep() end up here; only the Wi-Fi chip's pin wakes the chip then.

const OSCILLATOR = 0x40024; // the key of rp2040js's map of peripherals
const DORMANT = 8; // its register [RP2040 data sheet, section 2.16.7]
const COMA = 0x636f6d61;
const WAKE = 0x77616b65;

export class Sleep {
  /** awake(): whether the pin that wakes the chip is high. tell(kind, details): told of both. */
  constructor(mcu, awake, tell) {
    this.core = mcu.core;
    this.tell = tell;
    this.dormant = false;
    const oscillator = mcu.peripherals[OSCILLATOR];
    const write = oscillator.writeUint32.bind(oscillator);
    oscillator.writeUint32 = (offset, value) => {
      write(offset, value);
      if (offset !== DORMANT || value >>> 0 !== COMA) return;
      if (awake()) {
        write(DORMANT, WAKE);
        return;
      }
      this.dormant = true;
      this.core.waiting = true;
      tell('sleep', { dormant: true });
    };
    this.start = () => write(DORMANT, WAKE);
  }

  /** The pin went high. */
  wake() {
    if (!this.dormant) return;
    this.dormant = false;
    this.core.waiting = false;
    this.start();
    this.tell('sleep', { dormant: false });
  }
}
